"""The scripts in `scripts/` under Locust and under Gregaria: every scenario must log the same lines.

Both run the same unmodified file against the same test server, at the same time.
"""

import difflib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.server import TestServer

FOLDER = Path(__file__).with_name("scripts")
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "scenario")
# What the `gregaria` command does before it loads a locustfile.
ALIASED = (
    "import sys, runpy; from gregaria.locustfile_alias import install; install(); sys.path.insert(0, {folder!r}); "
)
UNDER_GREGARIA = ALIASED + "runpy.run_path({path!r}, run_name='__main__')"
Logs = dict[str, list[str]]


def started(command: list[str], server: TestServer) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = {
        **os.environ,
        "TESTKIT": server.plain,
        "TESTKIT_TLS": server.tls,
        "TESTKIT_AUTHORITY": server.authority,
    }
    return subprocess.Popen(command, text=True, env=environment, **pipes)  # type: ignore[call-overload, no-any-return]


def logs_of(process: subprocess.Popen[str]) -> Logs:
    stdout, stderr = process.communicate(timeout=100)
    assert process.returncode == 0, stderr[-4000:]
    logs: Logs = json.loads(stdout)
    return logs


@pytest.fixture
def locust_python(locust: list[str]) -> str:
    return str(Path(locust[0]).with_name("python"))


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_scenario_goes_as_under_locust(script: str, locust_python: str, server: TestServer) -> None:
    path = FOLDER / f"{script}.py"
    ours = started([sys.executable, "-c", UNDER_GREGARIA.format(folder=str(FOLDER), path=str(path))], server)
    theirs = started([locust_python, str(path)], server)
    left, right = logs_of(theirs), logs_of(ours)
    assert left, "a script without scenarios"
    differences = "\n".join(
        difference for name in left for difference in compared(name, left[name], right.get(name, []))
    )
    assert not differences, differences
    assert left.keys() == right.keys()


def compared(name: str, left: list[str], right: list[str]) -> Iterator[str]:
    if left != right:
        yield f"\n{name}:"
        yield from difflib.unified_diff(left, right, "locust", "gregaria", lineterm="")
