"""Shapes of requests and what is compared of them: the bytes on the wire, the response and the statistics.

For `http_shapes.py` and `fast_shapes.py`, which say what the shapes are. `$RECORDER` has the ports of the recording
server (support/recorder.py).
"""

import json
import os
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from scenario import add, environment, lines, log, said

from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession

FIRST, SECOND, STEERING = map(int, os.environ["RECORDER"].split())
HERE = f"http://127.0.0.1:{FIRST}"
OTHER_PORT = f"http://127.0.0.1:{SECOND}"
OTHER_HOST = f"http://localhost:{SECOND}"
ORDER_MATTERS_NOT = {"accept", "accept-encoding", "connection", "user-agent"}
Call = tuple[str, str, dict[str, Any]]


class Recorder:
    """The line to the recording server."""

    def __init__(self) -> None:
        self.lines = socket.create_connection(("127.0.0.1", STEERING)).makefile("rw", encoding="utf-8")

    def ask(self, what: Any) -> Any:
        self.lines.write(json.dumps(what) + "\n")
        self.lines.flush()
        return json.loads(self.lines.readline())


def answer(status: Any = 200, *headers: str, body: bytes = b"ok", length: bool = True) -> str:
    """A response as text, one character a byte."""
    line = status if isinstance(status, str) else f"HTTP/1.1 {status} Said"
    counted = [f"Content-Length: {len(body)}"] if length else []
    return "\r\n".join([line, *headers, *counted, "", ""]) + body.decode("latin-1")


def redirect(code: int, location: str, *headers: str) -> list[str]:
    return [answer(code, f"Location: {location}", *headers, body=b"go")]


@dataclass
class Shape:
    """One or more calls by one session. `make` gives them, so that files and generators are new ones."""

    name: str
    make: Callable[[], list[Call]]
    answers: list[list[Any]] = field(default_factory=list)
    settings: Callable[[Any], Any] = lambda session: None


shapes: list[Shape] = []
"""Those of the script, in their order."""


def shape(title: str, method: str, url: str = "/x", /, *answers: list[Any], **arguments: Any) -> None:
    """Add a shape of one call. Arguments that are `Made` are made anew for it."""

    def make() -> list[Call]:
        return [(method, url, {key: made(value) for key, value in arguments.items()})]

    shapes.append(Shape(title, make, list(answers)))


def sequence(title: str, calls: list[Call], *answers: list[Any], settings: Any = None) -> None:
    """Add a shape of several calls by one session, which `settings` may change first."""
    shapes.append(Shape(title, lambda: calls, list(answers), settings or (lambda session: None)))


def several(title: str, cases: dict[str, Any], method: str, argument: str, **more: Any) -> None:
    """Add a shape for each value of an argument."""
    for name, value in cases.items():
        shape(f"{title}: {name}", method, "/x", **{argument: value}, **more)


@dataclass
class Made:
    """An argument that must be made anew for each call."""

    by: Callable[[], Any]


def made(value: Any) -> Any:
    return value.by() if isinstance(value, Made) else value


def plain(text: Any) -> str:
    """Text without what differs from run to run."""
    # First of all, because a port may stand in them.
    text = re.sub(r"\b[0-9a-f]{32}\b", "<32 digits>", str(text))
    text = text.replace(str(FIRST), "<first>").replace(str(SECOND), "<second>")
    text = re.sub(r"(cnonce|response|nonce)=\"[^\"]*\"", r"\1=<digest>", text)
    return re.sub(r"0x[0-9a-f]+|_ssl\.c:\d+", "<place>", text)


def on_the_wire(request: dict[str, Any]) -> str:
    line, *rest = request["head"].removesuffix("\r\n\r\n").split("\r\n")
    headers = sorted(f"{name.lower()}:{value}" for name, _, value in (header.partition(":") for header in rest))
    shown = [header for header in headers if not header.startswith("user-agent: python/gevent")]
    where = f"connection {request['connection']} port {request['listener']}"
    return " | ".join([where, line, *shown, repr(request["body"])])


ATTRIBUTES = (
    *("status_code", "reason", "url", "encoding", "text", "content", "links", "ok", "is_redirect", "apparent_encoding"),
    *("is_permanent_redirect", "error"),
)


