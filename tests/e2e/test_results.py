"""The result file and the report through the installed command: what is in them, what cannot be written, what is left
of a run that is killed, and very many names and failure texts."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from support.runs import Run, run
from support.server import REPOSITORY, TestServer, test_server

GREGARIA = [str(Path(sys.executable).with_name("gregaria"))]
SCHEMA = json.loads((REPOSITORY / "docs/result.schema.json").read_text())

LOCUSTFILE = """
from locust import HttpUser, constant, events, task

@events.init_command_line_parser.add_listener
def _(parser):
    parser.add_argument("--api-token", default="very secret")

class Visitor(HttpUser):
    wait_time = constant(0.02)

    @task
    def visit(self):
        self.client.get("/status/200", name="/fine")
        self.client.get("/status/500", name="/<script>alert(1)</script>")
        if self.environment.runner.user_count < 0:
            raise ValueError("never")
"""

MANY = """
from itertools import count
from locust import User, constant, task

numbers = count()

class Busy(User):
    wait_time = constant(0)

    @task
    def measure(self):
        for number in (next(numbers) for _ in range(500)):
            error = ValueError(f"no item {number} at 10.0.0.{number % 250}") if number % 3 == 0 else None
            self.environment.events.request.fire(
                request_type="GET",
                name=f"/item/{number}",
                response_time=7,
                response_length=1,
                exception=error,
                context={},
            )
        if number > 60_000:
            self.environment.runner.quit()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[TestServer]:
    with test_server() as running:
        yield running


def checked(path: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(path.read_text())
    jsonschema.validate(result, SCHEMA)
    assert sum(entry["requests"] for entry in result["entries"]) == result["total"]["requests"]
    assert sum(entry["failures"] for entry in result["entries"]) == result["total"]["failures"]
    assert sum(failure["occurrences"] for failure in result["failures"]) == result["total"]["failures"]
    for entry in [*result["entries"], result["total"]]:
        assert sum(entry["histogram"][1::2]) == entry["requests"] - entry["without_time"]
    for history in (result["history"], result["overview"]):
        assert sum(sum(segment["requests"]) for segment in history["total"]) == result["total"]["requests"]
        for series in history["entries"]:
            told = sum(sum(segment["requests"]) for segment in series["segments"])
            assert told == result["entries"][series["entry"]]["requests"]
    return result


def test_a_run_leaves_everything_in_its_result_and_its_report(tmp_path: Path, server: TestServer) -> None:
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE)
    arguments = ["--headless", "-u", "3", "-r", "3", "-t", "2s", "-H", server.plain, "--csv", "out"]
    outputs = ["--result", "deep/result.json", "--html", "report_{u}_{r}_{t}.html", "--fail-if", "rps < 0.5"]
    done = run(GREGARIA, [*arguments, *outputs], tmp_path)
    result = checked(tmp_path / "deep/result.json")
    assert (done.exit_code, result["run"]["exit_code"], result["run"]["state"]) == (1, 1, "finished")
    assert [entry["name"] for entry in result["entries"]] == ["/<script>alert(1)</script>", "/fine"]
    assert result["total"]["requests"] == int(done.total["Request Count"])
    assert result["run"]["users_peak"] == 3
    assert result["settings"]["api_token"] == "(removed)"
    assert result["thresholds"][0]["failed"] is False
    assert result["ratios"]["total"]["Visitor"]["ratio"] == 1
    page = (tmp_path / "report_3_3_2.html").read_text()
    assert "<script>alert(1)" not in page
    assert len(page) < 1_000_000

    subprocess.run([*GREGARIA, "report", "deep/result.json", "-o", "again.html"], cwd=tmp_path, check=True)
    assert (tmp_path / "again.html").read_text() == page


@pytest.mark.parametrize(
    ("option", "path", "reason"),
    [("--result", "/proc/nowhere/r.json", "No such file"), ("--html", "folder", "Is a directory")],
)
def test_what_cannot_be_written_is_said_before_the_run(tmp_path: Path, option: str, path: str, reason: str) -> None:
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE)
    (tmp_path / "folder").mkdir()
    done = run(GREGARIA, ["--headless", "-H", "http://127.0.0.1:9", option, path], tmp_path)
    assert done.exit_code == 1
    assert "gregaria: error: cannot write the result" in done.stderr and reason in done.stderr
    assert "Traceback" not in done.stderr and "Starting" in done.stderr and "spawned" not in done.stderr


def test_a_full_disk_keeps_the_run(tmp_path: Path, server: TestServer) -> None:
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE)
    arguments = ["--headless", "-t", "1s", "-H", server.plain, "--csv", "out", "--html", "report.html"]
    done = run(GREGARIA, [*arguments, "--result", "/dev/full"], tmp_path)
    assert done.exit_code == 1, "for the failed requests"
    assert int(done.total["Request Count"]) > 0 and (tmp_path / "report.html").exists()
    assert "cannot write to '/dev/full': No space left on device" in done.stderr
    assert "The file is missing, or holds an earlier state" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_that_is_killed_leaves_its_last_state(tmp_path: Path, server: TestServer) -> None:
    patched = "from gregaria.cli import results\nresults.SAVE_S = 0.3\n" + LOCUSTFILE
    (tmp_path / "locustfile.py").write_text(patched)
    arguments = ["--headless", "-H", server.plain, "--result", "result.json"]
    process = subprocess.Popen([*GREGARIA, *arguments], cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while not (tmp_path / "result.json").exists() and time.monotonic() < deadline:
            os.sched_yield()
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    result = json.loads((tmp_path / "result.json").read_text())
    jsonschema.validate(result, SCHEMA)
    assert (result["run"]["state"], result["run"]["exit_code"]) == ("running", None)
    assert result["total"]["requests"] > 0


def many(tmp_path: Path, *more: str) -> Run:
    (tmp_path / "locustfile.py").write_text(MANY)
    arguments = ["--headless", "-u", "1", "--only-summary", "--csv", "out", "--result", "result.json"]
    return run(GREGARIA, [*arguments, *more], tmp_path)


def test_very_many_names_and_failures_are_bounded_and_add_up(tmp_path: Path) -> None:
    done = many(tmp_path, "--max-names", "100")
    result = checked(tmp_path / "result.json")
    assert len(result["entries"]) == 101
    other = next(entry for entry in result["entries"] if entry["name"] == "(other names)")
    assert other["requests"] == result["total"]["requests"] - 100 == result["generator"]["other_names"]
    assert result["total"]["requests"] > 60_000
    assert done.stderr.count("More than 100 different names") == 1
    assert 'name="/item/{n}"' in done.stderr
    texts = {failure["error"] for failure in result["failures"]}
    assert "ValueError('no item {n} at {n}.{n}.{n}.{n}')" in texts
    assert len(texts) < 300
    assert done.requests[("", "(other names)")] == other["requests"]


BROKEN = ["", "Type,Name\n", "[]", '{"format": "gregaria-result", "version": 99}', '{"format":"gregaria-result","ver']


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_result_file_is_an_error_and_no_traceback(tmp_path: Path, content: str) -> None:
    (tmp_path / "r.json").write_text(content)
    done = run(GREGARIA, ["report", "r.json", "-o", "report.html"], tmp_path)
    assert done.exit_code == 2
    assert done.stderr.startswith("gregaria: error: 'r.json' ") and done.stderr.count("\n") == 1
    assert not (tmp_path / "report.html").exists()
