"""Pause and resume through the web UI, in one process and in clusters."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster import Node, free_port, nodes, worker_line
from support.server import TestServer
from support.web import WebRun, wait_for, web_run

QUIET_S = 0.6


@pytest.fixture(scope="module")
def ui(gregaria: list[str], tmp_path_factory: pytest.TempPathFactory, server: TestServer) -> Iterator[WebRun]:
    with web_run(gregaria, tmp_path_factory.mktemp("web"), host=server.plain) as run:
        yield run


def requests_of(run: WebRun) -> int:
    return int(run.row("Aggregated")["num_requests"])


def assert_goes_on(run: WebRun) -> None:
    seen = requests_of(run)
    wait_for(lambda: requests_of(run) > seen + 5)


def assert_stands(run: WebRun, settle_s: float = 0.1) -> None:
    """No request begins any more, after those that were under way."""
    time.sleep(settle_s)
    seen = requests_of(run)
    time.sleep(QUIET_S)
    assert requests_of(run) == seen


def test_a_test_is_paused_and_goes_on(ui: WebRun) -> None:
    ui.post("/swarm", {"user_count": 3, "spawn_rate": 10})
    ui.wait_for_state("running")
    assert_goes_on(ui)
    with ui.events() as events:
        assert ui.post("/pause").json()["message"] == "Test paused"
        marks = [mark["kind"] for mark in next(events)[1]["marks"]]
        for _ in range(4):
            update = next(events)[1]
            marks += [mark["kind"] for mark in update["marks"]]
    assert (marks[-1], update["status"]["paused"], update["status"]["state"]) == ("pause", True, "running")
    told = ui.statistics()
    assert (told["state"], told["paused"], told["user_count"]) == ("running", True, 3)
    assert_stands(ui)
    answer = ui.post("/resume")
    assert (answer.status_code, answer.json()["success"]) == (200, True)
    assert "paused" not in ui.statistics()
    assert_goes_on(ui)
    ui.post("/stop")
    refused = ui.post("/pause")
    assert (refused.status_code, refused.json()["success"]) == (409, False)
    assert refused.json()["message"] == "The test cannot be paused: no test runs that could be paused"
    assert ui.post("/resume").status_code == 200


def test_the_run_time_stands_still_and_a_stop_ends_the_pause(ui: WebRun) -> None:
    ui.post("/swarm", {"user_count": 1, "spawn_rate": 10, "run_time": "2s"})
    ui.wait_for_state("running")
    ui.post("/pause")
    time.sleep(2.3)
    assert ui.statistics()["paused"]
    with ui.events() as events:
        status = next(events)[1]["status"]
        assert 0 < status["ends"] - time.time() <= 2
    ui.post("/resume")
    ui.wait_for_state("stopped")
    ui.post("/swarm", {"user_count": 1, "spawn_rate": 10})
    ui.wait_for_state("running")
    ui.post("/pause")
    ui.post("/stop")
    assert (ui.state(), "paused" in ui.statistics()) == ("stopped", False)
    ui.post("/swarm", {"user_count": 1, "spawn_rate": 10})
    assert_goes_on(ui)
    ui.post("/stop")


def test_a_master_pauses_its_workers(gregaria: list[str], tmp_path: Path, server: TestServer) -> None:
    port = str(free_port())
    arguments = ["--processes", "2"]
    with web_run(gregaria, tmp_path, *arguments, host=server.plain, GREGARIA_MASTER_NODE_PORT=port) as run:
        wait_for(lambda: run.get("/worker-count").json()["worker_count"] == 2)
        # What the workers have logged is here too.
        logs = wait_for(lambda: len(found := run.get("/logs").json()["workers"]) == 2 and found)
        assert all(any("Starting" in line or "Connected" in line for line in lines) for lines in logs.values()), logs
        run.post("/swarm", {"user_count": 4, "spawn_rate": 10})
        run.wait_for_state("running")
        wait_for(lambda: requests_of(run) > 5)
        assert run.post("/pause").status_code == 200
        # Workers report every three seconds.
        assert_stands(run, settle_s=3.5)
        told = run.statistics()
        assert (told["user_count"], told["state"]) == (4, "running")
        run.post("/resume")
        assert_goes_on(run)
        run.post("/pause")
        run.post("/stop")
        run.post("/swarm", {"user_count": 4, "spawn_rate": 10})
        assert_goes_on(run)
        run.post("/stop")


def test_workers_of_locust_cannot_pause(
    gregaria: list[str], locust: list[str], tmp_path: Path, server: TestServer
) -> None:
    port = free_port()
    master = ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", str(port)]
    with web_run(gregaria, tmp_path, *master, host=server.plain) as run, nodes() as running:
        (tmp_path / "worker").mkdir()
        running.append(Node(worker_line(locust, port), tmp_path / "worker"))
        wait_for(lambda: run.get("/worker-count").json()["worker_count"] == 1)
        run.post("/swarm", {"user_count": 1, "spawn_rate": 10})
        run.wait_for_state("running")
        refused = run.post("/pause")
        assert refused.status_code == 409
        assert "workers that are not Gregaria's cannot pause: " in refused.json()["message"]
        assert "paused" not in run.statistics()
        run.post("/stop")
