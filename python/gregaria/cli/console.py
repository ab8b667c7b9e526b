"""The console: tables during the test, and at its end the tables of the whole test and the verdicts."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from gregaria import stats

from .output import follow
from .verdict import Outcome, threshold_lines


class Tables:
    """The tables on the console: again and again during the test, and all of them with the verdict at its end."""

    name = "the tables"

    def __init__(self, environment: Any, options: Namespace) -> None:
        self._stats = environment.stats
        self._runner = environment.runner
        self._periodic = not options.only_summary and (options.headless or options.print_stats)
        self._printer: Any = None

    def open(self) -> None:
        """The console is open."""

    def begin(self) -> None:
        """Print every two seconds, if wanted."""
        if self._periodic:
            self._printer = follow(stats.stats_printer(self._runner.stats))

    def finish(self, outcome: Outcome) -> None:
        """Print everything."""
        if self._printer is not None:
            self._printer.kill(block=False)
        measured = self._runner.stats
        stats.print_stats(measured, current=False)
        stats.print_percentile_stats(measured)
        stats.print_error_report(measured)
        print_aborted(self._runner.engine_stats())
        for line in [*threshold_lines(outcome.thresholds), outcome.generator.text, outcome.line, ""]:
            stats.console_logger.info(line)


def print_aborted(engine: Mapping[str, float]) -> None:
    """Say how many requests are in no table, if there are any."""
    aborted = int(engine["aborted"] + engine["in_flight"])
    if aborted:
        stats.console_logger.info(
            "Not in these tables: %d request%s aborted before the answer came, as the user was stopped or gave up\n",
            aborted,
            "" if aborted == 1 else "s",
        )
