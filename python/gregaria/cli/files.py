"""Locust's files: CSV, kept up to date during the test, and JSON at its end."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from gregaria import stats

from .output import FileAtEnd, follow
from .verdict import Outcome


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
