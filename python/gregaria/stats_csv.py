"""Locust's CSV files: their columns and rows, and who writes them when.

The engine writes the files of a plain `StatsCSVFileWriter`, in a thread of its own. A subclass is written from Python,
row by row, so that whatever it overrides or changes is what is written.
"""

from __future__ import annotations

import csv
import logging
import time
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING, Any, Protocol

import gevent

from ._engine import CsvWriter, StatsError, percentile_labels
from .util.date import format_utc_timestamp

if TYPE_CHECKING:
    from ._engine import StatsEntry
    from .env import Environment

logger = logging.getLogger("locust.stats")

Cell = str | int | float


class CSVWriter(Protocol):
    """What `csv.writer` gives."""

    @abstractmethod
    def writerow(self, columns: Iterable[Cell], /) -> Any:
        """Write one row."""


def _constant(name: str) -> Any:
    from . import stats

    return getattr(stats, name)


class StatsCSV:
    """Rows of statistics, for whatever takes rows."""

    def __init__(self, environment: Environment, percentiles_to_report: list[float]) -> None:
        self.environment = environment
        self.percentiles_to_report = percentiles_to_report
        self.percentiles_na = ["N/A"] * len(percentiles_to_report)
        labels = percentile_labels(percentiles_to_report)
        about_times = ["Median Response Time", "Average Response Time", "Min Response Time", "Max Response Time"]
        self.requests_csv_columns = ["Type", "Name", "Request Count", "Failure Count", *about_times]
        self.requests_csv_columns += ["Average Content Size", "Requests/s", "Failures/s", *labels]
        self.failures_columns = ["Method", "Name", "Error", "Occurrences", "First Seen", "Last Seen"]
        self.exceptions_columns = ["Count", "Message", "Traceback", "Nodes"]

    def _entries(self, each: bool = True) -> list[StatsEntry]:
        stats = self.environment.stats
        named = sorted(stats.entries.items(), key=lambda item: item[0]) if each else []
        return [*(entry for _key, entry in named), stats.total]

    def _percentile_fields(self, stats_entry: StatsEntry, use_current: bool = False) -> Sequence[Cell]:
        if not stats_entry.num_requests:
            return self.percentiles_na
        if use_current and stats_entry.use_response_times_cache:
            value: Any = stats_entry.get_current_response_time_percentile
        else:
            value = stats_entry.get_response_time_percentile
        return [int(value(percentile) or 0) for percentile in self.percentiles_to_report]

    def _counts_and_times(self, entry: StatsEntry) -> list[Cell]:
        counts = [entry.num_requests, entry.num_failures]
        shortest = entry.min_response_time or 0
        times = [entry.median_response_time, entry.avg_response_time, shortest, entry.max_response_time]
        return [*counts, *times, entry.avg_content_length]

    def requests_csv(self, csv_writer: CSVWriter) -> None:
        """The table of requests with its header."""
        csv_writer.writerow(self.requests_csv_columns)
        self._requests_data_rows(csv_writer)

    def _requests_data_rows(self, csv_writer: CSVWriter) -> None:
        for entry in self._entries():
            rates = [entry.total_rps, entry.total_fail_per_sec]
            whose = [entry.method, entry.name]
            csv_writer.writerow([*whose, *self._counts_and_times(entry), *rates, *self._percentile_fields(entry)])

    def failures_csv(self, csv_writer: CSVWriter) -> None:
        """The table of failures with its header."""
        csv_writer.writerow(self.failures_columns)
        self._failures_data_rows(csv_writer)

    def _failures_data_rows(self, csv_writer: CSVWriter) -> None:
        for error in self.environment.stats.errors.values():
            seen = [error.first_seen, error.last_seen]
            dates = ["" if at is None else format_utc_timestamp(at) for at in seen]
            text = StatsError.parse_error(error.error)
            csv_writer.writerow([error.method, error.name, text, error.occurrences, *dates])

    def exceptions_csv(self, csv_writer: CSVWriter) -> None:
        """The table of exceptions with its header."""
        csv_writer.writerow(self.exceptions_columns)
        self._exceptions_data_rows(csv_writer)

    def _exceptions_data_rows(self, csv_writer: CSVWriter) -> None:
        for row in self._exceptions():
            csv_writer.writerow(row)

    def _exceptions(self) -> list[tuple[int, str, str, str]]:
        runner = self.environment.runner
        if runner is None:
            return []
        return [
            (row["count"], str(row["msg"]), str(row["traceback"]), ", ".join(sorted(row["nodes"])))
            for row in runner.exceptions.values()
        ]

    def _user_count(self) -> int:
        runner = self.environment.runner
        return runner.user_count if runner is not None else 0

    def close_files(self) -> None:
        """There are no files here."""


