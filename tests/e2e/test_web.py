"""The web UI of a real run: starting, watching, changing and stopping a test through its endpoints and event stream."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.server import TestServer
from support.web import WebRun, free_port, is_as_described, wait_for, web_run


@pytest.fixture(scope="module")
def ui(gregaria: list[str], tmp_path_factory: pytest.TempPathFactory, server: TestServer) -> Iterator[WebRun]:
    """One process for tests that leave it as they found it: without a test."""
    with web_run(gregaria, tmp_path_factory.mktemp("web"), host=server.plain) as run:
        yield run


@pytest.fixture(autouse=True)
def nothing_runs(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "ui" in request.fixturenames:
        run: WebRun = request.getfixturevalue("ui")
        run.post("/stop")


def start(run: WebRun, users: int = 2, rate: float = 10, **more: Any) -> dict[str, Any]:
    answer = run.post("/swarm", {"user_count": users, "spawn_rate": rate, **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_test_is_started_watched_changed_and_stopped(ui: WebRun) -> None:
    assert start(ui, 2)["message"] == "Swarming started"
    ui.wait_for_state("running")
    wait_for(lambda: ui.row("/hello").get("num_requests", 0) > 5 and ui.row("missing").get("num_failures", 0) > 0)
    told = ui.statistics()
    assert told["user_count"] == 2
    assert told["stats"][-1]["name"] == "Aggregated"
    assert sum(row["num_requests"] for row in told["stats"][:-1]) == told["stats"][-1]["num_requests"]
    assert told["errors"][0]["error"].startswith("HTTPError('404 ")
    assert wait_for(lambda: ui.get("/exceptions").json()["exceptions"])[0]["msg"] == "<b>broken</b>"
    assert ui.get("/tasks").json()["total"]["Shop"]["tasks"]["page"]["ratio"] == pytest.approx(0.3)
    start(ui, 5)
    wait_for(lambda: ui.statistics()["user_count"] == 5)
    assert ui.post("/stop").json() == {"message": "Test stopped", "success": True}
    assert ui.statistics()["state"] == "stopped"
    assert ui.statistics()["user_count"] == 0
    assert any("All users spawned" in line for line in ui.get("/logs").json()["master"])


def test_after_a_stop_the_figures_are_the_final_ones(ui: WebRun) -> None:
    start(ui, 3)
    wait_for(lambda: ui.row("Aggregated")["num_requests"] > 10)
    ui.post("/stop")
    total = ui.row("Aggregated")["num_requests"]
    last = ui.get("/stats/requests/csv").text.splitlines()[-1].split(",")
    assert (last[1], int(last[2])) == ("Aggregated", total)


def test_a_reset_clears_figures_and_exceptions(ui: WebRun) -> None:
    start(ui)
    wait_for(lambda: ui.get("/exceptions").json()["exceptions"])
    ui.post("/stop")
    assert ui.post("/stats/reset").text == "ok"
    assert ui.row("Aggregated")["num_requests"] == 0
    assert ui.get("/exceptions").json() == {"exceptions": []}


def test_the_stream_begins_with_everything_and_goes_on_with_changes(ui: WebRun) -> None:
    start(ui, 2)
    wait_for(lambda: ui.row("/hello"))
    with ui.events() as events:
        kind, snapshot = next(events)
        assert kind == "snapshot"
        is_as_described("SnapshotMessage", snapshot)
        assert snapshot["status"]["state"] in ("spawning", "running")
        names = {name[0]: (name[1], name[2]) for name in snapshot["names"]}
        assert ("GET", "/hello") in names.values()
        before = snapshot["total"]["n"]
        for _ in range(3):
            kind, update = next(events)
            assert (kind, update["reset"]) == ("update", False)
            is_as_described("UpdateMessage", update)
            names |= {name[0]: (name[1], name[2]) for name in update["names"]}
            assert all(row["i"] in names for row in update["rows"])
        assert update["total"]["n"] > before
        assert update["point"]["users"] == 2
        assert update["status"]["generator"]["verdict"].startswith("The generator ")


def test_a_new_test_is_a_new_run_in_the_stream(ui: WebRun) -> None:
    start(ui)
    wait_for(lambda: ui.row("/hello"))
    with ui.events() as events:
        run = next(events)[1]["status"]["run"]
        ui.post("/stop")
        start(ui)
        marks: list[str] = []
        for _, update in events:
            marks += [mark["kind"] for mark in update.get("marks", [])]
            if update["status"]["run"] == run + 1:
                break
        assert marks == ["stop", "start"]


def test_a_stream_for_clients_without_gzip(ui: WebRun) -> None:
    with ui.events(headers={"Accept-Encoding": "identity"}) as events:
        assert next(events)[0] == "snapshot"


def test_a_sleeping_client_slows_nobody_and_wakes_up_to_everything(ui: WebRun) -> None:
    start(ui)
    with ui.events() as sleeping:
        assert next(sleeping)[0] == "snapshot"
        seen = ui.row("Aggregated")["num_requests"]
        wait_for(lambda: ui.row("Aggregated")["num_requests"] > seen + 20)
        assert next(sleeping)[1]["total"]["n"] > 0


def test_custom_options_reach_the_test_with_their_types(
    gregaria: list[str], tmp_path: Path, server: TestServer
) -> None:
    source = (
        "from locust import User, task, constant, events\n"
        "@events.init_command_line_parser.add_listener\n"
        "def options(parser):\n"
        "    parser.add_argument('--word', default='a')\n"
        "    parser.add_argument('--number', type=int, default=1)\n"
        "    parser.add_argument('--flag', action='store_true')\n"
        "@events.test_start.add_listener\n"
        "def started(environment, **_):\n"
        "    options = environment.parsed_options\n"
        "    print('OPTIONS', repr((options.word, options.number, options.flag, environment.host)), flush=True)\n"
        "class Plain(User):\n"
        "    wait_time = constant(1)\n"
        "    @task\n"
        "    def work(self): pass\n"
    )
    with web_run(gregaria, tmp_path, source=source) as run:
        form = {"user_count": 1, "spawn_rate": 1, "word": "b c", "number": "7", "flag": "true", "host": "http://<x>"}
        run.post("/swarm", form)
        wait_for(lambda: "OPTIONS ('b c', 7, True, 'http://x')" in run.logged())


def test_a_run_time_ends_the_test_and_not_the_process(ui: WebRun) -> None:
    assert start(ui, 1, run_time="1s")["run_time"] == 1
    ui.wait_for_state("stopped")
    assert ui.process.poll() is None


def test_autostart_and_autoquit(gregaria: list[str], tmp_path: Path, server: TestServer) -> None:
    arguments = ["--autostart", "-u", "2", "-r", "2", "-t", "2", "--autoquit", "1", "--only-summary"]
    with web_run(gregaria, tmp_path, *arguments, host=server.plain) as run:
        run.wait_for_state("spawning", "running")
        with run.events() as events:
            assert 0 < next(events)[1]["status"]["ends"] - time.time() <= 2
        assert run.wait_for_end() == 1
        assert "--autoquit time reached, shutting down" in run.logged()


def test_below_a_base_path(gregaria: list[str], tmp_path: Path) -> None:
    with web_run(gregaria, tmp_path, "--web-base-path", "/load", path="/load") as run:
        assert run.get("/stats/requests").status_code == 200
        assert "template-args" in run.get("/").text
        bare = run.session.get(run.url, allow_redirects=False, timeout=10)
        assert (bare.status_code, bare.headers["Location"]) == (302, "/load/")
        outside = run.session.get(run.url.removesuffix("/load") + "/stats/requests", timeout=10)
        assert outside.status_code == 404


def test_a_port_in_use_is_named_with_the_way_out(gregaria: list[str], tmp_path: Path) -> None:
    (tmp_path / "locustfile.py").write_text(
        "from locust import User, task\nclass A(User):\n    @task\n    def a(self): pass\n"
    )
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*gregaria, "--web-port", port], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
        )
    assert done.returncode == 1
    assert f"port {port} is in use already; choose another one with --web-port" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_without_an_address_only_this_machine_is_served(gregaria: list[str], tmp_path: Path) -> None:
    (tmp_path / "locustfile.py").write_text(
        "from locust import User, task\nclass A(User):\n    @task\n    def a(self): pass\n"
    )
    process = subprocess.Popen(
        [*gregaria, "--web-port", "0"], cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stderr is not None
        said = next(line for line in process.stderr if "listens at" in line)
        assert "listens at http://127.0.0.1:" in said
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_a_master_with_processes_shares_its_test_out(
    gregaria: list[str], tmp_path: Path, own_server: TestServer
) -> None:
    cluster = {"GREGARIA_MASTER_NODE_PORT": str(free_port())}
    with web_run(gregaria, tmp_path, "--processes", "2", host=own_server.plain, **cluster) as run:
        wait_for(lambda: run.statistics().get("worker_count") == 2)
        start(run, 4)
        wait_for(lambda: [worker["user_count"] for worker in run.statistics()["workers"]] == [2, 2])
        told = wait_for(lambda: (figures := run.statistics())["stats"][-1]["num_requests"] > 20 and figures)
        assert (told["state"], told["user_count"]) == ("running", 4)
        # Locust's endpoint has what Locust has; the stream tells besides how late each worker's loop is.
        assert set(told["workers"][0]) == {"id", "state", "user_count", "cpu_usage", "memory_usage"}
        with run.events() as events:
            workers = next(message["status"]["workers"] for kind, message in events if kind != "alive")
            assert len(workers) == 2 and all(0 <= worker["lag_ms"] < 60_000 for worker in workers)
        assert run.get("/metrics").text.count("gregaria_worker_lag_seconds{") == 2
        assert run.get("/worker-count").json() == {"worker_count": 2}
        assert run.post("/stop").json()["success"] is True
        run.wait_for_state("stopped")
        wait_for(lambda: run.row("Aggregated")["num_requests"] == own_server.counts()["requests"])
        assert run.statistics()["user_count"] == 0


def test_the_page_has_its_arguments(ui: WebRun) -> None:
    page = ui.get("/").text
    start_of = page.index('id="template-args">') + len('id="template-args">')
    arguments = json.loads(page[start_of : page.index("</script>", start_of)])
    assert arguments["extra_options"]["secret"]["is_secret"] is True
    assert "hidden" not in arguments["extra_options"]
    assert arguments["available_user_classes"] == ["Other", "Shop"]
