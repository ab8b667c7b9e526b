"""What results cost: statistics, history and CSV with 10,000 names, the report of an hour of them, a long soak, and how
fast the command answers `--help`.

Knows no targets (verdict.py).
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import measure
import tools
from tools import HTTP, OURS

Row = dict[str, Any]

TOLD = (
    "all_percent",
    "longest_hold_ms",
    "snapshot_cpu_ms",
    "snapshot_ms",
    "report_s",
    "page_kb",
    "resident_mb_by_hour",
)
"""Figures that a line of progress tells."""
EXAMPLE = tools.PROJECT / "target/release/examples/results_cost"


def build() -> None:
    """What the rows of this file run; done before anything is measured."""
    command = [
        "cargo",
        "build",
        "--release",
        "--locked",
        "--quiet",
        "-p",
        "gregaria-sinks",
        "--example",
        "results_cost",
    ]
    subprocess.run(command, cwd=tools.PROJECT, check=True)


def _simulated(*arguments: str) -> Row:
    measure.wait_until_quiet()
    done = subprocess.run([str(EXAMPLE), *arguments], capture_output=True, text=True, check=True)
    figures: Row = json.loads(done.stdout)
    return figures


def many_names() -> Iterator[Row]:
    """50,000 samples a second over 10,000 names, 40 simulated seconds: shares of a core, and times on the hub."""
    for name, more in (("stats 10k", ()), ("stats 10k, full history", ("full",))):
        yield {"scenario": name, "tool": OURS, **_simulated("cost", *more)}


def report_of_an_hour() -> Iterator[Row]:
    """The report of an hour with 10,000 names, by the command: seconds and bytes."""
    with tempfile.TemporaryDirectory() as folder:
        result, page = Path(folder) / "result.json", Path(folder) / "report.html"
        figures = _simulated("result", str(result))
        measure.wait_until_quiet()
        began = time.monotonic()
        subprocess.run([tools.GREGARIA, "report", str(result), "-o", str(page)], check=True)
        took = time.monotonic() - began
        yield {"scenario": "report 10k", "tool": OURS, **figures, "wall_s": took, "page_kb": page.stat().st_size / 1e3}


def soak() -> Iterator[Row]:
    """Ten simulated hours with ever new names and failure texts: memory by the hour."""
    yield {"scenario": "soak", "tool": OURS, **_simulated("soak")}


def help_text(runs: int) -> Iterator[Row]:
    """`--help` of both commands."""
    for tool, program in ((OURS, tools.GREGARIA), (HTTP, tools.LOCUST)):
        measure.wait_until_quiet()
        done = [measure.run(measure.Job([program, "--help"], 5)) for _ in range(runs)]
        wall = median(run.wall_s for run in done)
        yield {"scenario": "--help", "tool": tool, "wall_s": wall, "code": max(run.code for run in done)}
