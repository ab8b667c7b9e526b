"""What the hub tells the web server: the state of the run, as `crates/web/src/messages.rs` describes it.

Parts that seldom change (exceptions, ratios) are only told when they did. Costs microseconds, not milliseconds.
"""

from __future__ import annotations

import json
import logging
import time
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from gregaria import _engine, log, stats, tasks_begun
from gregaria.distributed.in_flight import of_this_process
from gregaria.following import follow
from gregaria.user.inspectuser import get_ratio

from .generator import GeneratorWatch
from .ratios import actual, planned

if TYPE_CHECKING:
    from gregaria.cli.verdict import ThresholdVerdict

    from . import WebUI

logger = logging.getLogger("locust.web")

SHOWN = 500
"""Rows and failures of `/stats/requests`, as in Locust."""

ACTUAL_EVERY_S = 2.0
"""Ratios as they came about are told at most this often."""


class Teller:
    """Puts the state together, and remembers what was told."""

    def __init__(self, web_ui: WebUI) -> None:
        self._web_ui = web_ui
        self._environment = web_ui.environment
        self._generator = GeneratorWatch()
        self._exceptions: tuple[int, int] | None = None
        self._ratios: tuple[Any, ...] | None = None
        self._actual: dict[str, Any] = {}
        self._actual_at = -ACTUAL_EVERY_S
        self._most_recent_users: dict[str, int] = {}
        self._log_position = 0
        self._marks: list[dict[str, Any]] = []
        self._run = 0
        self._was_idle = True
        self._was_paused = False
        self.ended: float | None = None
        """When the last test ended; None while one runs."""
        events = web_ui.environment.events
        events.test_start.add_listener(self._on_test_start)
        events.test_stop.add_listener(self._on_test_stop)

    def _on_test_start(self, environment: Any, **_kwargs: Any) -> None:
        self._run += 1
        self.ended = None
        tasks_begun.forget(self._environment.runner)
        follow(self._environment)
        self.mark("start", f"Run #{self._run}")

    def _on_test_stop(self, environment: Any, **_kwargs: Any) -> None:
        self.ended = time.time()
        self.mark("stop", f"Run #{self._run}")

    def mark(self, kind: str, text: str = "") -> None:
        """Something happened that the charts shall show."""
        self._marks.append({"time": time.time(), "kind": kind, "text": text})

    def tell(self, engine: _engine.WebServer, everything: bool = False) -> None:
        """Hand the state over; put off if the server is behind, unless `everything` is to be told."""
        runner = self._environment.runner
        if runner is None or not (everything or engine.wants_tick):
            return
        state = runner.state
        idle = state in ("ready", "stopped")
        status = self._status(runner, state)
        if engine.is_watched:
            status["in_flight"] = self._in_flight(runner)
        if runner.paused != self._was_paused:
            self._was_paused = runner.paused
            if not idle:
                self.mark("pause" if runner.paused else "resume")
        marks, self._marks = self._marks, []
        engine.tick(
            runner.stats,
            json.dumps(status, default=str),
            everything=everything or (idle and not self._was_idle),
            exceptions=self._changed_exceptions(runner),
            ratios=self._changed_ratios(runner, idle, engine.is_watched),
            logs=self._new_logs(),
            marks=json.dumps(marks) if marks else None,
        )
        self._was_idle = idle

    def _status(self, runner: Any, state: str) -> dict[str, Any]:
        environment = self._environment
        shape = environment.shape_class
        return {
            "state": state,
            "paused": runner.paused,
            "user_count": runner.user_count,
            "target_user_count": runner.target_user_count,
            "users_by_class": list(runner.user_classes_count.items()),
            "host": str(environment.host or ""),
            "shape": type(shape).__name__ if shape else None,
            "profile": environment.profile,
            "run": self._run,
            "started": runner.stats.start_time if state != "ready" else None,
            "ends": runner.clock.ends,
            "is_distributed": hasattr(runner, "clients"),
            "workers": [row | {"lag_ms": worker.lag_ms} for row, worker in _workers(runner)],
            "generator": self._generator.look(runner),
            "thresholds": [_threshold(each) for each in self._web_ui.thresholds()],
            "kept_runs": self._web_ui.kept_runs.kept if self._web_ui.kept_runs is not None else 0,
        }

    def _in_flight(self, runner: Any) -> list[dict[str, Any]]:
        if hasattr(runner, "clients"):
            found = [(node, *row) for node, row in runner.in_flight()]
        else:
            found = [("", *row) for row in of_this_process(runner)]
        return [
            dict(zip(("node", "method", "name", "user_class", "phase", "age_seconds"), each, strict=True))
            for each in found
        ]

    def _changed_exceptions(self, runner: Any) -> str | None:
        exceptions = runner.exceptions
        now = (id(exceptions), sum(row["count"] for row in exceptions.values()))
        if now == self._exceptions:
            return None
        self._exceptions = now
        return json.dumps(exception_rows(runner))

    def _changed_ratios(self, runner: Any, idle: bool, is_watched: bool) -> str | None:
        classes, counts = self._environment.user_classes, runner.user_classes_count
        users = (tuple(counts.items()), runner.target_user_count)
        now = (users, tuple(map(id, classes)), tuple(len(user_class.tasks) for user_class in classes))
        changed = now != self._ratios
        if changed or idle or time.monotonic() - self._actual_at >= ACTUAL_EVERY_S:
            if runner.state in ("spawning", "running"):
                self._most_recent_users = dict(counts)
            before, self._actual = self._actual, actual(classes, self._most_recent_users, _begun(runner, is_watched))
            self._actual_at = time.monotonic()
            changed = changed or self._actual != before
        if not changed:
            return None
        self._ratios = now
        plan = planned(classes, runner.target_user_count)
        return json.dumps({**ratios(self._environment), "planned": plan, "actual": self._actual})

    def _new_logs(self) -> list[str]:
        lines, self._log_position = log.logs_since(self._log_position)
        return lines


