"""Servers that do what no server should: each request to them ends in bounded time with the failure that it deserves,
over both clients; what Locust's clients tell of the same cases, `test_failure_texts` compares letter by letter."""

from __future__ import annotations

import time
from typing import Any

import pytest

from gregaria import _engine
from gregaria.clients import HttpSession
from gregaria.contrib.fasthttp import FastHttpSession
from gregaria.env import Environment
from support.server import TestServer

CASES = {
    # path: what is in the failure's text over HttpUser and FastHttpUser; "" for a response
    "/endless-head": ("got more than 100 headers", "too many headers"),
    "/endless-line": ("got more than 65536 bytes", "line too long"),
    "/endless-interim": ("more than 1000 interim answers", "more than 1000 interim answers"),
    "/interim-flood?count=900": ("", ""),
    "/negative-length": ("", "Invalid character in Content-Length"),
    "/garbage-after": ("", ""),
    "/huge-chunk": ("InvalidChunkLength", "Chunk size overflow"),
    "/zip-bomb?mb=2": ("", ""),
    "/two-lengths": ("Content-Length", "Duplicate Content-Length"),
    "/garbage": ("BadStatusLine", "Expected HTTP/"),
    "/short?length=100&send=10": ("IncompleteRead(10 bytes read, 90 more expected)", "Incomplete response."),
    "/truncated-gzip": ("gzip", "decompress"),
    "/reset": ("Connection reset by peer", "connection closed"),
    "/reset-in-body": ("Connection reset by peer", "Connection reset by peer"),
    "/reset-at/85?kind=chunked": ("Connection reset by peer", "Connection reset by peer"),
    "/stall-in-body?ms=5000": ("timed out", "timed out"),
}
LIMIT_S = 10


@pytest.mark.parametrize("path", CASES)
def test_it_ends_in_the_failure_it_deserves(path: str, kind: str, server: TestServer) -> None:
    environment = Environment()
    environment.events.request.add_listener(environment.stats.recorder)
    event = environment.events.request
    client: Any
    if kind == "fast":
        client = FastHttpSession(server.plain, event, None, network_timeout=0.4, max_retries=0)
        arguments: dict[str, Any] = {}
    else:
        client, arguments = HttpSession(server.plain, event, None), {"timeout": 0.4}
    client.max_body_bytes = 1 << 20
    started = time.monotonic()
    client.get(path, **arguments)
    assert time.monotonic() - started < LIMIT_S
    texts = [str(error.error) for error in environment.stats.errors.values()]
    expected = CASES[path][kind == "fast"]
    if not expected:
        assert not texts
    else:
        assert len(texts) == 1 and expected.lower() in texts[0].lower(), texts
    client.get("/")
    assert environment.stats.get("/", "GET").num_failures == 0
    client.close()


def test_nothing_stays_open(own_server: TestServer) -> None:
    environment = Environment()
    before = _engine.engine_stats()
    client = HttpSession(own_server.plain, environment.events.request, None)
    for path in CASES:
        client.get(path, timeout=0.4)
    client.close()
    deadline = time.monotonic() + LIMIT_S
    while own_server.counts()["open"] and time.monotonic() < deadline:
        pass
    assert own_server.counts()["open"] == 0
    after = _engine.engine_stats()
    begun = after["started"] - before["started"]
    assert begun == len(CASES) == after["completed"] - before["completed"]
