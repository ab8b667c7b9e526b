"""A server that keeps every byte it gets and answers what it was told to; prints two ports, and one to steer it by.

Each line there is JSON: a list arms the answers of the next requests, in order, and forgets what was recorded; `null`
asks for the record, `"closed"` waits until every connection that was to be closed is. An answer is a list of steps:
text (latin-1) is sent, `close` and `reset` end the connection, `hang` waits until the client ends it, for five seconds.
Standard library only: it never meets a patched socket.
"""

import json
import socket
import struct
import sys
import threading
from typing import Any

ORDINARY = ["HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"]
Answer = list[Any]


class Record:
    """What has come since the recorder was armed, and what is still to be answered."""

    def __init__(self) -> None:
        self.lock = threading.Condition()
        self.arm([])

    def arm(self, answers: list[Answer]) -> None:
        with self.lock:
            self.answers = list(answers)
            self.requests: list[dict[str, Any]] = []
            self.numbers: dict[int, int] = {}
            self.closing: set[int] = set()

    def wait_for_closing(self) -> None:
        with self.lock:
            self.lock.wait_for(lambda: not self.closing, timeout=10)

    def closed(self, connection: int) -> None:
        with self.lock:
            self.closing.discard(connection)
            self.lock.notify_all()

    def add(self, connection: int, listener: int, head: bytes, body: bytes) -> Answer:
        with self.lock:
            number = self.numbers.setdefault(connection, len(self.numbers))
            said = {"connection": number, "listener": listener}
            self.requests.append({**said, "head": head.decode("latin-1"), "body": body.decode("latin-1")})
            answer = self.answers.pop(0) if self.answers else ORDINARY
            if head.startswith(b"HEAD ") and answer is ORDINARY:
                answer = [ORDINARY[0].removesuffix("ok")]
            if answer and answer[-1] in ("close", "reset"):
                self.closing.add(connection)
            return answer


class Gone(Exception):
    """The client has ended the connection."""


class Reader:
    """Requests out of a connection, byte for byte."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.kept = b""

    def until(self, end: bytes) -> bytes:
        while end not in self.kept:
            self.more()
        found, end, self.kept = self.kept.partition(end)
        return found + end

    def exactly(self, length: int) -> bytes:
        while len(self.kept) < length:
            self.more()
        found, self.kept = self.kept[:length], self.kept[length:]
        return found

    def more(self) -> None:
        received = self.connection.recv(65536)
        if not received:
            raise Gone
        self.kept += received

    def request(self) -> tuple[bytes, bytes]:
        head = self.until(b"\r\n\r\n")
        lines = [line.partition(b":") for line in head.split(b"\r\n")[1:]]
        fields = {name.strip().lower(): value.strip() for name, _, value in lines}
        if b"chunked" in fields.get(b"transfer-encoding", b"").lower():
            body = b""
            while True:
                size = self.until(b"\r\n")
                chunk = self.exactly(int(size, 16) + 2)
                body += size + chunk
                if len(chunk) == 2:
                    return head, body
        length = fields.get(b"content-length", b"0")
        return head, self.exactly(int(length) if length.isdigit() else 0)


def serve(connection: socket.socket, number: int, listener: int, record: Record) -> None:
    connection.settimeout(5)
    reader = Reader(connection)
    try:
        while True:
            answer = record.add(number, listener, *reader.request())
            if not answered(connection, answer):
                return
    except (Gone, OSError, ValueError):
        pass
    finally:
        connection.close()
        record.closed(number)


def answered(connection: socket.socket, steps: Answer) -> bool:
    """Follow the steps of an answer; whether the connection lives on."""
    for step in steps:
        if step == "close":
            return False
        if step == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if step == "hang":
            while connection.recv(65536):
                pass
            return False
        connection.sendall(step.encode("latin-1"))
    return "connection: close" not in str(steps[0]).lower()


def accept(listener: socket.socket, index: int, record: Record) -> None:
    number = index
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number += 2
        threading.Thread(target=serve, args=(connection, number, index, record), daemon=True).start()


def control(listener: socket.socket, record: Record) -> None:
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rw", encoding="utf-8") as lines:
            for line in lines:
                asked = json.loads(line)
                if asked is None:
                    with record.lock:
                        lines.write(json.dumps(record.requests))
                elif asked == "closed":
                    record.wait_for_closing()
                    lines.write("[]")
                else:
                    record.arm(asked)
                    lines.write("[]")
                lines.write("\n")
                lines.flush()


def listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=64)


def main() -> None:
    """Serve until standard input ends."""
    record = Record()
    data, steering = [listening(), listening()], listening()
    for index, listener in enumerate(data):
        threading.Thread(target=accept, args=(listener, index, record), daemon=True).start()
    threading.Thread(target=control, args=(steering, record), daemon=True).start()
    ports = [listener.getsockname()[1] for listener in (*data, steering)]
    print("ready", *ports, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
