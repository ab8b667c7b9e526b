"""Functions of pytest as users, beside Locust and under pytest itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.runs import run
from support.server import REPOSITORY, TestServer

FUNCTIONS = REPOSITORY / "tests/differential/locustfiles/test_functions.py"


def counted(folder: Path) -> Any:
    """Requests and failures, as the locustfile has found them at the end."""
    return json.loads((folder / "counted.json").read_text(encoding="utf-8"))


def test_as_under_locust(gregaria: list[str], locust: list[str], server: TestServer, tmp_path: Path) -> None:
    """Both end when all has happened, so what they have counted does not depend on time."""
    files = f"{FUNCTIONS},{FUNCTIONS.with_name('until_all_is_seen.py')}"
    arguments = ["-f", files, "--headless", "-u", "8", "-r", "8", "-H", server.plain, "--csv", "out"]
    ours, theirs = (
        run(tester, arguments, tmp_path / name, timeout_s=120)
        for tester, name in ((gregaria, "ours"), (locust, "theirs"))
    )
    assert ours.spawned[0] == theirs.spawned[0]
    assert counted(tmp_path / "ours") == counted(tmp_path / "theirs")
    assert len(counted(tmp_path / "ours")["requests"]) == 5
    assert ours.exit_code == theirs.exit_code == 1
    # Two users of test_own_fixture: the third call of all ends one, the next the other.
    assert [(row["Count"], row["Message"]) for row in ours.rows("exceptions")] == [("2", "enough")]


def test_under_pytest(server: TestServer, tmp_path: Path) -> None:
    """The plugin is found by its entry point; nothing is counted, and URLs are under --host."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    done = subprocess.run([*command, "-H", server.plain, str(FUNCTIONS)], capture_output=True, text=True, cwd=tmp_path)
    assert "3 passed" in done.stdout and "1 failed" in done.stdout, done.stdout
    assert "404 Client Error" in done.stdout


def locustfile(tmp_path: Path, text: str) -> str:
    path = tmp_path / "test_file.py"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def test_x(nothing): ...", "Could not find fixture for parameter 'nothing' in test_x"),
        ("value = 1", "No User class found!"),
    ],
)
def test_what_cannot_be_users(gregaria: list[str], tmp_path: Path, text: str, says: str) -> None:
    done = run(gregaria, ["-f", locustfile(tmp_path, text), "--headless", "-t", "1s", "-H", "http://x"], tmp_path)
    assert done.exit_code == 1 and says in done.stderr


def test_without_pytest_it_says_what_to_install(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['pytest'] = None; import gregaria\n"
        f"from gregaria.locustfile import load_all; load_all([{locustfile(tmp_path, 'def test_x(): ...')!r}])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1 and "pip install 'gregaria[pytest]'" in done.stderr


def test_fixtures_coroutines_and_graceful_stops(gregaria: list[str], server: TestServer, tmp_path: Path) -> None:
    text = """
import pytest
from locust.exception import StopUser

@pytest.fixture
def plain():
    return "plain"

@pytest.fixture
def cleaned(user=None):
    yield "made"
    print("cleaned up", flush=True)

async def test_async(session, plain, cleaned):
    assert (plain, cleaned) == ("plain", "made")
    await session.aget("/bytes/1", name="awaited")
    answer = await session.aget("/delay/300", name="slow")
    print("finished", flush=True)

def test_bad_url(session):
    session.get("nowhere://x")
"""
    options = ["--headless", "-u", "2", "-r", "2", "-t", "1s", "-s", "10", "-H", server.plain, "--csv", "out"]
    done = run(gregaria, ["-f", locustfile(tmp_path, text), "--tags", "any", *options], tmp_path)
    requests: dict[Any, int] = done.requests
    assert requests[("GET", "awaited")] == requests[("GET", "slow")] == done.stdout.count("finished")
    assert done.stdout.count("cleaned up") == 1
    (message,) = (row["Message"] for row in done.rows("exceptions"))
    assert message == f"Failed to parse: '{server.plain[7:]}nowhere:' is not a valid host or port"
