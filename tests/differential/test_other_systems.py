"""Users of other systems than HTTP under both testers: the same drivers, servers and locustfile; the same CSV files.

Locust's environment has no drivers. It gets those of the tests behind its own packages, which stay what they are.
"""

from __future__ import annotations

import csv
import json
import re
import sysconfig
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support import protocols, servers
from support.runs import Run, run
from support.server import REPOSITORY

LOCUSTFILE = Path(__file__).with_name("locustfiles") / "other_systems.py"
MORE_OF_OURS = ("MQTT", "disconnect")
"""Locust's callback for a disconnected MQTT 5 client has another number of arguments than paho calls it with."""
SYSTEMS = ["postgres", "MONGODB", "DNS", "qdrant", "milvus", "POST", "WS", "MQTT"]


@pytest.fixture(scope="module")
def locust_with_drivers(locust: list[str]) -> list[str]:
    """Locust's command, with the tests' packages as the last place where modules are looked for."""
    (own,) = Path(locust[0]).parents[1].glob("lib/python*")
    places = [Path(sysconfig.get_path("purelib")), *REPOSITORY.glob(".venv/lib/python*/site-packages")]
    drivers = next((each for each in places if each.parent.name == own.name), None)
    assert drivers is not None, f"no packages for {own.name}, which runs Locust, in {places}; `make test` installs them"
    start = f"import sys; sys.path.append({str(drivers)!r}); from locust.main import main; main()"
    return [str(Path(locust[0]).with_name("python")), "-c", start]


@pytest.fixture(scope="module")
def systems() -> Iterator[dict[str, str | int]]:
    """Where the servers are: real ones where Debian has them."""
    with ExitStack() as stack:
        enter = stack.enter_context
        refusing = protocols.refusing_port()
        yield {
            "postgres": enter(servers.postgresql()),
            "mongodb": f"mongodb://127.0.0.1:{enter(protocols.listening(protocols.mongo))}/",
            "dns": enter(protocols.name_server()),
            "silent": refusing,
            "qdrant": enter(protocols.web(protocols.qdrant)),
            "milvus": enter(servers.milvus()),
            "openai": enter(protocols.web(protocols.responses)),
            "socketio": enter(protocols.socket_io()),
            "nobody": f"http://127.0.0.1:{refusing}",
            "mqtt": enter(servers.mosquitto())["tcp"],
        }


@pytest.fixture(scope="module")
def both(
    gregaria: list[str],
    locust_with_drivers: list[str],
    systems: dict[str, str | int],
    tmp_path_factory: pytest.TempPathFactory,
) -> list[Run]:
    """A run of each: ours, and Locust's."""
    arguments = ["-f", str(LOCUSTFILE), "--headless", "-u", "9", "-r", "9", "-t", "60s", "--csv", "out"]
    key = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": f"{systems['openai']}/v1", "SYSTEMS": json.dumps(systems)}
    return [
        run(tester, arguments, tmp_path_factory.mktemp(name), timeout_s=120, **key)
        for tester, name in ((gregaria, "ours"), (locust_with_drivers, "theirs"))
    ]


def folder(run: Run) -> Path:
    return run.prefix.parent


def untimed(failures: dict[tuple[str, str, str], int]) -> dict[tuple[str, str, str], int]:
    """Socket.IO's client has the time in its URL."""
    return {(kind, name, re.sub(r"&t=[\d.]+", "&t=", text)): count for (kind, name, text), count in failures.items()}


def test_the_users_have_done_all_they_do(both: list[Run]) -> None:
    ours, theirs = both
    for each in both:
        assert len(json.loads((folder(each) / "ended.json").read_text())) == 9, each.stderr[-4000:]
    assert "locust.main" in theirs.stderr and "Starting Locust 2.47.0" in theirs.stderr
    assert not ours.rows("exceptions") and not theirs.rows("exceptions")
    assert ours.exit_code == theirs.exit_code == 1


def test_the_same_requests_and_failures(both: list[Run]) -> None:
    ours, theirs = both
    assert not {kind for kind in SYSTEMS if not any(key[0].startswith(kind) for key in theirs.entries)}
    assert ours.requests[MORE_OF_OURS] == 2 and theirs.requests[MORE_OF_OURS] == 1
    assert {**ours.requests, MORE_OF_OURS: 1} == theirs.requests
    assert untimed(ours.failures) == untimed(theirs.failures)
    assert len(ours.failures) >= 10
    for column in ("Failure Count", "Average Content Size"):
        assert {key: float(row[column]) for key, row in ours.entries.items()} == {
            key: float(row[column]) for key, row in theirs.entries.items()
        }


def test_the_same_lines_of_the_request_logger(both: list[Run]) -> None:
    lines = []
    for each in both:
        with (folder(each) / "requests.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert all(float(row["timestamp"]) > 1_000_000_000 for row in rows)
        kept = ("request_type", "name", "response_length", "status_code")
        said = [re.sub(r"&t=[\d.]+", "&t=", row["exception"]) for row in rows]
        lines.append(sorted([*(row[name] for name in kept), text] for row, text in zip(rows, said, strict=True)))
    lines[0].remove([*MORE_OF_OURS, "0", "0", ""])
    assert lines[0] == lines[1]
