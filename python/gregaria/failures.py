"""Exceptions for requests that failed in the engine, as `requests` would have raised them.

`made` gives two: what ``response.raise_for_status()`` raises, and what the statistics and listeners see, which for
connection errors is the cause underneath. Texts follow requests 2.34, urllib3 2.8 and http.client: they are statistics
keys, and scripts and dashboards know them.
"""

from __future__ import annotations

import errno as errno_codes
import http.client
import logging
import os
import socket
import ssl
import zlib
from collections.abc import Callable
from typing import Any, TypeVar

import requests
from requests import exceptions
from urllib3 import exceptions as lower
from urllib3.util.ssl_ import create_urllib3_context

from .network import HINT, port_range

Site = tuple[bool, str, int, str]
"""https, host, port, path."""

_RAISED_TO_THE_TASK = (exceptions.MissingSchema, exceptions.InvalidSchema, exceptions.InvalidURL)
_UNWRAPPED = (
    exceptions.ConnectionError,
    lower.ProtocolError,
    lower.MaxRetryError,
    lower.NewConnectionError,
)


class _Named:
    """Stands for a connection or pool in a text."""

    def __init__(self, text: str, represented: str | None = None) -> None:
        self._text = text
        self._represented = represented or text

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return self._represented


def is_reportable(error: BaseException) -> bool:
    """Whether an exception while preparing a request counts as a failed request; others go to the task."""
    return isinstance(error, requests.RequestException) and not isinstance(error, _RAISED_TO_THE_TASK)


def reported(error: BaseException) -> BaseException:
    """What the statistics show for an exception of ``requests``: the cause of a connection error, else itself."""
    while isinstance(error, _UNWRAPPED) and error.__context__ is not None:
        error = error.__context__
    return error


def made(
    kind: str, details: tuple[Any, ...], site: Site, timeout: Any, request: Any, proxied: bool = False
) -> tuple[requests.RequestException, BaseException]:
    """The exceptions for a failure of this kind: the caller's, and the one for the statistics."""
    error = _MAKERS[kind](details, site, timeout)
    if proxied and (kind in _OF_THE_PROXY or (kind == "closed" and not site[0])):
        error = _through_proxy(error, site)
    error.request = request
    return error, reported(error)


_OF_THE_PROXY = frozenset(("resolve", "connect", "connect_timeout", "tunnel"))


def _through_proxy(error: requests.RequestException, site: Site) -> requests.RequestException:
    """The failure as that of a proxy that was not reached, or not willing."""
    cause = error.__context__
    while isinstance(cause, lower.MaxRetryError) and cause.__context__ is not None:
        cause = cause.__context__
    refusal = lower.ProxyError("Unable to connect to proxy", cause)  # type: ignore[arg-type]
    exhausted = lower.MaxRetryError(_pool(site), site[3], refusal)
    exhausted.__context__ = cause
    return _caused(exceptions.ProxyError(exhausted), exhausted)


def unusable_certificate(certificate: str, key: str | None, reason: str) -> ssl.SSLError:
    """What Python says of the files of a client certificate that the engine cannot use."""
    try:
        # A password keeps OpenSSL from asking for one on the terminal.
        create_urllib3_context().load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        return error
    except (OSError, ValueError) as error:
        reason = str(error)
    return ssl.SSLError(f"the client certificate cannot be used: {reason}")


def before_connecting(error: BaseException, site: Site) -> BaseException:
    """An error in the settings of a connection, as ``requests`` raises it."""
    if isinstance(error, ssl.SSLError):
        return _exhausted(exceptions.SSLError, site, _caused(lower.SSLError(error), error))
    return error


def streamed(kind: str, details: tuple[Any, ...]) -> BaseException:
    """What a file over the connection raises for a failure in a body that is read while it comes in."""
    if kind in ("read_timeout", "read_timeout_in_body"):
        return TimeoutError("timed out")
    if kind == "incomplete":
        return lower.IncompleteRead(*details)
    if kind == "bad_chunk":
        return _InvalidChunkLength(details[0])
    if kind == "ended_between_chunks":
        return lower.ProtocolError("Response ended prematurely")
    if kind == "tls":
        return ssl.SSLError(1, f"{details[1]} (_ssl.c:{_SSL_LINE})")
    if kind.startswith("broken"):
        return _system_error(details[0] or errno_codes.ECONNRESET)
    if kind.startswith("http2"):
        return http.client.HTTPException(details[0])
    return http.client.HTTPException(f"{kind.replace('_', ' ')}: {', '.join(map(str, details))}")


def _pool(site: Site) -> Any:
    https, host, port, _ = site
    return _Named(f"{'HTTPS' if https else 'HTTP'}ConnectionPool(host={host!r}, port={port})")


