"""The whole command beside Locust's, as processes: exit codes, signals, log lines, CSV and JSON of one locustfile."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

LOCUSTFILE = """
import itertools, logging, os, sys
from locust import User, constant, events, task

FAIL = os.environ.get("FAIL", "")

@events.test_start.add_listener
def _(**kwargs):
    if "listener" in FAIL:
        raise ValueError("a listener that fails")

@events.quitting.add_listener
def _(environment, **kwargs):
    if FAIL == "own":
        environment.process_exit_code = 42

@events.init.add_listener
def _(**kwargs):
    if FAIL == "init":
        raise ValueError("an init listener that fails")

class Plain(User):
    wait_time = constant(9)
    numbers = itertools.count()

    def on_start(self):
        logging.getLogger("mine").info("a line of the locustfile's")
        logging.debug("quiet")
        print("printed", flush=True)

    @task
    def work(self):
        for name, ms, length, error in (
            ("/a", 1.5, 7, None), ("/a", 120.0, 8, None), ("/a,b", 2.25, 0, ValueError('no "way"')),
            ("/none", None, 5, None), ("/big", 65432.1, 10**7, None),
        ):
            if error is None or "requests" in FAIL:
                self.environment.events.request.fire(
                    request_type="GET", name=name, response_time=ms, response_length=length, exception=error,
                    context={})
        print("READY", flush=True)
        if FAIL == "task":
            raise KeyError("in a task")
        if FAIL == "exit":
            sys.exit(9)
"""


@dataclass
class Done:
    """What a run left."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def lines(self) -> list[str]:
        """Log lines as level, logger and message, of those that both have; names and figures of the tester are cut."""
        found = re.findall(r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] \S+?/(\w+)/(\S+): (.*)$", self.err, re.MULTILINE)
        return [f"{level} {logger}: {re.sub('(Locust|Gregaria) [0-9.]+', 'X', text)}" for level, logger, text in found]

    def rows(self, name: str) -> list[list[str]]:
        with open(self.folder / f"out_{name}.csv", newline="", encoding="utf-8") as file:
            return list(csv.reader(file))


Pair = Callable[..., tuple[Done, Done]]


