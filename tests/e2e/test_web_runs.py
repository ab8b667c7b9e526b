"""The history of runs: what is kept, shown, deleted, and what happens when the store is no store."""

import json
from pathlib import Path

import jsonschema
import requests

from support.runs import run as run_command
from support.server import REPOSITORY, TestServer
from support.web import LOCUSTFILE, WebRun, wait_for, web_run


def run_once(ui: WebRun, users: int = 2) -> int:
    """A test of all tasks, from its start to its end; how many requests it made."""
    ui.post("/swarm", {"user_count": users, "spawn_rate": 10})
    wait_for(lambda: ui.row("Aggregated").get("num_requests", 0) > 10 and ui.row("/hello") and ui.row("missing"))
    before = len(runs_of(ui))
    ui.post("/stop")
    wait_for(lambda: len(runs_of(ui)) == before + 1)
    return int(ui.row("Aggregated")["num_requests"])


COMPARISON = json.loads((REPOSITORY / "docs/comparison.schema.json").read_text())


def runs_of(ui: WebRun) -> list[dict[str, object]]:
    return list(ui.get("/runs").json()["runs"])


def test_every_test_of_a_web_ui_is_kept_and_can_be_opened_and_deleted(
    gregaria: list[str], tmp_path: Path, server: TestServer
) -> None:
    store = tmp_path / "store"
    arguments = ["--run-store", str(store)]
    with web_run(gregaria, tmp_path / "a", *arguments, host=server.plain) as ui:
        assert '"keeps_runs": true' in ui.get("/").text
        first = run_once(ui)
        with ui.events() as events:
            assert next(events)[1]["status"]["kept_runs"] == 1
        second = run_once(ui, users=3)
        newest, oldest = runs_of(ui)
        assert (newest["requests"], oldest["requests"]) == (second, first)
        assert (newest["users"], newest["locustfile"], newest["state"]) == (3, "locustfile.py", "finished")
        assert newest["started"] < newest["ended"]  # type: ignore[operator]
        assert newest["p95_ms"] and newest["rps"] and newest["failures"]
        result = ui.get(f"/runs/{oldest['id']}").json()
        assert (result["format"], result["total"]["requests"]) == ("gregaria-result", first)
        plain = ui.get(f"/runs/{oldest['id']}?download=1", headers={"Accept-Encoding": "identity"})
        assert plain.json() == result
        assert plain.headers["Content-Disposition"] == f"attachment; filename=run_{oldest['id']}.json"
        report = ui.get(f"/runs/{oldest['id']}/report?theme=dark")
        assert (report.status_code, report.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert "gregaria-result" in report.text
        assert_compares(ui, oldest["id"], newest["id"])
        assert ui.session.delete(f"{ui.url}/runs/{oldest['id']}", timeout=10).json()["success"] is True
        assert [run["id"] for run in runs_of(ui)] == [newest["id"]]
        for method, path in [("GET", f"/runs/{oldest['id']}"), ("DELETE", f"/runs/{oldest['id']}"), ("GET", "/runs/x")]:
            answer = ui.session.request(method, ui.url + path, timeout=10)
            assert (answer.status_code, answer.json()["success"]) == (404, False)
            assert "there is no run '" in answer.json()["message"]
    # Another process, another folder with locustfiles, the same store.
    with web_run(gregaria, tmp_path / "b", *arguments, host=server.plain) as ui:
        assert runs_of(ui) == []
        assert ui.get(f"/runs/{newest['id']}").status_code == 404
    with web_run(gregaria, tmp_path / "a", *arguments, host=server.plain) as ui:
        assert [run["id"] for run in runs_of(ui)] == [newest["id"]]
        foreign = {"Origin": "http://evil.example"}
        refused = ui.session.delete(f"{ui.url}/runs/{newest['id']}", headers=foreign, timeout=10)
        assert (refused.status_code, len(runs_of(ui))) == (403, 1)


def assert_compares(ui: WebRun, a: object, b: object) -> None:
    address = f"/runs/compare?a={a}&b={b}"
    compared = ui.get(address).json()
    jsonschema.validate(compared, COMPARISON)
    assert {entry["name"] for entry in compared["names"]} >= {"/hello", "missing"}
    assert compared["verdict"] and [run["file"] for run in compared["a"] + compared["b"]] == [f"run {a}", f"run {b}"]
    # Of every name each measure with both values and what can be said, or why nothing can be.
    for measures in [compared["total"], *(entry["measures"] for entry in compared["names"])]:
        assert [each["measure"] for each in measures] == ["median", "p95", "p99", "avg", "rps", "fail_ratio"]
        assert all((each["reason"] is None) == (each["change"] != "unknown") for each in measures)
    assert f"run {a}" in ui.get(f"{address}&format=text").text
    page = ui.get(f"{address}&format=html&fail_if=p95 worse by 10%")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "sandbox" in page.headers["Content-Security-Policy"]
    assert ui.get(f"{address}&format=markdown").text.startswith("## Comparison: ")
    for query, status in [
        (f"a={a}", 400),
        (f"a={a}&b=999", 404),
        (f"a=x&b={b}", 404),
        (f"a={a}&b={b}&format=pdf", 400),
        (f"a={a}&b={b}&fail_if=nonsense", 400),
    ]:
        refused = ui.get(f"/runs/compare?{query}")
        assert (refused.status_code, refused.json()["success"]) == (status, False), query


def test_headless_runs_are_kept_with_their_exit_code_if_asked_for(
    gregaria: list[str], tmp_path: Path, server: TestServer
) -> None:
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE.replace("HOST", server.plain))
    headless = ["--headless", "-t", "1s", "--only-summary", "--exit-code-on-error", "7"]
    assert run_command(gregaria, [*headless, "--run-store", "store"], tmp_path).exit_code == 7
    assert run_command(gregaria, headless, tmp_path).exit_code == 7
    with web_run(gregaria, tmp_path, "--run-store", "store", host=server.plain) as ui:
        (kept,) = runs_of(ui)
        assert (kept["exit_code"], kept["state"], kept["users"]) == (7, "finished", 1)
        result = ui.get(f"/runs/{kept['id']}").json()
        in_history = sum(sum(segment["requests"]) for segment in result["history"]["total"])
        assert in_history == result["total"]["requests"], "the last second too"