def looked(response: Any, attribute: str) -> str:
    try:
        value = getattr(response, attribute, None) if attribute == "error" else getattr(response, attribute)
        return said(value) if isinstance(value, BaseException) else repr(value)
    except Exception as error:
        return f"raises {said(error)}"


def tried(look: Callable[[], Any]) -> str:
    try:
        return str(look())
    except Exception as error:
        return f"raises {said(error)}"


def cookies_of(jar: Any) -> list[Any]:
    now = time.time()

    def until(expires: Any) -> Any:
        return expires if not expires or expires - now > 100_000 else round((expires - now) / 600)

    return sorted(((c.name, c.value, c.domain, c.path, c.secure, until(c.expires)) for c in jar), key=repr)


def show(name: str, look: Callable[[], Any]) -> None:
    log(name, tried(lambda: plain(look())))


def show_response(response: Any, fast: bool) -> None:
    log("class", type(response).__name__)
    for name in FAST_ATTRIBUTES if fast else ATTRIBUTES:
        log(name, plain(looked(response, name)))
    show("headers", lambda: sorted((name.lower(), value) for name, value in response.headers.items()))
    show("json", lambda: response.json())
    sent = response.request
    if fast:
        show("request", lambda: [sent.method, sent.url, sorted_headers(sent.headers)])
        # Under Locust every hop has the URL of the last, and a response that is none has no history to look at.
        if response.status_code:
            show("history", lambda: [hop.status_code for hop in response.history])
        return
    if sent is not None:
        body = sent.body if isinstance(sent.body, (str, bytes, type(None))) else type(sent.body).__name__
        show("request", lambda: [sent.method, sent.url, sent.path_url, sorted_headers(sent.headers), body])
    then = response.next
    show("next", lambda: then and (then.method, then.url, sorted_headers(then.headers)))
    show("history", lambda: [(hop.status_code, hop.url) for hop in response.history])
    show("cookies", lambda: cookies_of(response.cookies))
    log("elapsed", type(response.elapsed).__name__)


FAST_ATTRIBUTES = ("status_code", "url", "encoding", "text", "content", "ok", "error")


def sorted_headers(headers: Any) -> Any:
    if headers is None:
        return None
    return sorted((str(name).lower(), value) for name, value in headers.items() if str(name).lower() != "user-agent")


class Bench:
    """Takes shapes one by one and logs what comes of them."""

    def __init__(self, user_class: Any) -> None:
        self.recorder = Recorder()
        self.user_class = type("Visitor", (user_class,), {"host": HERE})
        self.environment = environment(self.user_class)
        self.runner = self.environment.create_local_runner()
        self.environment.events.request.add_listener(self.heard)

    def heard(self, **event: Any) -> None:
        kept = [event[key] for key in ("request_type", "name", "url", "response_length", "context")]
        log("event", plain(kept), plain(said(event["exception"])))

    def take(self, shape: Shape) -> None:
        self.environment.stats.clear_all()
        self.recorder.ask(shape.answers)
        session = self.user_class(self.environment).client
        shape.settings(session)
        for method, url, arguments in shape.make():
            try:
                response = session.request(method, url, **arguments)
            except BaseException as error:
                log("raised", plain(said(error)))
            else:
                show_response(response, isinstance(session, FastHttpSession))
            self.recorder.ask("closed")
        for request in self.recorder.ask(None):
            log("wire", plain(on_the_wire(request)))
        if isinstance(session, HttpSession):
            log("jar", plain(cookies_of(session.cookies)))
        stats = self.environment.stats
        for entry in sorted(stats.entries.values(), key=lambda entry: (entry.name, entry.method)):
            shown = (entry.method, entry.name, entry.num_requests, entry.num_failures, entry.total_content_length)
            log("entry", plain(shown))
        for failure in sorted(stats.errors.values(), key=lambda failure: failure.to_dict()["error"]):
            shown = (failure.method, failure.name, failure.to_dict()["error"], failure.occurrences)
            log("failure", plain(shown))
        getattr(session, "close", lambda: None)()
        # Locust looks names up in a greenlet of their own.
        lines[:] = [line for line in lines if not line.startswith("greenlet died: gaierror")]


def add_shapes(user_class: Any) -> None:
    """Make each shape a scenario."""
    bench = Bench(user_class)
    for shape in shapes:
        add(shape.name, lambda shape=shape: bench.take(shape))
