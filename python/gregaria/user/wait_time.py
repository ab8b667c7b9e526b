"""How long users wait between tasks. The engine knows the objects made here and computes their waits itself."""

from __future__ import annotations

from collections.abc import Callable
from random import expovariate
from typing import Any

from .._engine import Between, Constant, ConstantPacing


def between(min_wait: float, max_wait: float) -> Between:
    """Wait a random time, evenly distributed between ``min_wait`` and ``max_wait`` seconds."""
    return Between(min_wait, max_wait)


def constant(wait_time: float) -> Constant:
    """Wait ``wait_time`` seconds."""
    return Constant(wait_time)


def constant_pacing(wait_time: float) -> ConstantPacing:
    """Wait so that tasks begin ``wait_time`` seconds apart; not at all after a task that took longer."""
    return ConstantPacing(wait_time)


def constant_throughput(task_runs_per_second: float) -> ConstantPacing:
    """Wait so that a user runs this many tasks per second; the inverse of `constant_pacing`."""
    if task_runs_per_second <= 0:
        raise ValueError(f"constant_throughput needs more than 0 task runs per second, not {task_runs_per_second}")
    return constant_pacing(1 / task_runs_per_second)


def poisson(rate: float) -> Callable[[Any], float]:
    """Wait exponentially distributed times: ``rate`` tasks per second on average, if tasks take no time."""
    if rate <= 0:
        raise ValueError(f"poisson needs a rate of more than 0 per second, not {rate}")
    return lambda instance: expovariate(rate)
