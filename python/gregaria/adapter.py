"""The adapter through which `requests` sends what it has prepared: over the engine's connections.

`requests` does everything around it (redirects, hooks, authentication, cookies); the engine writes the bytes, times
them and reads the response. What only urllib3 can do is left to urllib3.
"""

from __future__ import annotations

import weakref
from collections.abc import Generator, Iterable
from http.client import HTTPMessage
from typing import Any

from requests import exceptions
from requests.adapters import HTTPAdapter
from requests.auth import _basic_auth_str
from requests.models import PreparedRequest, Response
from requests.utils import get_auth_from_url, prepend_scheme_if_needed, select_proxy
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.exceptions import LocationParseError, ProtocolError, ResponseNotChunked
from urllib3.util.request import body_to_chunks
from urllib3.util.timeout import Timeout
from urllib3.util.url import parse_url

from . import _engine

Answer = tuple[int, str, int, list[tuple[str, str]], _engine.BodyStream, float]
"""Status, reason, version, headers, body, seconds to the head."""
How = tuple[Any, tuple[Any, Any], _engine.ProxyRoute | None]
"""Timeout, whom to trust and what to show, the proxy."""
_SEND = HTTPAdapter.send
_BLOCK_BYTES = 16_384
_UNSAFE_IN_PATH = frozenset(map(chr, (*range(0x21), 0x7F)))


