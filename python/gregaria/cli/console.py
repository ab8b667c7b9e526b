"""The console: a live view or tables during the test, and at its end the tables of the whole test and the verdicts."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gregaria import stats

from . import live
from .output import follow
from .verdict import Outcome, threshold_lines

if TYPE_CHECKING:
    from .thresholds import Thresholds


class Tables:
    """The tables on the console: again and again during the test, and all of them with the verdict at its end."""

    name = "the tables"

    def __init__(self, environment: Any, options: Namespace) -> None:
        self.thresholds: Thresholds | None = None
        """Shown in the live view."""
        self._environment = environment
        self._options = options
        self._runner = environment.runner
        self._live: live.Live | None = None
        self._periodic = not options.only_summary and (options.headless or options.print_stats)
        self._printer: Any = None

    def open(self) -> None:
        """The console is open."""

    def begin(self) -> None:
        """Begin with the live view, or print every two seconds."""
        if live.wanted(self._options):
            self._live = live.Live(self._environment, self._options, self.thresholds)
        elif self._periodic:
            self._printer = follow(stats.stats_printer(self._runner.stats))

    def finish(self, outcome: Outcome) -> None:
        """Print everything."""
        if self._printer is not None:
            self._printer.kill(block=False)
        if self._live is not None:
            self._live.close()
        measured = self._runner.stats
        stats.print_stats(measured, current=False)
        stats.print_percentile_stats(measured)
        stats.print_error_report(measured)
        print_aborted(self._runner.engine_stats())
        for line in [*threshold_lines(outcome.thresholds), outcome.generator.text, outcome.line, ""]:
            stats.console_logger.info(coloured(line))


def coloured(line: str) -> str:
    """A line of the verdict in the colour of what it says, on a terminal that is to have colours."""
    if live.terminal_size() is None or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb":
        return line
    colours = {"Verdict: PASSED": "1;32", "Verdict: FAILED": "1;31", "FAILED ": "31", "Generator: WAS": "1;31"}
    colour = next((code for start, code in colours.items() if line.startswith(start)), None)
    return f"\x1b[{colour}m{line}\x1b[0m" if colour else line


def print_aborted(engine: Mapping[str, float]) -> None:
    """Say how many requests are in no table, if there are any."""
    aborted = int(engine["aborted"] + engine["in_flight"])
    if aborted:
        stats.console_logger.info(
            "Not in these tables: %d request%s aborted before the answer came, as the user was stopped or gave up\n",
            aborted,
            "" if aborted == 1 else "s",
        )
