"""Server-sent events and WebSockets: what a task sees, and what the statistics hold."""

from __future__ import annotations

import gregaria  # noqa: F401  (before requests, because it patches what that imports)

# isort: split
import struct
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest
from gevent.event import Event

from gregaria._engine import engine_stats
from gregaria.clients import HttpSession
from gregaria.contrib.fasthttp import FastHttpSession
from gregaria.event import EventHook
from gregaria.streaming import HandshakeFailed, ServerEvent, WebSocketClosed, WebSocketTimeout
from support import websockets
from support.scripted import Script, scripted

Make = Callable[[str], Any]
Entry = tuple[str, str, str | None]


@pytest.fixture
def entries() -> list[Entry]:
    """What was reported: type, name, exception."""
    return []


@pytest.fixture
def times() -> dict[str, list[float]]:
    return {}


@pytest.fixture(params=[HttpSession, FastHttpSession])
def make(request: pytest.FixtureRequest, entries: list[Entry], times: dict[str, list[float]]) -> Iterator[Make]:
    def heard(request_type: str, name: str, exception: Any, response_time: float, **_: Any) -> None:
        entries.append((request_type, name, exception and str(exception)))
        times.setdefault(request_type, []).append(response_time)

    def made(base: str) -> Any:
        events = EventHook()
        events.add_listener(heard)
        client = request.param(base, events, None)
        if request.param is HttpSession:
            client.trust_env = False
        return client

    yield made
    assert engine_stats()["in_flight"] == 0


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def test_events_come_as_they_are_sent(make: Make, entries: list[Entry], times: dict[str, list[float]]) -> None:
    seen = [Event(), Event()]

    def script(peer: Script) -> None:
        assert b"text/event-stream" in peer.head()
        gevent.sleep(0.05)
        peer.send(HEAD + b": hello\n\ndata: one\n\n")
        seen[0].wait(20)
        gevent.sleep(0.1)
        peer.send(b"event: add\nid: 7\ndata: two\ndata: lines\n\n")
        seen[1].wait(20)
        peer.send(b"data: three\n\n")

    with scripted(script) as base, make(base).sse("/events", name="feed") as events:
        assert events.response.status_code == 200
        assert next(events) == ServerEvent("message", "one", "", None)
        seen[0].set()
        assert next(events) == ServerEvent("add", "two\nlines", "7", None)
        seen[1].set()
        # The generator may be busy: the times are the engine's.
        gevent.sleep(0.2)
        assert [event.data for event in events] == ["three"]
    assert entries == [("GET", "feed", None), ("SSE", "feed", None), *[("SSEGAP", "feed", None)] * 2]
    assert times["SSE"][0] >= 50
    assert times["SSEGAP"][0] >= 100 and times["SSEGAP"][1] < 150


def test_streams_that_end_too_early(make: Make, entries: list[Entry]) -> None:
    answers = iter(
        (
            HEAD,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\ndata: x\n\n\n\r\nzz\r\n",
            b"HTTP/1.1 500 Out\r\nContent-Length: 0\r\n\r\n",
        )
    )

    def script(peer: Script) -> None:
        peer.head()
        peer.send(next(answers))

    with scripted(script) as base:
        client = make(base)
        for _ in range(3):
            with client.sse("/e") as events:
                list(events)
    kinds = [(kind, name, bool(error)) for kind, name, error in entries]
    assert kinds == [
        *(("GET", "/e", False), ("SSE", "/e", True)),
        *(("GET", "/e", False), ("SSE", "/e", False), ("SSEGAP", "/e", True)),
        ("GET", "/e", True),
    ]
    assert entries[1][2] == "the stream ended before the first event"
    assert "the stream broke" in str(entries[4][2])


def test_leaving_early_closes_the_connection(make: Make) -> None:
    gone = Event()

    def script(peer: Script) -> None:
        peer.head()
        peer.send(HEAD + b"data: 1\n\n")
        peer.wait_for_end()
        gone.set()

    with scripted(script) as base, make(base).sse("/e") as events:
        for _ in events:
            break
        events.close()
        assert gone.wait(20)


def echo(peer: Script) -> None:
    websockets.accept(peer, b"Sec-WebSocket-Protocol: chat\r\n")
    while True:
        kind, data = websockets.read(peer)
        peer.send(websockets.frame(kind, data))
        if kind == websockets.CLOSE:
            return


def test_messages_of_all_kinds(make: Make, entries: list[Entry]) -> None:
    with scripted(echo) as base, make(base).websocket("/ws", subprotocols=["chat", "x"]) as ws:
        assert ws.subprotocol == "chat"
        for message in ("grüße", b"\x00\xff", "x" * 70_000, ""):
            ws.send(message)
            assert ws.recv(timeout=20) == message
        assert ws.ask("question") == "question"
        assert not ws.closed
    assert entries == [("WSC", "/ws", None), ("WSR", "/ws", None)]


