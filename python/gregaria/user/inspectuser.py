"""How often each task is chosen: the ratios behind `--show-task-ratio`, the report and the web UI."""

from __future__ import annotations

import inspect
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gregaria.user.task import TaskSet
from gregaria.user.users import User

Ratios = dict[str, dict[str, Any]]


def get_ratio(user_classes: Sequence[type[User]], user_spawned: Mapping[str, int], total: bool) -> Ratios:
    """Share of each user class among `user_spawned`, and of each task below it: of its class, or of everything."""
    users = sum(user_spawned.values()) or 1
    shares = {user_class: user_spawned.get(user_class.__name__, 0) / users for user_class in user_classes}
    return {
        user_class.__name__: {"ratio": share, "tasks": _task_ratios(user_class.tasks, total, share)}
        for user_class, share in shares.items()
    }


def _task_ratios(tasks: Sequence[Any], total: bool, parent: float) -> Ratios:
    whole = parent if total else 1.0
    ratios: Ratios = {}
    for task, count in Counter(tasks).items():
        share = count * whole / len(tasks)
        entry: dict[str, Any] = {"ratio": share}
        if inspect.isclass(task) and issubclass(task, TaskSet):
            entry["tasks"] = _task_ratios(task.tasks, total, share)
        ratios[task.__name__] = entry
    return ratios


def distribution(user_classes: Iterable[type[User]], num_users: int | None) -> dict[str, int]:
    """How many users of each class there would be: fixed counts first, the rest by weight."""
    classes = list(user_classes)
    fixed = sum(user_class.fixed_count for user_class in classes)
    weights = sum(user_class.weight for user_class in classes if not user_class.fixed_count)
    users = num_users or (1 if fixed else weights)
    by_weight = max(0, users - fixed)
    return {
        user_class.__name__: round(user_class.fixed_count or user_class.weight / weights * by_weight)
        for user_class in classes
    }


def print_task_ratio(user_classes: Sequence[type[User]], num_users: int | None, total: bool) -> None:
    """Print the ratios as an indented table."""
    _print_level(get_ratio(user_classes, distribution(user_classes, num_users), total), 0)


def _print_level(ratios: Ratios, level: int) -> None:
    indent = "  " * level
    for name, entry in ratios.items():
        percent = f"{indent}{entry['ratio'] * 100:<6.1f}"
        print(f" {percent:<10} {indent + name:<50}")
        _print_level(entry.get("tasks", {}), level + 1)


def print_task_ratio_json(user_classes: Sequence[type[User]], num_users: int | None) -> None:
    """Print both tables as one JSON object."""
    users = distribution(user_classes, num_users)
    both = {"per_class": get_ratio(user_classes, users, False), "total": get_ratio(user_classes, users, True)}
    print(json.dumps(both, indent=4))
