"""The result file (`--result`) and the report (`--html`) as outputs: what only Python knows, and when to write.

    open (can they be written?) ─ begin ─ every ten seconds: the present state ─ finish: the final one

A run that is killed leaves the last state behind. What was measured goes from the engine to the file without Python.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import socket
import time
from argparse import Namespace
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import gevent

import gregaria
from gregaria import _engine, log
from gregaria.following import follow, user_count
from gregaria.user.inspectuser import get_ratio
from gregaria_command.options import OPTIONS

from .verdict import Outcome, ThresholdVerdict, generator

logger = logging.getLogger("locust.main")

SAVE_S = 10.0
"""Seconds between two states of the result file."""
SAVE_SHARE = 0.02
"""Less often, so that saving takes at most this share of the time of one processor."""
SECRET_WORDS = ("password", "passwd", "secret", "token", "credential", "api_key", "apikey", "private", "read_only")
"""What marks the name of an option whose value is nobody's business."""
REMOVED = "(removed)"


class ResultFiles:
    """The result file and the report of a run."""

    name = "the result"

    def __init__(self, environment: Any, options: Namespace) -> None:
        self._environment = environment
        self._options = options
        self._result = options.gregaria_result_file
        self._report = file_name(options.html_file, options) if options.html_file else None
        self._writer: Any = None
        self._saver: gevent.Greenlet[..., Any] | None = None

    def open(self) -> None:
        """See that both can be written."""
        self._writer = _engine.ResultWriter(self._environment.stats, self._result, self._report)

    def begin(self) -> None:
        """Keep series, and write the present state now and then."""
        follow(self._environment)
        if self._result:
            self._saver = gevent.spawn(self._save)
            self._saver.link_exception(log.greenlet_exception_logger(logger))

    def finish(self, outcome: Outcome) -> None:
        """Write the final state."""
        if self._saver is not None:
            self._saver.kill(block=False)
        stats = self._environment.stats
        stats.close_history(time.time() + 1, user_count(self._environment))
        state = "interrupted" if outcome.interrupted else "finished"
        about = about_run(self._environment, self._options, state, outcome)
        for error in self._writer.close(about, exceptions(self._environment)):
            logger.error("%s. The file is missing, or holds an earlier state of this run.", error)

    def _save(self) -> None:
        pause = SAVE_S
        while True:
            gevent.sleep(pause)
            self._writer.save(about_run(self._environment, self._options, "running"), exceptions(self._environment))
            while (saved := self._writer.saved()) is None:
                gevent.sleep(0.2)
            seconds, error = saved
            pause = max(SAVE_S, seconds / SAVE_SHARE)
            if error:
                logger.error("%s. The test goes on; the result file is not up to date.", error)


def file_name(template: str, options: Namespace) -> str:
    """The report's file name: {u}, {r} and {t} stand for users, spawn rate and run time, where those are given."""
    for mark, value in (("{u}", options.num_users), ("{r}", options.spawn_rate), ("{t}", options.run_time)):
        if value is not None:
            template = template.replace(mark, str(int(value)) if float(value).is_integer() else str(value))
    return template


def exceptions(environment: Any) -> list[tuple[int, str, str, str]]:
    """What tasks raised, as the engine takes it."""
    if environment.runner is None:
        return []
    return [
        (row["count"], str(row["msg"]), str(row["traceback"]), ", ".join(sorted(row["nodes"])))
        for row in environment.runner.exceptions.values()
    ]


def about_run(
    environment: Any,
    options: Namespace,
    state: str,
    outcome: Outcome | None = None,
    thresholds: Iterable[ThresholdVerdict] = (),
) -> str:
    """JSON of what the engine does not know about a run. `thresholds` are for a run without an outcome yet."""
    shape = environment.shape_class
    about = {
        "run": {
            "state": state,
            "exit_code": outcome.exit_code if outcome else None,
            "locustfiles": [Path(path).name for path in environment.parsed_locustfiles or ()],
            "user_classes": [user_class.__name__ for user_class in environment.user_classes],
            "shape_class": type(shape).__name__ if shape else None,
            "host": _host(environment),
            "profile": environment.profile,
        },
        "environment": {
            "gregaria": gregaria.__version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "hostname": socket.gethostname(),
            "cpus": len(os.sched_getaffinity(0)),
        },
        "settings": settings(options),
        "ratios": _ratios(environment),
        "marks": [{"at": at, "text": text} for at, text in getattr(environment.runner, "marks", ())],
        "thresholds": [_threshold(threshold) for threshold in (outcome.thresholds if outcome else thresholds)],
        "generator": _generator(environment.runner.engine_stats() if environment.runner else _engine.engine_stats()),
    }
    return json.dumps(about)


def settings(options: Namespace) -> dict[str, Any]:
    """The options of a run by the names they have on the command line, secrets left out."""
    names = {option.dest: option.name.lstrip("-") for option in OPTIONS}
    secrets = getattr(options, "_secret_names", ())
    return {
        names.get(dest, dest): REMOVED if value and _is_secret(dest, secrets) else _plain(value)
        for dest, value in sorted(vars(options).items())
        if not dest.startswith("_") and value not in (None, "", [], False)
    }


def _is_secret(name: str, secrets: Collection[str] = ()) -> bool:
    lowered = name.lower()
    return any(word in lowered for word in SECRET_WORDS) or name in secrets


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): REMOVED if _is_secret(str(key)) else _plain(item) for key, item in value.items()}
    return str(value)


def _host(environment: Any) -> str | None:
    if environment.host:
        return str(environment.host)
    hosts = {user_class.host for user_class in environment.user_classes}
    common = hosts.pop() if len(hosts) == 1 else None
    return str(common) if common else None


def _ratios(environment: Any) -> dict[str, Any] | None:
    runner = environment.runner
    if runner is None:
        return None
    counts = runner.user_classes_count
    if not sum(counts.values()):
        counts = getattr(runner, "final_user_classes_count", None) or counts
    per_class, total = (get_ratio(environment.user_classes, counts, whole) for whole in (False, True))
    return {"per_class": per_class, "total": total}


def _threshold(threshold: ThresholdVerdict) -> dict[str, Any]:
    return {
        "condition": threshold["condition"],
        "failed": threshold["outcome"] == "failed",
        "measured": threshold["value"],
    }


def _generator(engine: Mapping[str, float]) -> dict[str, Any]:
    judged = generator(engine)
    return {
        "was_the_limit": judged.was_limit if engine["completed"] else None,
        "verdict": judged.text,
        "started": int(engine["started"]),
        "completed": int(engine["completed"]),
        "aborted": int(engine["aborted"] + engine["in_flight"]),
        "late_answers": int(engine["late_answers"]),
        "queued_total_s": engine["queued_seconds_total"],
        "queued_max_s": engine["queued_seconds_max"],
    }
