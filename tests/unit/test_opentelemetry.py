"""`--otel`: spans, metrics and logs of a run, as a collector in this process gets them over OTLP."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
from opentelemetry import _logs, metrics, trace
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

import gregaria
from gregaria import FastHttpUser, HttpUser, User, _engine, opentelemetry
from gregaria.env import Environment
from gregaria.exception import StopUser
from support import protocols
from support.population import wait_for
from support.runs import run
from support.server import REPOSITORY, TestServer

KINDS = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}


class Received:
    """What a collector has got."""

    def __init__(self) -> None:
        self.requests: dict[str, list[Any]] = {path: [] for path in KINDS}

    @property
    def spans(self) -> list[Any]:
        return [
            span
            for request in self.requests["/v1/traces"]
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def resource(self) -> dict[str, Any]:
        return attributes(self.requests["/v1/traces"][0].resource_spans[0].resource)

    def metric(self, name: str) -> Any:
        """The last one of this name."""
        found = [
            metric
            for request in self.requests["/v1/metrics"]
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
        ]
        return found[-1]


class Collector(Received):
    """One that is reached over HTTP, and where."""

    url = ""

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        import gzip

        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        if environ.get("HTTP_CONTENT_ENCODING") == "gzip":
            body = gzip.decompress(body)
        path = environ["PATH_INFO"]
        self.requests[path].append(KINDS[path].FromString(body))
        start_response("200 OK", [("Content-Type", "application/x-protobuf")])
        return [b""]


class GrpcCollector(Received):
    """One that is reached over gRPC, a process that leaves files in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.held = folder / "held"

    def read(self) -> GrpcCollector:
        for path, kind in KINDS.items():
            files = sorted(self.folder.glob(f"{path.removeprefix('/v1/')}.*"))
            self.requests[path] = [kind.FromString(file.read_bytes()) for file in files]
        return self


def attributes(holder: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in holder.attributes}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    collector = Collector()
    with protocols.wsgi(collector) as collector.url:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        yield collector


