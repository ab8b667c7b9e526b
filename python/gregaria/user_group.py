"""The running users: `UserGroup` holds a handle on each, and `stop_users` ends some of them.

A handle stands for the greenlet that a user would have under Locust. The group is told of users that start and end; it
decides neither.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import gevent

if TYPE_CHECKING:
    from ._engine import UserGreenlet
    from .user import User

logger = logging.getLogger("locust.runners")


class UserGroup:
    """Handles of users, with the interface of a gevent `Group`, counted by class as they come and go."""

    def __init__(self) -> None:
        self._by_class: dict[type[Any], dict[UserGreenlet, None]] = {}
        self._leaving: set[UserGreenlet] = set()

    def add(self, handle: UserGreenlet) -> None:
        """A user has been started."""
        self._by_class.setdefault(type(handle.args[0]), {})[handle] = None

    def discard(self, handle: UserGreenlet) -> None:
        """A user has ended."""
        self._leaving.discard(handle)
        handles = self._by_class.get(type(handle.args[0]))
        if handles is not None:
            handles.pop(handle, None)

    def __len__(self) -> int:
        return sum(map(len, self._by_class.values()))

    def __iter__(self) -> Iterator[UserGreenlet]:
        return iter([handle for handles in self._by_class.values() for handle in handles])

    def __contains__(self, handle: object) -> bool:
        return any(handle in handles for handles in self._by_class.values())

    @property
    def greenlets(self) -> set[UserGreenlet]:
        """All handles."""
        return set(self)

    def counts(self) -> dict[str, int]:
        """Users by the name of their class."""
        counts: dict[str, int] = {}
        for user_class, handles in self._by_class.items():
            counts[user_class.__name__] = counts.get(user_class.__name__, 0) + len(handles)
        return counts

    def staying(self, user_classes: Iterable[type[Any]]) -> dict[str, int]:
        """Users of these classes that are not being ended, by the name of their class."""
        going = Counter(type(handle.args[0]).__name__ for handle in self._leaving)
        counts = self.counts()
        names = [user_class.__name__ for user_class in user_classes]
        return {name: counts.get(name, 0) - going[name] for name in names}

    def let_go(self, user_class: type[Any], count: int) -> list[UserGreenlet]:
        """The users of exactly this class that were started last: to be ended, they count no longer as staying."""
        staying = (handle for handle in reversed(self._by_class.get(user_class, {})) if handle not in self._leaving)
        chosen = list(islice(staying, count))
        self._leaving.update(chosen)
        return chosen

    def join(self, timeout: float | None = None) -> bool:
        """Wait until there is no user, `timeout` seconds at the most; False if there are still some."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while handles := list(self):
            if not join_all(handles, None if deadline is None else deadline - time.monotonic()):
                return False
        return True

    def killone(
        self, handle: UserGreenlet, exception: Any = None, block: bool = True, timeout: float | None = None
    ) -> None:
        """End one user."""
        handle.kill(exception, block, timeout)

    def kill(self, exception: Any = None, block: bool = True, timeout: float | None = None) -> None:
        """End all users."""
        handles = list(self)
        for handle in handles:
            handle.kill(exception, block=False)
        if block:
            join_all(handles, timeout)


def join_all(handles: Iterable[UserGreenlet], timeout: float | None) -> bool:
    """Wait until all these users have ended, `timeout` seconds at the most; False if some have not."""
    deadline = None if timeout is None else time.monotonic() + timeout
    for handle in handles:
        if not handle.ready():
            handle.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
            if not handle.ready():
                return False
    return True


def stop_users(handles: list[UserGreenlet], stop_timeout: float, at_once: Collection[UserGreenlet] = ()) -> None:
    """End these users and wait for it. With a stop timeout those inside a task may finish it, within so many seconds.

    Those in `at_once` get no such time. A user that calls this itself, from a task, cannot be waited for: it ends when
    it next blocks.
    """
    killed: list[UserGreenlet] = []
    asked: list[UserGreenlet] = []
    calls: list[gevent.Greenlet[..., Any]] = []
    own: UserGreenlet | None = None
    for handle in handles:
        user: User = handle.args[0]
        graceful = stop_timeout and handle not in at_once
        if handle.is_current():
            own = handle
        elif _has_own_stop(user):
            # A ramp-down may have asked before.
            if not graceful or user._state != "stopping":
                calls.append(gevent.spawn(user.stop, force=not graceful))
            asked.append(handle)
        elif graceful and user._state in ("running", "stopping"):
            user.stop(force=False)
            asked.append(handle)
        else:
            handle.kill(block=False)
            killed.append(handle)
    join_all(killed, None)
    gevent.joinall(calls)
    if stop_timeout and not join_all(asked, stop_timeout):
        logger.info(
            "Not all users finished their tasks & terminated in %s seconds. Stopping them...",
            stop_timeout,
        )
        for handle in asked:
            handle.kill(block=False)
        join_all(asked, None)
    if own is not None:
        own.kill(block=False)


def _has_own_stop(user: User) -> bool:
    from .user import User

    return type(user).stop is not User.stop
