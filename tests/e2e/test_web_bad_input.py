"""Bad input to every endpoint of the web UI: a clear answer, and nothing changed."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support.server import TestServer
from support.web import WebRun, wait_for, web_run

SHAPE = """
from locust import HttpUser, LoadTestShape, constant, events, task

class Shop(HttpUser):
    wait_time = constant(0.05)
    host = "HOST"

    @task
    def page(self):
        self.client.get("/hello")

class Steady(LoadTestShape):
    def tick(self):
        return (1, 1)
"""
SLOW_TO_STOP = """
import gevent
import pathlib
from locust import User, constant, events, task

class Slow(User):
    wait_time = constant(0.05)

    @task
    def work(self):
        pass

    def on_stop(self):
        while not pathlib.Path("go").exists():
            gevent.sleep(0.02)
"""


@pytest.fixture(scope="module")
def ui(gregaria: list[str], tmp_path_factory: pytest.TempPathFactory, server: TestServer) -> Iterator[WebRun]:
    with web_run(gregaria, tmp_path_factory.mktemp("web"), "--class-picker", host=server.plain) as run:
        yield run


GOOD = {"user_count": "1", "spawn_rate": "1"}
BAD_FORMS: list[tuple[str, dict[str, Any], int, str]] = [
    ("nothing", {}, 200, "Missing or invalid user_count or spawn_rate"),
    ("users: a word", {"user_count": "many", "spawn_rate": "1"}, 200, "Invalid user_count value: 'many'"),
    ("users: empty", {"user_count": "", "spawn_rate": "1"}, 200, "Invalid user_count value: ''"),
    ("users: negative", {"user_count": "-1", "spawn_rate": "1"}, 200, "Missing or invalid user_count"),
    ("users: a fraction", {"user_count": "1.5", "spawn_rate": "1"}, 200, "Invalid user_count value"),
    ("users: NaN", {"user_count": "nan", "spawn_rate": "1"}, 200, "Invalid user_count value"),
    ("users: huge", {"user_count": "9" * 12, "spawn_rate": "1"}, 400, "at most 1000000"),
    ("users: very long", {"user_count": "9" * 5_000, "spawn_rate": "1"}, 200, "Invalid user_count value"),
    ("rate: a word", {"user_count": "1", "spawn_rate": "fast"}, 200, "Invalid spawn_rate value: 'fast'"),
    ("rate: NaN", {"user_count": "1", "spawn_rate": "nan"}, 200, "Missing or invalid user_count or spawn_rate"),
    ("rate: infinite", {"user_count": "1", "spawn_rate": "inf"}, 200, "Missing or invalid"),
    ("rate: zero", {"user_count": "1", "spawn_rate": "0"}, 200, "Missing or invalid"),
    ("rate: negative", {"user_count": "1", "spawn_rate": "-3"}, 200, "Missing or invalid"),
    ("run time: a word", {**GOOD, "run_time": "long"}, 200, "Valid run_time formats are"),
    ("run time: negative", {**GOOD, "run_time": "-5s"}, 200, "Valid run_time formats are"),
    ("run time: huge", {**GOOD, "run_time": "9" * 11}, 400, "at most ten years"),
    ("host: control characters", {**GOOD, "host": "http://a\r\nX: y"}, 400, "control characters"),
    ("host: very long", {**GOOD, "host": "http://" + "a" * 3_000}, 400, "longer than 2000 characters"),
    ("class: unknown", {**GOOD, "user_classes": "Nobody"}, 400, "Unknown User(s): 'Nobody'"),
    ("class: a script", {**GOOD, "user_classes": "<script>"}, 400, "Unknown User(s): '<script>'"),
    ("shape: unknown", {**GOOD, "shape_class": "Nothing"}, 400, "Unknown shape class: 'Nothing'"),
    ("profile: control characters", {**GOOD, "profile": "a\x00b"}, 400, "control characters"),
    ("option: a word for a number", {**GOOD, "number": "seven"}, 400, "Invalid number value: 'seven'"),
    ("option: of the process", {**GOOD, "logfile": "/etc/passwd"}, 400, "The option logfile can only be set on the"),
    ("option: an address", {**GOOD, "web_host": "0.0.0.0"}, 400, "The option web_host can only be set on the command"),
    ("option: of ours", {**GOOD, "gregaria_run_store": "/tmp"}, 400, "The option gregaria_run_store can only be"),
]


@pytest.mark.parametrize(
    ("form", "status", "message"), [row[1:] for row in BAD_FORMS], ids=[row[0] for row in BAD_FORMS]
)
def test_a_bad_form_changes_nothing(ui: WebRun, form: dict[str, Any], status: int, message: str) -> None:
    before = ui.get("/").text
    answer = ui.post("/swarm", form)
    told = answer.json()
    assert (answer.status_code, told["success"]) == (status, False)
    assert message in told["message"]
    assert len(told["message"]) < 400
    assert ui.state() == "ready"
    assert ui.get("/").text == before


BAD_BODIES: list[tuple[str, str, dict[str, Any], int]] = [
    (
        "a multipart form that is none",
        "/swarm",
        {"data": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        400,
    ),
    (
        "a multipart form that ends in the middle",
        "/swarm",
        {"data": b"--b\r\nContent-Disp", "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
        400,
    ),
    ("JSON in place of a form", "/swarm", {"json": {"user_count": 1, "spawn_rate": 1}}, 200),
    ("ten megabytes", "/swarm", {"data": {"host": "a" * (10 << 20)}}, 413),
    ("ten megabytes of JSON", "/user", {"data": b" " * (10 << 20)}, 413),
    ("no JSON", "/user", {"data": b"{"}, 400),
    ("JSON, but a list", "/user", {"json": [1]}, 400),
    ("JSON, but a number", "/user", {"data": b"1"}, 400),
    ("no class", "/user", {"json": {"weight": 1}}, 400),
    ("an unknown class", "/user", {"json": {"user_class_name": "Nobody"}}, 400),
    ("a class that is no text", "/user", {"json": {"user_class_name": ["Shop"]}}, 400),
    ("a weight in words", "/user", {"json": {"user_class_name": "Shop", "weight": "heavy"}}, 400),
    ("a negative weight", "/user", {"json": {"user_class_name": "Shop", "weight": -1}}, 400),
    ("a weight that is no number", "/user", {"data": b'{"user_class_name": "Shop", "weight": NaN}'}, 400),
    ("a fixed count in fractions", "/user", {"json": {"user_class_name": "Shop", "fixed_count": 1.5}}, 400),
    ("a host that is none", "/user", {"json": {"user_class_name": "Shop", "host": 5}}, 400),
    ("an unknown task", "/user", {"json": {"user_class_name": "Shop", "tasks": ["nothing"]}}, 400),
    ("a method of the class", "/user", {"json": {"user_class_name": "Shop", "__init__": 1}}, 400),
    ("a mark without text", "/mark", {"data": {}}, 400),
    ("a mark of two lines", "/mark", {"data": {"text": "a\nb"}}, 400),
    ("a mark that is too long", "/mark", {"data": {"text": "a" * 201}}, 400),
    ("a pause of nothing", "/pause", {}, 409),
]


@pytest.mark.parametrize(
    ("path", "more", "status"), [row[1:] for row in BAD_BODIES], ids=[row[0] for row in BAD_BODIES]
)
def test_a_bad_body_changes_nothing(ui: WebRun, path: str, more: dict[str, Any], status: int) -> None:
    before = ui.get("/").text
    answer = ui.session.post(ui.url + path, timeout=30, **more)
    assert answer.status_code == status, answer.text
    assert answer.json()["success"] is False
    assert answer.json()["message"]
    assert "Traceback" not in answer.text
    assert ui.state() == "ready"
    assert ui.get("/").text == before


@pytest.mark.parametrize(
    "path",
    [
        "/stats/requests?x=%00",
        "/%00",
        "/..%2f..%2fetc%2fpasswd",
        "/assets/../../etc/passwd",
        "/runs/%2e%2e",
        "/" + "a" * 8_000,
    ],
)
def test_odd_addresses(ui: WebRun, path: str) -> None:
    host, port = ui.url.split("//")[1].split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while chunk := raw.recv(65_536):
            answer += chunk
    status = int(answer.split(b" ", 2)[1])
    assert status in (200, 302, 400, 404, 414, 431)
    assert b"root:" not in answer


def raw_connection(ui: WebRun) -> socket.socket:
    host, port = ui.url.split("//")[1].split(":")
    return socket.create_connection((host, int(port)), timeout=40)


def test_a_slow_body_is_given_up_and_holds_nobody_up(ui: WebRun) -> None:
    with raw_connection(ui) as slow:
        slow.sendall(
            b"POST /swarm HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            b"Content-Length: 100\r\n\r\nuser_count=1"
        )
        began = time.monotonic()
        assert ui.state() == "ready"
        answer = slow.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"did not arrive in time" in answer
        assert time.monotonic() - began < 35
    assert ui.state() == "ready"


def test_a_body_that_does_not_say_its_length_ends_somewhere(ui: WebRun) -> None:
    def endless() -> Iterator[bytes]:
        yield b"user_count=1&spawn_rate=1&host="
        for _ in range(160):
            yield b"a" * 65_536

    answer = ui.post("/swarm", endless(), headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert (answer.status_code, answer.json()["success"]) == (413, False)
    assert ui.state() == "ready"


def test_bodies_that_end_in_the_middle_start_nothing(ui: WebRun) -> None:
    for _ in range(20):
        with raw_connection(ui) as cut:
            cut.sendall(
                b"POST /swarm HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nuser_count=1&spawn_rate=1"
            )
    assert ui.state() == "ready"


def test_a_thousand_connections_and_half_open_streams(ui: WebRun) -> None:
    with ExitStack() as stack:
        for number in range(1_000):
            connection = stack.enter_context(raw_connection(ui))
            if number % 4 == 0:
                connection.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            elif number % 4 == 1:
                connection.sendall(b"GET /stats/requests HTTP/1.1\r\nHo")
        assert ui.state() == "ready"
        with ui.events() as events:
            assert next(events)[0] == "snapshot"
    # All gone at once: a browser that was closed.
    wait_for(lambda: ui.state() == "ready")
    with ui.events() as events:
        assert next(events)[0] == "snapshot"


def test_starting_many_times_at_once_starts_one_test(ui: WebRun) -> None:
    answers: list[int] = []

    def start() -> None:
        answers.append(ui.post("/swarm", {"user_count": 2, "spawn_rate": 50}).status_code)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 8
    ui.wait_for_state("running")
    wait_for(lambda: ui.statistics()["user_count"] == 2)
    with ui.events() as events:
        assert next(events)[1]["status"]["run"] == 1
    ui.post("/stop")


def test_stopping_many_times_and_starting_meanwhile(gregaria: list[str], tmp_path: Path) -> None:
    with web_run(gregaria, tmp_path, "--stop-timeout", "30", source=SLOW_TO_STOP) as ui:
        ui.post("/swarm", {"user_count": 2, "spawn_rate": 10})
        ui.wait_for_state("running")
        answers: list[dict[str, Any]] = []
        threads = [threading.Thread(target=lambda: answers.append(ui.post("/stop").json())) for _ in range(5)]
        for thread in threads:
            thread.start()
        ui.wait_for_state("stopping", "cleanup")
        for path, status in (("/swarm", 409), ("/pause", 409), ("/resume", 200), ("/stats/reset", 200)):
            told = ui.post(path, {"user_count": 7, "spawn_rate": 7, "host": "http://other.example"})
            assert told.status_code == status, (path, told.text)
            if path == "/swarm":
                assert "The test is being stopped; start again when it has ended" in told.json()["message"]
        assert ui.state() in ("stopping", "cleanup") and "other.example" not in ui.get("/").text
        assert answers == [], "whoever stops waits for the end"
        (tmp_path / "go").touch()
        for thread in threads:
            thread.join()
        assert answers == [{"success": True, "message": "Test stopped"}] * 5
        assert ui.state() == "stopped"
        assert ui.post("/stop").json()["success"] is True, "there is nothing to stop, and nothing wrong with that"
        assert ui.post("/swarm", {"user_count": 1, "spawn_rate": 1}).json()["success"] is True
        ui.wait_for_state("running")
    assert "Traceback" not in ui.logged()


def test_a_test_that_a_shape_leads_cannot_be_edited(gregaria: list[str], tmp_path: Path, server: TestServer) -> None:
    with web_run(gregaria, tmp_path, source=SHAPE, host=server.plain) as ui:
        assert "using shape class 'Steady'" in ui.post("/swarm").json()["message"]
        ui.wait_for_state("running")
        edited = ui.post("/swarm", {"user_count": 9, "spawn_rate": 9, "host": "http://other.example"})
        assert (edited.status_code, edited.json()["success"]) == (409, False)
        assert "A load shape leads this test" in edited.json()["message"]
        assert ui.statistics()["user_count"] == 1
        assert "other.example" not in ui.get("/").text
        ui.post("/stop")
        ui.wait_for_state("stopped")
