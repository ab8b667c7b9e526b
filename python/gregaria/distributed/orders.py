"""What a master sends with its orders to spawn users, and how long it waits for them to be carried out."""

from __future__ import annotations

import json
import os
import re
import time
from typing import TYPE_CHECKING, Any

from .. import runners

if TYPE_CHECKING:
    from ..env import Environment

REPORT_WAIT = re.compile(r"(\d+(?:\.\d+)?) *\* *WORKER_REPORT_INTERVAL")


class Orders:
    """Orders of one master: each is later than the one before and says to which run it belongs."""

    def __init__(self) -> None:
        self._run = 0
        self._last = 0.0

    def begin_run(self) -> int:
        """A number for a new run; no other run has it, nor one of another master."""
        self._run = max(self._run + 1, time.time_ns() // 1_000)
        return self._run

    def order(self, environment: Environment) -> dict[str, Any]:
        """All that is in an order but the users."""
        # Workers discard what is not later than the last one, and clocks are set back.
        self._last = max(time.time(), self._last + 1e-6)
        options = environment.parsed_options
        return {
            "timestamp": self._last,
            "host": environment.host,
            "stop_timeout": environment.stop_timeout,
            "parsed_options": _sendable(vars(options)) if options else {},
            "gregaria_run": self._run,
        }


def _sendable(options: dict[str, Any]) -> dict[str, Any]:
    """The options without those whose values cannot be sent; a worker has its own for these."""
    plain = (str, int, float, bool, bytes, list, tuple, dict, type(None))
    return {name: value for name, value in options.items() if isinstance(value, plain)}


def total(users: dict[str, dict[str, int]]) -> dict[str, int]:
    """Users by class over all workers."""
    together: dict[str, int] = {}
    for counts in users.values():
        for name, count in counts.items():
            together[name] = together.get(name, 0) + count
    return together


def for_log(counts: dict[str, int]) -> str:
    """Users by class as log lines give them."""
    return f"{json.dumps(dict(sorted(counts.items())))} ({sum(counts.values())} total users)"


def wait_for_reports_s() -> float:
    """Seconds that the workers get, after a ramp, to say that they have their users."""
    wanted = os.getenv("LOCUST_WAIT_FOR_WORKERS_REPORT_AFTER_RAMP_UP")
    if wanted is None:
        return 1.0
    if match := REPORT_WAIT.fullmatch(wanted.strip()):
        return float(match[1]) * runners.WORKER_REPORT_INTERVAL
    return max(float(wanted), 0.0)