def test_off_keeps_nothing_and_says_so(gregaria: list[str], tmp_path: Path, server: TestServer) -> None:
    data = tmp_path / "data"
    with web_run(gregaria, tmp_path, "--run-store", "off", host=server.plain, XDG_DATA_HOME=str(data)) as ui:
        assert '"keeps_runs": false' in ui.get("/").text
        answer = ui.get("/runs")
        assert (answer.status_code, answer.json()["success"]) == (404, False)
    assert not data.exists()


def test_without_the_option_the_store_is_in_the_users_data_folder(
    gregaria: list[str], tmp_path: Path, server: TestServer
) -> None:
    data = tmp_path / "data"
    with web_run(gregaria, tmp_path / "run", host=server.plain, XDG_DATA_HOME=str(data)) as ui:
        ui.post("/swarm", {"user_count": 1, "spawn_rate": 1})
        wait_for(lambda: ui.row("Aggregated").get("num_requests", 0) > 3)
        # Ended with the process, in the middle of the test: kept all the same.
    with web_run(gregaria, tmp_path / "run", host=server.plain, XDG_DATA_HOME=str(data)) as ui:
        assert len(runs_of(ui)) == 1
    assert (data / "gregaria" / "runs.sqlite3").stat().st_size > 0
    assert (data / "gregaria").stat().st_mode & 0o077 == 0


def test_a_broken_store_is_named_and_the_test_runs(gregaria: list[str], tmp_path: Path, server: TestServer) -> None:
    store = tmp_path / "store"
    store.mkdir()
    (store / "runs.sqlite3").write_text("this is no database " * 50)
    with web_run(gregaria, tmp_path / "run", "--run-store", str(store), host=server.plain) as ui:
        assert f"Runs are not kept: the store of runs '{store}/runs.sqlite3' is broken; move it away" in ui.logged()
        assert ui.get("/runs").status_code == 404
        ui.post("/swarm", {"user_count": 1, "spawn_rate": 1})
        wait_for(lambda: ui.row("Aggregated").get("num_requests", 0) > 3)
        ui.post("/stop")
    assert "Traceback" not in ui.logged()


def test_a_store_that_breaks_meanwhile_costs_the_history_only(
    gregaria: list[str], tmp_path: Path, server: TestServer
) -> None:
    store = tmp_path / "store"
    with web_run(gregaria, tmp_path / "run", "--run-store", str(store), host=server.plain) as ui:
        run_once(ui)
        file = store / "runs.sqlite3"
        file.write_bytes(b"x" * file.stat().st_size)
        broken = ui.get("/runs")
        assert (broken.status_code, broken.json()["success"]) == (500, False)
        assert "move it away" in broken.json()["message"]
        ui.post("/swarm", {"user_count": 1, "spawn_rate": 1})
        wait_for(lambda: ui.row("Aggregated").get("num_requests", 0) > 3)
        ui.post("/stop")
        wait_for(lambda: "This run is not kept: the store of runs" in ui.logged())
        assert ui.statistics()["state"] == "stopped"


def test_read_only_links_can_look_at_runs_and_delete_none(
    gregaria: list[str], tmp_path: Path, server: TestServer
) -> None:
    arguments = ["--run-store", "store", "--web-credentials", "ann:secret", "--web-read-only", "a-long-token"]
    with web_run(gregaria, tmp_path, *arguments, host=server.plain, ready="/login") as ui:
        nobody = requests.Session()
        nobody.trust_env = False
        assert nobody.get(f"{ui.url}/runs", allow_redirects=False, timeout=10).status_code == 302
        assert nobody.delete(f"{ui.url}/runs/1", timeout=10).status_code == 401
        ui.session.auth = ("ann", "secret")
        run_once(ui)
        (kept,) = runs_of(ui)
        viewer = requests.Session()
        viewer.trust_env = False
        assert viewer.get(f"{ui.url}/?token=a-long-token", timeout=10).status_code == 200
        assert viewer.get(f"{ui.url}/runs", timeout=10).json()["runs"][0]["id"] == kept["id"]
        refused = viewer.delete(f"{ui.url}/runs/{kept['id']}", timeout=10)
        assert (refused.status_code, json.loads(refused.text)["success"]) == (403, False)
        assert len(runs_of(ui)) == 1
