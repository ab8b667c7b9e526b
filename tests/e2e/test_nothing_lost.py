"""What the statistics say against what the server counted: nothing measured is lost, nothing counted twice, also when a
run is stopped in the middle, by a signal or by its time."""

import re
import signal
import subprocess
from pathlib import Path

import pytest

from support.runs import Run, run
from support.server import TestServer

LOCUSTFILE = """
from locust import HttpUser, constant, task

class Visitor(HttpUser):
    wait_time = constant(0.02)

    @task(3)
    def quick(self):
        self.client.get("/status/200")

    @task
    def slow(self):
        self.client.get("/delay/100")

    @task
    def failing(self):
        self.client.get("/status/500")
"""

STUCK = """
from locust import HttpUser, task

class Visitor(HttpUser):
    @task
    def stuck(self):
        self.client.get("/delay/60000")
"""


@pytest.fixture
def locustfile(tmp_path: Path) -> Path:
    path = tmp_path / "locustfile.py"
    path.write_text(LOCUSTFILE, encoding="utf-8")
    return path


def started(command: list[str], arguments: list[str], folder: Path) -> subprocess.Popen[str]:
    line = [*command, *arguments]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(line, cwd=folder, text=True, **pipes)  # type: ignore[call-overload, no-any-return]


def finished(process: subprocess.Popen[str], folder: Path) -> Run:
    stdout, stderr = process.communicate(timeout=30)
    return Run(list(process.args), process.returncode, stdout, stderr, folder / "out")  # type: ignore[arg-type]


def options(locustfile: Path, url: str, more: str) -> list[str]:
    return ["-f", str(locustfile), "-H", url, "--headless", "--only-summary", "--csv", "out", *more.split()]


def totals_of_table(stderr: str) -> tuple[int, int]:
    line = next(line for line in stderr.splitlines() if line.strip().startswith("Aggregated"))
    found = re.match(r"\s+Aggregated\s+(\d+)\s+(\d+)\(", line)
    assert found, line
    return int(found[1]), int(found[2])


def test_all_requests_are_reported_when_tasks_may_end(
    gregaria: list[str], own_server: TestServer, locustfile: Path, tmp_path: Path
) -> None:
    done = run(gregaria, options(locustfile, own_server.plain, "-u 20 -r 20 -t 3s --stop-timeout 10"), tmp_path)
    counts = own_server.counts()
    reported = {name: number for (_, name), number in done.requests.items()}
    assert reported == counts["paths"]
    assert totals_of_table(done.stderr) == (counts["requests"], counts["paths"]["/status/500"])
    assert int(done.total["Request Count"]) == counts["requests"]
    assert counts["connections"] == 20


def test_only_requests_cut_off_are_missing_when_tasks_are_killed(
    gregaria: list[str], own_server: TestServer, locustfile: Path, tmp_path: Path
) -> None:
    done = run(gregaria, options(locustfile, own_server.plain, "-u 20 -r 20 -t 3s"), tmp_path)
    missing = own_server.counts()["requests"] - int(done.total["Request Count"])
    assert 0 <= missing <= 20
    assert totals_of_table(done.stderr)[0] == int(done.total["Request Count"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_one_signal_stops_and_prints_the_results(
    gregaria: list[str], own_server: TestServer, locustfile: Path, tmp_path: Path, number: signal.Signals
) -> None:
    process = started(gregaria, options(locustfile, own_server.plain, "-u 5 -r 5 --stop-timeout 10"), tmp_path)
    own_server.counts(requests=100)
    process.send_signal(number)
    done = finished(process, tmp_path)
    counts = own_server.counts()
    assert done.exit_code == 1, "some requests fail, so the exit code is 1"
    assert "Shutting down (exit code 1)" in done.stderr
    assert "Traceback" not in done.stderr
    assert totals_of_table(done.stderr) == (counts["requests"], counts["paths"]["/status/500"])
    assert int(done.total["Request Count"]) == counts["requests"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_second_signal_ends_at_once(
    gregaria: list[str], own_server: TestServer, tmp_path: Path, number: signal.Signals
) -> None:
    stuck = tmp_path / "stuck.py"
    stuck.write_text(STUCK, encoding="utf-8")
    process = started(gregaria, options(stuck, own_server.plain, "-u 2 -r 2 --stop-timeout 300"), tmp_path)
    assert process.stderr is not None
    own_server.counts(requests=2)
    process.send_signal(number)
    for line in process.stderr:
        if "Shutting down" in line:
            break
    process.send_signal(number)
    stderr = finished(process, tmp_path).stderr
    assert "Traceback" not in stderr


def test_a_kept_connection_that_the_server_closed_is_replaced(
    gregaria: list[str], own_server: TestServer, tmp_path: Path
) -> None:
    path = tmp_path / "closing.py"
    path.write_text(LOCUSTFILE.replace("/status/200", "/close-after").replace("/status/500", "/connection-close"))
    done = run(gregaria, options(path, own_server.plain, "-u 5 -r 5 -t 2s --stop-timeout 10"), tmp_path)
    assert done.failures == {}
    assert done.exit_code == 0
    assert int(done.total["Request Count"]) == own_server.counts()["requests"] > 100
