"""`Ending`: stops a test once, also when several ask for it at the same time, users among them.

    user: quit() ─ spawn ─> test_stopping ─ kill users ─ test_stop ─ end greenlets
                 └ waits, and is killed there with the other users

What stopping consists of is the runner's business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event
from greenlet import getcurrent

if TYPE_CHECKING:
    from ._engine import UserGreenlet
    from .user_group import UserGroup


class Ending:
    """Sees to it that `stop_test` runs to its end in one greenlet at a time."""

    def __init__(self, users: UserGroup, stop_test: Callable[[], None]) -> None:
        self.callers: set[UserGreenlet] = set()
        """Users that wait for the end of the test inside a task: there is no task to be finished."""
        self._users = users
        self._stop_test = stop_test
        self._over: Event | None = None
        self._stopper: Any = None

    def outside_users(self, end: Callable[[], None]) -> None:
        """Call `end` in a greenlet that does not belong to a user, because stopping the users would cut it short."""
        caller = next((handle for handle in self._users if handle.is_current()), None)
        if caller is None:
            end()
        elif self._over is None:
            self.callers.add(caller)
            gevent.spawn(end).join()
        else:
            # Whoever stops the test may be waiting for the hook that this was called from.
            gevent.spawn(end)

    def stop(self) -> None:
        """Stop the test, or wait until it has been stopped."""
        while self._over is not None:
            if self._stopper is getcurrent():
                return
            self._over.wait()
        over = self._over = Event()
        self._stopper = getcurrent()
        try:
            self._stop_test()
        finally:
            self._over = self._stopper = None
            self.callers.clear()
            over.set()
