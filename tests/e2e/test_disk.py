"""Every output of a run on a disk that is full, and at a place that cannot be written: the first keeps the run and
says what is missing, the second is found before anything starts."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from gregaria_command.options import OPTIONS
from support.runs import Run, run

LOCUSTFILE = """
from locust import User, constant, task

class Worker(User):
    wait_time = constant(0.05)

    @task
    def work(self):
        self.environment.events.request.fire(
            request_type="GET", name="/", response_time=5, response_length=7, exception=None, context={})
"""
OUTPUTS = {
    "--csv": "out",
    "--html": "out.html",
    "--result": "out.json",
    "--json-file": "out",
    "--junit": "out.xml",
    "--summary-md": "out.md",
    "--summary": "out.txt",
    "--logfile": "out.log",
}
"""Options that make the program write a file, with a name for it."""
GREGARIA = [str(Path(sys.executable).with_name("gregaria"))]


def start(folder: Path, *options: str) -> Run:
    (folder / "locustfile.py").write_text(LOCUSTFILE)
    return run(GREGARIA, ["--headless", "--only-summary", "-t", "1s", *options], folder)


def test_no_output_is_forgotten() -> None:
    paths = {option.name for option in OPTIONS if option.kind == "path" and not option.is_removed}
    reading = {"--tls-cert", "--tls-key", "--build-path", "--run-store"}
    assert paths - reading <= OUTPUTS.keys(), "a new output wants to be tested here"


@pytest.mark.parametrize("option", OUTPUTS)
def test_a_place_that_cannot_be_written(tmp_path: Path, option: str) -> None:
    (tmp_path / "file").touch()
    done = start(tmp_path, option, f"file/{OUTPUTS[option]}")
    assert done.exit_code in (1, 2), done.stderr
    said = done.stderr.strip().splitlines()[-1]
    assert re.search(r"cannot (write|create).*file", said), done.stderr
    assert "Ramping" not in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("option", OUTPUTS)
def test_a_full_disk(tmp_path: Path, option: str) -> None:
    """The file is there and can be opened, and then nothing more fits."""
    ending = {"--csv": "_stats_history.csv", "--json-file": ".json"}.get(option, "")
    (tmp_path / f"{OUTPUTS[option]}{ending}").symlink_to("/dev/full")
    done = start(tmp_path, option, OUTPUTS[option])
    assert "Traceback" not in done.stderr
    assert "No space left on device" in done.stderr, done.stderr
    if option == "--logfile":  # whose lines are not lost, and whose reason is told once
        assert done.stderr.count("cannot write the log file") == 1 and "Starting Gregaria" in done.stderr
    if option != "--csv":  # which writes its heading before the run, and so finds it out then
        assert done.exit_code == 0 and int(done_requests(done)) > 0


def done_requests(done: Run) -> str:
    found = re.search(r"Aggregated +(\d+)", done.stdout + done.stderr)
    assert found, done.stderr
    return found[1]
