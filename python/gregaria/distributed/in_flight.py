"""Requests without an answer: of this process, and on a master those of its workers, asked while somebody looks.

A worker answers with what it sees; the master shows each worker's last answer, and asks anew at every look.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import Any

from gregaria import _engine

IN_FLIGHT = "gregaria_in_flight"
"""The kind of both messages."""
OLDEST = 100
"""Requests that are told of."""
FRESH_S = 5.0
"""An answer that is older is not shown: the worker is busy, or gone."""

Row = tuple[str, str, str, str, float]
"""Method, path or URL, class of the user, phase, age in seconds."""


def of_this_process(runner: Any) -> list[Row]:
    """The oldest of them."""
    return _engine.in_flight(runner.stats, runner.user_greenlets, str(runner.environment.host or ""), OLDEST)


class AnswersOfWorkers:
    """What each worker has said last."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[float, list[Row]]] = {}

    def take(self, worker: str, said: Any) -> None:
        """A worker has answered; what is no answer is passed over."""
        try:
            rows = [
                (str(method), str(name), str(user_class), str(phase), float(age))
                for method, name, user_class, phase, age in said
            ]
        except (TypeError, ValueError):
            return
        self._said[worker] = (time.monotonic(), [row for row in rows if math.isfinite(row[4])])

    def oldest(self, workers: Iterable[str]) -> list[tuple[str, Row]]:
        """The oldest on these workers, each with its worker."""
        now = time.monotonic()
        self._said = {worker: self._said[worker] for worker in workers if worker in self._said}
        rows = [
            (worker, (*row[:4], row[4] + now - at))
            for worker, (at, said) in self._said.items()
            if now - at <= FRESH_S
            for row in said
        ]
        return sorted(rows, key=lambda row: -row[1][4])[:OLDEST]
