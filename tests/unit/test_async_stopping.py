"""How coroutines of users are stopped, and what each user has for itself."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import warnings
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent.event import Event

from gregaria import (
    FastHttpUser,
    HttpUser,
    User,
    constant,
    task,
)
from gregaria._engine import engine_stats
from gregaria.clients import HttpSession
from gregaria.env import Environment
from gregaria.event import EventHook
from gregaria.exception import StopUser
from support.coroutines import ended, rows, user_class
from support.population import population, run_to_end, run_until, wait_for
from support.server import TestServer

KINDS = [HttpUser, FastHttpUser]
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nobody's")


class Stopped(HttpUser):
    """Says how it is stopped."""

    abstract = True
    said: list[Any]
    ready: Event

    async def on_stop(self) -> None:
        await asyncio.sleep(0)
        self.said.append("on_stop")


def stopped(server: TestServer, act: Callable[[Any], Any]) -> Any:
    async def work(self: Any) -> None:
        try:
            await act(self)
        except asyncio.CancelledError as error:
            self.said.append("cancelled")
            raise error
        finally:
            await asyncio.sleep(0)
            self.said.append("finally")

    body = {"host": server.plain, "said": [], "ready": Event(), "tasks": [work]}
    return type("Visitor", (Stopped,), body)


async def await_a_request(user: Any) -> None:
    user.ready.set()
    await user.client.aget("/delay/30000")


async def await_a_future(user: Any) -> None:
    user.ready.set()
    await asyncio.get_running_loop().create_future()


async def sleep(user: Any) -> None:
    user.ready.set()
    await asyncio.sleep(60)


async def spin(user: Any) -> None:
    while True:
        await asyncio.sleep(0)
        user.ready.set()


async def wait_inside(user: Any) -> None:
    type(user).wait_time = constant(60)
    user.ready.set()
    await user.async_wait()


async def gather(user: Any) -> None:
    user.ready.set()
    await asyncio.gather(user.client.aget("/delay/30000"), asyncio.sleep(60))


async def group_tasks(user: Any) -> None:
    user.ready.set()
    async with asyncio.TaskGroup() as group:
        group.create_task(user.client.aget("/delay/30000"))
        group.create_task(asyncio.sleep(60))


async def hold_a_local(user: Any) -> None:
    """Such a user keeps its greenlet, which then waits in place."""
    import threading

    user.local = threading.local()
    user.local.value = 1
    user.ready.set()
    await user.client.aget("/delay/30000")


@pytest.mark.parametrize(
    "act", [await_a_request, await_a_future, sleep, spin, wait_inside, gather, group_tasks, hold_a_local]
)
def test_a_kill_cancels_what_is_awaited(act: Callable[[Any], Any], server: TestServer) -> None:
    visitor = stopped(server, act)
    environment = run_until(visitor.ready, visitor)
    assert visitor.said == ["cancelled", "finally", "on_stop"]
    assert rows(environment) == {}
    assert environment.runner.exceptions == {}
    assert engine_stats()["in_flight"] == 0


def test_a_kill_that_is_swallowed_ends_the_user_after_its_task(server: TestServer) -> None:
    async def act(user: Any) -> None:
        user.ready.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            user.said.append("swallowed")
        await user.client.aget("/bytes/1", name="after all")

    visitor = stopped(server, act)
    environment = run_until(visitor.ready, visitor)
    assert visitor.said == ["swallowed", "finally", "on_stop"]
    assert rows(environment) == {"after all": (1, 0)}


def test_an_error_while_being_killed_is_told(server: TestServer) -> None:
    async def act(user: Any) -> None:
        user.ready.set()
        try:
            await asyncio.sleep(60)
        finally:
            raise ValueError("while cleaning up")

    visitor = stopped(server, act)
    environment = run_until(visitor.ready, visitor)
    assert visitor.said == ["finally", "on_stop"]
    assert [each["msg"] for each in environment.runner.exceptions.values()] == ["while cleaning up"]


def test_a_stop_timeout_lets_tasks_finish(server: TestServer) -> None:
    async def act(user: Any) -> None:
        user.ready.set()
        await user.client.aget("/delay/50", name="slow")

    visitor = stopped(server, act)
    environment = run_until(visitor.ready, visitor, stop_timeout=20)
    assert visitor.said == ["finally", "on_stop"]
    assert rows(environment) == {"slow": (1, 0)}


def test_a_stop_timeout_that_is_over_kills(server: TestServer) -> None:
    visitor = stopped(server, await_a_request)
    run_until(visitor.ready, visitor, stop_timeout=0.05)
    assert visitor.said == ["cancelled", "finally", "on_stop"]


def test_a_kill_in_on_start(server: TestServer) -> None:
    ready, said = Event(), []

    class Visitor(HttpUser):
        host = server.plain

        async def on_start(self) -> None:
            ready.set()
            await self.client.aget("/delay/30000")

        @task
        async def never(self) -> None:
            said.append("never")

        async def on_stop(self) -> None:
            await self.client.aget("/bytes/1", name="goodbye")
            said.append("on_stop")

    environment = run_until(ready, Visitor)
    assert said == ["on_stop"]
    assert rows(environment) == {"goodbye": (1, 0)}


def test_tasks_left_behind_are_cancelled_when_the_user_ends(server: TestServer) -> None:
    said: list[str] = []

    async def background(user: Any) -> None:
        try:
            await asyncio.create_task(deeper(user))
        finally:
            said.append("background")

    async def deeper(user: Any) -> None:
        try:
            await user.client.aget("/delay/30000")
        finally:
            said.append("deeper")

    async def act(user: Any) -> None:
        user.kept = asyncio.create_task(background(user))
        for _ in range(100):
            asyncio.create_task(asyncio.sleep(0))  # noqa: RUF006
        while engine_stats()["in_flight"] == 0:
            await asyncio.sleep(0.001)

    run_to_end(user_class(HttpUser, act, server))
    wait_for(lambda: len(said) == 2)
    assert sorted(said) == ["background", "deeper"]
    assert engine_stats()["in_flight"] == 0


def test_context_variables_are_the_users() -> None:
    seen: list[Any] = []

    class Visitor(User):
        number = 0

        async def on_start(self) -> None:
            type(self).number += 1
            self.own = f"user {self.number}"
            variable.set(self.own)
            await asyncio.sleep(0)

        @task
        async def work(self) -> None:
            await asyncio.sleep(0.001)
            in_task = await asyncio.create_task(self.read())
            seen.append((self.own, variable.get(), in_task))
            raise StopUser

        async def read(self) -> str:
            await asyncio.sleep(0)
            return variable.get()

    run_to_end(Visitor, users=20)
    assert len(seen) == 20 and all(own == found == in_task for own, found, in_task in seen)
    assert variable.get() == "nobody's"


def test_async_generators_are_finished() -> None:
    said: list[str] = []

    async def numbers() -> Any:
        try:
            for number in range(10):
                await asyncio.sleep(0)
                yield number
        finally:
            await asyncio.sleep(0)
            said.append("finished")

    async def act(user: Any) -> Any:
        async for number in numbers():
            if number == 2:
                break
        return "broke off"

    visitor = user_class(User, act)
    run_to_end(visitor)
    gc.collect()
    wait_for(lambda: bool(said))
    assert visitor.said == ["broke off"] and said == ["finished"]


def test_waiting_users_hold_no_greenlets(own_server: TestServer) -> None:
    class Visitor(HttpUser):
        host = own_server.plain

        @task
        async def work(self) -> None:
            await asyncio.sleep(0.001)
            await self.client.aget("/delay/30000")

    before = engine_stats()
    with population(Visitor, users=300):
        wait_for(lambda: engine_stats()["in_flight"] == 300)
        assert engine_stats()["greenlets_peak"] <= max(before["greenlets_peak"], 60)
    assert engine_stats()["in_flight"] == 0


def test_sync_and_async_users_share_a_run(server: TestServer) -> None:
    class Sync(HttpUser):
        host = server.plain

        @task
        def work(self) -> None:
            self.client.get("/bytes/1", name="sync")

    class Async(HttpUser):
        host = server.plain

        @task
        async def work(self) -> None:
            await self.client.aget("/bytes/1", name="async")

    class Mixed(FastHttpUser):
        host = server.plain

        @task
        async def one(self) -> None:
            await self.client.aget("/bytes/1", name="mixed")

        @task
        def two(self) -> None:
            self.client.get("/bytes/1", name="mixed")

    with population(Sync, Async, Mixed, users=9) as runner:
        names = ("sync", "async", "mixed")
        wait_for(lambda: all(rows(runner.environment).get(name, (0, 0))[0] > 50 for name in names))
        environment = runner.environment
    assert all(failures == 0 for _, failures in rows(environment).values())


def test_listeners_and_errors_in_them(server: TestServer) -> None:
    heard: list[Any] = []

    def listen(**arguments: Any) -> None:
        heard.append(arguments)
        if arguments["name"] == "stop":
            raise StopUser

    class Visitor(HttpUser):
        host = server.plain

        @task
        async def work(self) -> None:
            await self.client.aget("/bytes/3", name="go on", context={"own": 1})
            await self.client.aget("/bytes/3", name="stop")
            raise AssertionError("never reached")

    environment = Environment(user_classes=[Visitor])
    environment.events.request.add_listener(listen)
    runner = ended(environment)
    assert [each["name"] for each in heard] == ["go on", "stop"]
    assert heard[0]["context"] == {"own": 1} and heard[0]["response"].status_code == 200
    assert runner.exceptions == {}


def test_user_run_in_place(server: TestServer) -> None:
    """`user.run()` in the caller's greenlet, as `run_single_user` does it."""

    class Visitor(HttpUser):
        host = server.plain
        said: list[Any] = []

        async def on_start(self) -> None:
            self.said.append((await self.client.aget("/bytes/2")).status_code)

        @task
        async def work(self) -> None:
            await asyncio.sleep(0.001)
            self.said.append(len(await asyncio.gather(self.client.aget("/bytes/1"), self.client.aget("/bytes/1"))))
            raise StopUser

    environment = Environment(user_classes=[Visitor])
    Visitor(environment).run()
    assert Visitor.said == [200, 2]


def test_nothing_survives_and_nothing_is_warned_of(server: TestServer) -> None:
    import weakref

    watched: weakref.WeakSet[Any] = weakref.WeakSet()

    class Visitor(HttpUser):
        host = server.plain

        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            watched.add(self)

        @task
        async def work(self) -> None:
            watched.add(asyncio.current_task())
            self.last = await self.client.aget("/bytes/1")
            watched.add(self.last)
            async with asyncio.TaskGroup() as group:
                watched.add(group.create_task(self.client.aget("/bytes/1")))
            self.own = asyncio.current_task()
            raise StopUser

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run_to_end(Visitor, users=5)
        gevent.sleep(0)
        for _ in range(3):
            gc.collect()
    assert list(watched) == []


def test_sessions_made_by_hand(server: TestServer) -> None:
    async def act(user: Any) -> Any:
        event = EventHook()
        heard: list[Any] = []
        event.add_listener(lambda **arguments: heard.append(arguments["name"]))
        session = HttpSession(server.plain, event, None)
        await session.aget("/bytes/1")
        session.request_name = "renamed"
        await session.aget("/bytes/1")
        return heard

    visitor = user_class(User, act)
    run_to_end(visitor)
    assert visitor.said == [["/bytes/1", "renamed"]]
