"""Environment: what it checks, keeps and makes."""

from __future__ import annotations

from argparse import Namespace
from inspect import signature

import pytest

from gregaria import HttpUser, LoadTestShape, TaskSet, User, events, tag, task
from gregaria.env import Environment
from gregaria.event import Events
from gregaria.exception import RunnerAlreadyExistsError
from gregaria.runners import LocalRunner
from gregaria.web import WebUI


def user_class(name: str, **attributes: object) -> type[User]:
    return type(name, (User,), {"tasks": [lambda user: None], **attributes})


def test_what_a_web_ui_is_made_with_is_what_create_web_ui_takes() -> None:
    takes = signature(Environment.create_web_ui).parameters
    made_with = signature(WebUI.__init__).parameters
    assert [*takes] == [name for name in made_with if name not in ("environment", "more")]
    kinds = [(takes[name].annotation, made_with[name].annotation) for name in takes if name != "self"]
    assert [ours for ours, _ in kinds] == [theirs for _, theirs in kinds]


def test_defaults() -> None:
    environment = Environment()
    assert environment.user_classes == [] and environment.runner is None and environment.web_ui is None
    assert isinstance(environment.events, Events) and environment.events is not events
    assert environment.stop_timeout == 0.0 and environment.catch_exceptions is True
    assert environment.process_exit_code is None and environment.worker_logs == {}
    with pytest.raises(TypeError):
        Environment([])  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("explicit", "options", "expected"),
    [
        (None, None, 0.0),
        (3, None, 3),
        (None, Namespace(stop_timeout=5), 5.0),
        (0, Namespace(stop_timeout=5), 0),
        (None, Namespace(), 0.0),
    ],
)
def test_stop_timeout(explicit: float | None, options: Namespace | None, expected: float) -> None:
    assert Environment(stop_timeout=explicit, parsed_options=options).stop_timeout == expected


def test_classes_without_weight_are_dropped_from_the_callers_list() -> None:
    kept, fixed, dropped = user_class("A"), user_class("B", weight=0, fixed_count=1), user_class("C", weight=0)
    classes = [kept, dropped, fixed]
    environment = Environment(user_classes=classes)
    assert classes == [kept, fixed] and environment.user_classes is classes
    assert environment.user_classes_by_name == {"A": kept, "B": fixed}
    with pytest.raises(ValueError, match="There are no users with weight > 0"):
        Environment(user_classes=[dropped])


def test_names_must_differ() -> None:
    same = [user_class("Same"), user_class("Same")]
    with pytest.raises(ValueError, match=r"these share one: .*Same, .*Same$"):
        Environment(user_classes=same)


def test_a_shape_must_be_an_instance() -> None:
    class Shape(LoadTestShape):
        def tick(self) -> None:
            return None

    Environment(shape_class=Shape())
    with pytest.raises(ValueError, match="LoadTestShape"):
        Environment(shape_class=Shape)  # type: ignore[arg-type]


def test_one_runner_only() -> None:
    environment = Environment(user_classes=[user_class("A")])
    runner = environment.create_local_runner()
    assert environment.runner is runner and isinstance(runner, LocalRunner)
    with pytest.raises(RunnerAlreadyExistsError):
        environment.create_local_runner()
    runner.quit()


def tagged() -> type[User]:
    class Tagged(User):
        @tag("a")
        @task
        def first(self) -> None:
            pass

        @tag("b")
        @task
        def second(self) -> None:
            pass

    return Tagged


@pytest.mark.parametrize(
    ("own", "options", "left"),
    [
        ({"tags": ["a"]}, None, ["first"]),
        ({"exclude_tags": ["a"]}, None, ["second"]),
        ({}, Namespace(tags=["b"], exclude_tags=None), ["second"]),
        ({"tags": ["a"]}, Namespace(tags=["b"]), ["first"]),
        ({}, None, ["first", "second"]),
    ],
)
def test_tags(own: dict[str, list[str]], options: Namespace | None, left: list[str]) -> None:
    user = tagged()
    environment = Environment(user_classes=[user], parsed_options=options, **own)  # type: ignore[arg-type]
    environment._filter_tasks_by_tags()
    assert [each.__name__ for each in user.tasks] == left
    environment.tags = ["nothing"]
    environment._filter_tasks_by_tags()
    assert [each.__name__ for each in user.tasks] == left


def test_equal_weights_flatten_the_tasks() -> None:
    def one(user: object) -> None: ...

    def two(user: object) -> None: ...

    class Inner(TaskSet):
        tasks = {two: 3}

    user = user_class("A", tasks={one: 5, Inner: 1}, weight=9)
    Environment(user_classes=[user]).assign_equal_weights()
    assert user.weight == 1 and set(user.tasks) == {one, two} and len(user.tasks) == 2


def test_update_user_class() -> None:
    def one(user: object) -> None: ...

    def two(user: object) -> None: ...

    user = user_class("A", tasks=[one, two])
    environment = Environment(available_user_classes={"A": user}, available_user_tasks={"A": [one, two]})
    environment.update_user_class({"user_class_name": "A", "host": "http://x", "weight": 4, "tasks": ["two"]})
    assert (user.host, user.weight, user.tasks) == ("http://x", 4, [two])
    with pytest.raises(KeyError):
        environment.update_user_class({"user_class_name": "B"})


def test_worker_logs() -> None:
    environment = Environment()
    environment.update_worker_logs({"worker_id": "w1", "logs": ["a"]})
    environment.update_worker_logs({"logs": ["b"]})
    assert environment.worker_logs == {"w1": ["a"]}


def test_http_user_classes_are_users_too() -> None:
    site = type("Site", (HttpUser,), {"host": "http://127.0.0.1", "tasks": [lambda user: None]})
    assert Environment(user_classes=[site]).user_classes_by_name == {"Site": site}


def test_thresholds_of_a_program() -> None:
    environment = Environment()
    thresholds = environment.fail_if("p95 > 40ms", "requests < 3; p50(/none) > 1")
    environment.events.test_start.fire(environment=environment)
    for response_time in (30, 50, 60):
        environment.stats.log_request("GET", "/", response_time, 1)
    environment.events.test_stopping.fire(environment=environment)
    assert [row["outcome"] for row in thresholds.verdicts()] == ["failed", "passed", "no data"]
    assert thresholds.failed and not environment.fail_if().failed
    with pytest.raises(ValueError, match="'q95' is nothing that is measured"):
        environment.fail_if("q95 > 1")
