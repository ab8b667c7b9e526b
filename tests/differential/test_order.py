"""The order of events and hooks over a whole run from the command line, and its exit code, under both testers."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from support.server import TestServer

LOCUSTFILE = Path(__file__).with_name("locustfiles") / "hooks.py"
# Which task comes first is chance.
DRAWN = ("task", "inner task", "inner on_start", "inner on_stop", "request", "user_error", "on_start", "on_stop")

RUNS: dict[str, tuple[str, dict[str, str]]] = {
    "run time": ("-u 2 -r 10 -t 1s", {}),
    "run time with a stop timeout": ("-u 2 -r 10 -t 1s --stop-timeout 5", {}),
    "failing tasks": ("-u 2 -r 10 -t 1s --exclude-tags inner", {"HOOKS_FAIL": "1"}),
    "interrupted": ("-u 2 -r 10", {}),
    "terminated": ("-u 1 -r 1", {}),
    "nobody left": ("-u 1 -r 1 -t 1s --tags inner", {"HOOKS_ALL_STOP": "1"}),
}


def order(command: list[str], title: str, url: str, folder: Path) -> tuple[int, list[str], set[str]]:
    """Exit code, what happened once in its order, and what happened at all."""
    folder.mkdir()
    out = folder / "hooks.txt"
    arguments, extra = RUNS[title]
    line = [*command, "-f", str(LOCUSTFILE), "--headless", "--only-summary", "-H", url, *arguments.split()]
    environment = {**os.environ, "HOOKS_OUT": str(out), **extra}
    process = subprocess.Popen(
        line, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    if title in ("interrupted", "terminated"):
        next(line for line in process.stderr if "the first request" in line)
        process.send_signal(signal.SIGINT if title == "interrupted" else signal.SIGTERM)
    process.communicate(timeout=30)
    lines = out.read_text(encoding="utf-8").splitlines()
    return process.returncode, [line for line in lines if line not in DRAWN], set(lines)


@pytest.mark.parametrize("title", RUNS)
def test_hooks_come_in_the_same_order(
    title: str, gregaria: list[str], locust: list[str], server: TestServer, tmp_path: Path
) -> None:
    ours = order(gregaria, title, server.plain, tmp_path / "gregaria")
    theirs = order(locust, title, server.plain, tmp_path / "locust")
    assert ours[:2] == theirs[:2]
    if title not in ("interrupted", "terminated"):
        assert ours[2] == theirs[2]
