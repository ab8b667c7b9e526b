"""`UsersDispatcher` with Locust's interface; what it gives is worked out in Rust (crates/users/src/dispatch.rs)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import gevent

from . import _engine

if TYPE_CHECKING:
    from .runners import WorkerNode
    from .user import User


class UsersDispatcher(Iterator[dict[str, dict[str, int]]]):
    """Says, batch by batch, how many users of each class each worker shall run.

    Iterating gives `{worker id: {class name: users}}` for all workers, in absolute numbers, and sleeps between batches
    so that the spawn rate is kept.
    """

    def __init__(self, worker_nodes: list[WorkerNode], user_classes: list[type[User]]) -> None:
        self._classes = {user_class.__name__: user_class for user_class in user_classes}
        self._core = _engine.Dispatcher([worker.id for worker in worker_nodes], self._specifications(user_classes))

    def new_dispatch(
        self, target_user_count: int, spawn_rate: float, user_classes: list[type[User]] | None = None
    ) -> None:
        """Begin to move towards `target_user_count`; `user_classes` are spawned from (None: as last time)."""
        self._core.refresh(self._specifications(self._classes.values()))
        chosen = None if user_classes is None else [user_class.__name__ for user_class in user_classes]
        self._core.new_dispatch(int(target_user_count), spawn_rate, chosen)

    def __next__(self) -> dict[str, dict[str, int]]:
        while True:
            users = self._core.advance(time.perf_counter())
            if users is None:
                raise StopIteration
            if not isinstance(users, float):
                return users
            gevent.sleep(users)

    def add_worker(self, worker_node: WorkerNode) -> None:
        """Distribute the users over one worker more."""
        self._core.add_worker(worker_node.id)

    def remove_worker(self, worker_node: WorkerNode) -> None:
        """Distribute the users over the other workers."""
        self._core.remove_worker(worker_node.id)

    def get_current_user_count(self) -> int:
        """Users on all workers, as dispatched so far."""
        return self._core.user_count

    @property
    def dispatch_in_progress(self) -> bool:
        """Whether a dispatch has begun and not ended."""
        return self._core.in_progress

    @property
    def dispatch_iteration_durations(self) -> list[float]:
        """Seconds that putting each batch of this dispatch into effect took."""
        return self._core.iteration_durations

    @staticmethod
    def _specifications(user_classes: Iterable[type[User]]) -> list[tuple[str, float, int]]:
        return [(each.__name__, float(each.weight), int(each.fixed_count)) for each in user_classes]
