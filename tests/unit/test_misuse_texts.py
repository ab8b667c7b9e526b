"""What people are told who got something wrong: what it is, where, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import gregaria
from gregaria import (
    FastHttpUser,
    HttpUser,
    LoadTestShape,
    MarkovTaskSet,
    TaskSet,
    User,
    constant,
    constant_throughput,
    log,
    poisson,
    task,
    transition,
)
from gregaria.dispatch import UsersDispatcher
from gregaria.env import Environment
from gregaria.exception import LocustError, MissingWaitTimeError
from gregaria.runners import WorkerNode
from gregaria.stats import RequestStats
from gregaria.util.timespan import parse_timespan


def visitor(name: str = "Visitor", **body: Any) -> Any:
    return type(name, (User,), body)


def walk(**body: Any) -> Any:
    return type("Walk", (MarkovTaskSet,), body)


def dispatched(*order: Any) -> Any:
    return UsersDispatcher([WorkerNode("w")], [visitor()]).new_dispatch(*order)


def client_of(base: Any) -> Any:
    """A client that nobody answers."""
    made = type("Visitor", (base,), {"tasks": [step], "host": "http://127.0.0.1:9"})
    return made(Environment(user_classes=[made])).client


def started(*order: Any, **settings: Any) -> None:
    runner = Environment(user_classes=[visitor(tasks=[step])], **settings).create_local_runner()
    try:
        runner.start(*order)
        assert runner.spawning_greenlet is not None
        runner.spawning_greenlet.join(10)
    finally:
        runner.quit()


def step(self: Any) -> None: ...


MISTAKES: list[tuple[Callable[[], Any], str]] = [
    (lambda: Environment(user_classes=[visitor(), visitor()]), "Visitor"),
    (lambda: Environment(user_classes=[visitor(weight=0)]), "no users with weight > 0"),
    (lambda: Environment(shape_class=LoadTestShape), "instance"),  # type: ignore[arg-type]
    (lambda: walk(), "Walk has no tasks: decorate"),
    (lambda: walk(a=transition("b")(lambda self: None)), "'b' leads nowhere"),
    (lambda: walk(a=transition("b")(lambda self: None), b=step), "'b' needs @transition itself"),
    (lambda: gregaria.tag(), "at least one name"),
    (lambda: task("often")(step) and visitor(work=task("often")(lambda self: None)), "int|str"),  # type: ignore[call-overload]
    (lambda: constant_throughput(0), "0"),
    (lambda: poisson(-1), "-1|> 0|positive"),
    (lambda: constant("1"), "number|float|str"),  # type: ignore[arg-type]
    (lambda: dispatched(-1, 1), "-1|negative|users"),
    (lambda: dispatched(1, 0), "rate"),
    (lambda: dispatched(1, float("nan")), "rate"),
    (lambda: UsersDispatcher([WorkerNode("w")], []), "class"),
    (lambda: parse_timespan("soon"), "soon|[Tt]ime"),
    (lambda: RequestStats().total.percentile(), "without requests"),
    (lambda: RequestStats().log_request("GET", "/", "slow", 1), "str"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("mistake", "text"), MISTAKES)
def test_a_mistake_is_named(mistake: Callable[[], Any], text: str) -> None:
    with pytest.raises(Exception, match=r"\w") as caught:
        mistake()
    assert re.search(text, str(caught.value)), caught.value


KINDS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: client_of(HttpUser).get("/").__enter__(), LocustError, "with-block needs catch_response=True"),
    (lambda: client_of(HttpUser).get("/").success(), LocustError, "inside a with-block"),
    (lambda: client_of(FastHttpUser).get("/").success(), LocustError, "made with catch_response=True"),
    (lambda: client_of(FastHttpUser).get("/").failure("x"), LocustError, "made with catch_response=True"),
    (
        lambda: TaskSet(visitor(wait_time=None)(Environment())).wait_time(),
        MissingWaitTimeError,
        "^neither Visitor nor TaskSet has a wait_time; set one, such as",
    ),
    (lambda: started("two", 1), ValueError, "'two'"),
    (lambda: started(1, "fast"), TypeError, "number, not str"),
]


@pytest.mark.parametrize(("mistake", "kind", "text"), KINDS)
def test_a_mistake_has_its_kind(mistake: Callable[[], Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        mistake()


class Unfinished:
    """Takes what a dispatcher is given, and can do nothing with it."""

    def __init__(self, **_: Any) -> None: ...


@pytest.mark.parametrize(
    ("dispatcher", "text"),
    [
        (object, "TypeError: object() takes no arguments"),
        (Unfinished, "AttributeError: 'Unfinished' object has no attribute 'new_dispatch'"),
        (5, "TypeError: 'int' object is not callable"),
    ],
)
def test_what_is_no_dispatcher(
    dispatcher: Any, text: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "unhandled_greenlet_exception", False)
    started(1, 1, dispatcher_class=dispatcher)
    assert text in caplog.text
    assert log.unhandled_greenlet_exception, "the exit code tells it too"


def test_a_dispatcher_is_given_its_arguments_by_name() -> None:
    given: list[str] = []

    class Own(UsersDispatcher):
        def __init__(self, *, user_classes: Any, worker_nodes: Any) -> None:
            given.extend(each.__name__ for each in user_classes)
            super().__init__(worker_nodes, user_classes)

    started(1, 100, dispatcher_class=Own)
    assert given == ["Visitor"]


def test_tags_that_leave_nothing(caplog: pytest.LogCaptureFixture) -> None:
    environment = Environment(user_classes=[visitor(tasks=[step])], tags=["absent"])
    environment._filter_tasks_by_tags()
    assert environment.user_classes[0].tasks == []
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == "The tags leave no task of Visitor; users of it cannot be made"


@pytest.mark.parametrize("base", [HttpUser, FastHttpUser])
def test_a_listener_that_takes_too_little(
    base: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "unhandled_greenlet_exception", False)
    client = client_of(base)
    heard: list[str] = []
    client.request_event.add_listener(lambda: heard.append("never"))
    client.request_event.add_listener(lambda name, **_: heard.append(name))
    assert client.get("/").status_code == 0
    assert heard == ["/"] and log.unhandled_greenlet_exception
    assert "Uncaught exception in event handler" in caplog.text and "TypeError" in caplog.text
    assert "unexpected keyword argument 'request_type'" in caplog.text


STRANGE = [None, "text", b"bytes", -1, 1.5, float("nan"), 10**30, [], {}, object(), ValueError, ValueError("x")]


@pytest.mark.parametrize("strange", STRANGE, ids=repr)
def test_nothing_strange_at_the_seam_brings_the_process_down(strange: Any) -> None:
    """Every engine object takes anything anywhere: it works, or an ordinary exception says why not."""
    stats = RequestStats()
    entry: Any = stats.total
    environment = Environment(user_classes=[visitor(tasks=[step])])
    user: Any = visitor(tasks=[step])(environment)
    dispatcher: Any = UsersDispatcher([WorkerNode("w")], [visitor()])
    calls: list[Callable[..., Any]] = [
        stats.log_request,
        stats.log_error,
        stats.get,
        entry.log,
        entry.extend,
        entry.get_response_time_percentile,
        entry.unserialize,
        stats.errors.get,
        stats.errors.pop,
        stats.entries.get,
        dispatcher.new_dispatch,
        dispatcher.add_worker,
        user.start,
        user.stop,
        gregaria.stats.bucket_response_time,
        gregaria.stats.StatsError,
        gregaria.stats.StatsEntry,
        gregaria.between,
        gregaria.constant,
        gregaria.constant_pacing,
        environment.events.request.fire,
    ]
    survived = 0
    for call in calls:
        for count in range(1, 5):
            try:
                call(*[strange] * count)
            except Exception:  # a panic of the engine is none
                pass
            survived += 1
    for name in ("errors", "history"):
        try:
            setattr(stats, name, strange)
        except Exception:
            survived += 1
    assert survived >= 4 * len(calls)
    stats = RequestStats()
    stats.log_request("GET", "/", 1, 1)
    assert stats.num_requests == 1