class StatsCSVFileWriter(StatsCSV):
    """The four CSV files of a run. Creating it creates the files, or raises OSError."""

    def __init__(
        self,
        environment: Environment,
        percentiles_to_report: list[float],
        base_filepath: str,
        full_history: bool = False,
    ) -> None:
        super().__init__(environment, percentiles_to_report)
        self.base_filepath = base_filepath
        self.full_history = full_history
        self.stats_history_csv_columns = ["Timestamp", "User Count", "Type", "Name", "Requests/s", "Failures/s"]
        self.stats_history_csv_columns += percentile_labels(percentiles_to_report)
        self.stats_history_csv_columns += [f"Total {name}" for name in self.requests_csv_columns[2:9]]
        self._engine: CsvWriter | None = None
        self._files: list[IO[str]] | None = None
        if type(self) is StatsCSVFileWriter:
            self._engine = CsvWriter(environment.stats, base_filepath, full_history, list(percentiles_to_report))
        else:
            self._open_files()

    def _open_files(self) -> None:
        files = self._files = []
        for name in ("requests", "stats_history", "failures", "exceptions"):
            path = self.stats_history_file_name() if name == "stats_history" else self._path_of(name)
            file = open(path, "w", newline="", encoding="utf-8")  # noqa: SIM115  closed by close_files
            files.append(file)
            setattr(self, f"{name}_csv_filehandle", file)
            setattr(self, f"{name}_csv_writer", csv.writer(file))

    def _path_of(self, name: str) -> str:
        return f"{self.base_filepath}_{'stats' if name == 'requests' else name}.csv"

    def __call__(self) -> None:
        self.stats_writer()

    def stats_history_file_name(self) -> str:
        """Path of the history file."""
        return f"{self.base_filepath}_stats_history.csv"

    def stats_writer(self) -> None:
        """For a greenlet: write the figures again and again, until the files are closed."""
        if self._engine is None:
            self._write_from_python()
            return
        while not self._engine.closed:
            self._engine.tick(time.time(), self._user_count(), self._exceptions())
            while error := self._engine.take_error():
                self._complain(error)
            gevent.sleep(_constant("CSV_STATS_INTERVAL_SEC"))

    def _write_from_python(self) -> None:
        writers: Any = self
        writers.stats_history_csv_writer.writerow(self.stats_history_csv_columns)
        flushed = 0.0
        while self._files:
            now = time.time()
            self._rewrite(now)
            if now - flushed > _constant("CSV_STATS_FLUSH_INTERVAL_SEC"):
                self._flush()
                flushed = now
            gevent.sleep(_constant("CSV_STATS_INTERVAL_SEC"))

    def _rewrite(self, now: float) -> None:
        writers: Any = self
        for name, write in (
            ("requests", self.requests_csv),
            ("failures", self.failures_csv),
            ("exceptions", self.exceptions_csv),
        ):
            file: IO[str] = getattr(writers, f"{name}_csv_filehandle")
            file.seek(0)
            write(getattr(writers, f"{name}_csv_writer"))
            file.truncate()
        self._stats_history_data_rows(writers.stats_history_csv_writer, now)

    def _stats_history_data_rows(self, csv_writer: CSVWriter, now: float) -> None:
        """A row of the present figures; with `full_history` one for each entry before it."""
        for entry in self._entries(each=self.full_history):
            rates = [f"{entry.current_rps:2f}", f"{entry.current_fail_per_sec:2f}"]
            whose: list[Cell] = [int(now), self._user_count(), entry.method or "", entry.name]
            percentiles = self._percentile_fields(entry, use_current=self.full_history)
            csv_writer.writerow([*whose, *rates, *percentiles, *self._counts_and_times(entry)])

    def _flush(self) -> None:
        self.requests_flush()
        self.stats_history_flush()
        self.failures_flush()
        self.exceptions_flush()

    def requests_flush(self) -> None:
        """Have the table of requests on disk; the engine writes through anyway, and so for the others."""
        self._flush_file("requests")

    def stats_history_flush(self) -> None:
        """Have the history on disk."""
        self._flush_file("stats_history")

    def failures_flush(self) -> None:
        """Have the table of failures on disk."""
        self._flush_file("failures")

    def exceptions_flush(self) -> None:
        """Have the table of exceptions on disk."""
        self._flush_file("exceptions")

    def _flush_file(self, name: str) -> None:
        if self._files:
            getattr(self, f"{name}_csv_filehandle").flush()

    def close_files(self) -> None:
        """Write the final figures and close the files."""
        if self._engine is not None:
            for error in self._engine.close(time.time(), self._user_count(), self._exceptions()):
                self._complain(error)
        elif self._files:
            self._rewrite(time.time())
            files, self._files = self._files, None
            for file in files:
                file.close()

    def _complain(self, error: str) -> None:
        logger.error("%s. The test is not affected, but the CSV files may be incomplete.", error)