@pytest.fixture
def grpc_collector(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[GrpcCollector]:
    (folder := tmp_path / "collected").mkdir()
    script = REPOSITORY / "tests/support/grpc_collector.py"
    command = [sys.executable, str(script), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{int(process.stdout.readline())}")
        monkeypatch.delenv("OTEL_EXPORTER_OTLP_PROTOCOL", raising=False)
        yield GrpcCollector(folder)
        process.stdin.close()


@pytest.fixture(autouse=True, scope="module")
def first_providers() -> None:
    """OpenTelemetry keeps the first ones of a process for good: none that a test's run makes."""
    trace.set_tracer_provider(TracerProvider())
    metrics.set_meter_provider(MeterProvider())
    _logs.set_logger_provider(LoggerProvider())


@pytest.fixture(autouse=True)
def everything_off() -> Iterator[None]:
    yield
    opentelemetry.shut_down()
    opentelemetry.request_names.clear()


def run_users(*classes: type[User]) -> None:
    """One user of each, to its end, as the command runs them; then everything is exported."""
    assert opentelemetry.setup_opentelemetry("file.py", "nightly")
    environment = Environment(user_classes=list(classes), events=gregaria.events)
    runner = environment.create_local_runner()
    try:
        gregaria.events.init.fire(environment=environment, runner=runner, web_ui=None)
        runner.start(len(classes), 100)
        assert runner.spawning_greenlet is not None
        runner.spawning_greenlet.join(20)
        assert runner.user_greenlets.join(20)
        runner.quit()
    finally:
        opentelemetry.shut_down()


def user_of(base: Any, server: TestServer, act: Any) -> Any:
    def once(self: Any) -> Any:
        act(self)
        raise StopUser

    async def once_awaited(self: Any) -> Any:
        await act(self)
        raise StopUser

    tasks = [once_awaited if asyncio.iscoroutinefunction(act) else once]
    return type(f"Visitor{base.__name__}", (base,), {"host": server.plain, "tasks": tasks})


@pytest.mark.parametrize("base", [HttpUser, FastHttpUser])
def test_spans_of_requests(base: Any, server: TestServer, collector: Collector) -> None:
    echoed: list[Any] = []

    def act(user: Any) -> None:
        echoed.append(user.client.get("/echo?q=1", headers={"X-Own": "1"}).json()["headers"])
        user.client.post("/status/404", name="missing")
        with user.client.get("/bytes/1", catch_response=True) as response:
            response.failure("wrong")

    run_users(user_of(base, server, act))
    echo, missing, wrong = collector.spans
    assert [span.name for span in collector.spans] == ["GET /echo", "POST missing", "GET /bytes/1"]
    assert attributes(echo) == {"http.method": "GET", "http.url": f"{server.plain}/echo?q=1", "http.status_code": 200}
    assert attributes(missing)["http.status_code"] == 404
    assert [span.status.code for span in collector.spans] == [0, 2, 2] and wrong.status.message == "wrong"
    assert all(span.kind == 3 and span.end_time_unix_nano > span.start_time_unix_nano for span in collector.spans)
    (headers,) = echoed
    sent = {name.lower(): value for name, value in (headers.items() if isinstance(headers, dict) else headers)}
    assert sent["traceparent"] == f"00-{echo.trace_id.hex()}-{echo.span_id.hex()}-01"
    assert sent["x-own"] == "1"
    assert len({span.trace_id for span in collector.spans}) == 3
    assert collector.resource["service.name"] == "locust" and collector.resource["profile"] == "nightly"
    assert collector.resource["filename"] == "file.py"


def test_coroutines_streams_and_redirects(server: TestServer, collector: Collector) -> None:
    async def act(user: Any) -> None:
        await asyncio.gather(user.client.aget("/redirect/1"), user.client.aget("/bytes/1"))

    def stream(user: Any) -> None:
        user.client.get("/stream/3", stream=True).release()

    run_users(user_of(HttpUser, server, act), user_of(FastHttpUser, server, stream))
    assert sorted(span.name for span in collector.spans) == ["GET /bytes/1", "GET /redirect/1", "GET /stream/3"]


def test_a_script_may_have_spans_around_requests(server: TestServer, collector: Collector) -> None:
    outer = trace.SpanContext(5, 7, False, trace.TraceFlags(1))

    def inside(user: Any) -> None:
        with trace.use_span(trace.NonRecordingSpan(outer)):
            user.client.get("/bytes/1")

    run_users(user_of(HttpUser, server, inside))
    (span,) = collector.spans
    assert int.from_bytes(span.trace_id, "big") == 5 and int.from_bytes(span.parent_span_id, "big") == 7


def test_what_is_not_sampled_is_not_exported(
    server: TestServer, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    echoed: list[Any] = []

    def act(user: Any) -> None:
        echoed.append(user.client.get("/echo").text)

    run_users(user_of(HttpUser, server, act))
    assert collector.spans == [] and "-00" in echoed[0]


def test_other_clients_have_spans_through_the_request_event(server: TestServer, collector: Collector) -> None:
    def act(user: Any) -> None:
        with user.environment.events.request.measure("SQL", "insert"):
            gevent.sleep(0.001)
        user.environment.events.request.fire(
            request_type="SQL",
            name="select",
            response_time=2,
            response_length=5,
            exception=ValueError("no"),
            context={},
        )

    run_users(user_of(User, server, act))
    insert, select = collector.spans
    assert [insert.name, select.name] == ["SQL insert", "SQL select"]
    assert attributes(select) == {
        "request.type": "SQL",
        "request.name": "select",
        "response.length": 5,
        "error.type": "ValueError",
    }
    assert select.end_time_unix_nano - select.start_time_unix_nano == 2_000_000


def test_new_names_of_attributes(server: TestServer, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
    run_users(user_of(HttpUser, server, lambda user: user.client.get("/status/500")))
    assert attributes(collector.spans[0]) == {
        "http.request.method": "GET",
        "url.full": f"{server.plain}/status/500",
        "server.address": "127.0.0.1",
        "server.port": server.port("plain"),
        "http.response.status_code": 500,
        "error.type": "500",
    }


def test_metrics(server: TestServer, collector: Collector) -> None:
    def act(user: Any) -> None:
        for number in range(25):
            user.client.get("/bytes/1", name=f"name {number}")
        user.client.get("/status/404", name="name 1")
        user.environment.events.request.fire(
            request_type="X", name="no time", response_time=None, response_length=0, exception=None, context={}
        )

    run_users(user_of(HttpUser, server, act))
    metric = collector.metric("locust.client.duration")
    points = {tuple(sorted(attributes(point).items())): point.count for point in metric.histogram.data_points}
    assert metric.unit == "s" and len(points) == 22
    bounds = metric.histogram.data_points[0].explicit_bounds
    assert min(bounds) == 0.001 and max(bounds) == 60, "a fast answer and a slow one are not in one bucket"
    assert points[(("name", "Too many unique request names"),)] == 5
    assert points[(("error.type", "HTTPError"), ("name", "name 1"))] == 1
    users = collector.metric("locust.users.count")
    assert [attributes(point) for point in users.gauge.data_points] == [{"user_class": "VisitorHttpUser"}]


def test_the_generator_is_measured_too(server: TestServer, collector: Collector) -> None:
    def act(user: Any) -> None:
        user.client.get("/bytes/1")

    before = _engine.engine_stats()
    run_users(user_of(HttpUser, server, act))
    (in_flight,) = collector.metric("gregaria.generator.in_flight").sum.data_points
    assert in_flight.as_int == 0 and not collector.metric("gregaria.generator.in_flight").sum.is_monotonic
    (waited,) = collector.metric("gregaria.generator.wait_time").sum.data_points
    assert waited.as_double > before["queued_seconds_total"]
    (late,) = collector.metric("gregaria.generator.late_answers").sum.data_points
    assert late.as_int >= before["late_answers"]


def test_logs(server: TestServer, collector: Collector) -> None:
    run_users(user_of(User, server, lambda user: logging.getLogger("locust.mine").warning("look here")))
    records = [
        record.body.string_value
        for request in collector.requests["/v1/logs"]
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]
    assert "look here" in records
    assert "opentelemetry" not in [handler.name for handler in logging.getLogger("locust").handlers]


def test_over_grpc_unless_told_otherwise(
    server: TestServer,
    grpc_collector: GrpcCollector,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Users go on while an export waits for its answer: one of them has to come for the answer to come."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "10")
    grpc_collector.held.touch()

    def act(user: Any) -> None:
        user.client.get("/bytes/1", name="first")
        wait_for(lambda: grpc_collector.read().spans != [])
        user.client.get("/bytes/1", name="during")
        logging.getLogger("locust.mine").warning("look here")
        grpc_collector.held.unlink()

    run_users(user_of(HttpUser, server, act))
    assert sorted(span.name for span in grpc_collector.read().spans) == ["GET during", "GET first"]
    assert sum(point.count for point in grpc_collector.metric("locust.client.duration").histogram.data_points) == 2
    assert grpc_collector.requests["/v1/logs"] != []
    assert not [
        record for record in caplog.records if record.name.startswith(("opentelemetry.exporter", "opentelemetry.sdk"))
    ]


def test_over_grpc_from_several_processes(
    gregaria: list[str], server: TestServer, grpc_collector: GrpcCollector, tmp_path: Path
) -> None:
    arguments = ["--headless", "-u", "4", "--processes", "2", "-t", "2s", "-H", server.plain, "--csv", "out", "--otel"]
    done = run(gregaria, ["-f", locustfile(tmp_path), *arguments], tmp_path)
    spans = grpc_collector.read().spans
    assert done.exit_code == 0 and done.stderr.count("OpenTelemetry enabled") == 3, done.stderr
    assert len(spans) == done.requests[("GET", "/bytes/1")] >= 4
    assert len({span.trace_id for span in spans}) == len(spans)


def test_nothing_to_export(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    for signal in ("TRACES", "METRICS", "LOGS"):
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none")
    with caplog.at_level(logging.INFO, "locust.opentelemetry"):
        assert opentelemetry.setup_opentelemetry("file.py", None) is False
    assert "No OpenTelemetry exporters configured" in caplog.text


def test_unknown_exporters_and_protocols(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipkin, none")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "carrier pigeon")
    assert opentelemetry.setup_opentelemetry("file.py", None)
    assert "Unknown traces exporter 'zipkin'" in caplog.text and "'carrier pigeon'" in caplog.text
    gregaria.events.request.fire(request_type="X", name="x", response_time=1, response_length=0, exception=None)


def test_without_the_sdk(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['opentelemetry.sdk.resources'] = None\n"
        "from gregaria import opentelemetry\nprint(opentelemetry.setup_opentelemetry('x', None))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "False\n" and "pip install 'gregaria[otel]'" in done.stderr


def locustfile(folder: Path) -> str:
    path = folder / "locustfile.py"
    path.write_text(
        "from locust import HttpUser, constant, task\n"
        "class Visitor(HttpUser):\n    wait_time = constant(0.1)\n"
        "    @task\n    def get(self):\n        self.client.get('/bytes/1')\n"
    )
    return str(path)


def test_the_command(gregaria: list[str], server: TestServer, collector: Collector, tmp_path: Path) -> None:
    path = locustfile(tmp_path)
    arguments = ["--headless", "-u", "2", "-t", "1s", "-H", server.plain, "--csv", "out", "--otel"]
    done = run(gregaria, ["-f", path, *arguments], tmp_path, OTEL_SERVICE_NAME="shop")
    assert done.exit_code == 0 and "OpenTelemetry enabled" in done.stderr
    assert len(collector.spans) == done.requests[("GET", "/bytes/1")] >= 5
    assert collector.resource["service.name"] == "shop" and collector.resource["filename"] == path


def test_costs_nothing_when_off(server: TestServer) -> None:
    """Nobody listens, and no request has a trace or its headers."""
    handlers = list(gregaria.events.request._handlers)
    kept: list[Any] = []
    visitor = user_of(HttpUser, server, lambda user: kept.append(user.client.get("/echo")))
    environment = Environment(user_classes=[visitor])
    user = visitor(environment)
    with pytest.raises(StopUser):
        visitor.tasks[0](user)
    assert kept[0]._trace is None and "traceparent" not in kept[0].text.lower()
    assert gregaria.events.request._handlers == handlers