class LocustHttpAdapter(HTTPAdapter):
    """An adapter of `requests` that sends by the engine, for the session it belongs to.

    Given a pool manager, or without a session, it is an ordinary adapter that may share its connections with others.
    """

    _session: Any = None

    def __init__(self, pool_manager: Any = None, *args: Any, session: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if pool_manager is not None:
            self.poolmanager = pool_manager
        elif session is not None:
            self._session = weakref.ref(session)

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> Response:
        """Send a prepared request; the body of the response is still to be read."""
        session = self._session and self._session()
        # Tracing tools and recorders put a function of their own in the place of the original.
        is_patched = HTTPAdapter.send is not _SEND
        if session is not None and not is_patched:
            proxy = select_proxy(str(request.url), proxies)
            route = proxy_route(proxy) if proxy else None
            if route is not None or not proxy:
                sent = self._sent(session, request, (timeout, (verify, cert), route), proxies)
                if sent is not None:
                    sent.body_limit = None if stream else session.max_body_bytes
                    return self.build_response(request, sent)
        return super().send(request, stream, timeout, verify, cert, proxies)

    def _sent(self, session: Any, request: PreparedRequest, how: How, proxies: Any) -> EngineResponse | None:
        path = self.request_url(request, proxies)
        if not path.isascii() or not _UNSAFE_IN_PATH.isdisjoint(path) or isinstance(how[0], Timeout):
            return None
        headers: Any = request.headers
        if path != request.path_url:
            proxy = prepend_scheme_if_needed(select_proxy(str(request.url), proxies) or "", "http")
            headers = {**headers, **self.proxy_headers(proxy)}
        return _transmitted(session, request, path, headers, how)


def proxy_route(proxy: str) -> _engine.ProxyRoute | None:
    """The way through a proxy; None for one that only urllib3 can go, or tell what is wrong with."""
    try:
        proxy = prepend_scheme_if_needed(proxy, "http")
        parts = parse_url(proxy)
    except LocationParseError:
        return None
    socks = parts.scheme in ("socks5", "socks5h")
    if not parts.host or not (socks or parts.scheme == "http"):
        return None
    user, password = get_auth_from_url(proxy)
    credentials = (user, password) if user or password else None
    authorization = _basic_auth_str(user, password) if user and not socks else None
    port = parts.port or (1080 if socks else 80)
    return _engine.ProxyRoute(socks, parts.host.strip("[]"), port, credentials, authorization)


def _transmitted(session: Any, request: PreparedRequest, path: str, headers: Any, how: How) -> EngineResponse | None:
    body, method = request.body, str(request.method)
    whole = body if body is None or type(body) in (bytes, str) else None
    chunked = body is not None and "Content-Length" not in request.headers
    pieces = None
    if whole is None or chunked:
        split: Any = body_to_chunks(body, method, _BLOCK_BYTES)
        pieces = None if split.chunks is None else _pieces(split.chunks, request, chunked)
        whole = None
    what = (method, request.url, path, headers)
    answer = _engine.transmit(session, what, (whole, pieces, chunked), how, request)
    if answer is None:
        return None
    return EngineResponse(answer, method, path)


def _pieces(chunks: Iterable[Any], request: PreparedRequest, chunked: bool) -> Generator[bytes, None, None]:
    """The pieces of a body as bytes. A file that cannot be read fails the request, as below `requests`."""
    try:
        for chunk in chunks:
            if isinstance(chunk, str):
                yield chunk.encode()
            elif chunk:
                yield b"".join(_parts(chunk, chunked))
    except exceptions.RequestException:
        raise
    except OSError as error:
        aborted = ProtocolError("Connection aborted.", error)
        aborted.__context__ = error
        raise exceptions.ConnectionError(aborted, request=request) from aborted


def _parts(chunk: Any, chunked: bool) -> Iterable[Any]:
    if isinstance(chunk, (bytes, bytearray, memoryview)):
        return [chunk]
    if chunked:
        return [b"%b" % chunk] if len(chunk) else []
    if isinstance(chunk, Iterable):
        return chunk
    raise TypeError(f"data should be a bytes-like object or an iterable, got {type(chunk)!r}")


class _Head:
    """What `http.cookiejar` and urllib3 look for behind a response: its header lines, and whether it is at its end."""

    def __init__(self, stream: _engine.BodyStream, headers: Iterable[tuple[str, str]], method: str) -> None:
        self.msg = HTTPMessage()
        for name, value in headers:
            self.msg[name] = value
        self._stream = stream
        self._method = method

    def close(self) -> None:
        self._stream.close()

    def isclosed(self) -> bool:
        return self._stream.closed


class EngineResponse(HTTPResponse):
    """urllib3's response, read from the engine. Chunks come as the server has cut them."""

    def __init__(self, answer: Answer, method: str, url: str) -> None:
        status, reason, version, headers, stream, took = answer
        head: Any = _Head(stream, headers, method)
        super().__init__(
            body=stream,  # type: ignore[arg-type]
            headers=HTTPHeaderDict(headers),
            status=status,
            version=version,
            version_string=f"HTTP/{version / 10}",
            reason=reason,
            preload_content=False,
            decode_content=False,
            original_response=head,
            request_method=method,
            request_url=url,
        )
        self.stream_of_engine = stream
        self.seconds_to_the_head = took

    body_limit: int | None = None
    """How many bytes of the body are kept, where nobody reads it piece by piece."""
    counted: int | None = None
    """Bytes of a body that was larger and is not kept."""

    def supports_chunked_reads(self) -> bool:
        return True

    def stream(self, amt: int | None = 2**16, decode_content: bool | None = None) -> Generator[bytes, None, None]:
        """The body in pieces; none of a body beyond the limit, which is counted."""
        pieces = super().stream(amt, decode_content)
        if self.body_limit is None:
            yield from pieces
            return
        kept: list[bytes] = []
        read = 0
        for piece in pieces:
            read += len(piece)
            if read <= self.body_limit:
                kept.append(piece)
            else:
                kept.clear()
        if read > self.body_limit:
            self.counted = read
            _engine.tell_of_large_body(self.body_limit)
        yield from kept

    def read_chunked(self, amt: int | None = None, decode_content: bool | None = None) -> Generator[bytes, None, None]:
        """The body in the server's chunks, none larger than `amt`."""
        self._init_decoder()
        if not self.chunked:
            raise ResponseNotChunked("Response is not chunked. Header 'transfer-encoding: chunked' is missing.")
        if amt == 0:
            return
        limit = None if amt is None or amt < 0 else amt
        with self._error_catcher():
            while True:
                tail = self._decoder is not None and self._decoder.has_unconsumed_tail
                chunk = b"" if tail else self.stream_of_engine.read_chunk(limit)
                self._uncached_read_occurred = True
                if not chunk and not tail:
                    break
                decoded = self._decode(chunk, decode_content, flush_decoder=False, max_length=limit)
                if decoded:
                    yield decoded
            if decode_content:
                flushed = self._flush_decoder()
                if flushed:
                    yield flushed


def body_bytes(response: Response) -> int:
    """The length of a body that has been read, also of one that was too large to be kept."""
    counted = response.raw.counted if isinstance(response.raw, EngineResponse) else None
    return len(response.content or b"") if counted is None else counted


def timings_of(response: Response) -> _engine.Timings | None:
    """Where the time of a response went, if the engine got it."""
    raw = response.raw
    return raw.stream_of_engine.timings if isinstance(raw, EngineResponse) else None


def seconds_taken(response: Response, streamed: bool) -> float | None:
    """How long the engine took for a response: to its head if it is streamed, else to its last byte."""
    raw = response.raw
    if not isinstance(raw, EngineResponse):
        return None
    to_the_head = raw.seconds_to_the_head
    return to_the_head if streamed else raw.stream_of_engine.finished_after or to_the_head
