"""After a run nothing of it survives: no user, set, response, session, exception or greenlet, whatever ended it."""

from __future__ import annotations

import contextvars
import gc
import logging
import weakref
from collections.abc import Callable
from typing import Any

import gevent
import greenlet
import pytest
from gevent.event import Event

from gregaria import FastHttpUser, HttpUser, TaskSet, User, constant, constant_pacing, task
from gregaria._engine import engine_stats
from gregaria.env import Environment
from gregaria.exception import StopUser
from support.population import collected, run_to_end, run_until, wait_for
from support.server import TestServer

REFUSED = "http://127.0.0.1:9"
Watched = weakref.WeakSet[Any]
variable: contextvars.ContextVar[Any] = contextvars.ContextVar("variable")


class OwnError(Exception):
    """Raised on purpose."""


class Tracked(HttpUser):
    """A user that has itself, its sets and what it gets watched."""

    abstract = True
    wait_time = constant(0)
    watched: Watched
    ready: Event
    host = REFUSED

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.watch(self, self.client)

    def watch(self, *objects: Any) -> Any:
        for each in objects:
            self.watched.add(each)
        return objects[0]

    def act(self) -> None:
        raise NotImplementedError

    @task
    class Set(TaskSet):
        def on_start(self) -> None:
            self.user.watch(self)

        @task
        def work(self) -> None:
            self.user.set = self
            self.user.act()


def get(user: Any) -> None:
    user.last = user.watch(user.client.get("/bytes/3"))
    user.last.own = user.last
    raise StopUser


def look_at_everything(user: Any) -> None:
    response = user.last = user.watch(user.client.get("/redirect/1"))
    user.kept = [response.headers, response.cookies, response.request, response.history, response.request_meta]
    user.more = [response.text, response.links, response.raw, user.client.headers, user.client.cookies]
    response.status_code = 299
    raise StopUser


def judge(user: Any) -> None:
    with user.client.get("/bytes/3", catch_response=True) as response:
        user.last = user.watch(response)
        user.error = user.watch(OwnError(user))
        response.failure(user.error)
    raise StopUser


def fail_to_connect(user: Any) -> None:
    response = user.last = user.watch(user.client.get(REFUSED))
    user.error = user.watch(response.error)
    raise StopUser


def make_requests_do_it(user: Any) -> None:
    user.last = user.watch(user.client.post("/echo", files={"f": b"x"}))
    user.bad = user.watch(user.client.post(REFUSED, files={"f": b"x"}))
    user.error = user.bad.error
    raise StopUser


def raise_and_keep(user: Any) -> None:
    try:
        raise user.watch(OwnError(user))
    except OwnError as error:
        user.error = error
    raise StopUser


def raise_in_the_task(user: Any) -> None:
    if not hasattr(user, "error"):
        user.error = user.watch(OwnError(user))
        raise user.error
    raise StopUser


def keep_its_handle(user: Any) -> None:
    user.handle = user.watch(user.greenlet)
    user.handle.link(lambda _: user)
    raise StopUser


def keep_itself_in_its_context(user: Any) -> None:
    variable.set(user)
    raise StopUser


def listen(user: Any) -> None:
    user.heard = user.watch
    user.environment.events.request.add_listener(lambda **_: user)
    user.client.get("/bytes/3")
    raise StopUser


def time_out(user: Any) -> None:
    with gevent.Timeout(0.01, False):
        user.client.get("/delay/30000")
    with gevent.Timeout(0.01, False):
        gevent.sleep(30)
    raise StopUser


def spawn(user: Any) -> None:
    user.child = user.watch(gevent.spawn(user.client.get, "/bytes/3"))
    user.child.join()
    raise StopUser


def replace_wait_time(user: Any) -> None:
    type(user).wait_time = constant_pacing(0)
    user.bound = user.wait_time
    raise StopUser


def die(user: Any) -> None:
    """`InterruptTaskSet` out of a task of the user itself ends it with an unhandled error."""
    user._taskset_instance.schedule_task(lambda _: raise_(user.watch(OwnError(user))))
    user.environment.catch_exceptions = False
    user.set.interrupt()


def raise_(error: Exception) -> None:
    raise error


ENDING: list[Callable[[Any], None]] = [
    *(get, look_at_everything, judge, fail_to_connect, make_requests_do_it, raise_and_keep, raise_in_the_task),
    *(keep_its_handle, keep_itself_in_its_context, listen, time_out, spawn, replace_wait_time, die),
]


def tracked(act: Callable[[Any], None], host: str) -> Any:
    body = {"act": act, "watched": weakref.WeakSet(), "ready": Event(), "host": host}
    return type("Visitor", (Tracked,), body)


def left(watched: Watched) -> list[str]:
    """What survives, with those who hold it."""
    collected()
    return [f"{each!r}, held by {[type(it).__name__ for it in gc.get_referrers(each)]}" for each in watched]


