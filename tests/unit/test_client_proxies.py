"""Proxies on the engine's connections, where no other tester can be asked: SOCKS, and which road is taken."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gregaria._engine import engine_stats
from gregaria.clients import HttpSession
from gregaria.contrib.fasthttp import FastHttpSession
from gregaria.event import EventHook
from support.scripted import Script, scripted
from support.server import TestServer

seen: list[bytes] = []


@pytest.fixture
def socks(server: TestServer) -> Iterator[str]:
    """A SOCKS proxy that wants user and password, and leads to the test server whatever it is asked for."""

    def script(peer: Script) -> None:
        greeting = peer.exactly(2)
        if 2 not in peer.exactly(greeting[1]):
            peer.send(b"\x05\xff")
            return
        peer.send(b"\x05\x02")
        _, length = peer.exactly(2)
        user = peer.exactly(length)
        seen.append(user + b":" + peer.exactly(peer.exactly(1)[0]))
        peer.send(b"\x01\x00")
        kind = peer.exactly(4)[3]
        host = peer.exactly(peer.exactly(1)[0]) if kind == 3 else peer.exactly(4)
        peer.exactly(2)
        seen.append(host)
        peer.send(b"\x05\x00\x00\x01\0\0\0\0\0\0")
        peer.relay(server.port("tls" if host == b"127.0.0.1" else "plain"))

    seen.clear()
    with scripted(script) as url:
        yield url.replace("http://", "")


def test_socks_with_credentials(server: TestServer, socks: str) -> None:
    before = engine_stats()["started"]
    client = HttpSession("http://no.such.host.invalid", EventHook(), None, trust_env=False)
    client.proxies = {"http": f"socks5h://me:secret@{socks}"}
    assert client.get("/bytes/3").content == b"012"
    assert client.get("/bytes/4").content == b"0123"
    assert seen == [b"me:secret", b"no.such.host.invalid"], "one connection, named by the proxy"
    assert engine_stats()["started"] - before == 2


def test_socks_that_refuses(socks: str) -> None:
    told: list[str] = []
    events = EventHook()
    events.add_listener(lambda exception, **_: told.append(repr(exception)))
    response = HttpSession("http://h.invalid", events, None).get("/", proxies={"all": f"socks5://{socks}"})
    assert type(response.error).__name__ == "ProxyError"
    assert told == ["OSError('the SOCKS proxy accepts none of the ways to log in')"]


def test_a_fast_session_through_a_proxy_that_refuses() -> None:
    def script(peer: Script) -> None:
        peer.head()
        peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    told: list[str] = []
    events = EventHook()
    events.add_listener(lambda exception, **_: told.append(repr(exception)))
    with scripted(script) as url:
        port = int(url.rpartition(":")[2])
        client = FastHttpSession("https://h.invalid", events, None, proxy_host="127.0.0.1", proxy_port=port)
        client.get("/")
    assert told == ["OSError('Tunnel connection failed: 403 Forbidden')"]
