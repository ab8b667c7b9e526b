"""OpenTelemetry, as ``--otel`` turns it on: a span for each request, metrics, and the log, exported as the standard
variables of the environment say.

Exporters work in threads of their own, so the hub waits for none of them:

    request begins ─▶ `_Trace`: ids, and headers to send      request event ─▶ span, metrics ─▶ batch ─▶ thread: export
"""

from __future__ import annotations

import importlib
import logging
import os
import random
import socket
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import gevent

import gregaria

from . import _engine
from ._version import __version__

logger = logging.getLogger("locust.opentelemetry")

MAX_REQUEST_NAMES = 20
"""Names that metrics tell apart; all others are one."""
DURATION_BOUNDARIES_S = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.075,
    0.1,
    0.25,
    0.5,
    0.75,
    1,
    2.5,
    5,
    7.5,
    10,
    30,
    60,
)
"""Of the histogram of response times; the SDK's own begin at five seconds."""
GENERATOR = (
    ("gregaria.generator.in_flight", "up_down", "{request}", "Requests without an answer yet", "in_flight"),
    ("gregaria.generator.late_answers", "", "{answer}", "Answers that waited over 50 ms for Python", "late_answers"),
    ("gregaria.generator.wait_time", "", "s", "Time that answers waited for Python", "queued_seconds_total"),
)
"""How the process itself is doing: name, kind of counter, unit, description, key in `engine_stats`."""
request_names: set[str] = set()
_running: list[_Telemetry] = []
_SIGNALS = {
    "traces": ("trace_exporter", "OTLPSpanExporter"),
    "metrics": ("metric_exporter", "OTLPMetricExporter"),
    "logs": ("_log_exporter", "OTLPLogExporter"),
}


def setup_opentelemetry(locustfile: str | None, profile: str | None) -> bool:
    """Turn OpenTelemetry on. False, with a word in the log, if it is not installed or nothing is to be exported."""
    wanted = {signal: _exporters_of(signal) for signal in _SIGNALS}
    if all(names == {"none"} for names in wanted.values()):
        logger.info("No OpenTelemetry exporters configured, opentelemetry not enabled")
        return False
    try:
        from opentelemetry.sdk.resources import Resource
    except ImportError:
        logger.error("OpenTelemetry is not installed, so it is not enabled. Run: pip install 'gregaria[otel]'")
        return False
    about = {
        "service.name": os.getenv("OTEL_SERVICE_NAME", "locust"),
        "service.version": __version__,
        "host.name": socket.gethostname(),
        "filename": locustfile or "",
        "profile": profile or "",
    }
    telemetry = _Telemetry(Resource.create(about), wanted)
    telemetry.start()
    _running.append(telemetry)
    return True


def shut_down() -> None:
    """Export what is left, and turn everything off again."""
    while _running:
        _running.pop().stop()


def _exporters_of(signal: str) -> set[str]:
    names = os.getenv(f"OTEL_{signal.upper()}_EXPORTER", "otlp").split(",")
    return {name.strip().lower() for name in names if name.strip()}


class _OffHub:
    """An exporter whose exports are made by a real thread, while only the calling greenlet waits."""

    def __init__(self, exporter: Any) -> None:
        self._exporter = exporter

    def export(self, *args: Any, **kwargs: Any) -> Any:
        """Export a batch."""
        return gevent.get_hub().threadpool.apply(self._exporter.export, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exporter, name)


def _off_hub(exporter: Any) -> Any:
    return _OffHub(exporter)


