"""`/metrics` as scrapers read it: text through Prometheus's own parser, protobuf, and what the board asks for."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open_metrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from support.server import REPOSITORY, TestServer
from support.web import WebRun, wait_for, web_run

BOARD = REPOSITORY / "deploy/grafana/gregaria.json"
OPEN_METRICS = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
PROTOBUF = {
    "Accept": "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,*/*;q=0.1"
}
BITING = 'a "quoted" \\ name\nof two lines ä \x01 {le="1"}'
SOURCE = """
from locust import HttpUser, constant, task

class Shop(HttpUser):
    wait_time = constant(0.02)
    host = "HOST"

    @task
    def page(self):
        self.client.get("/hello")
        self.client.get("/status/404", name="missing")
        self.client.get("/hello", name=BITING)
        raise ValueError("broken")
"""


@pytest.fixture(scope="module")
def ui(gregaria: list[str], tmp_path_factory: pytest.TempPathFactory, server: TestServer) -> Iterator[WebRun]:
    folder = tmp_path_factory.mktemp("web")
    source = SOURCE.replace("BITING", repr(BITING))
    with web_run(gregaria, folder, "--fail-if", "p95 > 60s", source=source, host=server.plain) as run:
        run.post("/swarm", {"user_count": 2, "spawn_rate": 10})
        wait_for(lambda: run.row("/hello").get("num_requests", 0) > 20 and run.get("/exceptions").json()["exceptions"])
        with run.events() as events:
            wait_for(lambda: next(events)[1]["status"]["thresholds"][0]["state"] == "pass")
        run.post("/stop")
        yield run


def samples(families: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return found


def value(found: dict[str, list[Any]], metric: str, **labels: str) -> float:
    (sample,) = [each for each in found[metric] if labels.items() <= each.labels.items()]
    return float(sample.value)


@pytest.mark.parametrize("dialect", ["text", "OpenMetrics"])
def test_figures_are_those_of_the_statistics(ui: WebRun, dialect: str) -> None:
    answer = ui.get("/metrics", headers=OPEN_METRICS if dialect == "OpenMetrics" else {})
    found = samples((parse_open_metrics if dialect == "OpenMetrics" else parse_text)(answer.text))
    version = "version=1.0.0" if dialect == "OpenMetrics" else "version=0.0.4"
    assert version in answer.headers["Content-Type"]
    for row in ui.statistics()["stats"][:-1]:
        labels = {"method": row["method"], "name": row["name"]}
        assert value(found, "gregaria_requests_total", **labels) == row["num_requests"]
        assert value(found, "gregaria_request_failures_total", **labels) == row["num_failures"]
        assert value(found, "gregaria_response_time_seconds_count", **labels) == row["num_requests"]
        mean_ms = 1000 * value(found, "gregaria_response_time_seconds_sum", **labels) / row["num_requests"]
        assert mean_ms == pytest.approx(row["avg_response_time"], rel=0.01)
        buckets = [
            each for each in found["gregaria_response_time_seconds_bucket"] if each.labels["name"] == row["name"]
        ]
        counts = [each.value for each in buckets]
        assert counts == sorted(counts)
        assert (buckets[-1].labels["le"], counts[-1]) == ("+Inf", row["num_requests"])
        below = [float(each.labels["le"]) for each in buckets if each.value >= row["num_requests"] / 2]
        assert min(below) >= row["median_response_time"] / 1000
    assert {each.labels["name"] for each in found["gregaria_requests_total"]} == {"/hello", "missing", BITING}
    failures = {(each.labels["name"], each.labels["error"]): each.value for each in found["gregaria_failures_total"]}
    assert failures == {(row["name"], row["error"]): row["occurrences"] for row in ui.statistics()["errors"]}
    assert value(found, "gregaria_state", state="stopped") == 1
    assert sum(each.value for each in found["gregaria_state"]) == 1
    assert value(found, "gregaria_users", user_class="Shop") == 0
    assert value(found, "gregaria_task_exceptions_total") == ui.get("/exceptions").json()["exceptions"][0]["count"]
    assert value(found, "gregaria_threshold_passed") == 1
    assert value(found, "gregaria_generator_requests_completed_total") > 60
    assert not math.isnan(value(found, "gregaria_start_time_seconds"))


def fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Number and value of each field of a protobuf message, as the wire has it."""
    place = 0

    def varint() -> int:
        nonlocal place
        number = shift = 0
        while True:
            byte = message[place]
            place += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    while place < len(message):
        key = varint()
        match key & 7:
            case 0:
                yield key >> 3, varint()
            case 1:
                yield key >> 3, message[place : place + 8]
                place += 8
            case 2:
                length = varint()
                yield key >> 3, message[place : place + length]
                place += length
            case other:
                raise AssertionError(f"wire type {other}")


