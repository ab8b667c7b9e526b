"""How users are stopped: at once, gracefully, from within, and in great numbers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent.event import Event

from gregaria import User, constant, task
from gregaria.env import Environment
from gregaria.runners import LocalRunner
from gregaria.user_group import UserGroup


class Idle(User):
    wait_time = constant(60)

    @task
    def nothing(self) -> None:
        pass


class Busy(User):
    """In its task until `release` is set; notes what becomes of it."""

    release: Event
    busy: Event
    ends: list[str]

    @task
    def work(self) -> None:
        self.busy.set()
        try:
            self.release.wait()
            self.ends.append("finished")
        finally:
            self.ends.append("cleaned up")

    def on_stop(self) -> None:
        self.ends.append("on_stop")


@pytest.fixture
def busy() -> type[Busy]:
    return type("Busy", (Busy,), {"release": Event(), "busy": Event(), "ends": []})


@pytest.fixture
def runners() -> Iterator[list[LocalRunner]]:
    made: list[LocalRunner] = []
    yield made
    for runner in made:
        runner.environment.stop_timeout = 0
        runner.quit()


def running(runners: list[LocalRunner], users: int, *user_classes: type[User], **settings: Any) -> LocalRunner:
    runner = Environment(user_classes=list(user_classes), **settings).create_local_runner()
    runners.append(runner)
    runner.start(users, users)
    assert runner.spawning_greenlet is not None
    runner.spawning_greenlet.join(10)
    return runner


def test_a_task_is_cut_short_and_cleans_up(runners: list[LocalRunner], busy: type[Busy]) -> None:
    runner = running(runners, 1, busy)
    assert busy.busy.wait(10)
    runner.stop()
    assert busy.ends == ["cleaned up", "on_stop"]


def test_with_a_stop_timeout_a_task_is_finished(
    runners: list[LocalRunner], busy: type[Busy], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    runner = running(runners, 2, busy, Idle, stop_timeout=30)
    assert busy.busy.wait(10)
    runner.environment.events.test_stopping.add_listener(lambda environment: gevent.spawn(busy.release.set))
    runner.stop()
    assert busy.ends == ["finished", "cleaned up", "on_stop"]
    assert not any(line.startswith("Not all users finished") for line in caplog.messages)


def test_when_the_stop_timeout_has_passed_the_task_is_cut_short(
    runners: list[LocalRunner], busy: type[Busy], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    runner = running(runners, 1, busy, stop_timeout=0.05)
    assert busy.busy.wait(10)
    runner.stop()
    assert busy.ends == ["cleaned up", "on_stop"]
    line = "Not all users finished their tasks & terminated in 0.05 seconds. Stopping them..."
    assert line in caplog.messages and runner.user_count == 0


def test_stopping_twice_while_a_task_is_finished(runners: list[LocalRunner], busy: type[Busy]) -> None:
    runner = running(runners, 1, busy, stop_timeout=30)
    assert busy.busy.wait(10)
    ramp_down = gevent.spawn(runner.stop_users, {"Busy": 1})
    gevent.sleep(0)
    runner.environment.events.test_stopping.add_listener(lambda environment: gevent.spawn(busy.release.set))
    runner.stop()
    ramp_down.join(10)
    assert busy.ends == ["finished", "cleaned up", "on_stop"]


class Quitter(User):
    """Ends the run from its task; the class notes what happens then."""

    ends: list[str]

    @task
    def give_up(self) -> None:
        assert self.environment.runner is not None
        self.environment.runner.quit()
        self.ends.append("not reached")

    def on_stop(self) -> None:
        self.ends.append("on_stop")


@pytest.mark.parametrize("stop_timeout", [0, 30])
def test_users_may_end_the_run(runners: list[LocalRunner], stop_timeout: float) -> None:
    ends: list[str] = []
    quitter = type("Quitter", (Quitter,), {"ends": ends})
    environment = Environment(user_classes=[quitter, Idle], stop_timeout=stop_timeout)
    environment.events.test_stopping.add_listener(lambda environment: ends.append("test_stopping"))
    environment.events.test_stop.add_listener(lambda environment: ends.append("test_stop"))
    runner = environment.create_local_runner()
    runners.append(runner)
    runner.start(6, 6)
    assert runner.greenlet.join(10)
    assert ends == ["test_stopping", "on_stop", "on_stop", "on_stop", "test_stop"]
    assert runner.state == "stopped" and runner.user_count == 0


def test_a_hook_that_stops_what_is_being_stopped(runners: list[LocalRunner]) -> None:
    stops: list[str] = []

    class Insistent(Idle):
        def on_stop(self) -> None:
            assert self.environment.runner is not None
            self.environment.runner.quit()
            stops.append("on_stop")

    runner = running(runners, 2, Insistent)
    with gevent.Timeout(20):
        while any(handle.args[0]._state != "waiting" for handle in runner.user_greenlets):
            gevent.idle()
    runner.environment.events.test_stopping.add_listener(lambda environment: runner.stop())
    runner.environment.events.test_stop.add_listener(lambda environment: stops.append("test_stop"))
    second = gevent.spawn_later(0, runner.stop)
    runner.stop()
    second.join(10)
    assert stops == ["on_stop", "on_stop", "test_stop"]
    assert runner.greenlet.join(10)


def test_hooks_of_many_users_run_side_by_side(runners: list[LocalRunner]) -> None:
    together = Event()
    leaving: list[int] = []

    class Slow(Idle):
        def on_stop(self) -> None:
            leaving.append(1)
            if len(leaving) == 20:
                together.set()
            together.wait(10)

    runner = running(runners, 20, Slow)
    with gevent.Timeout(20):
        while any(handle.args[0]._state != "waiting" for handle in runner.user_greenlets):
            gevent.idle()
    runner.stop()
    assert together.is_set() and len(leaving) == 20


def test_an_own_stop_method_is_called(runners: list[LocalRunner]) -> None:
    calls: list[bool] = []

    class Careful(Idle):
        def stop(self, force: bool = False) -> bool:
            calls.append(force)
            return super().stop(force=force)

    runner = running(runners, 3, Careful)
    runner.stop()
    assert calls == [True, True, True] and runner.user_count == 0


def test_the_users_started_last_go_first(runners: list[LocalRunner]) -> None:
    runner = running(runners, 1, Idle)
    (first,) = runner.user_greenlets
    runner.spawn_users({"Idle": 3})
    runner.stop_users({"Idle": 3})
    assert list(runner.user_greenlets) == [first]
    runner.stop_users({"Idle": 5})
    assert runner.user_count == 0


def test_ten_thousand_users_come_and_go(runners: list[LocalRunner]) -> None:
    runner = running(runners, 10_000, Idle)
    assert runner.user_count == 10_000
    runner.stop()
    assert runner.user_count == 0 and runner.state == "stopped"


class Handle:
    """A user's handle without an engine."""

    def __init__(self, user: object) -> None:
        self.args = (user,)
        self.group: UserGroup | None = None
        self.over = Event()

    def ready(self) -> bool:
        return self.over.is_set()

    def join(self, timeout: float | None = None) -> None:
        self.over.wait(timeout)

    def kill(self, exception: object = None, block: bool = True, timeout: float | None = None) -> None:
        self.over.set()
        if self.group is not None:
            self.group.discard(self)  # type: ignore[arg-type]


