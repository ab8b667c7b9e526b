"""The road of requests that the engine cannot make: those with a TLS context of the script's own.

A socket of gevent and the standard library's parser; statistics and events are the same. Slower than the engine.
"""

from __future__ import annotations

import codecs
import http.client
import socket
import ssl
import zlib
from collections.abc import Iterator
from typing import Any

from .._engine import without_coding
from .errors import HTTPConnectionClosed, HTTPParseError

Site = tuple[bool, str, int]
"""https, host, port."""


class StreamedBody:
    """The body of a response, read from its connection on demand, and that connection with it."""

    def __init__(self, connection: socket.socket, response: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._response = response

    @property
    def closed(self) -> bool:
        """Whether there is nothing more to come."""
        return self._response.isclosed()

    def read(self, n: int | None = None) -> bytes:
        """So many bytes, fewer only at the end."""
        return self._reading(self._response.read, n)

    def read_some(self, n: int) -> bytes:
        """What has come, so many bytes at most; waits for the first."""
        return self._reading(self._response.read1, n)

    def readline(self) -> bytes:
        """A line with its end."""
        return self._reading(self._response.readline)

    def _reading(self, read: Any, *arguments: Any) -> bytes:
        try:
            return bytes(read(*arguments))
        except http.client.HTTPException as error:
            raise HTTPParseError("Incomplete response.") from error

    def close(self) -> None:
        """Close the connection."""
        self._response.close()
        self._connection.close()


def send(
    session: Any, site: Site, method: str, wire: bytes, timeouts: tuple[float | None, float | None], stream: bool
) -> tuple[bytes, StreamedBody]:
    """Send a request as it stands; gives the head of the response as bytes, and the body to be read."""
    connect_timeout, read_timeout = timeouts
    proxy = session.__dict__.get("_proxy")
    connection = socket.create_connection(proxy or site[1:], connect_timeout)
    try:
        connection.settimeout(connect_timeout)
        if site[0]:
            connection = _secured(connection, session, site, proxy)
        connection.settimeout(read_timeout)
        return _answer(connection, method, wire)
    except BaseException:
        connection.close()
        raise


def _secured(connection: socket.socket, session: Any, site: Site, proxy: Any) -> socket.socket:
    _, host, port = site
    if proxy:
        _open_tunnel(connection, f"{host}:{port}", session.__dict__.get("_proxy_authorization"))
    context = session.__dict__.get("_tls_context")
    if context is None:
        factory = session.__dict__.get("_ssl_context_factory") or ssl.create_default_context
        context = session.__dict__["_tls_context"] = factory()
        if session.__dict__.get("_insecure", True):
            context.check_hostname = False
            if "_ssl_context_factory" not in session.__dict__:
                context.verify_mode = ssl.CERT_NONE
    secured: socket.socket = context.wrap_socket(connection, server_hostname=host)
    return secured


def _open_tunnel(connection: socket.socket, authority: str, authorization: str | None) -> None:
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if authorization:
        lines.append(f"Proxy-Authorization: {authorization}")
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    head = b""
    while b"\r\n\r\n" not in head:
        block = connection.recv(4096)
        if not block:
            raise HTTPConnectionClosed("the proxy closed the connection instead of opening a tunnel")
        head += block
    status = head.split(b"\r\n", 1)[0].decode("latin-1")
    if status.split()[1:2] != ["200"]:
        raise OSError(f"the proxy opens no tunnel: {status}")


def _answer(connection: socket.socket, method: str, wire: bytes) -> tuple[bytes, StreamedBody]:
    try:
        connection.sendall(wire)
        response = http.client.HTTPResponse(connection, method=method)
        response.begin()
    except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
        raise HTTPConnectionClosed("connection closed.") from error
    except http.client.HTTPException as error:
        raise HTTPParseError("Expected HTTP/, RTSP/ or ICE/", 8) from error
    lines = [
        f"HTTP/1.1 {response.status} {response.reason}",
        *(f"{name}: {value}" for name, value in response.getheaders()),
    ]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
    return head, StreamedBody(connection, response)


def content(stream: Any, coding: str) -> bytes:
    """All that is left of a stream, without its content coding."""
    body = _uncoded(stream.read(), coding.lower())
    stream.close()
    return body


def _uncoded(body: bytes, coding: str) -> bytes:
    if coding in ("gzip", "deflate"):
        return unzipped(body, gzip=coding == "gzip")
    return without_coding(coding, body)


def unzipped(body: bytes, gzip: bool = True, br: bool = False) -> bytes:
    """A body without its content coding: gzip, Brotli or deflate."""
    if gzip:
        return zlib.decompress(body, 16 + zlib.MAX_WBITS)
    if br:
        return without_coding("br", body)
    try:
        return zlib.decompress(body, -zlib.MAX_WBITS)
    except zlib.error:
        return zlib.decompress(body)


def blocks(stream: Any, size: int) -> Iterator[bytes]:
    """A stream in blocks of this size."""
    while block := stream.read(size):
        yield block


def pieces(stream: Any, size: int, decode: bool) -> Iterator[str | bytes]:
    """A stream as it comes, in pieces of this size at most; as text where a piece is UTF-8."""
    read = getattr(stream, "read_some", stream.read)
    while True:
        try:
            piece = read(size)
        except (HTTPConnectionClosed, ConnectionError):
            return
        if not piece:
            return
        try:
            yield piece.decode() if decode else piece
        except UnicodeDecodeError:
            yield piece


def lines(stream: Any) -> Iterator[str]:
    """A stream's lines as they come, without their ends."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    for piece in pieces(stream, 1024, False):
        *complete, rest = (rest + decoder.decode(bytes(piece))).split("\n")  # type: ignore[arg-type]
        yield from complete
    rest += decoder.decode(b"", True)
    if rest:
        yield rest
