"""Calls of a script to the web API in any order, as fast as it can: no test, user or request is lost, nobody hangs.

A sequence is drawn from its number, some of its calls side by side. `GREGARIA_SEQUENCES=first:last` runs others.
"""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from support.cluster import Node, free_port, nodes
from support.server import TestServer
from support.web import wait_for

REQUESTS_EACH = 15
LOCUSTFILE = f"""
import random
import gevent
from locust import HttpUser, constant, events, task

class Counter(HttpUser):
    wait_time = constant(0.02)

    def on_start(self):
        self.made = 0

    @task
    def count(self):
        if self.made < {REQUESTS_EACH}:
            self.made += 1
            self.client.get("/delay/2", name="counted")

    def on_stop(self):
        gevent.sleep(random.choice([0, 0, 0.1, 0.4]))

@events.test_start.add_listener
def begin(**kwargs):
    gevent.sleep(random.choice([0, 0, 0.1]))
"""
MOST_USERS = 7
CALLS = 9
first, last = map(int, os.environ.get("GREGARIA_SEQUENCES", "0:5").split(":"))


class Script:
    """What a script may do with a cluster."""

    def __init__(self, url: str, seed: int) -> None:
        self._url = url
        self._random = random.Random(seed)
        self.done: list[str] = []
        self._aside: list[threading.Thread] = []

    def post(self, path: str, **form: Any) -> requests.Response:
        began = time.monotonic()
        answer = requests.post(self._url + path, data=form, timeout=40)
        self.done.append(f"{path} {form or ''} -> {answer.status_code} after {time.monotonic() - began:.2f} s")
        assert answer.status_code in (200, 409), answer.text
        return answer

    def state(self) -> tuple[str, int, bool]:
        told = requests.get(self._url + "/stats/requests", timeout=20).json()
        return told["state"], told["user_count"], told.get("paused", False)

    def total(self) -> tuple[int, int]:
        rows = requests.get(self._url + "/stats/requests", timeout=20).json()["stats"]
        return rows[-1]["num_requests"], rows[-1]["num_failures"]

    def start(self, users: int) -> None:
        """Start a test or change the one that runs; again if one is just being stopped."""
        form = {"user_count": users, "spawn_rate": self._random.choice([3, 20, 100])}
        wait_for(lambda: self.post("/swarm", **form).status_code == 200)

    def act(self) -> None:
        """One call, at once or beside the next ones."""
        users, rate = self._random.randrange(MOST_USERS), self._random.choice([2, 20, 100])
        calls: list[Callable[[], Any]] = [
            lambda: self.post("/swarm", user_count=users, spawn_rate=rate),
            lambda: self.post("/stop"),
            lambda: self.post("/pause"),
            lambda: self.post("/resume"),
            lambda: self.post("/stats/reset"),
        ]
        call = self._random.choices(calls, weights=[5, 4, 1, 1, 1])[0]
        if self._random.random() < 0.4:
            self._aside.append(threading.Thread(target=call))
            self._aside[-1].start()
        else:
            call()
        time.sleep(self._random.choice([0, 0, 0.01, 0.1, 0.4]))

    def join(self) -> None:
        """Wait for the answers to all calls."""
        for thread in self._aside:
            thread.join(60)
            assert not thread.is_alive(), "a call hangs"


@contextmanager
def cluster(master: list[str], workers: list[list[str]], folder: Path, host: str) -> Iterator[tuple[str, list[Node]]]:
    (folder / "locustfile.py").write_text(LOCUSTFILE)
    web, port = free_port(), free_port()
    where = ["--web-host", "127.0.0.1", "--web-port", str(web), "-H", host, "--stop-timeout", "1"]
    if workers:
        where += ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", str(port)]
    with nodes() as running:
        running.append(Node([*master, *where], folder))
        for worker in workers:
            running.append(
                Node([*worker, "--worker", "--master-host", "127.0.0.1", "--master-port", str(port)], folder)
            )
        running[0].wait_for("reported as ready" if workers else "Starting web interface", max(len(workers), 1))
        url = f"http://127.0.0.1:{web}"
        wait_for(lambda: _answers(url))
        yield url, running


def _answers(url: str) -> bool:
    try:
        return requests.get(url + "/stats/requests", timeout=5).ok
    except requests.ConnectionError:
        return False


def run_sequence(url: str, number: int, server: TestServer) -> None:
    """Any calls, then a test whose users and requests are known."""
    script = Script(url, number)
    try:
        for _ in range(CALLS):
            script.act()
        script.join()
        users = 1 + number % MOST_USERS
        script.start(users)
        script.post("/resume")
        wait_for(lambda: script.state() == ("running", users, False))
        script.post("/stop")
        assert script.state() == ("stopped", 0, False), "a stop that has been answered is over"
        seen = server.counts()["requests"]
        script.start(users)
        wait_for(lambda: script.state() == ("running", users, False) and script.total()[0] >= users * REQUESTS_EACH)
        script.post("/stop")
        assert script.total() == (users * REQUESTS_EACH, 0)
        assert server.counts()["requests"] - seen == users * REQUESTS_EACH
    except BaseException:
        print(f"sequence {number}:", *script.done, sep="\n  ")
        print("now:", script.state(), script.total())
        raise


@pytest.mark.parametrize("workers", [0, 2])
def test_calls_in_any_order(workers: int, gregaria: list[str], own_server: TestServer, tmp_path: Path) -> None:
    with cluster(gregaria, [gregaria] * workers, tmp_path, own_server.plain) as (url, running):
        try:
            for number in range(first, last):
                run_sequence(url, number, own_server)
        finally:
            print(*(f"--- node {place}\n{node.log}" for place, node in enumerate(running)), sep="\n")
        assert all(node.process.poll() is None for node in running), "nobody has quit"
        for node in running:
            assert "Traceback" not in node.log
