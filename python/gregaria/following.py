"""Series over time: who needs them says `follow`, and from then on the engine is told when a second has passed.

The samples themselves never come through Python; the engine hands them to a thread of its own.
"""

from __future__ import annotations

import time
from typing import Any
from weakref import WeakKeyDictionary

import gevent

TICK_S = 1.0
"""Seconds between two ticks."""
AFTER_THE_SECOND_S = 0.02
"""Ticks come this long after a second has begun, so that what was counted in the last one is complete."""

_followed: WeakKeyDictionary[Any, gevent.Greenlet[..., Any]] = WeakKeyDictionary()


def follow(environment: Any) -> None:
    """Keep series of everything that is measured in this environment from now on. Calling it again changes nothing."""
    stats = environment.stats
    if stats in _followed:
        return
    stats.follow()
    _followed[stats] = gevent.spawn(_tick, environment)


def user_count(environment: Any) -> int:
    """The users at the moment."""
    return environment.runner.user_count if environment.runner is not None else 0


def delay_s(environment: Any) -> float:
    """How long after a second its figures are complete: on a master, when the workers have reported them."""
    from .runners import WORKER_REPORT_INTERVAL, MasterRunner

    return WORKER_REPORT_INTERVAL + 1 if isinstance(environment.runner, MasterRunner) else 0.0


def _tick(environment: Any) -> None:
    while True:
        now = time.time()
        gevent.sleep(TICK_S - (now - AFTER_THE_SECOND_S) % TICK_S)
        environment.stats.tick(time.time() - delay_s(environment), user_count(environment))
