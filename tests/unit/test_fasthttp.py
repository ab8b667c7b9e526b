"""FastHttpUser's client where one process is enough: pools, limits, retries, proxies, TLS contexts, statistics."""

from __future__ import annotations

import gc
import ssl
import weakref
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import gevent
import pytest
from gevent import socket
from gevent.server import StreamServer

from gregaria import FastHttpUser, HttpUser
from gregaria.contrib.fasthttp import (
    ErrorResponse,
    FastHttpSession,
    FastResponse,
    HTTPClientPool,
    HTTPParseError,
    RestResponseContextManager,
    RetriesExceeded,
)
from gregaria.env import Environment
from gregaria.event import EventHook
from gregaria.exception import StopTest
from support.server import TestServer


@pytest.fixture
def environment() -> Iterator[Environment]:
    made = Environment(user_classes=[])
    runner = made.create_local_runner()
    yield made
    runner.quit()


def user(environment: Environment, host: str, **attributes: Any) -> Any:
    return type("Fast", (FastHttpUser,), {"abstract": True, "host": host, **attributes})(environment)


def connection(response: Any) -> int:
    return int(response.json()["connection"])


def test_a_host_is_needed(environment: Environment) -> None:
    with pytest.raises(StopTest, match="base host"):
        user(environment, None)  # type: ignore[arg-type]


def test_statistics_without_listeners(environment: Environment, server: TestServer) -> None:
    client = user(environment, server.plain).client
    for path in ("/bytes/5", "/bytes/5", "/status/404", "/redirect/2"):
        client.get(path)
    client.get("/bytes/7", name="named")
    client.get("http://127.0.0.1:9/x")
    entries = {
        name: (e.num_requests, e.num_failures, e.total_content_length)
        for (name, _), e in environment.stats.entries.items()
    }
    assert entries == {
        "/bytes/5": (2, 0, 10),
        "/status/404": (1, 1, 11),
        "/redirect/2": (1, 0, 8),
        "named": (1, 0, 7),
        "http://127.0.0.1:9/x": (1, 1, 0),
    }
    errors = {error.name: error.to_dict()["error"] for error in environment.stats.errors.values()}
    assert errors == {
        "/status/404": "LocustBadStatusCode(code=404)",
        "http://127.0.0.1:9/x": "ConnectionRefusedError(111, 'Connection refused')",
    }


def test_both_kinds_of_user_name_their_own_way(environment: Environment, server: TestServer) -> None:
    base = server.plain + "/echo"
    plain = type("Plain", (HttpUser,), {"abstract": True, "host": base})(environment)
    fast = user(environment, base)
    for _ in range(2):
        plain.client.get("/a")
        fast.client.get("/a")
    assert {name: e.num_requests for (name, _), e in environment.stats.entries.items()} == {"/echo/a": 2, "/a": 2}


def test_statistics_survive_a_reset(environment: Environment, server: TestServer) -> None:
    client = user(environment, server.plain).client
    client.get("/bytes/1")
    environment.stats.clear_all()
    client.get("/bytes/1")
    assert environment.stats.get("/bytes/1", "GET").num_requests == 1


def test_connections_are_kept_and_dropped(environment: Environment, server: TestServer) -> None:
    client = user(environment, server.plain).client
    first = connection(client.get("/echo"))
    assert connection(client.get("/echo")) == first
    client.client.clientpool.close()
    assert connection(client.get("/echo")) != first


def test_a_shared_pool(environment: Environment, server: TestServer) -> None:
    pool = HTTPClientPool(concurrency=2)
    users = [user(environment, server.plain, client_pool=pool) for _ in range(3)]
    assert len({connection(one.client.get("/echo")) for one in users}) == 1
    lines = [
        gevent.spawn(lambda one=one: connection(one.client.get("/delay/20") and one.client.get("/echo")))
        for one in users
    ]
    gevent.joinall(lines, raise_error=True)
    assert len({line.value for line in lines}) <= 2


def test_concurrency_of_one_user(environment: Environment, server: TestServer) -> None:
    client = user(environment, server.plain, concurrency=2).client
    lines = [gevent.spawn(lambda: connection(client.get("/echo"))) for _ in range(20)]
    gevent.joinall(lines, raise_error=True)
    assert len({line.value for line in lines}) <= 2


