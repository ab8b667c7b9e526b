"""The scripts in `scripts/` under Locust and under Gregaria: every scenario must log the same lines.

Both run the same unmodified file against the same test server, at the same time.
"""

import sys
from pathlib import Path

import pytest

from support.scripts import FOLDER, UNDER_GREGARIA, compared, logs_of, started
from support.server import TestServer

SHARED = {"answers", "recording", "scenario"}
OF_OTHER_TESTS = {"http_shapes", "fast_shapes"}
SCRIPTS = sorted({path.stem for path in FOLDER.glob("*.py")} - SHARED - OF_OTHER_TESTS)


def addresses(server: TestServer) -> dict[str, str]:
    return {"TESTKIT": server.plain, "TESTKIT_TLS": server.tls, "TESTKIT_AUTHORITY": server.authority}


@pytest.fixture
def locust_python(locust: list[str]) -> str:
    return str(Path(locust[0]).with_name("python"))


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_scenario_goes_as_under_locust(script: str, locust_python: str, server: TestServer) -> None:
    path = FOLDER / f"{script}.py"
    command = [sys.executable, "-c", UNDER_GREGARIA.format(folder=str(FOLDER), path=str(path))]
    ours = started(command, addresses(server))
    theirs = started([locust_python, str(path)], addresses(server))
    left, right = logs_of(theirs), logs_of(ours)
    assert left, "a script without scenarios"
    differences = "\n".join(
        difference for name in left for difference in compared(name, left[name], right.get(name, []))
    )
    assert not differences, differences
    assert left.keys() == right.keys()
