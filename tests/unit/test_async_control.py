"""How users whose hooks and tasks are coroutines are steered."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from gregaria import (
    FastHttpUser,
    HttpUser,
    MarkovTaskSet,
    SequentialTaskSet,
    TaskSet,
    User,
    constant,
    tag,
    task,
    transition,
)
from gregaria.env import Environment
from gregaria.exception import RescheduleTask, RescheduleTaskImmediately, StopUser
from support.coroutines import ended, rows
from support.population import run_to_end
from support.server import TestServer

KINDS = [HttpUser, FastHttpUser]


def test_control_flow_out_of_coroutines() -> None:
    said: list[str] = []

    class Inner(TaskSet):
        async def on_start(self) -> None:
            await asyncio.sleep(0)
            said.append("enter")

        @task
        async def work(self) -> None:
            await asyncio.sleep(0)
            said.append("inner")
            self.interrupt()

        async def on_stop(self) -> None:
            await asyncio.sleep(0)
            said.append("leave")

    class Visitor(User):
        tasks = []

        async def on_start(self) -> None:
            self.steps = iter([RescheduleTask, RescheduleTaskImmediately, ValueError("odd"), Inner, None, StopUser])

        @task
        async def work(self) -> None:
            await asyncio.sleep(0)
            step: Any = next(self.steps)
            said.append(getattr(step, "__name__", repr(step)))
            if step is Inner:
                self._taskset_instance.schedule_task(Inner)
            elif step is not None:
                raise step

        async def on_stop(self) -> None:
            said.append("on_stop")

    environment = run_to_end(Visitor)
    assert said == [
        *("RescheduleTask", "RescheduleTaskImmediately", "ValueError('odd')", "Inner"),
        *("enter", "inner", "leave", "None", "StopUser", "on_stop"),
    ]
    (error,) = environment.runner.exceptions.values()
    assert error["msg"] == "odd" and error["count"] == 1


def test_exceptions_are_told_like_any_tasks(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Any] = []

    class Visitor(User):
        count = 0

        @task
        async def work(self) -> None:
            await asyncio.sleep(0)
            type(self).count += 1
            if self.count == 2:
                raise StopUser
            raise KeyError("missing")

    environment = Environment(user_classes=[Visitor])
    environment.events.user_error.add_listener(lambda **arguments: told.append(arguments))
    ended(environment)
    assert [(type(each["exception"]), each["user_instance"].user.__class__) for each in told] == [(KeyError, Visitor)]
    assert told[0]["tb"] is not None
    assert "KeyError: 'missing'" in caplog.text and "in work" in caplog.text


def test_an_error_in_on_start_ends_the_user() -> None:
    told: list[Any] = []

    class Visitor(User):
        async def on_start(self) -> None:
            await asyncio.sleep(0)
            raise ValueError("no way")

        @task
        async def work(self) -> None:
            raise AssertionError("never reached")

    environment = Environment(user_classes=[Visitor])
    environment.events.user_error.add_listener(lambda exception, **_: told.append(repr(exception)))
    ended(environment)
    assert told == ["ValueError('no way')"]


def test_cancelling_oneself_is_an_exception_of_the_task() -> None:
    class Visitor(User):
        count = 0

        @task
        async def work(self) -> None:
            type(self).count += 1
            if self.count == 3:
                raise StopUser
            if self.count == 1:
                asyncio.current_task().cancel("enough")  # type: ignore[union-attr]
                await asyncio.sleep(10)
            child = asyncio.create_task(asyncio.sleep(10))
            child.cancel()
            await child

    environment = run_to_end(Visitor)
    assert Visitor.count == 3
    assert sum(each["count"] for each in environment.runner.exceptions.values()) == 2


@pytest.mark.parametrize("kind", [TaskSet, SequentialTaskSet])
def test_nested_sets_of_coroutines(kind: Any) -> None:
    said: list[str] = []

    class Visitor(User):
        @task
        class Outer(kind):  # type: ignore[misc, valid-type]
            @task
            async def first(self) -> None:
                await asyncio.sleep(0)
                said.append("first")

            @task
            class Inner(SequentialTaskSet):
                @task
                async def second(self) -> None:
                    await asyncio.sleep(0)
                    said.append("second")

                @task
                def third(self) -> None:
                    said.append("third")
                    raise StopUser

    random.seed(1)
    run_to_end(Visitor)
    assert said[-2:] == ["second", "third"] and set(said[:-2]) <= {"first"}


def test_markov_sets_of_coroutines() -> None:
    said: list[str] = []

    class Visitor(User):
        @task
        class Walk(MarkovTaskSet):
            @transition("second")
            async def first(self) -> None:
                await asyncio.sleep(0)
                said.append("first")

            @transition("first")
            async def second(self) -> None:
                said.append("second")
                if len(said) > 3:
                    raise StopUser

    run_to_end(Visitor)
    assert said == ["first", "second", "first", "second"]


@tag("never")
async def plain_function(user: Any) -> None:
    await asyncio.sleep(0)
    user.said.append("function")
    raise StopUser


def test_a_function_and_an_awaitable_that_a_task_returns(server: TestServer) -> None:
    class Visitor(HttpUser):
        host = server.plain
        said: list[Any] = []
        tasks = []

        def on_start(self) -> Any:
            self._taskset_instance.schedule_task(lambda user: user.client.aget("/bytes/3"))
            self._taskset_instance.schedule_task(plain_function)
            return self.client.aget("/bytes/2")

        @task
        def never(self) -> None: ...

    environment = run_to_end(Visitor)
    assert Visitor.said == ["function"]
    assert rows(environment) == {"/bytes/2": (1, 0), "/bytes/3": (1, 0)}


def test_overridden_hooks_run_coroutines_too(server: TestServer) -> None:
    """As plugins do it: `execute_task` calls the original, which runs the coroutine to its end."""
    said: list[str] = []

    class Visitor(HttpUser):
        host = server.plain

        @task
        class Set(TaskSet):
            def execute_task(self, task: Any) -> None:
                said.append("before")
                super().execute_task(task)
                said.append("after")

            async def wait(self) -> None:  # type: ignore[override]
                await asyncio.sleep(0)
                said.append("waited")
                raise StopUser

            @task
            async def work(self) -> None:
                await self.client.aget("/bytes/1")
                await asyncio.sleep(0)
                said.append("work")

    environment = run_to_end(Visitor)
    assert said == ["before", "work", "after", "waited"]
    assert rows(environment) == {"/bytes/1": (1, 0)}


def test_a_run_of_its_own() -> None:
    said: list[str] = []

    class Visitor(User):
        async def run(self) -> None:  # type: ignore[override]
            await asyncio.sleep(0)
            said.append("run")

    run_to_end(Visitor)
    assert said == ["run"]


def test_waits_between_and_inside_tasks() -> None:
    said: list[Any] = []

    class Visitor(User):
        wait_time = constant(0.005)

        @task
        class Set(TaskSet):
            @task
            async def work(self) -> None:
                if said:
                    raise StopUser
                watching = asyncio.create_task(self.watch())
                begun = time.perf_counter()
                await self.async_wait()
                await self.user.async_wait()
                said.append(time.perf_counter() - begun >= 0.01)
                said.append((await watching, self.user._state))

            async def watch(self) -> Any:
                return self.user._state

    run_to_end(Visitor)
    assert said == [True, ("waiting", "running")]


def test_the_generator_of_tasks_is_that_of_sync_users() -> None:
    """Under the same seed async users choose as sync ones do."""

    def walk(make: Callable[[str], Any]) -> list[str]:
        chosen: list[str] = []

        def note(name: str, user: Any) -> None:
            chosen.append(name)
            if len(chosen) == 20:
                raise StopUser

        body = {name: make(name) for name in "abc"}
        visitor: Any = type("Visitor", (User,), {"tasks": [body["a"], body["b"], body["c"]], "note": note})
        visitor.noted = staticmethod(note)
        random.seed(5)
        run_to_end(visitor)
        return chosen

    def sync(name: str) -> Any:
        return lambda user: user.noted(name, user)

    def asynchronous(name: str) -> Any:
        async def act(user: Any) -> None:
            user.noted(name, user)

        return act

    assert walk(sync) == walk(asynchronous)
