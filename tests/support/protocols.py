"""Tiny servers in this process, each speaking as much of a protocol as a driver's first steps need.

They run in greenlets of gevent's hub, so that what a driver does shows at once whether it lets other greenlets run.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
from gevent import socket
from gevent.pywsgi import WSGIServer
from gevent.server import DatagramServer, StreamServer

Handler = Callable[[Any], None]


@contextmanager
def listening(handle: Handler) -> Iterator[int]:
    """A TCP server that has `handle` talk over each connection; its port."""

    def guarded(connection: Any, _address: Any) -> None:
        try:
            handle(connection)
        except (EOFError, OSError):
            pass
        finally:
            connection.close()

    server = StreamServer(("127.0.0.1", 0), guarded)
    server.start()
    try:
        yield int(server.server_port)
    finally:
        server.stop(timeout=0)


def exactly(connection: Any, size: int) -> bytes:
    """So many bytes."""
    received = b""
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            raise EOFError
        received += part
    return received


# --- HTTP ------------------------------------------------------------------------------------------------------------


@contextmanager
def web(answer: Callable[[str, str, Any], tuple[str, Any]]) -> Iterator[str]:
    """An HTTP server whose `answer(method, path, body)` is a status and something for JSON; its URL."""

    def application(environ: Any, start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        content = json.loads(body) if body else None
        status, answered = answer(environ["REQUEST_METHOD"], environ["PATH_INFO"], content)
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps(answered).encode()]

    with wsgi(application) as url:
        yield url


@contextmanager
def wsgi(application: Any) -> Iterator[str]:
    """A WSGI application behind a server; its URL."""
    server = WSGIServer(("127.0.0.1", 0), application, log=None)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.stop(timeout=0)


def qdrant(method: str, path: str, body: Any) -> tuple[str, Any]:
    """For `web`: a search for one finds nothing, for more one; deleting is an error."""

    def done(result: Any) -> tuple[str, Any]:
        return "200 OK", {"result": result, "status": "ok", "time": 0.001}

    if path.endswith("/exists"):
        return done({"exists": False})
    if path.endswith("/points/query"):
        points = [] if body["limit"] == 1 else [{"id": 1, "version": 1, "score": 0.5}]
        return done({"points": points})
    if path.endswith("/points/scroll"):
        return done({"points": [{"id": 1}], "next_page_offset": 7})
    if path.endswith("/points/delete"):
        return "500 Internal Server Error", {"status": {"error": "broken"}}
    if "/points" in path:
        return done({"operation_id": 1, "status": "completed"})
    return done(True) if method == "PUT" else ("200 OK", {"title": "qdrant", "version": "1.20.0"})


def responses(_method: str, _path: str, body: Any) -> tuple[str, Any]:
    """For `web`: OpenAI's answer to everything, of eleven tokens; `broken` is an error."""
    if body["input"] == "broken":
        return "400 Bad Request", {"error": {"message": "broken"}}
    message = {"type": "output_text", "text": "hello", "annotations": []}
    output = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [message]}
    usage = {"input_tokens": 3, "output_tokens": 11, "total_tokens": 14}
    return "200 OK", {"id": "r", "object": "response", "output": [output], "usage": usage}


@contextmanager
def socket_io() -> Iterator[str]:
    """A Socket.IO server: `shout` is answered in capitals, `tell me` by `news` of that length; its URL."""
    import socketio

    server = socketio.Server(async_mode="gevent", cors_allowed_origins="*")
    start, started = server.eio.start_background_task, list[Any]()

    def kept(*task: Any) -> Any:
        started.append(start(*task))
        return started[-1]

    server.eio.start_background_task = kept
    server.on("shout", lambda sid, data: data.upper())
    server.on("tell me", lambda sid, data: server.emit("news", "x" * int(data), to=sid))
    with wsgi(socketio.WSGIApp(server)) as url:
        yield url
    # The server's own would look after the connection for a while yet.
    server.shutdown()
    gevent.killall(started, timeout=5)


# --- DNS -------------------------------------------------------------------------------------------------------------


@contextmanager
def name_server() -> Iterator[int]:
    """Answers every question over UDP, those for names with `empty` with nothing."""
    import dns.message
    import dns.rrset

    class Server(DatagramServer):
        def handle(self, data: bytes, address: Any) -> None:
            question = dns.message.from_wire(data)
            response = dns.message.make_response(question)
            name = question.question[0].name
            if "empty" not in str(name):
                response.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "192.0.2.7"))
            self.socket.sendto(response.to_wire(), address)

    server = Server(("127.0.0.1", 0))
    server.start()
    try:
        yield int(server.server_port)
    finally:
        server.stop()


# --- MongoDB ---------------------------------------------------------------------------------------------------------


