"""One locustfile that uses everything of FastHttpUser, under Locust and under Gregaria: what was sent, what came back
and what was reported has to be the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from support import runs
from support.server import test_server

LOCUSTFILE = Path(__file__).parents[1] / "support/fast_locustfile.py"


@pytest.fixture(scope="module")
def both(
    gregaria: list[str], locust: list[str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], dict[str, Any]]:
    ours = _record(gregaria, tmp_path_factory.mktemp("gregaria"))
    return ours, _record(locust, tmp_path_factory.mktemp("locust"))


def _record(command: list[str], folder: Path) -> dict[str, Any]:
    out = folder / "record.json"
    arguments = ["-f", str(LOCUSTFILE), "--headless", "-u", "1", "-t", "60s", "--only-summary"]
    # A server of its own: its answers number the connections.
    with test_server() as server:
        run = runs.run(command, arguments, folder, FAST_OUT=str(out), FAST_HOST=server.plain)
    assert out.exists(), run.stderr
    return dict(json.loads(out.read_text(encoding="utf-8")))


def test_the_same_steps_were_made(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    assert both[0].keys() == both[1].keys()


def test_every_step_gave_the_same(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    ours, locust = both
    different = {step: (ours[step], locust[step]) for step in locust if ours[step] != locust[step]}
    assert not different, json.dumps(different, indent=1)
