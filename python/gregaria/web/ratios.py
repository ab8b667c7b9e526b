"""Shares of user classes and tasks: as the weights plan them, and as they came about. For the page only; what Locust
shows is in `gregaria.user.inspectuser`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gregaria.tasks_begun import Begun
from gregaria.user.inspectuser import Ratios, distribution, get_ratio


def planned(user_classes: Sequence[type[Any]], users: int) -> Ratios:
    """Shares of everything by weights and fixed counts alone, with so many users, or as a rule if there are none."""
    if not any(user_class.weight or user_class.fixed_count for user_class in user_classes):
        return {}
    return get_ratio(user_classes, distribution(user_classes, users or None), total=True)


def actual(user_classes: Sequence[type[Any]], running: Mapping[str, int], begun: Begun) -> Ratios:
    """Shares of everything as they came about: of the users that run, and below each class of the tasks that were
    begun. `count` is how many there were; `ratio` is None where nothing was."""
    users = sum(running.get(user_class.__name__, 0) for user_class in user_classes)
    found: Ratios = {}
    for user_class in user_classes:
        name = user_class.__name__
        count = running.get(name, 0)
        share = count / users if users else None
        found[name] = {"ratio": share, "count": count, "tasks": _tasks(begun[name][1], share)}
    return found


def _tasks(begun: Begun, parent: float | None) -> Ratios:
    """Within a set, tasks share what the set has, by how often they were begun."""
    total = sum(count for count, _ in begun.values())
    found: Ratios = {}
    for name, (count, below) in begun.items():
        share = parent * count / total if total and parent is not None else None
        found[name] = {"ratio": share, "count": count} | ({"tasks": _tasks(below, share)} if below else {})
    return found
