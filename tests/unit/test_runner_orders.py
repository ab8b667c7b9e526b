"""Starts, edits and stops that come while an earlier one is still being carried out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent.event import Event

from gregaria import User, constant, task
from gregaria.env import Environment
from gregaria.runners import LocalRunner

PATIENCE_S = 20


@pytest.fixture
def last() -> Event:
    """Set: users may end."""
    return Event()


@pytest.fixture
def runner(last: Event) -> Iterator[LocalRunner]:
    class Slow(User):
        wait_time = constant(60)

        @task
        def nothing(self) -> None:
            pass

        def on_stop(self) -> None:
            last.wait()

    made = Environment(user_classes=[Slow]).create_local_runner()
    yield made
    last.set()
    made.quit()


def reach(runner: LocalRunner, state: str, users: int) -> None:
    with gevent.Timeout(PATIENCE_S):
        while (runner.state, runner.user_count) != (state, users):
            gevent.sleep(0.01)


def until_ending(runner: LocalRunner, users: int) -> None:
    """Until so few users stay; the others are being ended."""
    with gevent.Timeout(PATIENCE_S):
        while sum(runner.user_greenlets.staying(runner.user_classes).values()) != users:
            gevent.sleep(0.01)


def test_users_that_are_being_ended_are_not_counted_on(runner: LocalRunner, last: Event) -> None:
    runner.start(4, 100)
    reach(runner, "running", 4)
    runner.start(2, 100)
    until_ending(runner, 2)
    assert runner.user_count == 4
    runner.start(1, 100)
    until_ending(runner, 1)
    runner.start(4, 100)
    until_ending(runner, 4)
    assert runner.user_count == 7
    last.set()
    reach(runner, "running", 4)


def test_a_start_waits_for_the_stop_before_it(runner: LocalRunner, last: Event) -> None:
    order: list[str] = []

    def note(name: str) -> None:
        def listener(**_: Any) -> None:
            order.append(name)

        getattr(runner.environment.events, name).add_listener(listener)

    for name in ("test_start", "test_stop"):
        note(name)
    runner.start(2, 100)
    reach(runner, "running", 2)
    stop = gevent.spawn(runner.stop)
    with gevent.Timeout(PATIENCE_S):
        while runner.state != "cleanup":
            gevent.sleep(0.01)
    runner.start(3, 100)
    gevent.sleep(0.05)
    assert order == ["test_start"]
    last.set()
    stop.join(PATIENCE_S)
    reach(runner, "running", 3)
    assert order == ["test_start", "test_stop", "test_start"]


def test_the_last_of_two_stops_wins_over_the_start_between_them(runner: LocalRunner, last: Event) -> None:
    runner.start(2, 100)
    reach(runner, "running", 2)
    stops = [gevent.spawn(runner.stop)]
    gevent.sleep(0)
    runner.start(3, 100)
    stops.append(gevent.spawn(runner.stop))
    gevent.sleep(0.05)
    last.set()
    gevent.joinall(stops, PATIENCE_S)
    gevent.sleep(0.05)
    assert (runner.state, runner.user_count) == ("stopped", 0)


def test_a_stop_reaches_a_test_that_is_just_beginning(runner: LocalRunner, last: Event) -> None:
    last.set()
    runner.start(1, 100)
    reach(runner, "running", 1)
    runner.stop()
    begins, go_on = Event(), Event()

    def listener(**_: Any) -> None:
        begins.set()
        go_on.wait()

    runner.environment.events.test_start.add_listener(listener)
    runner.start(2, 100)
    assert begins.wait(PATIENCE_S)
    runner.stop()
    go_on.set()
    gevent.sleep(0.05)
    assert (runner.state, runner.user_count) == ("stopped", 0)
