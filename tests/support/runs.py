"""One run of a load tester as a process, and reading everything it left: exit code, log, CSV files.

Treats both testers alike; what should be equal between two runs is the tests' business.
"""

import csv
import os
import re
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

CSV_FILES = ("stats", "stats_history", "failures", "exceptions")
Row = dict[str, str]


@dataclass(frozen=True)
class Run:
    """What a finished run left behind; `prefix` is that of its CSV files."""

    command: list[str]
    exit_code: int
    stdout: str
    stderr: str
    prefix: Path = field(default=Path())

    def rows(self, name: str) -> list[Row]:
        with open(f"{self.prefix}_{name}.csv", newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def header(self, name: str) -> str:
        with open(f"{self.prefix}_{name}.csv", newline="", encoding="utf-8") as file:
            return file.readline()

    @cached_property
    def entries(self) -> dict[tuple[str, str], Row]:
        """Rows of the statistics by (Type, Name), without the aggregate."""
        return {(row["Type"], row["Name"]): row for row in self.rows("stats") if row["Name"] != "Aggregated"}

    @cached_property
    def total(self) -> Row:
        return next(row for row in self.rows("stats") if row["Name"] == "Aggregated")

    @property
    def requests(self) -> dict[tuple[str, str], int]:
        return {key: int(row["Request Count"]) for key, row in self.entries.items()}

    @property
    def failures(self) -> dict[tuple[str, str, str], int]:
        rows = self.rows("failures")
        return {(row["Method"], row["Name"], row["Error"]): int(row["Occurrences"]) for row in rows}

    @property
    def spawned(self) -> list[str]:
        """Every "All users spawned" line, from its counts on."""
        return re.findall(r"All users spawned: (.*)", self.stderr)

    @property
    def users_by_second(self) -> list[int]:
        """User counts of the history from the first second with users."""
        counts = {int(row["Timestamp"]): int(row["User Count"]) for row in self.rows("stats_history")}
        seconds = [second for second, users in counts.items() if users]
        if not seconds:
            return []
        filled, users = [], 0
        for second in range(min(seconds), max(counts) + 1):
            users = counts.get(second, users)
            filled.append(users)
        return filled


def run(command: list[str], arguments: list[str], folder: Path, timeout_s: float = 60, **environment: str) -> Run:
    """Runs a tester to its end in `folder`, its CSV files with it if the arguments ask for `--csv out`."""
    folder.mkdir(parents=True, exist_ok=True)
    line = [*command, *arguments]
    done = subprocess.run(
        line,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )
    return Run(line, done.returncode, done.stdout, done.stderr, folder / "out")
