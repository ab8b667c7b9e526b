"""Scripts that run unmodified under both testers, each printing a log of every scenario; and how logs are compared."""

import difflib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "differential/scripts"
# What the `gregaria` command does before it loads a locustfile.
ALIASED = (
    "import sys, runpy; from gregaria.locustfile_alias import install; install(); sys.path.insert(0, {folder!r}); "
)
UNDER_GREGARIA = ALIASED + "runpy.run_path({path!r}, run_name='__main__')"
Logs = dict[str, list[str]]


def started(command: list[str], more: dict[str, str]) -> subprocess.Popen[str]:
    """A script's process, with more of the environment."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, env={**os.environ, **more}, **pipes)  # type: ignore[call-overload, no-any-return]


def logs_of(process: subprocess.Popen[str]) -> Logs:
    """What the script has printed, when it has ended."""
    stdout, stderr = process.communicate(timeout=100)
    assert process.returncode == 0, stderr[-4000:]
    logs: Logs = json.loads(stdout)
    return logs


def compared(name: str, left: list[str], right: list[str]) -> Iterator[str]:
    """How two logs of a scenario differ."""
    if left != right:
        yield f"\n{name}:"
        yield from difflib.unified_diff(left, right, "locust", "gregaria", lineterm="")
