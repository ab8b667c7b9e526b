"""Every example runs against the demo API and leaves no failures."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.server import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
SCRIPTS = ("as_library", "debugging")
SHAPED = ("load_shape",)
LOCUSTFILES = sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem not in SCRIPTS)
WHERE = re.compile(r"http://[0-9.]+:[0-9]+")


@pytest.fixture(scope="module")
def demo_api() -> Iterator[str]:
    default = REPOSITORY / "target" / "release"
    program = Path(os.environ.get("GREGARIA_TESTKIT", str(default))) / "demo-api"
    with subprocess.Popen([str(program), "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = WHERE.search(process.stdout.readline())
        assert found, "the demo API does not say where it is"
        yield found[0]
        process.terminate()


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=folder, env=environment)


@pytest.mark.parametrize("example", LOCUSTFILES)
def test_a_locustfile_runs(example: str, gregaria: list[str], demo_api: str, tmp_path: Path) -> None:
    load = [] if example in SHAPED else ["-u", "4", "-r", "4", "-t", "2s"]
    command = [*gregaria, "-f", str(EXAMPLES / f"{example}.py"), "--headless", "-H", demo_api, "--csv", "out", *load]
    done = run(command, tmp_path)
    log = done.stderr
    assert "Traceback" not in log, log
    # The demo shop's search fails now and then, on purpose.
    assert done.returncode == 0 or "/search" in (tmp_path / "out_failures.csv").read_text(), log
    rows = (tmp_path / "out_stats.csv").read_text().splitlines()
    assert int(rows[-1].split(",")[2]) > 0, log


def test_a_script_runs_a_test(demo_api: str, tmp_path: Path) -> None:
    done = run([sys.executable, str(EXAMPLES / "as_library.py"), demo_api], tmp_path)
    assert done.returncode == 0 and re.search(r"^[1-9][0-9]* requests", done.stdout, re.M), done.stderr


def test_a_user_is_debugged(demo_api: str, tmp_path: Path) -> None:
    done = run([sys.executable, str(EXAMPLES / "debugging.py")], tmp_path, DEMO_API=demo_api)
    assert done.returncode == 0 and "status 200" in done.stdout and "GET" in done.stdout, done.stderr
