"""Ratios of the page: as weights plan them, and as they came about; tasks are counted whichever way they are run."""

from pathlib import Path
from typing import Any

import pytest

from support.server import TestServer
from support.web import WebRun, free_port, wait_for, web_run

SOURCE = """
from locust import HttpUser, SequentialTaskSet, TaskSet, constant, task

def shared(self):
    self.client.get("/", name=f"{type(self).__name__} shared")

class Basket(SequentialTaskSet):
    def on_start(self):
        self.client.get("/", name="Basket")

    @task
    def add(self):
        self.client.get("/", name="add")

    @task
    def leave(self):
        self.interrupt()

class Own(TaskSet):
    def on_start(self):
        self.client.get("/", name="Own")

    def execute_task(self, task):
        super().execute_task(task)

    @task
    def odd(self):
        self.client.get("/", name="odd")
        self.interrupt()

class Buyer(HttpUser):
    wait_time = constant(0.01)
    tasks = {shared: 2, Basket: 1, Own: 1}

class Visitor(HttpUser):
    weight = 3
    wait_time = constant(0.01)
    tasks = [shared]
"""

NAMES = ("add", "odd", "Buyer shared", "Visitor shared")


def latest(run: WebRun) -> dict[str, Any]:
    with run.events() as events:
        return dict(next(events)[1]["ratios"])


def test_planned_and_actual_ratios(gregaria: list[str], tmp_path: Path, server: TestServer) -> None:
    with web_run(gregaria, tmp_path, "--stop-timeout", "20", source=SOURCE, host=server.plain) as run:
        before = latest(run)
        assert before["planned"]["Visitor"]["ratio"] == 0.75
        assert before["actual"]["Buyer"]["ratio"] is None
        run.post("/swarm", {"user_count": 4, "spawn_rate": 100, "host": server.plain})
        wait_for(lambda: all(run.row(name).get("num_requests", 0) > 2 for name in NAMES))
        run.post("/stop")
        run.wait_for_state("stopped")
        requests = {row["name"]: row["num_requests"] for row in run.statistics()["stats"]}
        ratios = latest(run)
        buyer, visitor = ratios["actual"]["Buyer"], ratios["actual"]["Visitor"]
        assert (visitor["ratio"], visitor["count"], buyer["ratio"], buyer["count"]) == (0.75, 3, 0.25, 1)
        assert visitor["tasks"]["shared"] == {"ratio": 0.75, "count": requests["Visitor shared"]}
        basket, own = buyer["tasks"]["Basket"], buyer["tasks"]["Own"]
        counted = (buyer["tasks"]["shared"]["count"], basket["count"], own["count"], own["tasks"]["odd"]["count"])
        assert counted == tuple(requests[name] for name in ("Buyer shared", "Basket", "Own", "odd"))
        assert basket["tasks"]["add"]["count"] == requests["add"]
        shares = [task["ratio"] for task in buyer["tasks"].values()]
        assert sum(shares) == pytest.approx(0.25)
        assert buyer["tasks"]["shared"]["ratio"] == pytest.approx(0.25 * counted[0] / sum(counted[:3]))
        assert sum(task["ratio"] for task in basket["tasks"].values()) == pytest.approx(basket["ratio"])
        assert ratios["planned"]["Buyer"]["tasks"]["Basket"]["ratio"] == pytest.approx(0.25 / 4)
        assert set(run.get("/tasks").json()) == {"per_class", "total"}
        run.post("/stats/reset")
        wait_for(lambda: latest(run)["actual"]["Visitor"]["tasks"]["shared"]["count"] == 0)


def test_a_master_adds_up_what_its_workers_began(gregaria: list[str], tmp_path: Path, server: TestServer) -> None:
    cluster = {"GREGARIA_MASTER_NODE_PORT": str(free_port())}
    arguments = ["--processes", "2", "--stop-timeout", "20"]
    with web_run(gregaria, tmp_path, *arguments, source=SOURCE, host=server.plain, **cluster) as run:
        wait_for(lambda: run.get("/worker-count").json()["worker_count"] == 2)
        for _ in range(2):
            run.post("/swarm", {"user_count": 8, "spawn_rate": 100, "host": server.plain})
            wait_for(lambda: all(run.row(name).get("num_requests", 0) > 2 for name in NAMES))
            run.post("/stop")
            run.wait_for_state("stopped")
            requests = {row["name"]: row["num_requests"] for row in run.statistics()["stats"]}
            expected = {name: requests[f"{name} shared"] for name in ("Buyer", "Visitor")} | {"add": requests["add"]}
            assert counted_until(run, expected) == expected
        run.post("/stats/reset")
        nothing = dict.fromkeys(("Buyer", "Visitor", "add"), 0)
        assert counted_until(run, nothing) == nothing


def counted_until(run: WebRun, expected: dict[str, int]) -> dict[str, int]:
    """What the page is told of tasks begun, as soon as it is this: workers are only asked while somebody looks."""
    found: dict[str, int] = {}
    with run.events() as events:
        for message, _ in zip((message for _, message in events), range(60), strict=False):
            if ratios := message.get("ratios"):
                actual = ratios["actual"]
                found = {name: actual[name]["tasks"]["shared"]["count"] for name in ("Buyer", "Visitor")}
                found["add"] = actual["Buyer"]["tasks"]["Basket"]["tasks"]["add"]["count"]
            if found == expected:
                break
    return found