@pytest.fixture(autouse=True)
def nobody_keeps_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither gevent's report of what ended a greenlet, nor pytest's collection of log records."""
    monkeypatch.setattr(gevent.get_hub(), "handle_error", lambda *_: None)
    monkeypatch.setattr(logging.getLogger("locust.user.task"), "disabled", True)


@pytest.mark.parametrize("act", ENDING, ids=lambda act: act.__name__)
def test_nothing_survives_users_that_end_by_themselves(act: Callable[[Any], None], server: TestServer) -> None:
    visitor = tracked(act, server.plain)
    run_to_end(visitor, users=3)
    assert left(visitor.watched) == []


def sleep(user: Any) -> None:
    user.ready.set()
    gevent.sleep(60)


def request(user: Any) -> None:
    user.ready.set()
    user.last = user.watch(user.client.get("/delay/60000"))


def explicit_wait(user: Any) -> None:
    user.wait_time = lambda: user.ready.set() or 60
    user.wait()


def parked(user: Any) -> None:
    user.ready.set()
    type(user).wait_time = constant(60)


def wait_after_an_error(user: Any) -> None:
    user.ready.set()
    type(user).wait_time = constant(60)
    raise user.watch(OwnError(user))


def request_of_a_child(user: Any) -> None:
    user.child = user.watch(gevent.spawn(user.client.get, "/delay/100"))
    user.ready.set()
    user.child.join()


class Fast(FastHttpUser):
    """The same, for the other client."""

    wait_time = constant(0)
    watched: Watched = weakref.WeakSet()

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.watched.update((self, self.client))

    @task
    def work(self) -> None:
        response = self.client.get("/bytes/3")
        response.own = self.own = response
        self.failed = self.client.get(REFUSED)
        self.bad = self.client.get("/status/404")
        self.error = self.bad.error
        self.text = (response.text, response.headers, response.request)
        with self.client.get("/bytes/3", catch_response=True) as caught:
            caught.failure(OwnError(self))
            self.caught = caught
        self.watched.update((response, self.failed, self.bad, caught))
        raise StopUser


def test_nothing_survives_users_with_the_fast_client(server: TestServer) -> None:
    Fast.host = server.plain
    run_to_end(Fast, users=3)
    assert left(Fast.watched) == []


STOPPED: list[Callable[[Any], None]] = [
    *(sleep, request, explicit_wait, parked, wait_after_an_error, request_of_a_child),
]


@pytest.mark.parametrize("stop_timeout", [0, 0.05], ids=["killed", "asked first"])
@pytest.mark.parametrize("act", STOPPED, ids=lambda act: act.__name__)
def test_nothing_survives_users_that_are_stopped(
    act: Callable[[Any], None], server: TestServer, stop_timeout: float
) -> None:
    visitor = tracked(act, server.plain)
    run_until(visitor.ready, visitor, users=3, stop_timeout=stop_timeout)
    if act is request_of_a_child:
        gevent.joinall([each for each in visitor.watched if isinstance(each, gevent.Greenlet)])
    assert left(visitor.watched) == []


def test_nothing_survives_users_that_never_ran(server: TestServer) -> None:
    visitor = tracked(get, server.plain)
    runner = Environment(user_classes=[visitor]).create_local_runner()
    runner.spawn_users({"Visitor": 5})
    assert runner.user_count == 5
    runner.quit()
    assert runner.user_count == 0
    wait_for(lambda: left(visitor.watched) == [])


def test_users_that_are_only_made_go_too(server: TestServer) -> None:
    visitor = tracked(get, server.plain)
    user = visitor(Environment(user_classes=[visitor]))
    user.me = user
    user.last = user.client.get("/bytes/1")
    del user
    assert left(visitor.watched) == []


def test_an_environment_goes_with_all_that_listens(server: TestServer) -> None:
    visitor = tracked(get, server.plain)
    environments: Watched = weakref.WeakSet()

    def made() -> None:
        environment = run_to_end(visitor, users=2)
        environments.add(environment)
        environment.events.request.add_listener(lambda **_: environment)
        client = visitor(environment).client
        environment.own = [client, client.get("/bytes/3")]  # type: ignore[attr-defined]

    made()
    assert left(environments) == []
    assert left(visitor.watched) == []


def test_no_greenlet_is_left_but_those_of_the_pool(server: TestServer) -> None:
    visitor = tracked(time_out, server.plain)
    run_to_end(visitor, users=20)
    collected()
    before = sum(isinstance(each, greenlet.greenlet) for each in gc.get_objects())
    for _ in range(3):
        run_to_end(visitor, users=20)
    collected()
    after = sum(isinstance(each, greenlet.greenlet) for each in gc.get_objects())
    assert after <= before
    assert engine_stats()["in_flight"] == 0


def test_a_burst_gives_its_greenlets_back() -> None:
    everyone, go_on = Event(), Event()
    inside: list[User] = []

    class Blocking(User):
        wait_time = constant(0)

        @task
        def work(self) -> None:
            inside.append(self)
            if len(inside) == 400:
                everyone.set()
            go_on.wait()
            raise StopUser

    everyone.rawlink(lambda _: go_on.set())
    run_to_end(Blocking, users=400)
    inside.clear()
    assert engine_stats()["greenlets_peak"] >= 400
    collected()
    pooled = [each for each in gc.get_objects() if type(each) is greenlet.greenlet and not each.dead]
    assert len(pooled) < 200
