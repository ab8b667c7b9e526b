"""Bodies that come, and go, piece by piece: while they are made, within bounds, and with nothing left behind."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
import requests
from gevent.event import Event

from gregaria._engine import engine_stats
from gregaria.clients import HttpSession
from gregaria.event import EventHook
from support.scripted import Script, scripted
from support.server import TestServer

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture(autouse=True)
def counts_add_up() -> Iterator[None]:
    """Every request that was begun has ended."""
    yield
    assert engine_stats()["in_flight"] == 0


@pytest.fixture
def heard() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def client(server: TestServer, heard: list[dict[str, Any]]) -> HttpSession:
    return reporting(server.plain, heard)


def reporting(base: str, heard: list[dict[str, Any]]) -> HttpSession:
    events = EventHook()
    events.add_listener(lambda **told: heard.append(told))
    return HttpSession(base, events, None, trust_env=False)


def test_pieces_are_there_before_the_body_is_complete(heard: list[dict[str, Any]]) -> None:
    go = Event()

    def script(peer: Script) -> None:
        peer.request()
        peer.send(HEAD % 6 + b"one")
        go.wait(20)
        peer.send(b"two")
        peer.request()
        peer.send(HEAD % 5 + b"again")

    with scripted(script) as base:
        client = reporting(base, heard)
        response = client.get("/", stream=True)
        assert len(heard) == 1 and heard[0]["response_length"] == 6, "it is reported with its head"
        assert response.raw.read(3) == b"one"
        go.set()
        assert response.raw.read() == b"two"
        assert client.get("/").text == "again", "over the same connection: there is no other"


def test_lines_come_as_they_are_sent(heard: list[dict[str, Any]]) -> None:
    steps = [Event(), Event()]

    def script(peer: Script) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for step, line in zip(steps, (b"first\n", b"second\n"), strict=True):
            step.wait(20)
            peer.send(b"%x\r\n%b\r\n" % (len(line), line))
        peer.send(b"0\r\n\r\n")

    with scripted(script) as base:
        lines = reporting(base, heard).get("/", stream=True).iter_lines()
        steps[0].set()
        # Only the end of the next one makes it certain that a line is over; that is how requests has it.
        steps[1].set()
        assert list(lines) == [b"first", b"second"]


def test_chunks_are_those_of_the_server(client: HttpSession) -> None:
    assert list(client.get("/stream/3", stream=True).iter_content(1000)) == [
        b'{"line":0}\n',
        b'{"line":1}\n',
        b'{"line":2}\n',
    ]
    assert list(client.get("/stream/1", stream=True).iter_content(4)) == [b'{"li', b'ne":', b"0}\n"]


def test_a_stream_closed_early_closes_its_connection(client: HttpSession) -> None:
    for let_go in (lambda it: it.close(), lambda it: None):
        response = client.get("/bytes/3000000", stream=True)
        assert len(response.raw.read(10)) == 10
        let_go(response)
        del response
        assert client.get("/bytes/3").content == b"012"


def test_a_killed_reader_leaves_nothing_behind(client: HttpSession) -> None:
    with scripted(stalling) as base:
        own = HttpSession(base, EventHook(), None, trust_env=False)
        begun = Event()

        def stalled() -> None:
            response = own.get("/", stream=True)
            begun.set()
            response.raw.read()

        greenlet = gevent.spawn(stalled)
        begun.wait(20)
        greenlet.kill()
        assert greenlet.dead and isinstance(greenlet.value, gevent.GreenletExit)
    assert client.get("/bytes/3").content == b"012"


def stalling(peer: Script) -> None:
    peer.request()
    peer.send(HEAD % 100 + b"some")
    peer.wait_for_end()


def test_a_reader_has_as_much_patience_as_its_timeout_says() -> None:
    with scripted(stalling) as base:
        client = HttpSession(base, EventHook(), None, trust_env=False)
        response = client.get("/", stream=True, timeout=0.1)
        assert response.raw.read(4) == b"some"
        begun = time.monotonic()
        with pytest.raises(requests.exceptions.ConnectionError, match="Read timed out"):
            list(response.iter_content(10))
        assert time.monotonic() - begun < 10


def test_a_body_that_breaks_off_says_so() -> None:
    def script(peer: Script) -> None:
        peer.request()
        peer.send(HEAD % 100 + b"some")

    with scripted(script) as base:
        response = HttpSession(base, EventHook(), None, trust_env=False).get("/", stream=True)
        with pytest.raises(requests.exceptions.ChunkedEncodingError, match="4 bytes read, 96 more expected"):
            list(response.iter_content(10))


def test_a_slow_reader_does_not_fill_the_memory(client: HttpSession) -> None:
    response = client.get("/bytes/60000000", stream=True)
    total = 0
    while piece := response.raw.read(1_000_000):
        total += len(piece)
    assert total == 60_000_000


def test_from_a_thread(client: HttpSession, server: TestServer) -> None:
    client.get("/bytes/1")
    got: list[Any] = []

    def work() -> None:
        own = HttpSession(server.plain, EventHook(), None, trust_env=False)
        got.append(b"".join(own.get("/stream/3", stream=True).iter_content(100)))
        got.append(own.post("/echo", data=iter([b"a", b"b"])).json()["body"])

    from gevent.monkey import get_original

    start = get_original("_thread", "start_new_thread")
    start(work, ())
    while len(got) < 2:
        gevent.sleep(0.005)
    assert got == [b'{"line":0}\n{"line":1}\n{"line":2}\n', "ab"]


def test_a_body_is_sent_while_it_is_made(heard: list[dict[str, Any]]) -> None:
    arrived = Event()

    def script(peer: Script) -> None:
        peer.head()
        assert peer.exactly(8) == b"3\r\none\r\n"
        arrived.set()
        assert peer.exactly(13) == b"3\r\ntwo\r\n0\r\n\r\n"
        peer.send(HEAD % 2 + b"ok")

    def body() -> Iterator[bytes]:
        yield b"one"
        arrived.wait(20)
        yield b""
        yield b"two"

    with scripted(script) as base:
        assert reporting(base, heard).post("/", data=body()).text == "ok"
    assert arrived.is_set() and heard[0]["exception"] is None


class Unreadable(io.RawIOBase):
    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        raise OSError(5, "Input/output error")


def test_a_generator_that_raises(client: HttpSession, heard: list[dict[str, Any]]) -> None:
    def body() -> Iterator[bytes]:
        yield b"a"
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        client.post("/echo", data=body())
    assert not heard
    response = client.post("/echo", data=Unreadable())
    assert response.status_code == 0 and repr(heard[0]["exception"]) == "OSError(5, 'Input/output error')"
    assert client.post("/echo", data=iter([b"a"])).json()["body"] == "a"


def test_a_writer_is_killed(client: HttpSession) -> None:
    begun = Event()

    def body() -> Iterator[bytes]:
        yield b"a"
        begun.set()
        gevent.sleep(60)

    greenlet = gevent.spawn(client.post, "/echo", data=body())
    begun.wait(20)
    greenlet.kill()
    assert client.get("/bytes/3").content == b"012"


def test_an_endless_body_ends_with_the_answer() -> None:
    def script(peer: Script) -> None:
        peer.head()
        peer.exactly(100_000)
        peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        peer.wait_for_end()

    def body() -> Iterator[bytes]:
        while True:
            yield b"x" * 10_000
            gevent.sleep(0)

    with scripted(script) as base:
        client = HttpSession(base, EventHook(), None, trust_env=False)
        assert client.post("/", data=body()).status_code == 413


def test_response_times_are_the_servers(client: HttpSession, heard: list[dict[str, Any]]) -> None:
    """Not the generator's, which may be busy."""

    def busy(response: requests.Response, **_: Any) -> requests.Response:
        end = time.perf_counter() + 0.2
        while time.perf_counter() < end:
            pass
        return response

    client.get("/delay/20", hooks={"response": busy})
    assert 20 <= heard[0]["response_time"] < 150
