"""What people and CI systems get to read, as a whole: help, final tables with their verdicts, summaries. Figures that
depend on the machine are replaced by #."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gregaria_command import manual
from gregaria_command.help import render
from support.runs import Run, run
from support.snapshots import check

LOCUSTFILE = """
from locust import User, constant, task

class Buyer(User):
    wait_time = constant(60)

    @task
    def buy(self):
        for number in range(1, 101):
            error = ValueError("sold out | <b>") if number % 25 == 0 else None
            self.environment.events.request.fire(
                request_type="GET", name="/item" if number % 2 else "/basket", response_time=number, response_length=10,
                exception=error, context={})
        self.environment.runner.quit()
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    folder = tmp_path_factory.mktemp("snapshots")
    (folder / "locustfile.py").write_text(LOCUSTFILE)
    command = [str(Path(sys.executable).with_name("gregaria"))]
    conditions = ["--fail-if", "p95 > 90ms", "--fail-if", "p50(/basket) > 90ms", "--fail-if", "p99(/none) > 1s"]
    files = ["--junit", "junit.xml", "--summary-md", "summary.md", "--summary", "summary.txt"]
    return folder, run(command, ["--headless", "--only-summary", *conditions, *files], folder)


def settled(text: str) -> str:
    """Without what time and machine make of it."""
    text = re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d([.,]\d+)?Z?", "#", text)
    text = re.sub(r"answers waited .*? at most", "answers waited #", text)
    text = re.sub(r'(time|hostname)="[^"]*"', r'\1="#"', text)
    text = re.sub(r"\b\d+\.\d\d requests/s", "# requests/s", text)
    # The rates at the end of a row of a table.
    text = re.sub(r"(?m)^((?:GET|[ ]+)\s.*\|) +[\d.]+ +[\d.]+$", r"\1 # #", text)
    return re.sub(r"(?m)\| [\d.]+ \|$", "| # |", text)


def test_the_help() -> None:
    check("help.txt", render(100, False))
    check("help-narrow.txt", render(60, False))


def test_the_manual_page() -> None:
    check("gregaria.1", manual.page())


def test_the_end_of_a_run(done: tuple[Path, Run]) -> None:
    folder, finished = done
    assert finished.exit_code == 3
    for name in ("summary.txt", "summary.md", "junit.xml"):
        check(name, settled((folder / name).read_text()))


def test_the_help_of_compare() -> None:
    command = [str(Path(sys.executable).with_name("gregaria")), "compare", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env={"COLUMNS": "100"})
    check("help-compare.txt", told.stdout)