@pytest.fixture
def both(gregaria: list[str], locust: list[str], tmp_path: Path) -> Pair:
    """Run the locustfile with these options under both, at the same time; with a signal once it is ready."""

    def run(*options: str, kill: int | None = None, **variables: str) -> tuple[Done, Done]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("LOCUST_", "GREGARIA_"))}
        running = []
        for tester in (locust, gregaria):
            folder = tmp_path / Path(tester[0]).name
            folder.mkdir(exist_ok=True)
            (folder / "locustfile.py").write_text(LOCUSTFILE)
            command = [*tester, "--headless", "--only-summary", *options]
            process = subprocess.Popen(
                command, cwd=folder, env=clean | variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            running.append((process, folder))
        done = []
        for process, folder in running:
            first = ""
            if kill is not None:
                assert process.stdout is not None
                for line in process.stdout:
                    first += line
                    if "READY" in line:
                        break
                process.send_signal(kill)
            out, err = process.communicate(timeout=60)
            done.append(Done(process.returncode, first + out, err, folder))
        return done[0], done[1]

    return run


@pytest.mark.parametrize(
    ("fail", "options"),
    [
        ("", []),
        ("requests", []),
        ("requests", ["--exit-code-on-error", "5"]),
        ("task", []),
        ("listener", []),
        ("listener requests", []),
        ("listener requests", ["--exit-code-on-error", "0"]),
        ("init", []),
        ("own", []),
    ],
)
def test_exit_codes(both: Pair, fail: str, options: list[str]) -> None:
    theirs, ours = both("-t", "1", *options, FAIL=fail)
    assert ours.code == theirs.code, ours.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("fail", ["", "requests"])
def test_signals(both: Pair, number: signal.Signals, fail: str) -> None:
    theirs, ours = both(kill=number, FAIL=fail)
    assert ours.code == theirs.code, ours.err
    last = f"INFO locust.main: Shutting down (exit code {ours.code})"
    assert last in theirs.lines and last in ours.lines
    assert "Response time percentiles (approximated)" in ours.err


@pytest.mark.parametrize("options", [["-f", "no.py"], ["--nonsense"], ["-t", "x"], ["Nobody"], ["--csv-full-history"]])
def test_what_cannot_be_run(both: Pair, options: list[str]) -> None:
    theirs, ours = both(*options)
    assert ours.code == theirs.code != 0
    assert ours.out == theirs.out == ""


def test_log_lines_and_prints(both: Pair) -> None:
    theirs, ours = both("-t", "1")
    assert ours.lines == theirs.lines
    assert "INFO mine: a line of the locustfile's" in ours.lines
    assert ours.out == theirs.out == "printed\nREADY\n"


def test_a_log_file_and_a_level(both: Pair) -> None:
    theirs, ours = both("-t", "1", "--logfile", "deep/er/run.log", "-L", "warning")
    for done in (theirs, ours):
        assert (done.folder / "deep/er/run.log").read_text() == ""
        assert done.lines == [] and "Response time percentiles" in done.err
    theirs, ours = both("-t", "1", "--logfile", "run.log")
    for done in (theirs, ours):
        assert "locust.main: Shutting down (exit code 0)" in (done.folder / "run.log").read_text()
        assert done.lines == []


def test_without_a_log_setup(both: Pair) -> None:
    theirs, ours = both("-t", "1", "--skip-log-setup")
    assert ours.err == theirs.err == ""
    assert ours.out == theirs.out


def shape(cell: str) -> str:
    """A cell with its figures replaced by what they look like to a parser."""
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", cell):
        return "time"
    if re.fullmatch(r"\d+\.\d{6}", cell):
        return "six decimals"
    return re.sub(r"\d+\.\d+(e[+-]\d+)?", "float", cell)


EXACT = slice(0, 9)
"""Columns of the requests file that do not depend on the time: names, counts, response times, sizes."""


@pytest.mark.parametrize("full", [[], ["--csv-full-history"]])
def test_csv(both: Pair, full: list[str]) -> None:
    theirs, ours = both("-t", "6", "--csv", "out", *full, FAIL="requests")
    for name in ("stats", "stats_history", "failures", "exceptions"):
        assert ours.rows(name)[0] == theirs.rows(name)[0]
        raw = (ours.folder / f"out_{name}.csv").read_bytes(), (theirs.folder / f"out_{name}.csv").read_bytes()
        assert all(content.count(b"\n") == content.count(b"\r\n") for content in raw)
    left, right = theirs.rows("stats"), ours.rows("stats")
    assert [row[EXACT] for row in right] == [row[EXACT] for row in left]
    assert [[shape(cell) for cell in row[9:11]] for row in right] == [
        [shape(cell) for cell in row[9:11]] for row in left
    ]
    assert [row[11:] for row in rounded(right)] == [row[11:] for row in rounded(left)]
    failures = [sorted([*map(shape, row)] for row in done.rows("failures")) for done in (theirs, ours)]
    assert failures[0] == failures[1]
    rounds = [last_round(done.rows("stats_history")[1:]) for done in (theirs, ours)]
    assert [row[:4] for row in rounds[0]] == [row[:4] for row in rounds[1]]
    if not full:
        assert [row[15:] for row in rounds[0]] == [row[15:] for row in rounds[1]]


def last_round(history: list[list[str]]) -> list[list[str]]:
    """The shapes of the last row of each name, from its type on, in the order of the last time they were written."""
    latest: dict[str, list[str]] = {}
    for row in history:
        latest.pop(row[3], None)
        latest[row[3]] = [*map(shape, row[2:])]
    return list(latest.values())


def rounded(rows: list[list[str]]) -> list[list[str]]:
    """Percentiles to the two digits that Locust keeps."""
    return [[f"{float(cell):.1e}" if re.fullmatch(r"\d+", cell) else cell for cell in row] for row in rows]


def test_json(both: Pair) -> None:
    theirs, ours = both("-t", "1", "--json", "--skip-log-setup")
    left, right = (json.loads(done.out[done.out.index("[") :]) for done in (theirs, ours))
    assert right == [like(row, seen) for row, seen in zip(left, right, strict=True)]
    layouts = [re.sub(r"\d+\.\d+|\d{9,}", "n", done.out[done.out.index("[") :]) for done in (theirs, ours)]
    assert layouts[0] == layouts[1]
    theirs, ours = both("-t", "1", "--json-file", "deep/er/result")
    left, right = (json.loads((done.folder / "deep/er/result.json").read_text()) for done in (theirs, ours))
    assert right == [like(row, seen) for row, seen in zip(left, right, strict=True)]


def like(row: dict[str, Any], seen: dict[str, Any]) -> dict[str, Any]:
    """Locust's entry with our times in it; its keys in their order, which == does not look at."""
    assert list(row) == list(seen)
    times = ("start_time", "last_request_timestamp", "num_reqs_per_sec", "num_fail_per_sec")
    assert all(type(row[key]) is type(seen[key]) for key in times)
    return {key: seen[key] if key in times else value for key, value in row.items()}
