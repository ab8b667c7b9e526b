"""What the web UI tells only to those who ask: samples of requests, and where the time of each name goes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.server import TestServer
from support.web import WebRun, is_as_described, wait_for, web_run

SOURCE = """
from locust import HttpUser, constant, task

class Shop(HttpUser):
    wait_time = constant(0.05)
    host = "HOST"

    @task
    def page(self):
        self.client.get("/", name="/hello")
        self.client.get("/status/404", name="missing")
"""


@pytest.fixture(scope="module")
def ui(gregaria: list[str], tmp_path_factory: pytest.TempPathFactory, server: TestServer) -> Iterator[WebRun]:
    """A test that has run and was stopped."""
    with web_run(gregaria, tmp_path_factory.mktemp("web"), source=SOURCE, host=server.plain) as run:
        assert run.get("/failures/samples").json() == {"samples": [], "more": 0, "kept_of_each": 3}
        assert run.get("/phases").json() == {"total": None, "entries": [], "more": 0}
        assert run.post("/swarm", {"user_count": 2, "spawn_rate": 10}).status_code == 200
        wait_for(lambda: run.row("/hello").get("num_requests", 0) > 5 and run.row("missing").get("num_failures", 0) > 3)
        run.post("/stop")
        yield run


def test_samples_are_told_of_what_is_asked_for(ui: WebRun) -> None:
    everything = ui.get("/failures/samples").json()
    names = {sample["name"] for sample in everything["samples"]}
    assert {"/hello", "missing"} <= names
    failed = ui.get("/failures/samples", params={"method": "GET", "name": "missing"}).json()["samples"]
    assert len(failed) >= 3
    assert {sample["name"] for sample in failed} == {"missing"}
    first = failed[0]
    assert first["kept"] == "first"
    assert first["request_head"].startswith("GET /status/404 HTTP/1.1")
    assert first["response_head"].startswith("HTTP/1.1 404")
    assert first["user_class"] == "Shop"
    same = ui.get("/failures/samples", params={"error": first["error"]}).json()["samples"]
    assert same == failed
    fine = ui.get("/failures/samples", params={"error": ""}).json()["samples"]
    assert len(fine) == 3
    assert all(sample["error"] is None and sample["kept"] == "slowest" for sample in fine)
    cut = ui.get("/failures/samples", params={"limit": "2"}).json()
    assert (len(cut["samples"]), cut["more"]) == (2, len(everything["samples"]) - 2)
    assert ui.get("/failures/samples", params={"name": "<script>"}).json()["samples"] == []


def test_they_are_as_the_schema_says(ui: WebRun) -> None:
    is_as_described("SamplesMessage", ui.get("/failures/samples").json())
    is_as_described("PhasesMessage", ui.get("/phases").json())


def test_phases_are_told_by_name_and_add_up(ui: WebRun) -> None:
    told = ui.get("/phases").json()
    assert {entry["name"] for entry in told["entries"]} == {"/hello", "missing"}
    assert told["more"] == 0
    assert told["entries"][0]["requests"] >= told["entries"][1]["requests"]
    for phase in told["total"]["phases"]:
        of_names = [each for entry in told["entries"] for each in entry["phases"] if each["phase"] == phase["phase"]]
        assert sum(each["count"] for each in of_names) == phase["count"]
        assert sum(each["total_ms"] for each in of_names) == pytest.approx(phase["total_ms"])
        assert phase["p50_ms"] <= phase["p95_ms"] <= phase["p99_ms"] <= phase["max_ms"]
    assert [phase["phase"] for phase in told["total"]["phases"]][-3:] == ["send", "wait", "receive"]
    assert told["total"]["reused_connections"] + told["total"]["new_connections"] == told["total"]["requests"]
    one = ui.get("/phases", params={"name": "missing"}).json()
    assert [entry["name"] for entry in one["entries"]] == ["missing"]


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1001", ""])
def test_a_bad_limit_is_refused_in_locusts_form(ui: WebRun, limit: str) -> None:
    for path in ("/phases", "/failures/samples"):
        answer = ui.get(path, params={"limit": limit})
        assert answer.status_code == 400
        assert answer.json()["message"] == "limit must be a whole number from 1 to 1000"


def test_they_are_behind_the_login(gregaria: list[str], tmp_path: Path, server: TestServer) -> None:
    arguments = ["--web-credentials", "ann:secret", "--web-read-only", "a-long-token"]
    with web_run(gregaria, tmp_path, *arguments, host=server.plain, ready="/login") as run:
        for path in ("/phases", "/failures/samples"):
            assert run.get(path, allow_redirects=False).status_code in (302, 303)
        run.get("/?token=a-long-token")
        for path in ("/phases", "/failures/samples"):
            assert run.get(path).status_code == 200, "who may only look may look"


def test_they_are_only_read(ui: WebRun) -> None:
    for path in ("/phases", "/failures/samples"):
        assert ui.post(path).status_code == 405