def _connection(site: Site) -> Any:
    https, host, port, _ = site
    text = f"{'HTTPS' if https else 'HTTP'}Connection(host={host!r}, port={port})"
    return _Named(text, f"<{text} at 0x....>")


_E = TypeVar("_E", bound=BaseException)


def _caused(error: _E, cause: BaseException) -> _E:
    error.__context__ = cause
    return error


def _exhausted(kind: type[requests.RequestException], site: Site, cause: Exception) -> requests.RequestException:
    error = _caused(lower.MaxRetryError(_pool(site), site[3], cause), cause)
    return _caused(kind(error), error)


def _aborted(cause: Exception) -> requests.RequestException:
    error = _caused(lower.ProtocolError("Connection aborted.", cause), cause)
    return _caused(exceptions.ConnectionError(error), error)


def _broken(cause: Exception) -> requests.RequestException:
    error = _caused(lower.ProtocolError(f"Connection broken: {cause!r}", cause), cause)
    return _caused(exceptions.ChunkedEncodingError(error), error)


def _system_error(number: int) -> OSError:
    if number == 0:
        return ConnectionError("connection broken")
    return OSError(number, os.strerror(number))


def _resolve(details: tuple[Any, ...], site: Site, timeout: Any) -> requests.RequestException:
    cause = socket.gaierror(*details)
    error = lower.NameResolutionError(site[1], _connection(site), cause)
    return _exhausted(exceptions.ConnectionError, site, _caused(error, cause))


_PORTS_HINTED: set[bool] = set()


def hint_at_ports(number: int) -> None:
    """Say once what to do when no port is free to connect from."""
    found = port_range()
    if number == errno_codes.EADDRNOTAVAIL and found and not _PORTS_HINTED:
        _PORTS_HINTED.add(True)
        low, high = found
        logging.getLogger("locust.clients").warning("Connecting failed: %s", HINT.format(low=low, high=high))


def _connect(details: tuple[Any, ...], site: Site, timeout: Any) -> requests.RequestException:
    hint_at_ports(details[0])
    cause = _system_error(details[0])
    error = lower.NewConnectionError(_connection(site), f"Failed to establish a new connection: {cause}")
    return _exhausted(exceptions.ConnectionError, site, _caused(error, cause))


def _timeouts(timeout: Any) -> tuple[Any, Any]:
    return timeout if isinstance(timeout, tuple) else (timeout, timeout)


def _connect_timeout(details: tuple[Any, ...], site: Site, timeout: Any) -> requests.RequestException:
    text = f"Connection to {site[1]} timed out. (connect timeout={_timeouts(timeout)[0]})"
    return _exhausted(exceptions.ConnectTimeout, site, lower.ConnectTimeoutError(_connection(site), text))


def _read_timeout(details: tuple[Any, ...], site: Site, timeout: Any) -> requests.RequestException:
    text = f"Read timed out. (read timeout={_timeouts(timeout)[1]})"
    error = lower.ReadTimeoutError(_pool(site), site[3], text)
    return _caused(exceptions.ReadTimeout(error), error)


def _handshake_timeout(details: tuple[Any, ...], site: Site, timeout: Any) -> requests.RequestException:
    connect = _timeouts(timeout)[0]
    return _read_timeout(details, site, connect)


def _read_timeout_in_body(details: tuple[Any, ...], site: Site, timeout: Any) -> requests.RequestException:
    error = lower.ReadTimeoutError(_pool(site), None, "Read timed out.")
    return _caused(exceptions.ConnectionError(error), error)


def _conflicting_lengths(details: tuple[Any, ...], site: Site, timeout: Any) -> requests.RequestException:
    error = lower.InvalidHeader(f"Content-Length contained multiple unmatching values ({details[0]})")
    return _caused(exceptions.InvalidHeader(error), error)


def _incomplete(details: tuple[Any, ...], site: Site, timeout: Any) -> requests.RequestException:
    received, expected = details
    return _broken(lower.IncompleteRead(received, expected))


def _bad_chunk(details: tuple[Any, ...], site: Site, timeout: Any) -> requests.RequestException:
    return _broken(_InvalidChunkLength(details[0]))


class _InvalidChunkLength(http.client.IncompleteRead):
    """urllib3's exception of this name, whose text needs no response object."""

    def __init__(self, line: bytes) -> None:
        super().__init__(b"", None)
        # urllib3 does not count the bytes of chunks either.
        self._text = f"InvalidChunkLength(got length {line!r}, 0 bytes read)"

    def __repr__(self) -> str:
        return self._text

    __str__ = __repr__


def _ended_between_chunks(details: tuple[Any, ...], site: Site, timeout: Any) -> requests.RequestException:
    error = lower.ProtocolError("Response ended prematurely")
    return _caused(exceptions.ChunkedEncodingError(error), error)


