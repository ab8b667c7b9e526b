"""Outputs of a run: everything that is told what was measured, in one list.

    open (files made; what cannot be written ends the program) ─ begin ─ … the test … ─ finish (once, in order)

To add an output, write a class with these three methods and a row in `OUTPUTS`. One output that fails never takes
another with it: its error is logged and the rest go on.
"""

from __future__ import annotations

import logging
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import gevent

from gregaria import _engine, log, stats
from gregaria.locustfile import complain

from .verdict import verdict

logger = logging.getLogger("locust.main")


@dataclass(frozen=True)
class Outcome:
    """How a run ended, for outputs."""

    exit_code: int
    interrupted: bool = False
    """By a signal that wanted the end at once: users may still be running."""


class Output(Protocol):
    """Somebody who is told about the run."""

    name: str
    """For messages: "the CSV files"."""

    def open(self) -> None:
        """Before anything runs: take hold of what is written to. OSError ends the program with its reason."""

    def begin(self) -> None:
        """The test is about to start: greenlets that follow it may be spawned."""

    def finish(self, outcome: Outcome) -> None:
        """The test is over, its figures are final: write the rest, and close."""


Maker = Callable[[Any, Namespace], Output | None]


class Outputs:
    """The outputs of one run."""

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._open = list(outputs)

    def find(self, kind: type) -> Any:
        """The first output of this class, or None."""
        return next((output for output in self._open if isinstance(output, kind)), None)

    def open(self) -> None:
        """Open all, or say which cannot be opened and exit."""
        for output in self._open:
            try:
                output.open()
            except OSError as error:
                where = f" '{error.filename}'" if error.filename else ""
                complain(f"gregaria: error: cannot write {output.name}{where}: {error.strerror or error}")

    def begin(self) -> None:
        """Tell all that the test is about to start."""
        for output in self._open:
            output.begin()

    def finish(self, outcome: Outcome) -> None:
        """Tell all that it is over; a second call finds nobody left."""
        while self._open:
            output = self._open.pop(0)
            try:
                output.finish(outcome)
            except Exception as error:
                reason = getattr(error, "strerror", None) or str(error)
                logger.error("Could not write %s: %s", output.name, reason, exc_info=not isinstance(error, OSError))


def follow(function: Callable[..., object], *args: Any) -> gevent.Greenlet[..., Any]:
    """A greenlet beside the test, whose death is logged."""
    greenlet = gevent.spawn(function, *args)
    greenlet.link_exception(log.greenlet_exception_logger(logger))
    return greenlet


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

    def finish(self, _outcome: Outcome) -> None:
        """Print everything."""
        if self._printer is not None:
            self._printer.kill(block=False)
        measured = self._runner.stats
        stats.print_stats(measured, current=False)
        stats.print_percentile_stats(measured)
        stats.print_error_report(measured)
        print_aborted()
        stats.console_logger.info("%s\n", verdict(_engine.engine_stats()))


def print_aborted() -> None:
    """Say how many requests are in no table, if there are any."""
    engine = _engine.engine_stats()
    aborted = int(engine["aborted"] + engine["in_flight"])
    if aborted:
        stats.console_logger.info(
            "Not in these tables: %d request%s aborted before the answer came, as the user was stopped or gave up\n",
            aborted,
            "" if aborted == 1 else "s",
        )


class CsvFiles:
    """Locust's four CSV files, kept up to date during the test."""

    name = "the CSV file"

    def __init__(self, environment: Any, options: Namespace) -> None:
        self.writer: Any = None
        self._environment = environment
        self._options = options

    def open(self) -> None:
        """Make folders and files."""
        prefix, full_history = self._options.csv_prefix, self._options.stats_history_enabled
        try:
            Path(prefix).parent.mkdir(parents=True, exist_ok=True)
            self.writer = stats.StatsCSVFileWriter(self._environment, stats.PERCENTILES_TO_REPORT, prefix, full_history)
        except OSError as error:
            error.filename = error.filename or f"{prefix}_stats.csv"
            raise

    def begin(self) -> None:
        """Write once a second."""
        follow(self.writer.stats_writer)

    def finish(self, _outcome: Outcome) -> None:
        """Write the last state."""
        self.writer.close_files()


class FileAtEnd:
    """Base of outputs that are one file, written when the figures are final."""

    name = "the file"

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def open(self) -> None:
        """Make the folders, and see that the file can be written; what is in it stays until the end."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.open("a", encoding="utf-8").close()

    def begin(self) -> None:
        """Nothing happens during the test."""

    def finish(self, outcome: Outcome) -> None:
        """Write it."""
        self.path.write_text(self.text(outcome), encoding="utf-8")

    def text(self, outcome: Outcome) -> str:
        """The whole content."""
        raise NotImplementedError


class JsonFile(FileAtEnd):
    """Locust's JSON in a file whose name ends in .json, whatever was asked for."""

    name = "the JSON file"

    def __init__(self, environment: Any, options: Namespace) -> None:
        super().__init__(f"{options.json_file}.json")
        self._stats = environment.stats

    def text(self, _outcome: Outcome) -> str:
        """All entries."""
        return stats.stats_as_json(self._stats)


class JsonPrinted:
    """Locust's JSON on standard output."""

    name = "JSON to standard output"

    def __init__(self, environment: Any, _options: Namespace) -> None:
        self._stats = environment.stats

    def open(self) -> None:
        """Standard output is open."""

    def begin(self) -> None:
        """Nothing happens during the test."""

    def finish(self, _outcome: Outcome) -> None:
        """Print all entries."""
        stats.print_stats_json(self._stats)


def _if(option: str, make: Callable[[Any, Namespace], Output]) -> Maker:
    """A maker that makes an output only if that option is set."""
    return lambda environment, options: make(environment, options) if getattr(options, option) else None


OUTPUTS: tuple[Maker, ...] = (
    Tables,
    _if("csv_prefix", CsvFiles),
    _if("json", JsonPrinted),
    _if("json_file", JsonFile),
)
"""Makers of all outputs there are, in the order in which they finish; None where the options do not ask for one."""


def outputs_of(environment: Any, options: Namespace) -> Outputs:
    """The outputs that the options ask for, not opened yet. The environment has its runner."""
    made = (make(environment, options) for make in OUTPUTS)
    return Outputs([output for output in made if output is not None])
