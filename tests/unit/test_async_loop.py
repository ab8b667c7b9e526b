"""What coroutines of users may await of asyncio, and what happens when they block."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from gevent.event import Event

from gregaria import (
    FastHttpUser,
    HttpUser,
    User,
    task,
)
from gregaria._engine import UserTask, engine_stats, is_left
from gregaria.exception import StopUser
from support.coroutines import rows, user_class
from support.population import run_to_end, run_until, wait_for
from support.server import TestServer

KINDS = [HttpUser, FastHttpUser]


@pytest.mark.parametrize("base", KINDS)
def test_asyncio_awaits_requests_too(base: type[User], server: TestServer) -> None:
    async def act(user: Any) -> Any:
        gathered = await asyncio.gather(*(user.client.aget(f"/bytes/{size}") for size in range(1, 6)))
        created = await asyncio.create_task(user.client.aget("/bytes/6"))
        async with asyncio.TaskGroup() as group:
            grouped = [group.create_task(user.client.aget("/redirect/1")) for _ in range(2)]
        waited = await asyncio.wait_for(user.client.aget("/bytes/7"), 10)
        every = [*gathered, created, *(done.result() for done in grouped), waited]
        return [len(response.content) for response in every[:6]], every[6].status_code, len(every)

    visitor = user_class(base, act, server)
    environment = run_to_end(visitor)
    assert visitor.said == [([1, 2, 3, 4, 5, 6], 200, 9)]
    assert sum(count for count, _ in rows(environment).values()) == 9
    stats = engine_stats()
    assert stats["in_flight"] == 0


@pytest.mark.parametrize("base", KINDS)
def test_a_timeout_gives_the_request_up(base: type[User], server: TestServer) -> None:
    async def act(user: Any) -> Any:
        for wait in (
            lambda pending: asyncio.wait_for(pending, 0.02),
            lambda pending: asyncio.wait_for(asyncio.gather(pending), 0.02),
        ):
            with pytest.raises(TimeoutError):
                await wait(user.client.aget("/delay/30000"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await user.client.aget("/delay/30000")
        return (await user.client.aget("/bytes/1")).status_code

    before = engine_stats()["aborted"]
    visitor = user_class(base, act, server)
    environment = run_to_end(visitor)
    assert visitor.said == [200]
    assert rows(environment) == {"/bytes/1": (1, 0)}
    assert engine_stats()["aborted"] - before == 3
    assert engine_stats()["in_flight"] == 0


def test_what_asyncio_offers() -> None:
    async def act(user: Any) -> Any:
        queue: asyncio.Queue[int] = asyncio.Queue(1)

        async def produce() -> None:
            for number in range(3):
                await queue.put(number)

        producer = asyncio.create_task(produce())
        numbers = [await queue.get() for _ in range(3)]
        await producer
        lock, event = asyncio.Lock(), asyncio.Event()
        asyncio.get_running_loop().call_later(0.001, event.set)
        async with lock:
            await event.wait()
        in_thread = await asyncio.to_thread(sum, [1, 2, 3])
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(divmod, 1, 0)
        process = await asyncio.create_subprocess_exec("echo", "hello", stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        addresses = await asyncio.get_running_loop().getaddrinfo("localhost", 80)
        for _ in range(3):
            await asyncio.sleep(0)
        return numbers, in_thread, output, bool(addresses)

    visitor = user_class(User, act)
    run_to_end(visitor)
    assert visitor.said == [([0, 1, 2], 6, b"hello\n", True)]


def test_streams_of_asyncio(server: TestServer) -> None:
    async def act(user: Any) -> Any:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write((await reader.readline()).upper())
            await writer.drain()
            writer.close()

        echo = await asyncio.start_server(answer, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*echo.sockets[0].getsockname())
        writer.write(b"hello\n")
        answered = await reader.readline()
        writer.close()
        await writer.wait_closed()
        echo.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port("plain"))
        writer.write(b"GET /bytes/3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        head = await reader.readline()
        writer.close()
        return answered, head

    visitor = user_class(User, act)
    run_to_end(visitor)
    assert visitor.said == [(b"HELLO\n", b"HTTP/1.1 200 OK\r\n")]


def test_many_timers_and_cancelled_ones() -> None:
    async def act(user: Any) -> Any:
        loop = asyncio.get_running_loop()
        fired: list[int] = []
        handles = [loop.call_later(0.005 + number / 100_000, fired.append, number) for number in range(300)]
        for handle in handles[::2] + handles[1::4]:
            handle.cancel()
        await asyncio.sleep(0.02)
        wait = loop.create_future()
        loop.call_at(loop.time(), wait.set_result, None)
        await wait
        return fired

    visitor = user_class(User, act)
    run_to_end(visitor)
    assert visitor.said == [[number for number in range(300) if number % 2 and number % 4 != 1]]


def test_the_loop_is_not_a_users_to_run() -> None:
    async def act(user: Any) -> Any:
        loop = asyncio.get_running_loop()
        assert loop.is_running() and not loop.is_closed()
        refused = 0
        for action in (loop.run_forever, loop.stop, lambda: loop.run_until_complete(asyncio.sleep(0))):
            with pytest.raises(RuntimeError):
                action()
            refused += 1
        loop.close()
        await asyncio.sleep(0)
        return refused

    visitor = user_class(User, act)
    run_to_end(visitor)
    assert visitor.said == [3]


def test_what_cannot_be_awaited_is_an_error() -> None:
    class Strange:
        def __await__(self) -> Any:
            yield "strange"

    async def act(user: Any) -> Any:
        with pytest.raises(RuntimeError, match="not 'strange'"):
            await Strange()
        other = asyncio.new_event_loop()
        with pytest.raises(RuntimeError, match="another event loop"):
            await other.create_future()
        other.close()
        return "went on"

    visitor = user_class(User, act)
    run_to_end(visitor)
    assert visitor.said == ["went on"]


def test_the_current_task_is_the_users_and_stays_it() -> None:
    seen: list[Any] = []

    class Visitor(User):
        async def on_start(self) -> None:
            seen.append(asyncio.current_task())

        @task
        async def work(self) -> None:
            current: Any = asyncio.current_task()
            seen.append(current)
            await asyncio.sleep(0)
            assert asyncio.current_task() is current
            assert current.user is self and current.get_name() == "Visitor" and current.get_coro() is not None
            assert current.get_loop() is asyncio.get_running_loop() and not current.done() and not current.cancelled()
            current.set_name("other")
            assert current.get_name() == "other" and current.get_stack() == []
            current.add_done_callback(seen.append)
            current.add_done_callback(print)
            assert current.remove_done_callback(print) == 1
            raise StopUser

    run_to_end(Visitor)
    wait_for(lambda: len(seen) == 3)
    assert all(isinstance(each, UserTask) for each in seen) and len(set(seen)) == 1
    assert seen[0].done() and seen[0].cancel() is False
    with pytest.raises(RuntimeError):
        asyncio.current_task()


def test_an_asyncio_run_of_the_scripts_own(server: TestServer) -> None:
    """Outside of coroutines, a script may run a loop of its own, and coroutines of other users go on meanwhile."""
    done = Event()

    class Own(HttpUser):
        host = server.plain

        @task
        def work(self) -> None:
            async def main() -> int:
                while Other.count < 2:
                    await asyncio.sleep(0.001)
                return (await self.client.aget("/bytes/3")).status_code

            assert asyncio.run(main()) == 200
            done.set()
            raise StopUser

    class Other(HttpUser):
        host = server.plain
        count = 0

        @task
        async def work(self) -> None:
            await asyncio.sleep(0.001)
            await self.client.aget("/bytes/2")
            type(self).count += 1

    environment = run_until(done, Own, Other, users=2)
    assert rows(environment)["/bytes/3"] == (1, 0)
    assert rows(environment)["/bytes/2"][0] > 1


def plain_user(base: Any, server: TestServer, released: Event) -> Any:
    class Plain(base):
        host = server.plain

        @task
        def work(self) -> None:
            # A step that is left is not to be seen here.
            with pytest.raises(RuntimeError):
                asyncio.get_running_loop()
            self.client.get("/bytes/2")
            if released.is_set():
                raise StopUser

    return Plain


@pytest.mark.parametrize("base", KINDS)
def test_blocking_calls_hold_up_nobody_else(base: type[User], server: TestServer) -> None:
    """time.sleep(), a lock of gevent's and the synchronous client block their own coroutine only."""
    others = 0
    waiting, released = Event(), Event()

    class Blocking(base):  # type: ignore[valid-type, misc]
        host = server.plain
        said: list[Any] = []

        @task
        async def work(self) -> None:
            await asyncio.sleep(0)
            current = asyncio.current_task()

            async def child() -> int:
                own = asyncio.current_task()
                released.wait()
                assert asyncio.current_task() is own
                await asyncio.sleep(0)
                return self.client.get("/delay/10").status_code

            waiting.set()
            spawned = asyncio.create_task(child())
            released.wait()
            assert asyncio.current_task() is current
            time.sleep(0.01)
            assert asyncio.current_task() is current
            self.said.append((self.client.get("/redirect/1").status_code, await spawned))
            assert asyncio.current_task() is current
            raise StopUser

    class Other(base):  # type: ignore[valid-type, misc]
        host = server.plain

        @task
        async def work(self) -> None:
            nonlocal others
            await waiting_for_the_others()
            await asyncio.sleep(0.001)
            await self.client.aget("/bytes/1")
            others += 1
            if others == 5:
                released.set()
            if others > 5:
                raise StopUser

    async def waiting_for_the_others() -> None:
        while not waiting.is_set():
            await asyncio.sleep(0.001)

    sync = plain_user(base, server, released)
    environment = run_to_end(Blocking, Other, sync, users=3)
    assert Blocking.said == [(200, 200)]
    assert environment.runner.exceptions == {}
    assert not is_left()


def test_a_kill_of_what_blocks(server: TestServer) -> None:
    said: list[str] = []
    ready = Event()

    class Visitor(User):
        @task
        async def work(self) -> None:
            try:
                ready.set()
                time.sleep(60)
            finally:
                said.append("finally")

        async def on_stop(self) -> None:
            await asyncio.sleep(0)
            said.append("on_stop")

    run_until(ready, Visitor)
    assert said == ["finally", "on_stop"]
    assert not is_left()
