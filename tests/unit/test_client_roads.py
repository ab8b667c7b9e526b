"""Which road a request takes: the engine's own for ordinary requests; prepared by `requests` and sent by the engine;
`requests` and urllib3 for the rest; and connections."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import pytest
import requests
from requests.auth import HTTPBasicAuth, HTTPDigestAuth
from urllib3 import PoolManager

import gregaria
from gregaria import HttpUser, constant, task
from gregaria._engine import engine_stats
from gregaria.clients import HttpSession, LocustHttpAdapter
from gregaria.event import EventHook
from gregaria.exception import StopUser
from support.population import run_to_end
from support.server import TestServer

Call = Callable[[HttpSession], Any]


def session(base: str, **settings: Any) -> HttpSession:
    return HttpSession(base, EventHook(), None, **settings)


@pytest.fixture
def natively() -> Callable[[], int]:
    """How many requests the engine itself has made since the test began."""
    before = engine_stats()["started"]
    return lambda: int(engine_stats()["started"] - before)


ORDINARY: dict[str, Call] = {
    "get": lambda client: client.get("/echo"),
    "query": lambda client: client.get("/echo?a=1#b", params={"b": [1, 2.5, True, None, "ü"], "c": ("d", b"e")}),
    "pairs": lambda client: client.get("/echo", params=(("a", 1), ("a", 2))),
    "odd path": lambda client: client.get("/echo/a b/ü?q=[x]"),
    "absolute": lambda client: client.get(client.base_url + "/echo"),
    "json": lambda client: client.post("/echo", json={"a": [1, None, "ü"]}),
    "form": lambda client: client.post("/echo", data={"a": 1, "b": ["x", "y"], "c": ("z",)}),
    "text": lambda client: client.put("/echo", "tüxt"),
    "bytes": lambda client: client.patch("/echo", data=b"bytes"),
    "headers": lambda client: client.get("/echo", headers={"X": "1", "Accept": None}),
    "cookies": lambda client: client.get("/echo", cookies={"a": "1"}),
    "auth": lambda client: client.get("/echo", auth=("a", "b")),
    "basic auth object": lambda client: client.get("/echo", auth=HTTPBasicAuth("a", "b")),
    "auth in the url": lambda client: client.get(client.base_url.replace("//", "//a:b@") + "/echo"),
    "timeouts": lambda client: client.get("/echo", timeout=(None, 5)),
    "no redirect": lambda client: client.get("/redirect/1", allow_redirects=False),
    "catch": lambda client: client.get("/echo", catch_response=True).__enter__(),
    "falsy extras": lambda client: client.get("/echo", files=None, proxies={}, stream=False, hooks=None, cert=None),
    "head": lambda client: client.head("/echo"),
    "own method": lambda client: client.request("PURGE", "/echo", "name", False, {"a": 1}),
}

PREPARED_BY_REQUESTS: dict[str, Call] = {
    "files": lambda client: client.post("/echo", files={"f": b"x"}),
    "stream": lambda client: client.get("/stream/3", stream=True),
    "hooks": lambda client: client.get("/echo", hooks={"response": lambda response, **_: response}),
    "generator": lambda client: client.post("/echo", data=(part for part in [b"a", b"b"])),
    "file object": lambda client: client.post("/echo", data=io.BytesIO(b"x")),
    "digest": lambda client: client.get("/echo", auth=HTTPDigestAuth("a", "b")),
    "cookie jar": lambda client: client.get("/echo", cookies=requests.cookies.RequestsCookieJar()),
    "both params": lambda client: (setattr(client, "params", {"a": 1}), client.get("/echo", params={"b": 2}))[1],
    "session hook": lambda client: (client.hooks["response"].append(lambda r, **_: r), client.get("/echo"))[1],
    "session stream": lambda client: (setattr(client, "stream", True), client.get("/echo"))[1],
    "own auth": lambda client: client.get("/echo", auth=lambda request: request),
}

EXOTIC: dict[str, Call] = {
    "mounted": lambda client: (client.mount("http://", LocustHttpAdapter(None)), client.get("/echo"))[1],
    "pool manager": lambda client: session(client.base_url, pool_manager=PoolManager()).get("/echo"),
}


@pytest.mark.parametrize("call", ORDINARY.values(), ids=ORDINARY)
def test_ordinary_requests_are_native(call: Call, server: TestServer, natively: Callable[[], int]) -> None:
    assert call(session(server.plain)).status_code in (200, 302)
    assert natively() == 1


@pytest.mark.parametrize("call", PREPARED_BY_REQUESTS.values(), ids=PREPARED_BY_REQUESTS)
def test_what_requests_prepares_is_sent_natively(call: Call, server: TestServer, natively: Callable[[], int]) -> None:
    assert call(session(server.plain)).status_code == 200
    assert natively() == 1


@pytest.mark.parametrize("call", EXOTIC.values(), ids=EXOTIC)
def test_exotic_requests_are_left_to_requests(call: Call, server: TestServer, natively: Callable[[], int]) -> None:
    assert call(session(server.plain)).status_code == 200
    assert natively() == 0


def test_looking_at_a_session_changes_nothing(server: TestServer, natively: Callable[[], int]) -> None:
    client = session(server.plain)
    for name in ("headers", "cookies", "auth", "params", "proxies", "hooks", "verify", "cert", "stream", "adapters"):
        getattr(client, name)
    client.get_adapter(server.plain)
    client.proxies = {}
    assert client.get("/echo").status_code == 200
    assert natively() == 1


def test_a_class_with_a_step_of_its_own_goes_through_requests(server: TestServer, natively: Callable[[], int]) -> None:
    class Signing(HttpSession):
        def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
            prepared = super().prepare_request(request)
            prepared.headers["X-Signed"] = prepared.path_url
            return prepared

    sent = dict(Signing(server.plain, EventHook(), None).get("/echo?a=1").json()["headers"])
    assert sent["X-Signed"] == "/echo?a=1" and natively() == 1


def test_patches_of_requests_are_seen(
    server: TestServer, natively: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As tracing tools and recorders make them."""
    send = requests.adapters.HTTPAdapter.send
    seen: list[str] = []

    def traced(self: Any, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        seen.append(request.path_url)
        return send(self, request, *args, **kwargs)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", traced)
    assert session(server.plain).get("/echo").status_code == 200
    assert seen == ["/echo"] and natively() == 0


def test_the_environment_speaks_to_those_who_trust_it(
    server: TestServer, natively: Callable[[], int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert session(server.plain).get("/echo").status_code == 0
    assert session(server.plain, trust_env=False).get("/echo").status_code == 200
    changed = session(server.plain)
    changed.trust_env = False
    assert changed.get("/echo").status_code == 200

    class Visitor(HttpUser):
        host = server.plain
        wait_time = constant(0)

        @task
        def work(self) -> None:
            assert not self.client.trust_env
            assert self.client.get("/echo").status_code == 200
            raise StopUser

    assert run_to_end(Visitor).stats.total.num_failures == 0
    assert natively() == 4


def connection(response: Any) -> int:
    return int(response.json()["connection"])


def test_a_session_keeps_its_connection(server: TestServer) -> None:
    client = session(server.plain)
    assert len({connection(client.get("/echo")) for _ in range(5)}) == 1
    first = connection(client.get("/echo"))
    client.close()
    assert connection(client.get("/echo")) != first


def test_sessions_have_connections_of_their_own(server: TestServer) -> None:
    assert connection(session(server.plain).get("/echo")) != connection(session(server.plain).get("/echo"))


def test_a_connection_that_was_asked_to_close_is_not_used_again(server: TestServer) -> None:
    client = session(server.plain)
    used = [connection(client.get("/echo", headers={"Connection": "close"})) for _ in range(20)]
    assert len(set(used)) == 20
    client.headers["Connection"] = "close"
    used = [connection(client.get("/echo")) for _ in range(20)]
    assert len(set(used)) == 20


def test_no_more_than_ten_connections_are_kept(server: TestServer) -> None:
    client = session(server.plain)
    greenlets = [gevent.spawn(client.get, "/delay/100") for _ in range(15)]
    gevent.joinall(greenlets)
    assert {greenlet.value.status_code for greenlet in greenlets} == {200}
    again = [gevent.spawn(client.get, "/echo") for _ in range(15)]
    gevent.joinall(again)
    assert len({connection(greenlet.value) for greenlet in again}) == 15


def test_trust(server: TestServer) -> None:
    def status(client: HttpSession, url: str, **arguments: Any) -> int:
        return int(client.get(url, **arguments).status_code)

    client = session(server.tls, trust_env=False)
    assert status(client, "/echo") == 0
    assert status(client, "/echo", verify=server.authority) == 200
    assert status(client, "/echo", verify=Path(server.authority)) == 200
    assert status(client, server.self_signed + "/echo", verify=False) == 200
    assert status(client, server.self_signed + "/echo", verify=server.authority) == 0
    client.verify = server.authority
    assert status(client, "/echo") == 200 and client.verify == server.authority
    assert status(client, "/echo", verify=True) == 0
    with pytest.raises(OSError, match="/no/such"):
        client.get("/echo", verify="/no/such/file")


def test_a_second_road_is_told_of_once(
    server: TestServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gregaria.clients, "_told", [])
    caplog.set_level("INFO", "locust.clients")
    for _ in range(3):
        session(server.plain).post("/echo", files={"f": b"x"})
    assert [record.name for record in caplog.records] == ["locust.clients"]
