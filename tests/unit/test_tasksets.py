"""Sets and their tasks: declarations, messages, and what the engine decides by looking at a class."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from gregaria import HttpLocust, Locust, SequentialTaskSet, TaskSet, User, constant, tag, task
from gregaria.contrib.fasthttp import FastHttpLocust, FastHttpUser
from gregaria.env import Environment
from gregaria.exception import LocustError, MissingWaitTimeError, StopUser
from gregaria.user.markov_taskset import (
    InvalidTransitionError,
    MarkovTaskSet,
    MarkovTaskTagError,
    NoMarkovTasksError,
    NonMarkovTaskTransitionError,
    transition,
)
from support.population import run_to_end


def step(self: Any) -> None: ...


def test_messages_say_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"@tag\('checkout'\)"):
        tag()
    with pytest.raises(Exception, match="cannot be named run"):

        @task
        def run(self: Any) -> None: ...


@pytest.mark.parametrize(
    ("user_class", "text"),
    [
        (type("Empty", (User,), {}), "No tasks defined on Empty, use the @task decorator"),
        (type("Misspelt", (User,), {"task": [step]}), "did you mean 'tasks'"),
        (type("Steps", (User,), {"tasks": [type("Nothing", (SequentialTaskSet,), {})]}), "No tasks defined on Nothing"),
    ],
)
def test_a_class_without_tasks_says_so(user_class: type[User], text: str) -> None:
    errors: list[BaseException] = []

    def heard(exception: BaseException, user_instance: Any, **_: Any) -> None:
        errors.append(exception)
        user_instance.schedule_task(stop)

    def stop(_: Any) -> None:
        raise StopUser

    environment = Environment(user_classes=[user_class])
    environment.events.user_error.add_listener(heard)
    user = user_class(environment)
    user.wait_time = constant(0)
    user.run()
    assert text in str(errors[0])


def test_a_missing_wait_time_says_where_to_put_one() -> None:
    class Restless(User):
        wait_time = None

        @task
        class Set(TaskSet):
            @task
            def work(self) -> None: ...

    user = Restless(Environment(user_classes=[Restless]))
    with pytest.raises(MissingWaitTimeError, match=r"^neither Restless nor Set has a wait_time; set one"):
        Restless.Set(user).wait_time()


@pytest.mark.parametrize(
    ("name", "base", "new"),
    [
        ("Locust", Locust, "User"),
        ("HttpLocust", HttpLocust, "HttpUser"),
        ("FastHttpLocust", FastHttpLocust, "FastHttpUser"),
    ],
)
def test_old_names_say_the_new_ones(name: str, base: type, new: str) -> None:
    with pytest.raises(ImportError, match=f"The {name} class has been renamed to {new} in version 1.0"):
        type("Old", (base,), {})


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ({}, NoMarkovTasksError, "Walk has no tasks"),
        ({"a": transition("b")(lambda self: None)}, InvalidTransitionError, "from Walk.a to 'b' leads nowhere"),
        ({"a": transition("b")(lambda self: None), "b": step}, NonMarkovTaskTransitionError, "'b' needs @transition"),
        ({"a": tag("x")(transition("a")(lambda self: None))}, MarkovTaskTagError, "Walk.* is tagged"),
    ],
)
def test_bad_markov_chains_say_what_is_wrong(body: dict[str, Any], kind: type[LocustError], text: str) -> None:
    with pytest.raises(kind, match=text):
        type("Walk", (MarkovTaskSet,), body)


@settings(deadline=None)
@given(weights=some.lists(some.integers(0, 6), min_size=1, max_size=12), seed=some.integers())
def test_draws_are_those_of_random_choice(weights: list[int], seed: int) -> None:
    """Python's own generator decides, with the same draws in the same order as `random.choice`."""
    if not sum(weights):
        weights = [*weights, 1]
    drawn: list[int] = []

    def made(number: int) -> Any:
        def work(_: Any) -> None:
            drawn.append(number)
            if len(drawn) == 30:
                raise StopUser

        return work

    tasks = {made(number): weight for number, weight in enumerate(weights)}
    user_class: Any = type("Drawing", (User,), {"tasks": tasks, "wait_time": constant(0)})
    random.seed(seed)
    user_class(Environment(user_classes=[user_class])).run()
    after = random.random()
    random.seed(seed)
    numbers = [number for number, weight in enumerate(weights) for _ in range(weight)]
    assert drawn == [random.choice(numbers) for _ in range(30)]
    assert after == random.random()


def test_a_hook_set_on_one_instance_counts() -> None:
    """A class decides which hooks are called, but an instance may shadow its task list."""

    class Visitor(User):
        wait_time = constant(0)

        def on_start(self) -> None:
            self.turns = 0
            self.tasks = [Visitor.second]

        @task
        def first(self) -> None:
            raise AssertionError("shadowed")

        def second(self) -> None:
            self.turns += 1
            if self.turns == 3:
                raise StopUser

    assert run_to_end(Visitor).runner.exceptions == {}


def test_fast_users_are_users() -> None:
    assert issubclass(FastHttpUser, User) and FastHttpUser.abstract