def _decode(details: tuple[Any, ...], site: Site, timeout: Any) -> requests.RequestException:
    coding, text = details
    cause: Exception = zlib.error(text)
    if coding.strip().lower() == "br":
        cause = _Error("brotli: decoder failed")
    elif coding.strip().lower() == "zstd":
        cause = _Error(text)
    head = f"Received response with content-encoding: {coding}, but failed to decode it."
    error = _caused(lower.DecodeError(head, cause), cause)
    return _caused(exceptions.ContentDecodingError(error), error)


def zlib_words(coding: str, body: bytes) -> str | None:
    """What zlib says of this body, read as urllib3 reads it; None if it says nothing."""
    wanted = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
    bits = wanted.get(coding.strip().lower())
    if bits is None:
        return None
    try:
        # So much is read at a time; until something has been decoded, deflate may still turn out to be raw.
        decoder, begun = zlib.decompressobj(bits), False
        for start in range(0, len(body), 10_240):
            block = body[start : start + 10_240]
            try:
                begun = bool(decoder.decompress(block)) or begun
            except zlib.error:
                if bits != zlib.MAX_WBITS or begun:
                    raise
                decoder, begun = zlib.decompressobj(-zlib.MAX_WBITS), True
                decoder.decompress(body[: start + 10_240])
    except zlib.error as error:
        return str(error)
    return None


class _Error(Exception):
    """A decoder's error, under the name that decoders give theirs."""

    def __repr__(self) -> str:
        return f"error({self.args[0]!r})"


def _too_large(details: tuple[Any, ...], site: Site, timeout: Any) -> requests.RequestException:
    text = f"the body of the response is larger than {details[0]} bytes"
    return exceptions.ContentDecodingError(text)


def _tls(details: tuple[Any, ...], site: Site, timeout: Any) -> requests.RequestException:
    is_certificate, text = details
    kind = ssl.SSLCertVerificationError if is_certificate else ssl.SSLError
    cause = kind(1, f"{text} (_ssl.c:{_SSL_LINE})")
    return _exhausted(exceptions.SSLError, site, _caused(lower.SSLError(cause), cause))


def _ssl_line() -> int:
    """The line of ``_ssl.c`` that this Python names in handshake errors; it is part of their texts."""
    import sys

    return {11: 1006, 12: 1000, 13: 1018}.get(sys.version_info[1], 1000)


_SSL_LINE = _ssl_line()


def _line_too_long(details: tuple[Any, ...], site: Site, timeout: Any) -> requests.RequestException:
    return _aborted(http.client.LineTooLong(details[0]))


def _aborted_by(make: Callable[..., Exception]) -> Callable[[tuple[Any, ...], Site, Any], requests.RequestException]:
    return lambda details, site, timeout: _aborted(make(*details))


def _http2(details: tuple[Any, ...], site: Site, timeout: Any) -> requests.RequestException:
    return _aborted(http.client.HTTPException(details[0]))


def _http2_in_body(details: tuple[Any, ...], site: Site, timeout: Any) -> requests.RequestException:
    return _broken(http.client.HTTPException(details[0]))


_MAKERS: dict[str, Callable[[tuple[Any, ...], Site, Any], requests.RequestException]] = {
    "resolve": _resolve,
    "http2": _http2,
    "http2_in_body": _http2_in_body,
    "connect": _connect,
    "connect_timeout": _connect_timeout,
    "handshake_timeout": _handshake_timeout,
    "read_timeout": _read_timeout,
    "read_timeout_in_body": _read_timeout_in_body,
    "closed": _aborted_by(lambda: http.client.RemoteDisconnected("Remote end closed connection without response")),
    "broken": _aborted_by(lambda number: _system_error(number or errno_codes.ECONNRESET)),
    "broken_in_body": lambda details, site, timeout: _broken(_system_error(details[0] or errno_codes.ECONNRESET)),
    "bad_status_line": _aborted_by(http.client.BadStatusLine),
    "unknown_protocol": _aborted_by(http.client.UnknownProtocol),
    "line_too_long": _line_too_long,
    "too_many_headers": _aborted_by(lambda limit: http.client.HTTPException(f"got more than {limit} headers")),
    "bad_head": _aborted_by(http.client.HTTPException),
    "conflicting_lengths": _conflicting_lengths,
    "incomplete": _incomplete,
    "ended_between_chunks": _ended_between_chunks,
    "bad_chunk": _bad_chunk,
    "decode": _decode,
    "tls": _tls,
    "tunnel": lambda details, site, timeout: _exhausted(exceptions.ProxyError, site, OSError(details[0])),
    "too_large": _too_large,
}