def _begun(runner: Any, is_watched: bool) -> tasks_begun.Begun:
    if not hasattr(runner, "clients"):
        return tasks_begun.of_this_process(runner.user_classes)
    if is_watched:
        runner.ask_for_tasks_begun()
    return cast("tasks_begun.Begun", runner.tasks_begun())


def _threshold(verdict: ThresholdVerdict) -> dict[str, str]:
    states = {"passed": "pass", "failed": "fail", "no data": "unknown"}
    return {"text": verdict["condition"], "state": states[verdict["outcome"]], "value": verdict["value"] or ""}


def exception_rows(runner: Any) -> list[dict[str, Any]]:
    """The exceptions as `/exceptions` shows them."""
    rows = runner.exceptions.values() if runner is not None else ()
    return [
        {
            "count": row["count"],
            "msg": str(row["msg"]),
            "traceback": str(row["traceback"]),
            "nodes": ", ".join(row["nodes"]),
        }
        for row in rows
    ]


def ratios(environment: Any) -> dict[str, Any]:
    """Both tables of ratios, of the users that run."""
    runner = environment.runner
    spawned = runner.user_classes_count if runner is not None else {}
    return {
        "per_class": get_ratio(environment.user_classes, spawned, False),
        "total": get_ratio(environment.user_classes, spawned, True),
    }


def workers(runner: Any) -> list[dict[str, Any]]:
    """The workers of a master, as `/stats/requests` shows them; none in a local run."""
    return [row for row, _worker in _workers(runner)]


def _workers(runner: Any) -> list[tuple[dict[str, Any], Any]]:
    clients = getattr(runner, "clients", None)
    shown = ("id", "state", "user_count", "cpu_usage", "memory_usage")
    return [({key: getattr(worker, key) for key in shown}, worker) for worker in (clients.values() if clients else ())]


def request_figures(environment: Any) -> dict[str, Any]:
    """`/stats/requests` as the server itself would answer."""
    runner = environment.runner
    if runner is None:
        return {"stats": [], "errors": [], "state": "missing", "user_count": 0, "fail_ratio": 0.0}
    measured = runner.stats
    rows = [row.to_dict() for row in islice(stats.sort_stats(measured.entries), SHOWN)]
    total = measured.total.to_dict()
    percentiles = {
        f"response_time_percentile_{percentile}": measured.total.get_current_response_time_percentile(percentile)
        for percentile in stats.PERCENTILES_TO_CHART
    }
    figures = {
        "stats": [*rows, total],
        "errors": [error.serialize() for error in islice(measured.errors.values(), SHOWN)],
        "fail_ratio": measured.total.fail_ratio,
        "current_response_time_percentiles": percentiles,
        "state": runner.state,
        "user_count": runner.user_count,
    }
    figures |= {key: total[key] for key in ("current_rps", "current_fail_per_sec", "total_rps", "total_fail_per_sec")}
    if runner.paused:
        figures["paused"] = True
    if found := workers(runner):
        figures |= {"workers": found, "worker_count": len(found)}
    return figures
