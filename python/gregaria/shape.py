"""`LoadTestShape`, the base class of load shapes. What its ticks lead to is the runner's business."""

from __future__ import annotations

import time
from abc import ABCMeta, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from .runners import Runner
    from .user import User

Tick = tuple[int, float] | tuple[int, float, "list[type[User]] | None"]


class LoadTestShapeMeta(ABCMeta):
    """Keeps `abstract` from being inherited."""

    def __new__(mcs, classname: str, bases: tuple[type, ...], class_dict: dict[str, Any]) -> LoadTestShapeMeta:
        class_dict["abstract"] = class_dict.get("abstract", False)
        return super().__new__(mcs, classname, bases, class_dict)


class LoadTestShape(metaclass=LoadTestShapeMeta):
    """Decides how many users run at each moment of a test: subclass it and write `tick`."""

    runner: Runner | None = None
    """The runner that the shape drives."""

    abstract: ClassVar[bool] = True
    """Set to True in a class that only other shapes are derived from."""

    use_common_options: ClassVar[bool] = False
    """Let the shape use the options for users, spawn rate and run time, which are otherwise ignored."""

    def __init__(self) -> None:
        self.start_time = time.perf_counter()

    def reset_time(self) -> None:
        """Count the run time from now."""
        self.start_time = time.perf_counter()

    def get_run_time(self) -> float:
        """Seconds since the test began."""
        return time.perf_counter() - self.start_time

    def get_current_user_count(self) -> int:
        """Users that run now."""
        assert self.runner is not None, "the shape belongs to no runner yet"
        return self.runner.user_count

    @abstractmethod
    def tick(self) -> Tick | None:
        """Asked about once a second: `(users, spawn_rate)`, `(users, spawn_rate, user_classes)`, or `None` at the end.

        `user_classes` lists the classes to spawn from; `None` there keeps the last choice.
        """