def mongo(connection: Any) -> None:
    """OP_MSG and the first OP_QUERY; `find` gives one document, or an error if the filter asks for it."""
    import bson

    def answer(command: dict[str, Any]) -> dict[str, Any]:
        name = next(iter(command))
        if name.lower() in ("hello", "ismaster"):
            return {
                "isWritablePrimary": True,
                "helloOk": True,
                "maxBsonObjectSize": 1 << 24,
                "ok": 1.0,
                "maxMessageSizeBytes": 48_000_000,
                "maxWriteBatchSize": 100_000,
                "minWireVersion": 0,
                "maxWireVersion": 21,
                "logicalSessionTimeoutMinutes": 30,
                "connectionId": 1,
            }
        if name == "find" and command["filter"].get("broken"):
            return {"ok": 0.0, "errmsg": "unknown operator", "code": 2, "codeName": "BadValue"}
        if name == "find":
            batch = {"firstBatch": [{"_id": 1}], "id": 0, "ns": f"{command['$db']}.{command['find']}"}
            return {"cursor": batch, "ok": 1.0}
        return {"ok": 1.0}

    while True:
        length, request, _, code = struct.unpack("<iiii", exactly(connection, 16))
        body = exactly(connection, length - 16)
        if code == 2004:
            query = body[body.index(b"\0", 4) + 9 :]
            reply = struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(answer(bson.decode(query)))
            kind = 1
        else:
            (flags,) = struct.unpack_from("<I", body)
            command = bson.decode(body[5:])
            if flags & 2:
                continue
            reply = struct.pack("<IB", 0, 0) + bson.encode(answer(command))
            kind = 2013
        connection.sendall(struct.pack("<iiii", 16 + len(reply), 0, request, kind) + reply)


# --- MQTT ------------------------------------------------------------------------------------------------------------


def mqtt_packet(connection: Any) -> tuple[int, bytes]:
    """Type with flags, and what follows the length."""
    kind, length, shift = exactly(connection, 1)[0], 0, 0
    while True:
        byte = exactly(connection, 1)[0]
        length |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            return kind, exactly(connection, length)


def broker(connection: Any) -> None:
    """MQTT 3.1.1 and 5: acknowledges everything, refuses topics with `forbidden`, hangs up for a message to `bye`."""
    _, hello = mqtt_packet(connection)
    is_v5 = hello[6] == 5
    connection.sendall(b"\x20\x03\x00\x00\x00" if is_v5 else b"\x20\x02\x00\x00")
    extra = b"\0" if is_v5 else b""
    while True:
        kind, body = mqtt_packet(connection)
        if kind >> 4 == 3:
            size = int.from_bytes(body[:2], "big")
            topic = body[2 : 2 + size]
            if topic == b"bye":
                return
            if kind & 6:
                connection.sendall(b"\x40\x02" + body[2 + size : 4 + size])
        elif kind >> 4 == 8:
            refusal = b"\x87" if is_v5 else b"\x80"
            granted = refusal if b"forbidden" in body else b"\x00"
            answer = body[:2] + extra + granted
            connection.sendall(bytes((0x90, len(answer))) + answer)
        elif kind >> 4 == 12:
            connection.sendall(b"\xd0\x00")
        elif kind >> 4 == 14:
            return


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


def postgres(connection: Any) -> None:
    """The extended protocol as far as psycopg needs it; a query with `broken` in it is an error."""

    def message(kind: bytes, body: bytes = b"") -> bytes:
        return kind + struct.pack(">i", len(body) + 4) + body

    size, version = struct.unpack(">ii", exactly(connection, 8))
    if version == 80877103:
        connection.sendall(b"N")
        size, version = struct.unpack(">ii", exactly(connection, 8))
    exactly(connection, size - 8)
    greeting = message(b"R", struct.pack(">i", 0))
    for name, value in (("client_encoding", "UTF8"), ("server_version", "15.0"), ("standard_conforming_strings", "on")):
        greeting += message(b"S", name.encode() + b"\0" + value.encode() + b"\0")
    connection.sendall(greeting + message(b"K", struct.pack(">ii", 1, 1)) + message(b"Z", b"I"))
    failed = False
    while True:
        kind = exactly(connection, 1)
        (size,) = struct.unpack(">i", exactly(connection, 4))
        body = exactly(connection, size - 4)
        if kind == b"X":
            return
        if kind in b"QP" and b"broken" in body:
            failed = True
            fields = b"SERROR\0VERROR\0C42601\0Msyntax error\0\0"
            connection.sendall(message(b"E", fields))
        elif not failed:
            answers = {
                b"P": message(b"1"),
                b"B": message(b"2"),
                b"D": message(b"n"),
                b"E": message(b"C", b"SELECT 0\0"),
            }
            if kind == b"Q":
                gevent.sleep(0.05 if b"slow" in body else 0)
                connection.sendall(message(b"C", b"OK\0"))
            elif kind in answers:
                if kind == b"E":
                    gevent.sleep(0.05)
                connection.sendall(answers[kind])
        if kind in b"QS":
            connection.sendall(message(b"Z", b"E" if failed else b"T"))
            failed = False


def refusing_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
