"""How the generator itself is doing, now and over the whole process, in figures and in words."""

from __future__ import annotations

import os
import time
from typing import Any

from gregaria import _engine
from gregaria.cli.verdict import LIMIT_LATE_SHARE, LIMIT_MEAN_WAIT_S, generator
from gregaria.usage import memory_bytes

_LOOK_BACK_S = 5.0


class GeneratorWatch:
    """Compares the engine's counters with those of a few seconds ago."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, float, dict[str, float]]] = []

    def look(self, runner: Any) -> dict[str, Any]:
        """The figures of this moment."""
        engine = dict(runner.engine_stats() if runner is not None else _engine.engine_stats())
        now, used = time.monotonic(), sum(os.times()[:2])
        self._seen.append((now, used, engine))
        while len(self._seen) > 2 and now - self._seen[1][0] >= _LOOK_BACK_S:
            self._seen.pop(0)
        began, used_before, before = self._seen[0]
        answers = engine["completed"] - before["completed"]
        wait_s = (engine["queued_seconds_total"] - before["queued_seconds_total"]) / answers if answers else 0.0
        late = (engine["late_answers"] - before["late_answers"]) / answers if answers else 0.0
        cpu = (used - used_before) / (now - began) * 100 if now > began else 0.0
        level, words = _judged(wait_s, late, cpu, answers)
        overall = generator(engine)
        return {
            "level": level,
            "verdict": words,
            "overall": overall.text,
            "overall_limit": overall.was_limit,
            "cpu_percent": round(cpu, 1),
            "memory_bytes": memory_bytes(),
            "in_flight": int(engine["in_flight"]),
            "started": int(engine["started"]),
            "completed": int(engine["completed"]),
            "aborted": int(engine["aborted"]),
            "wait_ms": round(wait_s * 1000, 3),
            "wait_max_ms": round(engine["queued_seconds_max"] * 1000, 3),
            "late_share": round(late, 4),
        }


def _judged(wait_s: float, late: float, cpu: float, answers: float) -> tuple[str, str]:
    if not answers:
        return "ok", "The generator makes no requests at the moment"
    waits = f"answers wait {wait_s * 1000:.2f} ms for Python on average"
    if wait_s >= LIMIT_MEAN_WAIT_S or late >= LIMIT_LATE_SHARE:
        return (
            "limit",
            f"The generator is the limit: {waits}, {late:.1%} longer than 50 ms. Response times are right, but users "
            "go on later than they should: let tasks do less work, or share the users out over more machines",
        )
    if cpu > 90:
        return "warning", f"The generator keeps up, but is near its limit: {waits}, {cpu:.0f} % of a core in use"
    return "ok", f"The generator keeps up: {waits}"
