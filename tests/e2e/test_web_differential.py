"""The same calls to our web UI and to Locust's: status, kind, headers and the shapes of what comes back are compared.

What differs on purpose is in `INTENDED`, with the reason; docs/differences.md says it to people.
"""

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from support.server import TestServer
from support.web import WebRun, wait_for, web_run


@dataclass(frozen=True)
class Call:
    """A call, by a name for messages."""

    name: str
    method: str
    path: str
    data: Any = None
    more: dict[str, Any] = field(default_factory=dict)


def get(path: str) -> Call:
    return Call(f"GET {path}", "GET", path)


def swarm(name: str, **form: Any) -> Call:
    return Call(f"swarm {name}", "POST", "/swarm", form)


READ = [
    get(path)
    for path in (
        *("/stats/requests", "/exceptions", "/tasks", "/logs", "/worker-count"),
        *("/stats/requests/csv", "/stats/failures/csv", "/exceptions/csv"),
    )
]
IDLE = [
    get("/"),
    *READ,
    get("/stats/requests_full_history/csv"),
    get("/login"),
    get("/nowhere"),
    get("/swarm"),
    get("/user"),
    get("/favicon.ico"),
    Call("HEAD /stats/requests", "HEAD", "/stats/requests"),
    Call("POST /stats/requests", "POST", "/stats/requests"),
    Call("DELETE /swarm", "DELETE", "/swarm"),
    get("/stop"),
    get("/stats/reset"),
    Call("stop, of nothing", "POST", "/stop"),
    Call("reset, of nothing", "POST", "/stats/reset"),
]
BAD = [
    swarm("without anything"),
    swarm("without a rate", user_count="1"),
    swarm("without users", spawn_rate="1"),
    swarm("users in words", user_count="many", spawn_rate="1"),
    swarm("users in fractions", user_count="1.5", spawn_rate="1"),
    swarm("a rate in words", user_count="1", spawn_rate="fast"),
    swarm("negative users", user_count="-1", spawn_rate="1"),
    swarm("a negative rate", user_count="1", spawn_rate="-1"),
    swarm("no rate at all", user_count="1", spawn_rate="0"),
    swarm("a run time in words", user_count="1", spawn_rate="1", run_time="long"),
    Call("swarm in JSON", "POST", "/swarm", more={"json": {"user_count": 1, "spawn_rate": 1}}),
    Call("user of an unknown class", "POST", "/user", more={"json": {"user_class_name": "Nobody"}}),
    Call("user without JSON", "POST", "/user", "x"),
]
RUNNING = [
    *READ,
    Call("change a class", "POST", "/user", more={"json": {"user_class_name": "Shop", "weight": 2}}),
    swarm("with other users", user_count="3", spawn_rate="10"),
    swarm("with a run time", user_count="3", spawn_rate="10", run_time="10m"),
    Call("report", "GET", "/stats/report"),
    Call("report as a file", "GET", "/stats/report?download=1"),
    Call("reset", "POST", "/stats/reset"),
    Call("stop", "POST", "/stop"),
    get("/stats/requests"),
]
INTENDED = {
    "user of an unknown class": "Locust dies of it and answers 500",
    "user without JSON": "Locust dies of it and answers 500",
}
"""Calls whose answers differ on purpose."""


def shape(value: Any) -> Any:
    """A JSON value without what it says: keys and kinds."""
    if isinstance(value, dict):
        # Percentiles of the last seconds are null in the first ones.
        unsure = {key: 0 for key in value if key.startswith("response_time_percentile_")}
        return {key: shape(item) for key, item in sorted({**value, **unsure}.items())}
    if isinstance(value, list):
        shapes: list[Any] = []
        for item in map(shape, value):
            if item not in shapes:
                shapes.append(item)
        return shapes
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, int | float) else "text"


def kind(answer: requests.Response) -> str:
    return answer.headers.get("Content-Type", "").split(";")[0]


def seen(answer: requests.Response) -> dict[str, Any]:
    """What two answers are compared by."""
    told: dict[str, Any] = {"status": answer.status_code}
    if answer.ok and not answer.is_redirect and answer.content != b"ok":
        # Other answers are a line for people: ours is plain text, theirs a page.
        told["kind"] = kind(answer)
    if answer.is_redirect:
        told["to"] = answer.headers["Location"].split("?")[0]
    disposition = answer.headers.get("Content-Disposition")
    if disposition:
        told["file"] = disposition.rsplit(".", 1)[-1].strip('"')
    if kind(answer) == "application/json" and answer.content:
        told["shape"] = shape(answer.json())
        if isinstance(answer.json(), dict) and "message" in answer.json():
            told["success"] = answer.json()["success"]
    if kind(answer) == "text/csv":
        told["columns"] = next(csv.reader(io.StringIO(answer.text)))
    return told


@pytest.fixture(scope="module")
def both(
    gregaria: list[str], locust: list[str], tmp_path_factory: pytest.TempPathFactory, server: TestServer
) -> Iterator[tuple[WebRun, WebRun]]:
    with ExitStack() as stack:
        runs = [
            stack.enter_context(web_run(command, tmp_path_factory.mktemp("web"), host=server.plain))
            for command in (gregaria, locust)
        ]
        yield runs[0], runs[1]


def differences(both: tuple[WebRun, WebRun], calls: list[Call]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for call in calls:
        ours, theirs = (
            seen(
                run.session.request(
                    call.method, run.url + call.path, data=call.data, timeout=30, allow_redirects=False, **call.more
                )
            )
            for run in both
        )
        if ours != theirs:
            keys = [key for key in {*ours, *theirs} if ours.get(key) != theirs.get(key)]
            found[call.name] = {key: (ours.get(key), theirs.get(key)) for key in keys}
    return found


def on_both(both: tuple[WebRun, WebRun], act: Callable[[WebRun], Any]) -> None:
    for run in both:
        act(run)


def test_without_a_test(both: tuple[WebRun, WebRun]) -> None:
    assert {name: what for name, what in differences(both, IDLE).items() if name not in INTENDED} == {}


def test_bad_parameters(both: tuple[WebRun, WebRun]) -> None:
    assert {name: what for name, what in differences(both, BAD).items() if name not in INTENDED} == {}
    on_both(both, lambda run: run.post("/stop"))


def test_with_a_test(both: tuple[WebRun, WebRun]) -> None:
    def begin(run: WebRun) -> None:
        assert run.post("/swarm", {"user_count": 2, "spawn_rate": 10}).json()["success"]
        wait_for(lambda: run.row("/hello") and run.row("missing") and run.get("/exceptions").json()["exceptions"])

    on_both(both, begin)
    assert {name: what for name, what in differences(both, RUNNING).items() if name not in INTENDED} == {}
