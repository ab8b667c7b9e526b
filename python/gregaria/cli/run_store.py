"""The history of runs (`--run-store`) as an output: every test that has ended is kept in the project's store.

    open (a store that cannot be used costs the history, not the run) ─ … test_stop: measured, kept … ─ finish

With the web UI every test of the process is kept; without it the one there is, with its exit code, if asked for.
"""

from __future__ import annotations

import logging
import os
import time
from argparse import Namespace
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import gevent

from gregaria import _engine, log
from gregaria.following import follow

from .results import about_run, exceptions
from .verdict import Outcome, ThresholdVerdict

logger = logging.getLogger("locust.main")

OFF = "off"
KEEPING_TAKES_S = 60.0


class KeptRuns:
    """The history of the project's runs."""

    name = "the history of runs"

    def __init__(self, environment: Any, options: Namespace) -> None:
        self._environment = environment
        self._options = options
        self._keeping: list[gevent.Greenlet[..., Any]] = []
        self.store: _engine.RunStore | None = None
        self.kept = 0
        """How many runs of this process are in the store."""
        self.thresholds: Callable[[], Iterable[ThresholdVerdict]] = tuple
        """How it stands with the thresholds; the command sets it."""

    def open(self) -> None:
        """Open the store, or say why there is no history."""
        folder = self._options.gregaria_run_store or default_folder()
        try:
            self.store = _engine.RunStore(folder, project(self._environment))
        except RuntimeError as error:
            # Nobody has asked for it on a machine or in a container that has no place for it.
            level = logging.WARNING if self._options.gregaria_run_store else logging.INFO
            logger.log(level, "Runs are not kept: %s", error)

    def begin(self) -> None:
        """Keep series, and every test of a web UI when it has ended."""
        if self.store is not None:
            follow(self._environment)
            if not self._options.headless:
                self._environment.events.test_stop.add_listener(self._on_test_stop)

    def _on_test_stop(self, environment: Any, **_kwargs: Any) -> None:
        self._keep(about_run(environment, self._options, "finished", thresholds=self.thresholds()))

    def _keep(self, about: str) -> None:
        environment = self._environment
        if self.store is None or not environment.stats.num_requests:
            return
        # The last second too, with the users that there were until the end.
        users = sum(environment.runner.final_user_classes_count.values())
        environment.stats.close_history(time.time() + 1, users)
        measured = _engine.MeasuredRun(environment.stats, about, exceptions(environment))
        greenlet = gevent.spawn(self._write, self.store, measured)
        greenlet.link_exception(log.greenlet_exception_logger(logger))
        self._keeping = [other for other in self._keeping if not other.dead] + [greenlet]

    def _write(self, store: _engine.RunStore, measured: _engine.MeasuredRun) -> None:
        try:
            gevent.get_hub().threadpool.apply(store.add, (measured,))
            self.kept += 1
        except RuntimeError as error:
            logger.error("This run is not kept: %s", error)

    def finish(self, outcome: Outcome) -> None:
        """Keep the run of a process without a web UI, and wait until all are kept."""
        if self._options.headless:
            state = "interrupted" if outcome.interrupted else "finished"
            self._keep(about_run(self._environment, self._options, state, outcome))
        if len(gevent.joinall(self._keeping, timeout=KEEPING_TAKES_S)) < len(self._keeping):
            logger.error("The store of runs has not taken the last run in %g s; it is not kept", KEEPING_TAKES_S)


def default_folder() -> Path:
    """Where the data of this user's programs is at home."""
    base = os.environ.get("XDG_DATA_HOME") or ""
    # The standard wants relative ones to be ignored.
    return (Path(base) if Path(base).is_absolute() else Path("~/.local/share").expanduser()) / "gregaria"


def project(environment: Any) -> str:
    """Runs of locustfiles in one folder belong together."""
    files = environment.parsed_locustfiles or ["."]
    first = Path(files[0])
    return str((first if first.is_dir() else first.parent).resolve())


def keeps_runs(options: Namespace) -> bool:
    """Whether the options ask for a history: with a web UI unless told otherwise, without one only if told."""
    folder: str | None = options.gregaria_run_store
    return folder != OFF and (folder is not None or not options.headless)