def group_of(*users: object) -> tuple[UserGroup, list[Any]]:
    group, handles = UserGroup(), [Handle(user) for user in users]
    for handle in handles:
        handle.group = group
        group.add(handle)  # type: ignore[arg-type]
    return group, handles


def test_the_group_counts_as_users_come_and_go() -> None:
    group, (one, two, text) = group_of(1, 2, "x")
    group.add(one)
    assert len(group) == 3 and one in group and set(group) == group.greenlets == {one, two, text}
    assert group.counts() == {"int": 2, "str": 1}
    assert group.let_go(int, 1) == [two] and group.let_go(bytes, 1) == []
    assert group.staying([int, str, bytes]) == {"int": 1, "str": 1, "bytes": 0} and len(group) == 3
    assert group.let_go(int, 5) == [one], "the other one is going already"
    group.discard(one)
    group.discard(one)
    assert len(group) == 2 and one not in group and group.counts() == {"int": 1, "str": 1}


def test_the_group_can_be_waited_for_and_killed() -> None:
    group, (one, two) = group_of(1, 2)
    assert group.join(timeout=0.01) is False
    group.killone(one)
    assert list(group) == [two]
    gevent.spawn(two.kill)
    assert group.join(timeout=10) is True
    group, _ = group_of(1, 2, 3)
    group.kill()
    assert len(group) == 0
