"""`run_single_user`: events, options, what is printed; in processes of their own, as it keeps its environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.server import TestServer

SCRIPT = """
import sys
from gregaria import HttpUser, events, run_single_user, task
from gregaria.exception import StopUser

for name in ("init", "test_start", "test_stop", "quitting", "quit", "spawning_complete"):
    getattr(events, name).add_listener(lambda name=name, environment=None, **more: print(name, more))

class Visitor(HttpUser):
    host = "http://127.0.0.1:9"

    def on_start(self):
        env = self.environment
        print(env.single_user_instance is self, env.runner, env.events is events, env.locustfile, self.host[:17])

    @task
    def work(self):
        self.client.get("/bytes/3", context={"a": 1})
        self.client.post("/status/404", data="p=1", name="gone")
        with self.client.get("/", catch_response=True) as response:
            response.failure("no\\ngood")
        raise StopUser

    def on_stop(self):
        print("on_stop")
"""


def run(tmp_path: Path, more: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "single.py"
    path.write_text(SCRIPT + more, encoding="utf-8")
    command = [sys.executable, str(path), *arguments]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)


def test_everything_that_is_printed(tmp_path: Path, server: TestServer) -> None:
    all_columns = "include_length=True, include_context=True, include_payload=True"
    done = run(tmp_path, f"run_single_user(Visitor, {all_columns})\nrun_single_user(Visitor)\n", "--host", server.plain)
    assert done.returncode == 0, done.stderr
    empty, header, *lines = done.stdout.splitlines()
    assert empty == "" and [cell.strip() for cell in header.split("\t")] == [
        *("type", "name", "resp_ms", "length", "exception", "context", "", "payload", ""),
    ]
    assert lines[:3] == [
        "init {'runner': None, 'web_ui': None}",
        "test_start {}",
        "True None True single.py http://127.0.0.1:",
    ]
    rows = [[cell.strip() for cell in line.split("\t")] for line in lines[3:6]]
    assert [row[:2] + row[3:] for row in rows] == [
        ["GET", "/bytes/3", "3", "", "{'a': 1}", "", ""],
        ["POST", "gone", "11", "HTTPError('404 Client Error: Not Found for url: gone')", "", "p=1", ""],
        ["GET", "/", "27", "no good", "", "", ""],
    ]
    assert all(row[2].isdigit() for row in rows)
    assert lines[6] == "on_stop"
    assert lines[7] == "test_start {}", "init is fired once, test_start by each call, and nothing else"
    assert len(lines) == 7 + 6


def test_times(tmp_path: Path) -> None:
    done = run(tmp_path, "run_single_user(Visitor, include_time=True)\n")
    line = next(line for line in done.stdout.splitlines() if "ConnectionRefusedError(111" in line)
    assert line[4] == "-" and "+00:00\tGET\t" in line


FAILING = """
def fail(user):
    user.turns = getattr(user, "turns", 0) + 1
    if user.turns == 2:
        raise StopUser
    user.bad

Visitor.tasks = [fail]
run_single_user(Visitor)
"""


def test_an_exception_is_logged_with_its_traceback(tmp_path: Path) -> None:
    stderr = run(tmp_path, FAILING).stderr
    assert "AttributeError: 'Visitor' object has no attribute 'bad'" in stderr and "single.py" in stderr


def test_an_init_listener_that_fails_ends_the_process(tmp_path: Path) -> None:
    done = run(tmp_path, "events.init.add_listener(lambda **_: 1 / 0)\nrun_single_user(Visitor)\n")
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr and "True None" not in done.stdout


@pytest.mark.parametrize(("loglevel", "there"), [("'INFO'", True), ("None", False)])
def test_logging_is_set_up_unless_told_otherwise(tmp_path: Path, loglevel: str, there: bool) -> None:
    more = f"import logging\nrun_single_user(Visitor, loglevel={loglevel})\nlogging.info('said')\n"
    assert ("INFO/root: said" in run(tmp_path, more).stderr) is there


def test_wrong_options(tmp_path: Path) -> None:
    done = run(tmp_path, "run_single_user(Visitor)\n", "--bogus")
    assert done.returncode == 2 and "--bogus" in done.stderr


def test_tags(tmp_path: Path) -> None:
    more = (
        "from gregaria import tag\nVisitor.tasks = [tag('x')(lambda user: print('tagged') or stop()), Visitor.work]\n"
    )
    stop = "def stop():\n    raise StopUser\n"
    done = run(tmp_path, more + stop + "run_single_user(Visitor)\n", "--tags", "x")
    assert "tagged" in done.stdout and "bytes" not in done.stdout, done.stderr