def test_protobuf_has_native_histograms(ui: WebRun) -> None:
    answer = ui.get("/metrics", headers=PROTOBUF)
    assert answer.headers["Content-Type"].startswith("application/vnd.google.protobuf; proto=io.prometheus.client.")
    # A family after the other, its length before it: as if they were fields with a tag of nothing.
    families, rest = {}, answer.content
    while rest:
        length, shift, place = 0, 0, 0
        while True:
            length |= (rest[place] & 0x7F) << shift
            shift, place = shift + 7, place + 1
            if rest[place - 1] < 0x80:
                break
        family = list(fields(rest[place : place + length]))
        families[dict(family)[1].decode()] = family
        rest = rest[place + length :]
    histograms = families["gregaria_response_time_seconds"]
    assert dict(histograms)[3] == 4
    metrics = [list(fields(body)) for number, body in histograms if number == 4]
    assert len(metrics) == 3
    for metric in metrics:
        histogram = list(fields(dict(metric)[7]))
        known = dict(histogram)
        spans = [dict(fields(body)) for number, body in histogram if number == 12]
        deltas = list(fields_packed(known[13]))
        counts = [sum(deltas[: place + 1]) for place in range(len(deltas))]
        assert known[5] == 6, "schema 3, in zigzag"
        assert sum(counts) + known[7] == known[1]
        assert sum(span[2] for span in spans) == len(counts)
        assert all(count > 0 for count in counts)


def fields_packed(packed: bytes) -> Iterator[int]:
    """Signed numbers in zigzag, one after the other."""
    number = shift = 0
    for byte in packed:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield (number >> 1) ^ -(number & 1)
            number = shift = 0


def test_a_scraper_is_let_in_by_token_or_password_only(gregaria: list[str], tmp_path: Path) -> None:
    arguments = ["--web-credentials", "ann:secret", "--web-read-only", "a-long-token"]
    with web_run(gregaria, tmp_path, *arguments, ready="/login") as ui:

        def status(path: str = "/metrics", **more: Any) -> int:
            return requests.get(ui.url + path, allow_redirects=False, timeout=10, **more).status_code

        assert status() == 302
        assert status(headers={"Authorization": "Bearer wrong"}) == 302
        assert status("/metrics?token=wrong") == 302
        assert status(headers={"Authorization": "Bearer a-long-token"}) == 200
        assert status("/metrics?token=a-long-token") == 200
        assert status(auth=("ann", "secret")) == 200


def test_every_metric_of_the_board_exists(ui: WebRun) -> None:
    board = json.loads(BOARD.read_text(encoding="utf-8"))
    found = samples(parse_text(ui.get("/metrics").text))
    queries = re.findall(r'"(?:expr|query|definition)": "((?:[^"\\]|\\.)*)"', json.dumps(board))
    asked = {name for query in queries for name in re.findall(r"gregaria_[a-z_]+", query)}
    assert len(asked) > 8
    of_clusters = {name for name in asked if name.startswith("gregaria_worker_")}
    assert asked - of_clusters - set(found) == set()
    documented = (REPOSITORY / "docs/web-ui.md").read_text(encoding="utf-8")
    assert {name for name in found if re.sub("_(bucket|sum|count)$", "", name) not in documented} == set()