def _exporter(signal: str, name: str, console: Callable[[], Any]) -> Any:
    """The exporter of this name, None if there is none."""
    if name == "console":
        return console()
    if name == "none":
        return None
    if name != "otlp":
        logger.warning("Unknown %s exporter '%s' is ignored (there are: otlp, console, none)", signal, name)
        return None
    default = os.getenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    protocol = os.getenv(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", default).lower().strip()
    kind = {"grpc": "grpc", "http/protobuf": "http", "http": "http"}.get(protocol)
    if kind is None:
        logger.warning("Unknown OpenTelemetry protocol '%s' is ignored (there are: grpc, http/protobuf)", protocol)
        return None
    module, class_name = _SIGNALS[signal]
    try:
        found = importlib.import_module(f"opentelemetry.exporter.otlp.proto.{kind}.{module}")
    except ImportError:
        logger.warning("OTLP over %s needs a package: pip install opentelemetry-exporter-otlp-proto-%s", protocol, kind)
        return None
    return getattr(found, class_name)()


class _Telemetry:
    """The three signals of one process."""

    def __init__(self, resource: Any, wanted: dict[str, set[str]]) -> None:
        self._resource = resource
        self._providers: list[Any] = []
        self._handler: logging.Handler | None = None
        self._spans = _Spans(resource, self._provider_of_traces(wanted["traces"]))
        self._metrics = _Metrics(self._meter(wanted["metrics"]))
        self._set_up_logs(wanted["logs"])

    def start(self) -> None:
        """Listen."""
        gregaria.events.request.add_listener(self._on_request)
        gregaria.events.init.add_listener(self._metrics.watch_users)
        if self._spans.processors:
            _engine.set_tracer(self._spans.begin)

    def stop(self) -> None:
        """Listen no more, and export the rest."""
        _engine.set_tracer(None)
        gregaria.events.request.remove_listener(self._on_request)
        gregaria.events.init.remove_listener(self._metrics.watch_users)
        if self._handler is not None:
            for name in ("", "locust"):
                logging.getLogger(name).removeHandler(self._handler)
        for provider in self._providers:
            provider.shutdown()

    def _on_request(self, **request: Any) -> None:
        self._metrics.record(request)
        self._spans.end(request)

    def _provider_of_traces(self, names: Iterable[str]) -> tuple[Any, list[Any]]:
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor

        provider = TracerProvider(resource=self._resource)
        processors: list[Any] = []
        for name in sorted(names):
            exporter = _exporter("traces", name, ConsoleSpanExporter)
            if exporter is not None:
                batched = name == "otlp"
                processors.append(BatchSpanProcessor(_off_hub(exporter)) if batched else SimpleSpanProcessor(exporter))
                provider.add_span_processor(processors[-1])
        trace.set_tracer_provider(provider)
        self._providers.append(provider)
        return provider, processors

    def _meter(self, names: Iterable[str]) -> Any:
        from opentelemetry import metrics
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader

        exporters = [_exporter("metrics", name, ConsoleMetricExporter) for name in sorted(names)]
        readers = [PeriodicExportingMetricReader(_off_hub(exporter)) for exporter in exporters if exporter is not None]
        if not readers:
            return None
        provider = MeterProvider(resource=self._resource, metric_readers=readers)
        metrics.set_meter_provider(provider)
        self._providers.append(provider)
        return provider.get_meter("locust")

    def _set_up_logs(self, names: Iterable[str]) -> None:
        from opentelemetry import _logs
        from opentelemetry.sdk import _logs as sdk_logs
        from opentelemetry.sdk._logs import export

        provider = sdk_logs.LoggerProvider(resource=self._resource)
        processors = 0
        for name in sorted(names):
            exporter = _exporter("logs", name, export.ConsoleLogRecordExporter)
            if exporter is None:
                continue
            processors += 1
            batched = name == "otlp"
            make = export.BatchLogRecordProcessor if batched else export.SimpleLogRecordProcessor
            provider.add_log_record_processor(make(_off_hub(exporter) if batched else exporter))
        if not processors:
            return
        _logs.set_logger_provider(provider)
        self._providers.append(provider)
        self._handler = sdk_logs.LoggingHandler(logger_provider=provider)
        self._handler.name = "opentelemetry"
        # Records of "locust" do not reach the root.
        for target in ("", "locust"):
            logging.getLogger(target).addHandler(self._handler)


class _Trace:
    """A request that has begun: its place among the spans, and the headers that tell the server of it."""

    __slots__ = ("context", "headers", "parent")

    def __init__(self, context: Any, parent: Any, headers: dict[str, str]) -> None:
        self.context = context
        self.parent = parent
        self.headers = headers


class _Spans:
    """Makes a span of each request."""

    def __init__(self, resource: Any, provider: tuple[Any, list[Any]]) -> None:
        from opentelemetry import propagate, trace
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        tracer_provider, self.processors = provider
        self._resource = resource
        self._sampler = tracer_provider.sampler
        self._trace, self._inject, self._span = trace, propagate.inject, ReadableSpan
        self._scope = InstrumentationScope("gregaria", __version__)
        # Not the generator that scripts seed.
        self._bits = random.Random().getrandbits
        opted = os.getenv("OTEL_SEMCONV_STABILITY_OPT_IN", "").lower().split(",")
        self._new_names = any(value.strip() in ("http", "http/dup") for value in opted)
        self._old_names = not self._new_names or any(value.strip() == "http/dup" for value in opted)

    def begin(self) -> _Trace:
        """A request begins. Inside a span of the script's own it becomes a part of that."""
        trace = self._trace
        outer = trace.get_current_span().get_span_context()
        parent = outer if outer.is_valid else None
        trace_id = outer.trace_id if parent is not None else self._bits(128) or 1
        sampled = self._sampler.should_sample(trace.context_api.get_current() if parent else None, trace_id, "request")
        flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if sampled.decision.is_sampled() else 0)
        context = trace.SpanContext(trace_id, self._bits(64) or 1, False, flags, outer.trace_state if parent else None)
        headers: dict[str, str] = {}
        self._inject(headers, trace.set_span_in_context(trace.NonRecordingSpan(context)))
        return _Trace(context, parent, headers)

    def end(self, request: dict[str, Any]) -> None:
        """A request has ended."""
        if not self.processors:
            return
        response, duration_ms = request.get("response"), request.get("response_time") or 0
        traced = getattr(response, "_trace", None)
        is_http = traced is not None
        traced = traced or self.begin()
        if not traced.context.trace_flags.sampled:
            return
        began = request.get("start_time") or time.time() - duration_ms / 1000
        began_ns = int(began * 1_000_000_000)
        failure = request.get("exception")
        span = self._span(
            name=_span_name(request) if is_http else f"{request['request_type']} {request['name']}",
            context=traced.context,
            parent=traced.parent,
            resource=self._resource,
            attributes=self._of_http(request) if is_http else self._of_other(request),
            kind=self._trace.SpanKind.CLIENT,
            status=self._status(failure),
            start_time=began_ns,
            end_time=began_ns + int(duration_ms * 1_000_000),
            instrumentation_scope=self._scope,
        )
        for processor in self.processors:
            processor.on_end(span)

    def _status(self, failure: Any) -> Any:
        if failure is None:
            return self._trace.Status(self._trace.StatusCode.UNSET)
        return self._trace.Status(self._trace.StatusCode.ERROR, str(failure))

    def _of_http(self, request: dict[str, Any]) -> dict[str, Any]:
        method, url, failure = request["request_type"].upper(), request.get("url") or "", request.get("exception")
        status = getattr(request.get("response"), "status_code", 0)
        attributes: dict[str, Any] = {}
        if self._old_names:
            attributes.update({"http.method": method, "http.url": url})
            if status:
                attributes["http.status_code"] = status
        if self._new_names:
            parts = urlsplit(url)
            attributes.update({"http.request.method": method, "url.full": url, "server.address": parts.hostname or ""})
            if parts.port:
                attributes["server.port"] = parts.port
            if status:
                attributes["http.response.status_code"] = status
            if failure is not None:
                attributes["error.type"] = str(status) if status >= 400 else type(failure).__name__
        return attributes

    def _of_other(self, request: dict[str, Any]) -> dict[str, Any]:
        attributes = {
            "request.type": str(request["request_type"]),
            "request.name": str(request["name"]),
            "response.length": request.get("response_length") or 0,
        }
        failure = request.get("exception")
        return attributes if failure is None else {**attributes, "error.type": type(failure).__name__}


