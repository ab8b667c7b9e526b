"""How often each task was begun since the test began or its statistics were cleared.

Of this process, and on a master of its workers, which are asked while somebody looks.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

from . import _engine
from .user.task import TaskSet

TASKS_BEGUN = "gregaria_tasks_begun"
"""The kind of a master's question and of the answer to it."""
FORGET_TASKS_BEGUN = "gregaria_forget_tasks_begun"
"""The kind of a master's order to count from zero."""
ASKED_AT_ONCE = 50
"""Workers: so that a thousand of them do not keep the master busy with answers."""

Begun = dict[str, list[Any]]
"""For each task by its name, how often it was begun, and those of its set: `{name: [count, begun]}`."""


def of_this_process(user_classes: Iterable[type[Any]]) -> Begun:
    """For each class by its name, its tasks; the number beside a class is 0."""
    return {user_class.__name__: [0, _of_set(user_class, None, user_class.tasks)] for user_class in user_classes}


def _of_set(user_class: type[Any], owner: type[Any] | None, tasks: Sequence[Any]) -> Begun:
    found: Begun = {}
    for task in dict.fromkeys(tasks):
        below = _of_set(user_class, task, task.tasks) if inspect.isclass(task) and issubclass(task, TaskSet) else {}
        found.setdefault(task.__name__, [0, below])[0] += _engine.tasks_begun(user_class, owner, task)
    return found


def _add(entry: list[Any], said: Any) -> None:
    """Add what was said of one task to what is known of it; what is unknown here, or no such thing, is passed over."""
    match said:
        case [int(count), dict(below)] if count >= 0:
            entry[0] += count
            for name in entry[1].keys() & below.keys():
                _add(entry[1][name], below[name])


def forget(runner: Any) -> None:
    """Count from zero, on a master's workers too."""
    _engine.forget_tasks_begun()
    if hasattr(runner, "clients"):
        runner.forget_tasks_begun()


class BegunOnWorkers:
    """What each worker has said last; a worker that is gone has begun what it said."""

    def __init__(self) -> None:
        self._said: dict[str, Any] = {}
        self._turn = 0

    def to_ask(self, workers: Sequence[str]) -> list[str]:
        """Those whose turn it is to be asked: all of a few, some of many."""
        first = self._turn % max(len(workers), 1)
        self._turn = first + ASKED_AT_ONCE
        return [*workers[first:], *workers[:first]][:ASKED_AT_ONCE]

    def take(self, worker: str, said: Any) -> None:
        """A worker has answered."""
        self._said[worker] = said

    def forget(self) -> None:
        """Begin anew."""
        self._said.clear()

    def all(self, user_classes: Iterable[type[Any]]) -> Begun:
        """Of all workers together."""
        begun = of_this_process(user_classes)
        for said in self._said.values():
            _add([0, begun], [0, said])
        return begun
