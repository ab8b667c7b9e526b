"""The report from the web UI, the thresholds it shows, and credentials that are refused; with real processes."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.web import WebRun, wait_for, web_run

NAME = "</script><script>alert(1)</script>"
SOURCE = f"""
from locust import User, constant, task

class Hostile(User):
    wait_time = constant(0.02)

    @task
    def work(self):
        self.environment.events.request.fire(
            request_type="GET", name={NAME!r}, response_time=5, response_length=0, exception=None, context={{}}
        )
"""
ARGUMENTS = [
    *("--web-credentials", "ann:passcode9", "--web-read-only", "token8"),
    *("--fail-if", "fail_ratio > 50%", "--fail-if", "p50 > 1ms"),
]


@pytest.fixture(scope="module")
def ui(gregaria: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebRun]:
    """A process behind a login, with a test that has run and was stopped."""
    with web_run(gregaria, tmp_path_factory.mktemp("report"), *ARGUMENTS, source=SOURCE) as run:
        run.session.auth = ("ann", "passcode9")
        assert run.post("/swarm", {"user_count": 1, "spawn_rate": 1}).status_code == 200
        wait_for(lambda: run.row("Aggregated").get("num_requests", 0) > 20)
        yield run


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="gregaria-data">([^<]*)</script>', page)
    assert found, page[:2000]
    return dict(json.loads(found[1]))


def test_thresholds_are_told_with_how_they_stand(ui: WebRun) -> None:
    with ui.events() as events:
        told = next(update["status"]["thresholds"] for _, update in events if fails(update["status"]["thresholds"]))
    assert [(each["text"], each["state"]) for each in told] == [("fail_ratio > 50%", "pass"), ("p50 > 1ms", "fail")]
    assert told[1]["value"] == "5.00 ms"


def fails(thresholds: list[dict[str, str]]) -> bool:
    return any(each["state"] == "fail" for each in thresholds)


def test_the_report_holds_the_run_and_escapes_its_names(ui: WebRun) -> None:
    running = ui.get("/stats/report")
    assert (running.status_code, running.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "Content-Disposition" not in running.headers
    assert data_of(running.text)["run"]["state"] == "running"
    wait_for(lambda: any(each["failed"] for each in data_of(ui.get("/stats/report").text)["thresholds"]))
    ui.post("/stop")
    page = ui.get("/stats/report").text
    assert NAME not in page and "alert(1)" in page
    data = data_of(page)
    assert [entry["name"] for entry in data["entries"]] == [NAME]
    assert data["run"]["state"] == "finished"
    assert data["total"]["requests"] == ui.row("Aggregated")["num_requests"]
    assert [each["failed"] for each in data["thresholds"]] == [False, True]
    assert data["history"]["total"], "no series over time"
    assert "passcode9" not in page and "token8" not in page


def test_what_the_report_draws_comes_without_its_page_too(ui: WebRun) -> None:
    answer = ui.get("/stats/result")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    data = json.loads(answer.text)
    assert (data["format"], [entry["name"] for entry in data["entries"]]) == ("gregaria-result", [NAME])
    assert data["history"]["entries"], "no series of names"


def test_the_report_ends_when_its_test_did(ui: WebRun) -> None:
    ui.post("/stop")
    first, second = (data_of(ui.get("/stats/report").text)["run"]["ended_at"] for _ in range(2))
    assert first == second


def test_the_report_as_a_file_in_a_theme(ui: WebRun) -> None:
    answer = ui.get("/stats/report?download=1&theme=dark")
    name = answer.headers["Content-Disposition"]
    assert re.fullmatch(r"attachment;filename=Locust_[0-9a-zA-Z_.-]+_locustfile\.py\.html", name), name
    assert '<html lang="en" data-theme="dark">' in answer.text
    foreign = ui.get("/stats/report", params={"theme": '"><script>'}).text
    assert '<html lang="en">' in foreign and '"><script>' not in foreign[:200]


def test_the_report_is_behind_the_login(ui: WebRun) -> None:
    auth, ui.session.auth = ui.session.auth, None
    try:
        assert ui.get("/stats/report", allow_redirects=False).status_code in (302, 401)
        assert ui.get("/stats/report?token=token8").status_code == 200
    finally:
        ui.session.auth = auth


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--web-credentials", "ann"], "--web-credentials needs a user and a password"),
        (["--web-read-only", "token8"], "--web-read-only needs --web-credentials"),
        (["--tls-cert", "a.pem"], "--tls-cert needs --tls-key"),
    ],
)
def test_what_would_be_open_is_refused(gregaria: list[str], tmp_path: Path, arguments: list[str], says: str) -> None:
    (tmp_path / "locustfile.py").write_text(SOURCE)
    line = [*gregaria, "--web-port", "0", *arguments]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert says in done.stderr and "listens" not in done.stderr and "Traceback" not in done.stderr
