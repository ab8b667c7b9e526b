"""Debuggers stop in tasks, whether `run_single_user` or the command runs the locustfile: by `breakpoint()`, which reads
standard input, and as editors do it, with debugpy's adapter (`"gevent": true`, as Locust's users have it).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.dap import debugging
from support.server import TestServer

LOCUSTFILE = """
from locust import HttpUser, constant, run_single_user, task
from locust.exception import StopUser


def doubled(number):
    return number * 2


class Visitor(HttpUser):
    wait_time = constant(0)
    turn = 0

    @task
    def work(self):
        self.turn += 1
        if self.turn == 1:
            breakpoint()
        status = self.client.get("/bytes/3").status_code
        answer = doubled(status)
        if self.turn == 3:
            print("the last of", self.turn)
            if self.environment.runner:
                self.environment.runner.quit()
            raise StopUser


if __name__ == "__main__":
    run_single_user(Visitor)
"""
# Line 19 is the request, 20 the call.
TYPED = ["n", "p status", "s", "n", "r", "n", "p answer, self.turn", "b 20", "c", "p self.turn", "cl 1", "c"]
SEEN = [
    '-> status = self.client.get("/bytes/3").status_code',
    "-> answer = doubled(status)",
    "(Pdb) 200",
    "-> def doubled(number):",
    "-> return number * 2",
    "->400",
    "-> if self.turn == 3:",
    "(Pdb) (400, 1)",
    "Breakpoint 1 at ",
    "-> answer = doubled(status)",
    "(Pdb) 2",
    "Deleted breakpoint 1",
    "the last of 3",
]


@pytest.mark.parametrize("way", ["run_single_user", "command"])
def test_stepping_by_standard_input(way: str, tmp_path: Path, gregaria: list[str], server: TestServer) -> None:
    path = tmp_path / "locustfile.py"
    path.write_text(LOCUSTFILE, encoding="utf-8")
    alias = "from gregaria.locustfile_alias import install; install(); import runpy; "
    if way == "command":
        command = [*gregaria, "-f", str(path), "--headless", "-u", "1", "--host", server.plain, "--print-stats"]
    else:
        command = [sys.executable, "-c", f"{alias}runpy.run_path({str(path)!r}, run_name='__main__')"]
    done = subprocess.run(
        command,
        input="".join(f"{line}\n" for line in TYPED),
        cwd=tmp_path,
        env={**os.environ, "LOCUST_HOST": server.plain, "PYTHONBREAKPOINT": "pdb.set_trace"},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rest = done.stdout
    for expected in SEEN:
        before, found, rest = rest.partition(expected)
        assert found, f"{expected!r} is not in {before!r}"
    if way == "command":
        assert "/bytes/3" in done.stderr and "Aggregated" in done.stderr


STOPPED_IN = """
from {package} import HttpUser, constant, run_single_user, task
from {package}.exception import StopUser


def doubled(number):
    return number * 2


class Visitor(HttpUser):
    wait_time = constant(0)
    turn = 0

    @task
    def work(self):
        self.turn += 1
        response = self.client.get("/bytes/3", headers={{"X-Turn": str(self.turn)}})
        answer = doubled(response.status_code)
        if self.turn == 3:
            print("the last of", self.turn, answer)
            if self.environment.runner:
                self.environment.runner.quit()
            raise StopUser


if __name__ == "__main__":
    run_single_user(Visitor)
"""
LOOKED_AT = {
    "response.status_code": "200",
    "response.content": "b'012'",
    "response.request.method": "'GET'",
    "response.request.url.endswith('/bytes/3')": "True",
    "response.elapsed.total_seconds() > 0": "True",
}


@pytest.mark.parametrize("way", ["run_single_user", "command"])
def test_stopping_as_editors_do(way: str, tmp_path: Path, server: TestServer) -> None:
    path = tmp_path / "locustfile.py"
    path.write_text(STOPPED_IN.format(package="locust" if way == "command" else "gregaria"), encoding="utf-8")
    line = path.read_text().splitlines().index("        answer = doubled(response.status_code)") + 1
    started: dict[str, Any] = {"program": str(path)}
    if way == "command":
        started = {"module": "gregaria", "args": ["-f", str(path), "--headless", "-u", "1", "--only-summary"]}
    environment = {"LOCUST_HOST": server.plain}
    with debugging(path, [line], **started, cwd=str(tmp_path), env=environment, gevent=True) as adapter:
        for turn in (1, 2, 3):
            thread = adapter.event("stopped")["threadId"]
            top = adapter.ask("stackTrace", threadId=thread)["stackFrames"][0]
            assert (top["name"], top["line"]) == ("work", line)
            expected = {**LOOKED_AT, "self.turn": str(turn), "response.request.headers['X-Turn']": f"'{turn}'"}
            seen = {
                text: adapter.ask("evaluate", expression=text, frameId=top["id"], context="watch")["result"]
                for text in expected
            }
            assert seen == expected
            if turn == 1:
                adapter.ask("stepIn", threadId=thread)
                assert adapter.event("stopped")["reason"] == "step"
                frames = adapter.ask("stackTrace", threadId=thread)["stackFrames"]
                assert [frame["name"] for frame in frames[:2]] == ["doubled", "work"]
            adapter.ask("continue", threadId=thread)
        assert adapter.event("exited")["exitCode"] == 0
        adapter.event("terminated")
    assert "the last of 3 400" in adapter.printed()
