"""The thresholds of a run: where they come from, when the engine looks at them, and when the test ends over them.

    options, config, locustfile ─> judge ─ test_start ─ tick every second ─ test_stopping: the clock stops ─ verdicts

What a threshold means is in `crates/stats/src/thresholds`; this neither parses nor computes.
"""

from __future__ import annotations

import logging
import sys
import time
from argparse import Namespace
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import gevent

from gregaria import _engine, log
from gregaria.locustfile import EXIT_USAGE, complain

if TYPE_CHECKING:
    from .verdict import ThresholdVerdict

logger = logging.getLogger("locust.main")

INTERVAL_S = 1.0
IN_LOCUSTFILES = "gregaria_fail_if"
"""A list of conditions of this name in a locustfile counts like --fail-if."""


class Thresholds:
    """Judges one environment's tests. Costs nothing without a threshold."""

    name = "the thresholds"

    def __init__(self, environment: Any, options: Namespace, conditions: Iterable[str]) -> None:
        self._environment = environment
        self._abort = bool(options.gregaria_abort_on_fail)
        self._stopping_at: float | None = None
        self._ticker: gevent.Greenlet[..., Any] | None = None
        self.judge = _engine.ThresholdJudge(environment.stats, list(conditions), options.gregaria_warm_up)
        if len(self.judge):
            environment.events.test_start.add_listener(self._on_start)
            environment.events.test_stopping.add_listener(self._on_stopping)

    def _on_start(self, **_kwargs: Any) -> None:
        self._stopping_at = None
        self.judge.start(time.time())
        if self._ticker is None:
            self._ticker = gevent.spawn(self._follow)
            self._ticker.link_exception(log.greenlet_exception_logger(logger))

    def _on_stopping(self, **_kwargs: Any) -> None:
        self._stopping_at = time.time()
        ticker, self._ticker = self._ticker, None
        if ticker is not None:
            ticker.kill(block=False)

    def _follow(self) -> None:
        while True:
            gevent.sleep(INTERVAL_S)
            if self._stopping_at is not None:
                return
            failed = self.judge.tick(time.time())
            if failed and self._abort:
                logger.error("Ending the test, as a threshold has failed: %s", failed)
                self._stopping_at = time.time()
                gevent.spawn(self._environment.runner.stop_or_quit)

    def verdicts(self) -> list[ThresholdVerdict]:
        """How it stands now, or stood when the test was stopped."""
        if len(self.judge):
            self.judge.finish(self._stopping_at or time.time())
        return cast("list[ThresholdVerdict]", self.judge.verdicts())

    @property
    def failed(self) -> bool:
        """Whether a threshold has failed, or could not be judged."""
        return any(row["outcome"] != "passed" for row in self.verdicts())

    def live(self) -> list[ThresholdVerdict]:
        """How it stood at the last look, for those who show it meanwhile."""
        return cast("list[ThresholdVerdict]", self.judge.verdicts())


def conditions_of(options: Namespace, locustfiles: Iterable[str]) -> list[str]:
    """Those of the options, then those of the locustfiles, which have been imported."""
    return [*(options.gregaria_fail_if or ()), *(each for name in locustfiles for each in _in_module(name))]


def _in_module(path: str) -> list[str]:
    found = next((vars(module) for module in list(sys.modules.values()) if _file_of(module) == path), {})
    conditions = found.get(IN_LOCUSTFILES, [])
    conditions = [conditions] if isinstance(conditions, str) else conditions
    if not isinstance(conditions, list | tuple) or not all(isinstance(each, str) for each in conditions):
        complain(f"gregaria: error: {IN_LOCUSTFILES} in '{path}' is not a list of conditions, but {conditions!r}")
    return list(conditions)


def _file_of(module: Any) -> str | None:
    return getattr(module, "__file__", None)


def thresholds_of(environment: Any, options: Namespace, locustfiles: Iterable[str]) -> Thresholds:
    """The thresholds of a run; one in a locustfile that cannot be understood ends the program."""
    try:
        # What workers measure is judged where it comes together.
        return Thresholds(environment, options, [] if options.worker else conditions_of(options, locustfiles))
    except ValueError as error:
        complain(f"gregaria: error: {IN_LOCUSTFILES}: {error}", EXIT_USAGE)