def test_a_killed_greenlet_gives_its_turn_back(environment: Environment, server: TestServer) -> None:
    client = user(environment, server.plain, concurrency=1).client
    first = gevent.spawn(client.get, "/delay/10000")
    gevent.idle()
    second = gevent.spawn(client.get, "/bytes/1")
    third = gevent.spawn(client.get, "/bytes/1")
    gevent.idle()
    second.kill()
    first.kill()
    assert third.get(timeout=5).status_code == 200


def test_idempotent_requests_are_sent_again_over_new_connections(
    environment: Environment, own_server: TestServer
) -> None:
    client = user(environment, own_server.plain, concurrency=3).client
    assert repr(client.get("/close").error) == "HTTPConnectionClosed('connection closed.')"
    assert own_server.counts(5)["requests"] == 5
    client.post("/close", "x")
    assert own_server.counts(6)["requests"] == 5 + 1


def test_retries_after_timeouts(environment: Environment, own_server: TestServer) -> None:
    client = user(environment, own_server.plain, network_timeout=0.05, max_retries=2).client
    response = client.get("/delay/60000")
    assert isinstance(response.error, RetriesExceeded)
    assert own_server.counts(3)["requests"] == 3


def test_a_session_by_hand(server: TestServer) -> None:
    fired: list[dict[str, Any]] = []
    event = EventHook()
    event.add_listener(lambda **kwargs: fired.append(kwargs))
    session = FastHttpSession(server.plain, event, None, network_timeout=2, headers={"X-A": "1"})
    assert session.get("/redirect/4").error.args[1] == "Redirection limit reached (3)"
    assert session.get("/redirect/4", max_redirects=4).ok
    session.client.max_redirects = 5
    assert session.get("/redirect/5").history[0].url == f"{server.plain}/redirect/5"
    assert [event["name"] for event in fired] == ["/redirect/4", "/redirect/4", "/redirect/5"]
    with pytest.raises(TypeError, match="colour"):
        FastHttpSession(server.plain, event, None, colour="red")


def test_statuses_that_count(environment: Environment, server: TestServer) -> None:
    client = user(environment, server.plain).client
    client.client.valid_response_codes = frozenset((200, 404))
    client.client.redirect_response_codes = frozenset()
    assert client.get("/status/404").error is None
    assert client.get("/status/201").error is not None
    assert client.get("/redirect/1").status_code == 302


def test_overriding_request(environment: Environment, server: TestServer) -> None:
    class Session(FastHttpSession):
        def request(self, method: str, url: Any, *args: Any, **kwargs: Any) -> Any:
            return super().request(method, url + "?added", *args, **kwargs)

    session = Session(server.plain, environment.events.request, None)
    assert session.get("/echo").json()["target"] == "/echo?added"
    replaced = user(environment, server.plain).client
    replaced.request = lambda method, url, **kwargs: (method, url, kwargs)
    assert replaced.post("/x", {"a": 1}, name="n") == ("POST", "/x", {"name": "n", "data": {"a": 1}})


def test_an_error_response(environment: Environment) -> None:
    response = user(environment, "http://127.0.0.1:9").client.get("/x")
    assert type(response) is ErrorResponse and isinstance(response, FastResponse)
    assert (response.status_code, response.content, response.text, response.headers) == (0, None, None, None)
    with pytest.raises(ConnectionRefusedError):
        response.raise_for_status()


def test_responses_are_let_go(environment: Environment, server: TestServer) -> None:
    response = user(environment, server.plain).client.get("/status/404")
    response.own = response.error
    known = weakref.ref(response)
    del response
    gc.collect()
    assert known() is None


def test_rest(environment: Environment, server: TestServer) -> None:
    one = user(environment, server.plain)
    with one.rest("GET", "/echo") as response:
        response.js["nothing"]
    [error] = environment.stats.errors.values()
    text = error.to_dict()["error"]
    assert text.startswith("CatchResponseError('KeyError: ")
    assert "test_fasthttp.py" in text and "Response was {" in text
    assert RestResponseContextManager.__annotations__["js"]


def test_lines_come_as_they_are_sent(environment: Environment, server: TestServer) -> None:
    client = user(environment, server.plain, network_timeout=10).client
    lines = client.iter_lines("/stream/100000")
    assert next(lines) == '{"line":0}'
    lines.close()
    assert environment.stats.get("/stream/100000", "GET").num_requests == 1


