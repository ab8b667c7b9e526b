"""Requests without an answer: listed for the page with who waits and for how long, and gone when they are answered."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from support.web import WebRun, free_port, is_as_described, wait_for, web_run

SOURCE = """
import gevent
from locust import FastHttpUser, HttpUser, constant, task

class Shop(HttpUser):
    wait_time = constant(1000)

    @task
    def page(self):
        self.client.get("/hold/shop?token=hidden&n=1", name="renamed")

class Quick(FastHttpUser):
    wait_time = constant(1000)

    @task
    def page(self):
        self.client.post("/hold/quick", data="x")

class Later(HttpUser):
    wait_time = constant(1000)

    @task
    async def page(self):
        await self.client.aget("/hold/later")

class Aside(HttpUser):
    wait_time = constant(1000)

    @task
    def page(self):
        gevent.spawn(self.client.get, "OTHER/hold/greenlet").join()

class Threaded(HttpUser):
    wait_time = constant(1000)

    @task
    def page(self):
        gevent.get_hub().threadpool.apply(self.client.get, ("/hold/thread",))
"""
HOLDING = {"/hold/shop?token=(removed)&n=1": ("GET", "Shop"), "/hold/quick": ("POST", "Quick")}
HOLDING |= {"/hold/later": ("GET", "Later"), "/hold/thread": ("GET", "")}


@contextmanager
def holding_server(release: threading.Event) -> Iterator[int]:
    """Answers nothing before it is told to."""

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            while connection.recv(65536):
                release.wait(60)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        release.set()


def told(run: WebRun) -> Iterator[dict[str, Any]]:
    """The status in each message of the stream."""
    with run.events() as events:
        for kind, message in events:
            if kind in ("snapshot", "update"):
                yield message["status"]


def test_requests_without_an_answer_are_listed_until_they_have_one(gregaria: list[str], tmp_path: Path) -> None:
    release = threading.Event()
    with holding_server(release) as port:
        host, other = f"http://127.0.0.1:{port}", f"http://localhost:{port}"
        source = SOURCE.replace("OTHER", other)
        with web_run(gregaria, tmp_path, "-H", host, source=source) as run:
            run.post("/swarm", {"user_count": 5, "spawn_rate": 100})
            statuses = told(run)
            both = ((status, status["generator"]["in_flight"]) for status in statuses)
            full = next(status for status, counted in both if len(status["in_flight"]) == counted == 5)
            is_as_described("Status", full)
            rows = {row["name"]: row for row in full["in_flight"]}
            expected = HOLDING | {f"{other}/hold/greenlet": ("GET", "")}
            assert {name: (row["method"], row["user_class"]) for name, row in rows.items()} == expected
            assert {row["phase"] for row in rows.values()} == {"wait"}
            ages = [row["age_seconds"] for row in full["in_flight"]]
            assert ages == sorted(ages, reverse=True) and 0 < ages[-1] <= ages[0] < 60
            later = next(status for status in statuses if status["in_flight"][0]["age_seconds"] > ages[0])
            assert len(later["in_flight"]) == 5
            release.set()
            wait_for(lambda: run.row("Aggregated")["num_requests"] == 5)
            assert any(not status["in_flight"] and not status["generator"]["in_flight"] for status in statuses)


def test_a_master_shows_those_of_its_workers(gregaria: list[str], tmp_path: Path) -> None:
    release = threading.Event()
    with holding_server(release) as port:
        host, cluster = f"http://127.0.0.1:{port}", {"GREGARIA_MASTER_NODE_PORT": str(free_port())}
        arguments = ["--processes", "2", "--class-picker", "-H", host]
        with web_run(gregaria, tmp_path, *arguments, source=SOURCE.replace("OTHER", host), **cluster) as run:
            wait_for(lambda: run.get("/worker-count").json()["worker_count"] == 2)
            run.post("/swarm", {"user_count": 4, "spawn_rate": 100, "user_classes": ["Shop", "Quick"]})
            statuses = told(run)
            full = next(status for status in statuses if len(status["in_flight"]) == 4)
            is_as_described("Status", full)
            assert {row["node"] for row in full["in_flight"]} == {worker["id"] for worker in full["workers"]}
            assert sorted(row["user_class"] for row in full["in_flight"]) == ["Quick", "Quick", "Shop", "Shop"]
            ages = [row["age_seconds"] for row in full["in_flight"]]
            assert ages == sorted(ages, reverse=True) and 0 < ages[-1] <= ages[0] < 60
            release.set()
            assert any(not status["in_flight"] for status in statuses)


def test_without_a_page_nobody_looks_and_a_stop_empties_the_list(gregaria: list[str], tmp_path: Path) -> None:
    with holding_server(threading.Event()) as port:
        source = SOURCE.replace("OTHER", f"http://127.0.0.1:{port}")
        with web_run(gregaria, tmp_path, "--class-picker", "-H", f"http://127.0.0.1:{port}", source=source) as run:
            run.post("/swarm", {"user_count": 2, "spawn_rate": 100, "user_classes": "Shop"})
            run.wait_for_state("running")
            with run.events() as events:
                assert next(events)[1]["status"]["in_flight"] == []
            assert any(len(status["in_flight"]) == 2 for status in told(run))
            run.post("/stop")
            assert any(not status["in_flight"] and not status["generator"]["in_flight"] for status in told(run))
