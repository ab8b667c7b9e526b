"""Shares of user classes and tasks: as the weights plan them, and as they came about. For the page only; what Locust
shows is in `gregaria.user.inspectuser`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from gregaria import _engine
from gregaria.user.inspectuser import Ratios, distribution, get_ratio
from gregaria.user.task import TaskSet


def planned(user_classes: Sequence[type[Any]], users: int) -> Ratios:
    """Shares of everything by weights and fixed counts alone, with so many users, or as a rule if there are none."""
    if not any(user_class.weight or user_class.fixed_count for user_class in user_classes):
        return {}
    return get_ratio(user_classes, distribution(user_classes, users or None), total=True)


def actual(user_classes: Sequence[type[Any]], running: Mapping[str, int]) -> Ratios:
    """Shares of everything as they came about: of the users that run, and below each class of the tasks that were
    begun. `count` is how many there were; `ratio` is None where nothing was."""
    users = sum(running.get(user_class.__name__, 0) for user_class in user_classes)
    found: Ratios = {}
    for user_class in user_classes:
        count = running.get(user_class.__name__, 0)
        tasks = _tasks(user_class, None, user_class.tasks, count / users if users else None)
        found[user_class.__name__] = {"ratio": count / users if users else None, "count": count, "tasks": tasks}
    return found


def _tasks(user_class: type[Any], owner: type[Any] | None, tasks: Sequence[Any], parent: float | None) -> Ratios:
    """Within a set, tasks share what the set has, by how often they were begun."""
    counts = {task: _engine.tasks_begun(user_class, owner, task) for task in dict.fromkeys(tasks)}
    begun = sum(counts.values())
    found: Ratios = {}
    for task, count in counts.items():
        share = parent * count / begun if begun and parent is not None else None
        entry: dict[str, Any] = {"ratio": share, "count": count}
        if inspect.isclass(task) and issubclass(task, TaskSet):
            entry["tasks"] = _tasks(user_class, task, task.tasks, share)
        found[task.__name__] = entry
    return found
