"""Fixtures every test may use: the test server, the two load testers, the acceptance files.

Where something can be missing on a fresh clone, the fixture says what and why; nothing is silently left out.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from support.server import REPOSITORY, TestServer, test_server

# It patches the standard library, which has to be before requests imports ssl. Locust itself reads this file too.
with contextlib.suppress(ModuleNotFoundError):
    import gregaria as _gregaria  # noqa: F401

# Authorities of the machine's own would go before `verify=False` in sessions that trust the environment.
for _name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
    os.environ.pop(_name, None)


def _command(variable: str, default: str, hint: str) -> list[str]:
    path = Path(os.environ.get(variable, str(REPOSITORY / default)))
    if not path.exists():
        pytest.fail(f"{path} is missing; {hint} (or point ${variable} at one)", pytrace=False)
    return [str(path)]


@pytest.fixture(scope="session", autouse=True)
def _no_history_of_ones_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Testers with a web UI keep their runs here, and not in the developer's own history."""
    os.environ["XDG_DATA_HOME"] = str(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def gregaria() -> list[str]:
    return _command("GREGARIA_COMMAND", ".venv/bin/gregaria", "`make build` makes it")


@pytest.fixture(scope="session")
def locust() -> list[str]:
    return _command("GREGARIA_LOCUST", ".venvs/locust/bin/locust", "`make test` makes it")


@pytest.fixture(scope="session")
def acceptance() -> Path:
    folder = Path(os.environ.get("GREGARIA_ACCEPTANCE", str(REPOSITORY.parent / "shared/acceptance"))).resolve()
    if not folder.is_dir():
        pytest.skip(f"the acceptance files are not at {folder} (or $GREGARIA_ACCEPTANCE)")
    return folder


@pytest.fixture(scope="session")
def server() -> Iterator[TestServer]:
    """One test server for the whole session."""
    with test_server() as running:
        yield running


@pytest.fixture
def own_server() -> Iterator[TestServer]:
    """A test server of the test's own, for tests that read its counts."""
    with test_server() as running:
        yield running