@pytest.fixture
def proxy() -> Iterator[tuple[str, int, list[str]]]:
    """A proxy for plain requests and tunnels: address, and the first lines that it has seen."""
    seen: list[str] = []

    def pump(source: Any, target: Any) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)

    def handle(client: Any, _address: Any) -> None:
        head = client.recv(65536)
        seen.append(head.split(b"\r\n")[0].decode())
        method, target = head.split()[:2]
        authority = target.decode().removeprefix("http://").split("/")[0]
        host, _, port = authority.partition(":")
        with socket.create_connection((host, int(port))) as server:
            if method == b"CONNECT":
                client.sendall(b"HTTP/1.1 200 Established\r\n\r\n")
            else:
                server.sendall(head.replace(f"http://{authority}".encode(), b"", 1))
            gevent.joinall([gevent.spawn(pump, client, server), gevent.spawn(pump, server, client)], count=1)

    running = StreamServer(("127.0.0.1", 0), handle)
    running.start()
    yield "127.0.0.1", running.server_port, seen
    running.stop()


def test_a_proxy(environment: Environment, server: TestServer, proxy: tuple[str, int, list[str]]) -> None:
    host, port, seen = proxy
    client = user(environment, server.plain, proxy_host=host, proxy_port=port).client
    assert client.get("/bytes/9").content == b"012345678"
    assert client.get(f"{server.tls}/gzip/9").content == b"012345678"
    assert seen == [f"GET {server.plain}/bytes/9 HTTP/1.1", f"CONNECT {server.tls.removeprefix('https://')} HTTP/1.1"]
    assert environment.stats.get("/bytes/9", "GET").total_content_length == 9


def test_an_ssl_context_of_the_scripts_own(environment: Environment, server: TestServer) -> None:
    def factory() -> ssl.SSLContext:
        return ssl.create_default_context(cafile=server.authority)

    client = user(environment, server.tls, insecure=False, ssl_context_factory=staticmethod(factory)).client
    assert client.get("/bytes/3").content == b"012"
    assert isinstance(client.get(f"{server.self_signed}/x").error, ssl.SSLCertVerificationError)


@pytest.mark.parametrize("road", ["engine", "context of its own", "HTTP/2", "streamed"])
def test_a_body_that_fails_leaves_its_head(road: str, environment: Environment, server: TestServer) -> None:
    """As Locust has it: status and headers are there, with what came of the body, and `error` is about neither."""
    host = {"context of its own": server.tls, "HTTP/2": server.http2}.get(road, server.plain)
    own = {"ssl_context_factory": staticmethod(ssl._create_unverified_context)}
    client = user(environment, host, **(own if road == "context of its own" else {})).client
    client.http_version = "2" if road == "HTTP/2" else "1.1"
    for path in ("/short?length=100&send=10", "/corrupt/gzip"):
        response = client.get(path, stream=road == "streamed")
        assert type(response) is FastResponse
        assert (response.status_code, response.error) == (200, None)
        assert response.headers["content-type"].startswith("text/plain")
        response.raise_for_status()
        if road == "streamed":
            with pytest.raises((HTTPParseError, zlib.error)):
                assert response.content
        if path == "/corrupt/gzip":
            with pytest.raises(zlib.error):
                assert response.text
        elif road in ("engine", "streamed"):
            assert (response.content, response.text) == (b"0123456789", "0123456789")
    failures = [str(failure.error) for failure in environment.stats.errors.values()]
    assert len(failures) == (0 if road == "streamed" else 2), failures
    with client.get("/corrupt/gzip", catch_response=True) as caught:
        assert caught.status_code == 200
    assert environment.stats.get("/corrupt/gzip", "GET").num_failures == (1 if road == "streamed" else 2)


@pytest.mark.parametrize("path", ["/br/500", "/zstd/500", "/gzip/500", "/deflate/500"])
def test_codings_of_streamed_bodies_are_undone(path: str, environment: Environment, server: TestServer) -> None:
    client = user(environment, server.plain).client
    assert client.get(path, stream=True).content == client.get("/bytes/500").content


def test_a_streamed_body_in_no_coding_at_all(environment: Environment, server: TestServer) -> None:
    client = user(environment, server.plain).client
    for kind in ("br", "zstd"):
        with pytest.raises(zlib.error):
            assert client.get(f"/corrupt/{kind}", stream=True).content
