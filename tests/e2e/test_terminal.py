"""What a person sees: the live view on a terminal, plain text everywhere else."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
from pathlib import Path

import pytest

LOCUSTFILE = """
import itertools
from locust import User, constant, task

class Plain(User):
    wait_time = constant(0.01)
    numbers = itertools.count()

    @task
    def work(self):
        if next(self.numbers) == 20:
            print("a print of the user's", flush=True)
        self.environment.events.request.fire(
            request_type="GET", name="/a", response_time=5, response_length=7,
            exception=ValueError("no") if next(self.numbers) == 31 else None, context={})
"""
REGION, WHOLE = "\x1b[1;26r", "\x1b[r"


def on_a_terminal(command: list[str], folder: Path, rows: int = 40, columns: int = 100, **variables: str) -> str:
    """What a terminal of that size is sent by a run."""
    (folder / "locustfile.py").write_text(LOCUSTFILE)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm"}
    process = subprocess.Popen(
        command, cwd=folder, env=environment | variables, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    sent = b""
    while True:
        # gevent closes the other end only when its loop runs, which it does while this waits
        select.select([ours], [], [], 60)
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        sent += part
    os.close(ours)
    process.wait(timeout=30)
    return sent.decode()


def test_the_live_view_stays_at_the_foot_and_leaves_a_whole_terminal(gregaria: list[str], tmp_path: Path) -> None:
    command = [*gregaria, "--headless", "-u", "2", "-r", "9", "-t", "3", "--fail-if", "p95 > 1ms"]
    sent = on_a_terminal(command, tmp_path)
    assert sent.count(REGION) == 1
    before, after = sent.split(WHOLE)
    for text in ("locustfile.py", "req/s", "GET /a", "ValueError('no')", "p95 > 1ms (5.00 ms)", "of 0:03"):
        assert text in before, text
    assert "a print of the user's\r\n" in before
    assert "failures/s" not in before
    assert "Response time percentiles" in after
    assert "\x1b[1;31mVerdict: FAILED (1 of 1 thresholds; 1 failed request)\x1b[0m" in after
    # every painting puts the cursor back where others write
    assert before.count("\x1b7") == before.count("\x1b8") + 1


@pytest.mark.parametrize(
    ("options", "rows", "variables"),
    [
        (["--plain"], 40, {}),
        (["--print-stats"], 40, {}),
        ([], 15, {}),
        ([], 40, {"TERM": "dumb"}),
    ],
)
def test_tables_in_place_of_the_live_view(
    gregaria: list[str], tmp_path: Path, options: list[str], rows: int, variables: dict[str, str]
) -> None:
    sent = on_a_terminal([*gregaria, "--headless", "-t", "1", *options], tmp_path, rows, **variables)
    assert "\x1b[1;" not in sent.split("Response time")[0]
    assert sent.count("failures/s") >= 2


def test_no_colour_if_it_is_not_wanted(gregaria: list[str], tmp_path: Path) -> None:
    sent = on_a_terminal([*gregaria, "--headless", "-t", "2"], tmp_path, NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9][0-9;]*m", sent)
    assert "\r\nVerdict: FAILED (1 failed request)\r\n" in sent


def test_pipes_are_plain(gregaria: list[str], tmp_path: Path) -> None:
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE)
    done = subprocess.run(
        [*gregaria, "--headless", "-t", "1"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert "\x1b" not in done.stdout + done.stderr
    assert done.stdout == "a print of the user's\n"
    assert done.stderr.count("failures/s") >= 2
