"""Pause and resume of a test: what stands still, what goes on, and what ends a pause."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest
from gevent.event import Event

from gregaria import LoadTestShape, TaskSet, User, constant, constant_pacing, task
from gregaria.env import Environment
from gregaria.exception import CannotPauseError
from gregaria.pausing import RunClock
from gregaria.runners import LocalRunner

MakeRunner = Callable[..., LocalRunner]
QUIET_S = 0.3
"""Long enough for many tasks of the users here."""


@pytest.fixture
def make_runner() -> Iterator[MakeRunner]:
    made: list[LocalRunner] = []

    def make(*user_classes: type[User], **settings: Any) -> LocalRunner:
        made.append(Environment(user_classes=list(user_classes), **settings).create_local_runner())
        return made[-1]

    yield make
    for runner in made:
        runner.quit()


def wait_for(what: Callable[[], Any], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        gevent.sleep(0.005)


def counting(**attributes: Any) -> type[Any]:
    """A user class that counts its tasks in `count`."""

    class Counting(User):
        count = 0
        wait_time = constant(0.01)

        @task
        def work(self) -> None:
            type(self).count += 1

    for name, value in attributes.items():
        setattr(Counting, name, value)
    return Counting


def own_wait(self: User) -> None:
    gevent.sleep(0.01)


def in_greenlet_of_its_own(self: Any) -> None:
    self.own = gevent.local.local()  # type: ignore[attr-defined]
    self.own.kept = True


class Nested(User):
    count = 0
    wait_time = constant(0.01)

    @task
    class Inner(TaskSet):
        @task
        def work(self) -> None:
            Nested.count += 1


class Coroutine(User):
    count = 0
    wait_time = constant(0.01)

    @task
    async def work(self) -> None:
        Coroutine.count += 1


KINDS = {
    "with a wait": counting(),
    "without a wait": counting(wait_time=constant(0)),
    "with a wait method of its own": counting(wait=own_wait),
    "in a greenlet of its own": counting(on_start=in_greenlet_of_its_own),
    "in a nested set": Nested,
    "a coroutine": Coroutine,
}


@pytest.mark.parametrize("user_class", KINDS.values(), ids=KINDS)
def test_no_task_begins_in_a_pause_and_all_users_go_on(make_runner: MakeRunner, user_class: type[Any]) -> None:
    user_class.count = 0
    runner = make_runner(user_class)
    runner.start(5, 100)
    for _ in range(2):
        seen = user_class.count
        wait_for(lambda seen=seen: user_class.count > seen + 10)
        runner.pause()
        assert (runner.paused, runner.state, runner.user_count) == (True, "running", 5)
        at_pause = user_class.count
        gevent.sleep(QUIET_S)
        assert user_class.count <= at_pause + 5, "only what had begun"
        assert {handle.args[0]._state for handle in runner.user_greenlets} == {"waiting"}
        runner.resume()
        assert not runner.paused
    seen = user_class.count
    wait_for(lambda: user_class.count > seen + 10)
    assert [text.split(" after")[0] for _, text in runner.marks] == ["paused", "resumed"] * 2


def test_a_running_task_is_finished_in_the_pause(make_runner: MakeRunner) -> None:
    begun, go_on, finished = Event(), Event(), Event()

    class Long(User):
        wait_time = constant(0)

        @task
        def work(self) -> None:
            begun.set()
            go_on.wait()
            finished.set()

    runner = make_runner(Long)
    runner.start(1, 1)
    begun.wait(10)
    runner.pause()
    begun.clear()
    go_on.set()
    assert finished.wait(10)
    gevent.sleep(0.05)
    assert not begun.is_set()
    runner.resume()
    assert begun.wait(10)


def test_waits_have_as_much_left_as_they_had(make_runner: MakeRunner) -> None:
    at: list[float] = []

    class Steady(User):
        wait_time = constant(0.5)

        @task
        def work(self) -> None:
            at.append(time.perf_counter())

    runner = make_runner(Steady)
    runner.start(1, 1)
    wait_for(lambda: at)
    gevent.sleep(0.1)
    runner.pause()
    gevent.sleep(0.7)
    runner.resume()
    wait_for(lambda: len(at) == 2)
    assert at[1] - at[0] > 1.15, "0.1 s of the wait before the pause of 0.7 s, and 0.4 s after it"
    wait_for(lambda: len(at) == 3)
    assert at[2] - at[1] > 0.45


def test_a_pause_is_nothing_that_pacing_makes_good(make_runner: MakeRunner) -> None:
    at: list[float] = []

    class Paced(User):
        wait_time = constant_pacing(0.4)

        @task
        def work(self) -> None:
            at.append(time.perf_counter())

    runner = make_runner(Paced)
    runner.start(1, 1)
    wait_for(lambda: len(at) == 2)
    runner.pause()
    gevent.sleep(0.6)
    runner.resume()
    wait_for(lambda: len(at) == 4)
    assert at[2] - at[1] > 0.9
    assert at[3] - at[2] > 0.35


@pytest.mark.parametrize("stop_timeout", [0, 20])
def test_stopping_ends_the_pause_and_waits_for_nobody(make_runner: MakeRunner, stop_timeout: int) -> None:
    user_class = counting()
    stopped: list[Any] = []
    user_class.on_stop = lambda user: stopped.append(user)
    runner = make_runner(user_class, stop_timeout=stop_timeout)
    runner.start(3, 100)
    wait_for(lambda: user_class.count > 3)
    runner.pause()
    gevent.sleep(0.1)
    at_stop, began = user_class.count, time.monotonic()
    runner.stop()
    assert time.monotonic() - began < 10
    assert (runner.state, runner.paused, user_class.count, len(stopped)) == ("stopped", False, at_stop, 3)
    runner.start(2, 100)
    wait_for(lambda: user_class.count > at_stop + 3)


def test_the_ramp_stands_still(make_runner: MakeRunner) -> None:
    runner = make_runner(counting())
    runner.start(6, 2)
    wait_for(lambda: runner.user_count == 2)
    runner.pause()
    assert runner.state == "spawning"
    gevent.sleep(1.4)
    assert runner.user_count == 2
    runner.resume()
    wait_for(lambda: runner.state == "running")
    assert runner.user_count == 6


def test_a_change_that_is_ordered_in_a_pause_comes_after_it(make_runner: MakeRunner) -> None:
    runner = make_runner(counting())
    runner.start(2, 100)
    wait_for(lambda: runner.state == "running")
    runner.pause()
    runner.start(4, 100)
    gevent.sleep(0.1)
    assert runner.user_count == 2
    runner.resume()
    wait_for(lambda: runner.user_count == 4)


def test_the_run_time_stands_still() -> None:
    clock, rang = RunClock(), Event()
    began = time.perf_counter()
    timer = clock.later(0.3, rang.set)
    clock.stop()
    gevent.sleep(0.4)
    assert clock.stands and not rang.is_set()
    assert clock.go_on() >= 0.4
    assert rang.wait(10)
    assert time.perf_counter() - began >= 0.69
    timer.kill()


def test_a_shape_stands_still(make_runner: MakeRunner) -> None:
    class Steps(LoadTestShape):
        asked_at: list[float] = []

        def tick(self) -> tuple[int, float]:
            self.asked_at.append(self.get_run_time())
            return 1, 1

    runner = make_runner(counting(), shape_class=Steps())
    runner.start_shape()
    wait_for(lambda: Steps.asked_at and runner.state == "running")
    runner.pause()
    seen = len(Steps.asked_at)
    gevent.sleep(1.5)
    assert len(Steps.asked_at) <= seen + 1
    runner.resume()
    wait_for(lambda: len(Steps.asked_at) > seen + 1)
    assert Steps.asked_at[-1] < 4


def test_pausing_needs_a_test_and_happens_once(make_runner: MakeRunner) -> None:
    runner = make_runner(counting())
    with pytest.raises(CannotPauseError, match="no test runs"):
        runner.pause()
    runner.resume()
    runner.start(1, 1)
    wait_for(lambda: runner.state == "running")
    runner.pause()
    runner.pause()
    runner.resume()
    runner.resume()
    assert [text for _, text in runner.marks] == ["paused", "resumed after 0 s"]
    runner.pause()
    runner.stop()
    runner.start(1, 1)
    wait_for(lambda: runner.state == "running")
    assert runner.marks == []
    assert threading.active_count() < 20
