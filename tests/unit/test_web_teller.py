"""What the hub tells the web server: what changed, nothing lost while the server is behind, and what workers say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from gregaria import User, task
from gregaria.distributed import in_flight
from gregaria.env import Environment
from gregaria.web.status import Teller


class Visitor(User):
    """Does nothing."""

    @task
    def look(self) -> None:
        pass


class Server:
    """Takes what it is told, or is behind."""

    def __init__(self) -> None:
        self.wants_tick = True
        self.is_watched = False
        self.told: list[dict[str, Any]] = []

    def tick(self, _stats: Any, status: str, **more: Any) -> None:
        self.told.append({"status": json.loads(status), **more})


@pytest.fixture
def teller() -> Iterator[Teller]:
    environment = Environment(user_classes=[Visitor])
    runner = environment.create_local_runner()
    yield Teller(SimpleNamespace(environment=environment, thresholds=list, kept_runs=None))  # type: ignore[arg-type]
    runner.quit()


def test_nothing_is_lost_while_the_server_is_behind(teller: Teller) -> None:
    server = Server()
    server.wants_tick = False
    teller.mark("note", "here")
    teller.tell(server)  # type: ignore[arg-type]
    assert server.told == []
    server.wants_tick = True
    teller.tell(server)  # type: ignore[arg-type]
    (told,) = server.told
    assert json.loads(told["marks"])[0]["text"] == "here"
    assert json.loads(told["exceptions"]) == [] and json.loads(told["ratios"])["planned"]["Visitor"]["ratio"] == 1
    teller.tell(server)  # type: ignore[arg-type]
    assert (server.told[1]["marks"], server.told[1]["exceptions"], server.told[1]["ratios"]) == (None, None, None)
    server.wants_tick = False
    teller.tell(server, everything=True)  # type: ignore[arg-type]
    assert len(server.told) == 3 and server.told[2]["everything"] is True


def test_requests_in_flight_are_looked_for_only_for_somebody(teller: Teller) -> None:
    server = Server()
    teller.tell(server)  # type: ignore[arg-type]
    server.is_watched = True
    teller.tell(server)  # type: ignore[arg-type]
    assert [told["status"].get("in_flight") for told in server.told] == [None, []]


def test_what_workers_say_is_held_for_a_while_and_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(in_flight.time, "monotonic", lambda: now[0])
    answers = in_flight.AnswersOfWorkers()
    answers.take("a", [["GET", "/new", "Shop", "wait", 1.0], ["GET", "/odd", "Shop", "wait", float("nan")]])
    answers.take("b", [("PUT", "/old", "Shop", "dns", 7.5)])
    for nonsense in (None, 5, "text", [1], [["GET"]], [["GET", "/", "S", "wait", "long"]], {"a": 1}):
        answers.take("a", nonsense)
    now[0] = 102.0
    rows = [("b", ("PUT", "/old", "Shop", "dns", 9.5)), ("a", ("GET", "/new", "Shop", "wait", 3.0))]
    assert answers.oldest(["a", "b"]) == rows
    answers.take("b", [("GET", f"/{number}", "Shop", "wait", float(number)) for number in range(1_000)])
    assert len(answers.oldest(["a", "b"])) == in_flight.OLDEST
    assert answers.oldest(["a"]) == rows[1:]
    assert answers.oldest(["a", "b"]) == rows[1:], "a worker that was gone begins anew"
    now[0] = 200.0
    assert answers.oldest(["a"]) == []
