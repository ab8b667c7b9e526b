"""A server for one test, in its process: each connection follows a script, in a greenlet of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import gevent
from gevent.server import StreamServer
from gevent.socket import create_connection

HANG_S = 20.0


class Script:
    """One connection, as its script sees it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._read = b""

    def exactly(self, length: int) -> bytes:
        """The next so many bytes."""
        while len(self._read) < length:
            block = self._connection.recv(65536)
            if not block:
                raise ConnectionError("the client is gone")
            self._read += block
        taken, self._read = self._read[:length], self._read[length:]
        return taken

    def until(self, end: bytes) -> bytes:
        """The bytes up to and with `end`."""
        read = b""
        while not read.endswith(end):
            read += self.exactly(1)
        return read

    def head(self) -> bytes:
        """The head of a request."""
        return self.until(b"\r\n\r\n")

    def request(self) -> bytes:
        """A request whose body has a declared length."""
        head = self.head()
        lower = head.lower()
        start = lower.find(b"content-length:")
        length = int(lower[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0
        return head + self.exactly(length)

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._connection.sendall(data)

    def wait_for_end(self) -> None:
        """Return when the client has closed the connection."""
        with suppress(OSError):
            while self._connection.recv(65536):
                pass

    def relay(self, port: int) -> None:
        """Pass bytes on, both ways, to a port of this machine, until one side ends."""
        upstream = create_connection(("127.0.0.1", port))
        upstream.sendall(self._read)
        back = gevent.spawn(_pass_on, upstream, self._connection)
        _pass_on(self._connection, upstream)
        back.join()
        upstream.close()


def _pass_on(source: Any, sink: Any) -> None:
    try:
        while block := source.recv(65536):
            sink.sendall(block)
        sink.shutdown(1)
    except OSError:
        pass


@contextmanager
def scripted(script: Callable[[Script], None]) -> Iterator[str]:
    """A server whose connections follow `script`; gives its URL."""

    def serve(connection: Any, _address: Any) -> None:
        connection.settimeout(HANG_S)
        with suppress(OSError), connection:
            script(Script(connection))

    server = StreamServer(("127.0.0.1", 0), serve)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.stop()
