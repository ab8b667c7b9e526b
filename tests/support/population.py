"""Users of an environment of their own, run in this process; what they leave behind is the tests' business."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import requests
from gevent.event import Event

from gregaria import TaskSet, User
from gregaria._engine import FastResponse, ResponseContextManager, UserTask
from gregaria.env import Environment
from gregaria.runners import LocalRunner

PATIENCE_S = 20.0


@contextmanager
def population(*user_classes: type[User], users: int = 1, **settings: Any) -> Iterator[LocalRunner]:
    """A runner whose users have been spawned; everything is stopped at the end."""
    runner = Environment(user_classes=list(user_classes), **settings).create_local_runner()
    runner.start(users, spawn_rate=10_000)
    ramp = runner.spawning_greenlet
    assert ramp is not None
    ramp.join(PATIENCE_S)
    assert ramp.ready(), "the ramp takes too long"
    try:
        yield runner
    finally:
        runner.quit()


def run_to_end(*user_classes: type[User], users: int = 1, **settings: Any) -> Environment:
    """Run users until they have ended by themselves."""
    with population(*user_classes, users=users, **settings) as runner:
        assert runner.user_greenlets.join(PATIENCE_S), f"{runner.user_count} users do not end"
        return runner.environment


def run_until(event: Event, *user_classes: type[User], users: int = 1, **settings: Any) -> Environment:
    """Run users until one has set `event`, and stop them then."""
    with population(*user_classes, users=users, **settings) as runner:
        assert event.wait(PATIENCE_S), "the event never came"
        return runner.environment


def wait_for(condition: Callable[[], bool]) -> None:
    """Let other greenlets run until `condition` holds."""
    with gevent.Timeout(PATIENCE_S):
        while not condition():
            gevent.sleep(0.001)


def collected() -> None:
    """Everything that can go has gone, also what ended in gevent's last turn."""
    gevent.sleep(0)
    for _ in range(3):
        gc.collect()


OF_A_RUN = (User, TaskSet, requests.Session, requests.Response, ResponseContextManager, FastResponse, UserTask)
"""What belongs to one run and should go with it."""


def present() -> list[Any]:
    """Everything of a run that is there now, and every greenlet that has not ended; garbage too."""
    found = []
    wanted: dict[type, bool] = {}
    for each in gc.get_objects():
        # Not `isinstance`, which asks proxies what they stand for.
        kind = type(each)
        is_wanted = wanted.get(kind)
        if is_wanted is None:
            is_wanted = wanted[kind] = issubclass(kind, (*OF_A_RUN, gevent.Greenlet))
        if is_wanted and not (issubclass(kind, gevent.Greenlet) and each.dead):
            found.append(each)
    return found
