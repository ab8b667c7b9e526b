"""`SequentialTaskSet`: tasks in the order of their definition, over and over."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

from ..exception import LocustError
from .task import TaskSet, TaskSetMeta, expanded


class SequentialTaskSetMeta(TaskSetMeta):
    """Collects a class's tasks in order; a weight repeats its task that many times in a row."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> SequentialTaskSetMeta:
        tasks: list[Any] = []
        for base in bases:
            tasks.extend(getattr(base, "tasks", None) or [])
        for key, item in body.items():
            if key == "tasks":
                if item is not None and not isinstance(item, (list, dict)):
                    raise ValueError(f"{name}.tasks must be a list or a dict, not {type(item).__name__}")
                tasks.extend(expanded(item))
            elif "locust_task_weight" in dir(item):
                tasks.extend([item] * item.locust_task_weight)
        body["tasks"] = tasks
        return type.__new__(mcs, name, bases, body)


class SequentialTaskSet(TaskSet, metaclass=SequentialTaskSetMeta):
    """Runs its tasks in the order of their definition, and begins anew each time it is entered."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._task_cycle: Iterator[Any] = cycle(self.tasks)

    def get_next_task(self) -> Any:
        """The next task in order."""
        if not self.tasks:
            raise LocustError(
                f"No tasks defined on {type(self).__name__}. "
                "Use the @task decorator or assign a list to its 'tasks' attribute."
            )
        return next(self._task_cycle)