def test_round_trips_by_a_match(make: Make, entries: list[Entry], times: dict[str, list[float]]) -> None:
    def script(peer: Script) -> None:
        websockets.accept(peer)
        first, second = websockets.read(peer)[1], websockets.read(peer)[1]
        gevent.sleep(0.05)
        peer.send(websockets.frame(websockets.TEXT, b"noise"))
        peer.send(
            websockets.frame(websockets.TEXT, b"re:" + second) + websockets.frame(websockets.TEXT, b"re:" + first)
        )
        websockets.read(peer)

    with scripted(script) as base, make(base).websocket("/ws", name="chat") as ws:
        ws.send("1", answer="re:1", name="one")
        ws.send("2", answer=lambda message: message == "re:2")
        gevent.sleep(0.2)
        assert [ws.recv() for _ in range(3)] == ["noise", "re:2", "re:1"]
        ws.send("3", answer="never")
    assert entries == [
        *(("WSC", "chat", None), ("WSR", "chat", None), ("WSR", "one", None)),
        ("WSR", "chat", "no answer before the end"),
    ]
    assert all(50 <= took < 190 for took in times["WSR"][:2]), "the engine's times, not the task's"


def test_timeouts_and_the_end(make: Make, entries: list[Entry]) -> None:
    ending = Event()

    def script(peer: Script) -> None:
        websockets.accept(peer)
        websockets.read(peer)
        ending.wait(20)
        peer.send(websockets.frame(websockets.TEXT, b"last"))
        peer.send(websockets.frame(websockets.CLOSE, struct.pack(">H", 4001) + b"enough"))
        assert websockets.read(peer)[0] == websockets.CLOSE

    with scripted(script) as base, make(base).websocket("/ws") as ws:
        with pytest.raises(WebSocketTimeout, match=r"no message within 0\.05 seconds"):
            ws.ask("hello?", timeout=0.05)
        ending.set()
        assert list(ws) == ["last"]
        with pytest.raises(WebSocketClosed, match="4001 enough"):
            ws.recv()
        with pytest.raises(WebSocketClosed):
            ws.send("late")
    assert entries == [("WSC", "/ws", None), ("WSR", "/ws", "no answer within 0.05 seconds")]


def test_pings_are_answered_while_nobody_reads(make: Make) -> None:
    answered = Event()

    def script(peer: Script) -> None:
        websockets.accept(peer)
        peer.send(websockets.frame(websockets.PING, b"there?"))
        assert websockets.read(peer) == (websockets.PONG, b"there?")
        answered.set()
        assert websockets.read(peer) == (websockets.CLOSE, struct.pack(">H", 1000) + b"bye")

    with scripted(script) as base:
        ws = make(base).websocket("/ws")
        assert answered.wait(20)
        ws.close(reason="bye")


def test_handshakes_that_fail(make: Make, entries: list[Entry]) -> None:
    answers = iter(
        (
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
            b"",
        )
    )

    def script(peer: Script) -> None:
        peer.head()
        peer.send(next(answers))

    with scripted(script) as base:
        for text in ("403 Forbidden", "another WebSocket key", "RemoteDisconnected"):
            with pytest.raises(HandshakeFailed, match=text):
                make(base).websocket("/ws")
        with pytest.raises(HandshakeFailed, match="Connection refused"):
            make(base).websocket("ws://127.0.0.1:9/ws")
    assert [entry[:2] for entry in entries] == [*[("WSC", "/ws")] * 3, ("WSC", "ws://127.0.0.1:9/ws")]
    assert all(error for _, _, error in entries)


def test_a_server_that_breaks_the_rules(make: Make) -> None:
    def script(peer: Script) -> None:
        websockets.accept(peer)
        peer.send(b"\x8f\x00")
        peer.wait_for_end()

    with scripted(script) as base, make(base).websocket("/ws") as ws, pytest.raises(WebSocketClosed) as closed:
        ws.recv()
    assert closed.value.code == 1006 and closed.value.reason


def test_a_killed_task_leaves_nothing_behind(make: Make) -> None:
    gone = Event()

    def script(peer: Script) -> None:
        websockets.accept(peer)
        peer.wait_for_end()
        gone.set()

    with scripted(script) as base:

        def work() -> None:
            with make(base).websocket("/ws") as ws:
                begun.set()
                ws.recv()

        begun = Event()
        greenlet = gevent.spawn(work)
        assert begun.wait(20)
        greenlet.kill()
        assert gone.wait(20)


def test_what_the_handshake_carries(make: Make) -> None:
    heard: list[dict[str, str]] = []

    def script(peer: Script) -> None:
        heard.append(websockets.accept(peer))
        websockets.read(peer)

    with scripted(script) as base:
        client = make(base.replace("//", "//me:secret@"))
        with client.websocket("/ws?room=1", headers={"X-Own": "1"}):
            pass
    assert heard[0][""] == "GET /ws?room=1 HTTP/1.1"
    assert heard[0]["x-own"] == "1" and heard[0]["authorization"] == "Basic bWU6c2VjcmV0"
    assert heard[0]["sec-websocket-version"] == "13" and heard[0]["upgrade"] == "websocket"


def test_messages_of_the_wrong_kind(make: Make) -> None:
    with scripted(echo) as base, make(base).websocket("/ws") as ws:
        for wrong in (5, None, {"a": 1}, object()):
            with pytest.raises(TypeError, match="a message must be str or bytes"):
                ws.send(wrong)
        assert ws.ask("still there?") == "still there?"
    with pytest.raises(ValueError, match="a timeout is a number of seconds"):
        make("http://127.0.0.1:9").websocket("/ws", timeout="soon")
