"""Exceptions of `FastHttpSession`, by the names and with the texts that geventhttpclient gives them.

The texts are keys of the statistics, and locustfiles catch the classes. The engine asks here for an exception only when
somebody needs to see it.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
import zlib
from typing import Any

import gevent

from ..failures import _SSL_LINE as SSL_LINE
from ..failures import hint_at_ports


class ConnectionError(Exception):
    """A request came to nothing. Keyword arguments become attributes and stand in the text."""

    def __init__(self, url: Any, *args: Any, **details: Any) -> None:
        self.url = url
        self.__dict__.update(details)
        self.kw_text = ", ".join(f"{name}={value}" for name, value in details.items())
        self.text = ", ".join(part for part in (_message(args), self.kw_text) if part)

    def __str__(self) -> str:
        return f"URL {self.url}: {self.text}" if self.text else f"URL {self.url}"

    def __repr__(self) -> str:
        shown = super().__repr__()
        # Every bracket, also of the URL: such is the text that statistics know.
        return shown.replace(")", f", {self.kw_text})") if self.kw_text else shown


def _message(args: tuple[Any, ...]) -> str:
    if len(args) == 1:
        return str(args[0])
    return f"{args[0]}: {args[1:]}" if args and isinstance(args[0], str) else ""


class RetriesExceeded(ConnectionError):
    """Timeouts until no retries were left, or too many redirects."""


class BadStatusCode(ConnectionError):
    """The status does not count as a success."""

    code = 0
    response: Any = None
    request: Any = None


class LocustBadStatusCode(BadStatusCode):
    """As its base, but shown without the URL, so that failures group."""

    def __repr__(self) -> str:
        return super().__repr__().replace(f"{self.url!r}, ", "") if self.kw_text else super().__repr__()


class EmptyResponse(ConnectionError):
    """There is no body."""


class UnsupportedRedirectSchemeError(ConnectionError):
    """A redirect leads out of HTTP."""


class HTTPParseError(Exception):
    """What the server sent is no response."""


class HTTPConnectionClosed(HTTPParseError):
    """The server closed the connection without a response."""


FAILURE_EXCEPTIONS: tuple[type[BaseException], ...] = (
    ConnectionError,
    OSError,
    ssl.SSLError,
    gevent.Timeout,
    HTTPParseError,
    zlib.error,
)
"""What makes a request a failed one; anything else goes to the task."""

_RETRIED = {errno.ETIMEDOUT, errno.ENOLINK, errno.ENOENT, errno.EPIPE}


def is_failure(error: BaseException) -> bool:
    """Whether an exception makes the request a failed one."""
    return isinstance(error, FAILURE_EXCEPTIONS)


def remedy(error: BaseException) -> str:
    """What may be done: "reconnect", "retry", or nothing."""
    if isinstance(error, HTTPConnectionClosed):
        return "reconnect"
    timed_out = isinstance(error, (TimeoutError, gevent.Timeout))
    return "retry" if timed_out or (isinstance(error, OSError) and error.errno in _RETRIED) else ""


def bad_status(url: str, code: int, response: Any) -> LocustBadStatusCode:
    """The exception of a response with this status."""
    error = LocustBadStatusCode(url, code=code)
    error.response = response
    error.request = response.request
    return error


def retries_exceeded(url: str, retries: int, original: BaseException) -> RetriesExceeded:
    """The exception when the last of so many retries has failed."""
    return RetriesExceeded(url, retries, original=original)


def too_many_redirects(url: str, limit: int) -> RetriesExceeded:
    """The exception when a redirect too many was to be followed."""
    return RetriesExceeded(url, f"Redirection limit reached ({limit})")


def made(kind: str, details: tuple[Any, ...], https: bool) -> BaseException:
    """The exception for what the engine reports under this name."""
    if kind in ("connect_timeout", "read_timeout", "read_timeout_in_body", "handshake_timeout"):
        return _timeout(kind, https)
    if kind == "connect":
        hint_at_ports(details[0])
    if kind in ("connect", "broken", "broken_in_body"):
        return _system_error(details[0])
    if kind == "resolve":
        return socket.gaierror(*details)
    if kind == "tls":
        is_certificate, text = details
        error = ssl.SSLCertVerificationError if is_certificate else ssl.SSLError
        return error(1, f"{text} (_ssl.c:{SSL_LINE})")
    if kind == "decode":
        return zlib.error(details[1])
    if kind == "tunnel":
        return OSError(details[0])
    if kind.startswith("http2"):
        return HTTPParseError(details[0])
    if kind == "closed":
        return HTTPConnectionClosed("connection closed.")
    return HTTPParseError(*_parser_words(kind, details))


def zlib_words(coding: str, body: bytes) -> str | None:
    """What zlib says of this body, read as geventhttpclient reads it; None if it says nothing."""
    try:
        if coding.strip().lower() == "gzip":
            zlib.decompress(body, 16 + zlib.MAX_WBITS)
        elif coding.strip().lower() == "deflate":
            _inflate(body)
    except zlib.error as error:
        return str(error)
    return None


def _inflate(body: bytes) -> bytes:
    try:
        return zlib.decompress(body, -zlib.MAX_WBITS)
    except zlib.error:
        # Of the two ways the one with a header is tried last, so that its complaint counts.
        return zlib.decompress(body)


def _timeout(kind: str, https: bool) -> TimeoutError:
    if kind == "handshake_timeout":
        return TimeoutError("_ssl.c: The handshake operation timed out")
    return TimeoutError("The read operation timed out" if https and kind != "connect_timeout" else "timed out")


def _system_error(number: int) -> OSError:
    number = number or errno.ECONNRESET
    return OSError(number, os.strerror(number))


_DEFECTS = {
    "it breaks off": ("Invalid EOF state", 14),
    "Content-Length is no number": ("Invalid character in Content-Length", 11),
    "Content-Length is there twice": ("Duplicate Content-Length", 4),
    "Content-Length, and chunks": ("Transfer-Encoding can't be present with Content-Length", 15),
    "chunks, and Content-Length": ("Content-Length can't be present with Transfer-Encoding", 11),
}


def _parser_words(kind: str, details: tuple[Any, ...]) -> tuple[Any, ...]:
    """What llhttp, the parser of geventhttpclient, says of a response, and its number for that."""
    if kind == "bad_status_line":
        known = details[0].startswith("HTTP/")
        return ("Invalid status code", 13) if known else ("Expected HTTP/, RTSP/ or ICE/", 8)
    if kind == "bad_chunk" and re.fullmatch(rb"[0-9a-fA-F]+\s*", details[0]):
        return ("Chunk size overflow", 12)
    if kind == "bad_head" and details[0] in _DEFECTS:
        return _DEFECTS[details[0]]
    words: dict[str, tuple[Any, ...]] = {
        "unknown_protocol": ("Invalid HTTP version", 9),
        "conflicting_lengths": ("Duplicate Content-Length", 4),
        "bad_chunk": ("Invalid character in chunk size", 12),
        "incomplete": ("Incomplete response.",),
        "ended_between_chunks": ("Incomplete response.",),
    }
    return words.get(kind) or (f"{kind.replace('_', ' ')}: {', '.join(map(str, details))}",)
