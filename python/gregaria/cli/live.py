"""The live view: when there is one, and what it is told. What it looks like is in `crates/sinks/src/live`.

It takes the place of the tables that are printed again and again, on a terminal and with `--headless` only; logs and
prints scroll above it as they are.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import gevent

from gregaria import _engine

from .output import follow
from .verdict import generator

if TYPE_CHECKING:
    from .thresholds import Thresholds

INTERVAL_S = 1.0


def wanted(options: Namespace) -> bool:
    """Whether the options and the terminal are for a live view rather than for tables."""
    if options.gregaria_plain or options.only_summary or options.print_stats or not options.headless:
        return False
    size = terminal_size()
    return size is not None and os.environ.get("TERM", "dumb") != "dumb" and _engine.LiveView.fits(*size)


def terminal_size() -> tuple[int, int] | None:
    """Columns and rows of the terminal behind standard error; None if there is none."""
    try:
        if not sys.stderr.isatty():
            return None
        columns, rows = os.get_terminal_size(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):
        return None
    return columns, rows


class Live:
    """A live view of a runner's test."""

    def __init__(self, environment: Any, options: Namespace, thresholds: Thresholds | None) -> None:
        self._runner = environment.runner
        self._run_time_s = options.run_time
        self._thresholds = thresholds
        host = environment.host or ""
        self._title = " · ".join(part for part in (environment.locustfile or "", host) if part)
        self._view = _engine.LiveView(environment.stats, os.ttyname(sys.stderr.fileno()))
        self._health = _Health(self._runner.engine_stats)
        self._started = time.monotonic()
        self._follower = follow(self._follow)
        atexit.register(self.close)

    def _follow(self) -> None:
        while True:
            size = terminal_size()
            if size is not None:
                self._view.show(self._facts(), *size)
            gevent.sleep(INTERVAL_S)

    def _facts(self) -> dict[str, Any]:
        text, is_limit = self._health.now()
        cpu = self._runner.current_cpu_usage
        thresholds = self._thresholds.live() if self._thresholds else []
        return {
            "title": self._title,
            "state": self._runner.state,
            "elapsed_s": int(time.monotonic() - self._started),
            "run_time_s": self._run_time_s,
            "users": self._runner.user_count,
            "target_users": self._runner.target_user_count,
            "generator": f"{text}, CPU {cpu:.0f}%" if cpu else text,
            "generator_is_limit": is_limit,
            "thresholds": [(row["condition"], row["outcome"] == "failed", row["value"]) for row in thresholds],
        }

    def close(self) -> None:
        """Give the terminal back; a second call does nothing."""
        self._follower.kill(block=False)
        self._view.close()


class _Health:
    """How the generator did since the last look."""

    def __init__(self, engine_stats: Callable[[], Mapping[str, float]]) -> None:
        self._engine_stats = engine_stats
        self._before = engine_stats()

    def now(self) -> tuple[str, bool]:
        """A few words, and whether it was the limit."""
        counted = self._engine_stats()
        since = {name: value - self._before.get(name, 0) for name, value in counted.items()}
        self._before = counted
        if not since["completed"]:
            return "no answers in the last second", False
        wait_ms = since["queued_seconds_total"] / since["completed"] * 1000
        is_limit = generator({**since, "queued_seconds_max": 0.0}).was_limit
        return f"{'IS THE LIMIT' if is_limit else 'keeps up'}, answers wait {wait_ms:.2f} ms for Python", is_limit