def _span_name(request: dict[str, Any]) -> str:
    """``GET /path``, without the query, or with the name that the request was given."""
    name, parts = str(request["name"]), urlsplit(request.get("url") or "")
    default = parts.path + (f"?{parts.query}" if parts.query else "")
    return f"{request['request_type'].upper()} {(parts.path or '/') if name in (default, request.get('url')) else name}"


class _Metrics:
    """How long requests take, how many users there are, and how the generator is doing."""

    def __init__(self, meter: Any) -> None:
        self._meter = meter
        self._duration = meter and meter.create_histogram(
            "locust.client.duration",
            unit="s",
            description="Time to last byte for requests",
            explicit_bucket_boundaries_advisory=DURATION_BOUNDARIES_S,
        )
        if meter is not None:
            self._watch_generator()

    def _watch_generator(self) -> None:
        from opentelemetry.metrics import Observation

        for name, kind, unit, description, key in GENERATOR:
            make = getattr(self._meter, f"create_observable_{kind + '_' if kind else ''}counter")
            observe = partial(lambda key, _options: [Observation(_engine.engine_stats()[key])], key)
            make(name, callbacks=[observe], unit=unit, description=description)

    def record(self, request: dict[str, Any]) -> None:
        """A request has ended."""
        if self._duration is None or request.get("response_time") is None:
            return
        name = request["name"]
        if name not in request_names:
            if len(request_names) < MAX_REQUEST_NAMES:
                request_names.add(name)
            else:
                name = "Too many unique request names"
        attributes = {"name": name}
        if request.get("exception"):
            attributes["error.type"] = type(request["exception"]).__name__
        self._duration.record(request["response_time"] / 1000, attributes=attributes)

    def watch_users(self, runner: Any = None, **_: Any) -> None:
        """Observe the users of a runner. Workers do not tell: their master knows of all."""
        if self._meter is None or runner is None:
            return
        from opentelemetry.metrics import Observation

        if any(base.__name__ == "WorkerRunner" for base in type(runner).__mro__):
            return

        def observe(_options: Any) -> Iterable[Any]:
            counts = getattr(runner, "reported_user_classes_count", None) or runner.user_classes_count
            return [Observation(count, {"user_class": user_class}) for user_class, count in counts.items()]

        self._meter.create_observable_gauge(
            "locust.users.count",
            callbacks=[observe],
            unit="{user}",
            description="Number of currently running Locust users",
        )
