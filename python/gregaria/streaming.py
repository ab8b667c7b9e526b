"""Server-sent events and WebSockets: what both clients offer for them, and what of it goes into the statistics.

Times are the engine's: an event's or a message's time is when it came in, not when the task looked at it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import gevent
from requests import PreparedRequest, RequestException
from requests.cookies import cookiejar_from_dict
from requests.utils import select_proxy

from . import _engine, failures
from .adapter import proxy_route
from .exception import LocustError

Message = str | bytes
Answer = Callable[[Message], Any] | str | bytes


class ServerEvent(NamedTuple):
    """An event that a server has sent."""

    event: str
    """Its type; "message" if the server names none."""
    data: str
    id: str
    """The last id that the server has given."""
    retry: int | None
    """Milliseconds to wait before connecting again, where the server has said so."""


class StreamEnded(LocustError):
    """A stream of events ended, or broke, where another event was due."""


class WebSocketError(LocustError):
    """Something went wrong with a WebSocket."""


class HandshakeFailed(WebSocketError):
    """There is no WebSocket: the server was not reached, or does not want one."""


class WebSocketClosed(WebSocketError):
    """The other side has ended it. `code` 1006: without a word."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the WebSocket is closed: {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class WebSocketTimeout(WebSocketError, TimeoutError):
    """No message came in time."""


class Unanswered(WebSocketError):
    """A message for which an answer was expected has none."""


class _Report:
    """Tells the request event of what is no request."""

    def __init__(self, session: Any, name: str, url: str, context: Mapping[str, Any] | None) -> None:
        self._session = session
        self._context = dict(context or {})
        self.name = name
        self.url = url
        self.begun = time.time()

    def tell(
        self,
        kind: str,
        seconds: float,
        *,
        length: int = 0,
        exception: BaseException | None = None,
        response: Any = None,
        name: str | None = None,
    ) -> None:
        event, user = self._session.request_event, self._session.user
        if event is None:
            return
        event.fire(
            request_type=kind,
            response_time=seconds * 1000,
            name=name or self.name,
            context={**(user.context() if user else {}), **self._context},
            response=response,
            exception=exception,
            start_time=self.begun,
            url=self.url,
            response_length=length,
        )


class EventStream:
    """The events of a response; iterate over it. The time to the first event, and the gaps between the following ones,
    are entries of the statistics."""

    def __init__(self, response: Any, report: _Report) -> None:
        self.response = response
        """The response that the events come with; its request has been reported by itself."""
        self._report = report
        stream = _body_of(response) if response.status_code and response.status_code < 400 else None
        self._reader = None if stream is None else _engine.EventReader(stream)
        self._last: float | None = None
        self._opened = time.perf_counter()

    def __iter__(self) -> Iterator[ServerEvent]:
        return self

    def __next__(self) -> ServerEvent:
        if self._reader is None:
            raise StopIteration
        try:
            told = self._reader.next()
        except Exception as error:
            self._end(StreamEnded(f"the stream broke: {failures.reported(error)!r}"))
            raise StopIteration from error
        if told is None:
            self._end(None if self._last is not None else StreamEnded("the stream ended before the first event"))
            raise StopIteration
        seconds, event, data, last_id, retry = told
        length = len(data.encode())
        if self._last is None:
            self._report.tell("SSE", seconds, length=length)
        else:
            self._report.tell("SSEGAP", seconds - self._last, length=length)
        self._last = seconds
        return ServerEvent(event, data, last_id, retry)

    def _end(self, exception: StreamEnded | None) -> None:
        if exception is not None:
            kind = "SSE" if self._last is None else "SSEGAP"
            self._report.tell(kind, time.perf_counter() - self._opened, exception=exception)
        self.close()

    def close(self) -> None:
        """Let go of the stream."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def _body_of(response: Any) -> _engine.BodyStream:
    found = getattr(getattr(response, "raw", None), "stream_of_engine", None) or getattr(response, "stream", None)
    if isinstance(found, _engine.BodyStream):
        return found
    raise LocustError("sse() needs the engine's connections: not with a mounted adapter or an SSL context of your own")


class _Expected(NamedTuple):
    answer: Answer | None
    name: str | None

    def fits(self, message: Message) -> bool:
        if self.answer is None:
            return True
        return bool(self.answer(message)) if callable(self.answer) else message == self.answer


class WebSocket:
    """An open WebSocket. Messages are `str` or `bytes`.

    The round trip of a message sent with an `answer` is an entry of the statistics; so are those that get none.
    """

    def __init__(self, stream: _engine.WebSocketStream, report: _Report, headers: Mapping[str, str]) -> None:
        self.headers = headers
        """Those of the server's answer to the handshake."""
        self._stream = stream
        self._report = report
        self._number = 0
        self._expected: dict[int, _Expected] = {}
        self._sent: dict[int, float] = {}
        self._now = 0.0
        self._closed: WebSocketClosed | None = None

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the server has chosen."""
        return self.headers.get("sec-websocket-protocol")

    @property
    def closed(self) -> bool:
        """Whether the other side has ended it, as far as messages have been read."""
        return self._closed is not None

    def send(self, data: Message, answer: Answer | None = None, name: str | None = None) -> None:
        """Send a message. `answer`, a message or a function of one, tells which message answers it; the time until
        that is reported, under `name` if it is given."""
        self._send(data, None if answer is None else _Expected(answer, name))

    def _send(self, data: Message, expected: _Expected | None) -> int:
        if self._closed is not None:
            raise self._closed
        if expected is None:
            self._stream.send(data, 0)
            return 0
        self._number += 1
        self._stream.send(data, self._number)
        self._expected[self._number] = expected
        return self._number

    def recv(self, timeout: float | None = None) -> Message:
        """The next message; waits for it, so many seconds at most."""
        return self._within(timeout, lambda: self._next_message()[0])

    def ask(
        self, data: Message, answer: Answer | None = None, name: str | None = None, timeout: float | None = 10.0
    ) -> Message:
        """Send a message and wait for its answer; without `answer`, the next message. Others are passed over."""
        number = self._send(data, _Expected(answer, name))

        def answered() -> Message:
            while True:
                message, answers = self._next_message()
                if answers == number:
                    return message

        try:
            return self._within(timeout, answered)
        except WebSocketTimeout:
            self._give_up(number, f"no answer within {timeout} seconds", timeout or 0.0)
            raise

    def _within(self, timeout: float | None, wait: Callable[[], Message]) -> Message:
        if timeout is None:
            return wait()
        limit = gevent.Timeout(timeout)
        try:
            with limit:
                return wait()
        except gevent.Timeout as expired:
            if expired is not limit:
                raise
            raise WebSocketTimeout(f"no message within {timeout} seconds") from None

    def _next_message(self) -> tuple[Message, int | None]:
        while self._closed is None:
            kind, contents, seconds = self._stream.next()
            self._now = seconds
            if kind == "sent":
                self._sent[contents] = seconds
            elif kind == "close":
                self._closed = WebSocketClosed(*contents)
            elif kind == "end":
                self._closed = WebSocketClosed(1006, contents or "")
            else:
                return contents, self._answered(contents)
        raise self._closed

    def _answered(self, message: Message) -> int | None:
        """The number of the message that this one answers, which is reported."""
        for number, expected in self._expected.items():
            if number in self._sent and expected.fits(message):
                del self._expected[number]
                seconds = self._now - self._sent.pop(number)
                length = len(message.encode() if isinstance(message, str) else message)
                self._report.tell("WSR", seconds, length=length, response=message, name=expected.name)
                return number
        return None

    def _give_up(self, number: int, text: str, seconds: float) -> None:
        expected = self._expected.pop(number, None)
        self._sent.pop(number, None)
        if expected is not None:
            self._report.tell("WSR", seconds, exception=Unanswered(text), name=expected.name)

    def __iter__(self) -> Iterator[Message]:
        """Messages until the other side ends it."""
        while True:
            try:
                yield self.recv()
            except WebSocketClosed:
                return

    def close(self, code: int = 1000, reason: str = "") -> None:
        """End it. Messages that wait for an answer are reported as unanswered."""
        if self._closed is None:
            self._closed = WebSocketClosed(code, reason)
            self._stream.send_close(code, reason)
        for number in list(self._expected):
            since = self._sent.get(number, self._now)
            self._give_up(number, "no answer before the end", max(0.0, self._now - since))
        self._stream.close()

    def __enter__(self) -> WebSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class StreamingMixin:
    """What both clients have for streams."""

    @contextmanager
    def sse(
        self, url: str, *, name: str | None = None, context: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Generator[EventStream, None, None]:
        """Open a stream of server-sent events. Keyword arguments are those of `get`.

        Reported are the request itself, the time to the first event (``SSE``) and the gaps between events (``SSEGAP``).
        """
        session: Any = self
        accepted = {"Accept": "text/event-stream", "Cache-Control": "no-cache", "Accept-Encoding": "identity"}
        headers = {**accepted, **(kwargs.pop("headers", None) or {})}
        method = kwargs.pop("method", "GET")
        response = session.request(
            method, url, name=name, context=dict(context or {}), headers=headers, stream=True, **kwargs
        )
        report = _Report(session, name or session.request_name or url, _joined(session, url), context)
        events = EventStream(response, report)
        try:
            yield events
        finally:
            events.close()

    def websocket(
        self,
        url: str,
        *,
        name: str | None = None,
        headers: Mapping[str, str] | None = None,
        subprotocols: tuple[str, ...] | list[str] = (),
        timeout: float | tuple[float, float] | None = 30.0,
        context: Mapping[str, Any] | None = None,
    ) -> WebSocket:
        """Open a WebSocket; use it in a with-block. ``ws://``, ``wss://`` and paths of the host are understood.

        Reported are the handshake (``WSC``), round trips and messages without an answer (``WSR``). Without a WebSocket
        `HandshakeFailed` is raised.
        """
        session: Any = self
        full = _as_http(_joined(session, url))
        wanted = dict(headers or {})
        if subprotocols:
            wanted["Sec-WebSocket-Protocol"] = ", ".join(subprotocols)
        request = session._handshake_request(full, wanted)
        report = _Report(session, name or session.request_name or url, full, context)
        begun = time.perf_counter()
        try:
            opened = _opened(session, request, timeout)
        except RequestException as error:
            cause = failures.reported(error)
            report.tell("WSC", getattr(error, "_took", time.perf_counter() - begun), exception=cause)
            raise HandshakeFailed(f"no WebSocket at {full}: {cause!r}") from error
        status, reason, answer_headers, stream, seconds = opened
        if stream is None:
            refusal = HandshakeFailed(f"the server answers {status} {reason} instead of opening a WebSocket")
            report.tell("WSC", seconds, exception=refusal)
            raise refusal
        report.tell("WSC", seconds)
        return WebSocket(stream, report, {key.lower(): value for key, value in answer_headers})


def _opened(session: Any, request: PreparedRequest, timeout: Any) -> Any:
    trust, proxies = session._handshake_settings(request.url)
    proxy = select_proxy(str(request.url), proxies)
    what = (request.url, request.path_url, request.headers)
    opened = _engine.open_websocket(session, what, (timeout, trust, proxy_route(proxy) if proxy else None), request)
    if opened is None:
        raise ValueError(f"a timeout is a number of seconds or a pair of them, not {timeout!r}")
    return opened


def _joined(session: Any, url: str) -> str:
    is_whole = url.lower().startswith(("http://", "https://", "ws://", "wss://"))
    return url if is_whole else f"{session.base_url}{url}"


def _as_http(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return {"ws": "http", "wss": "https"}.get(scheme.lower(), scheme) + separator + rest


def plain_request(url: str, headers: Mapping[str, Any], cookies: Any) -> PreparedRequest:
    """A GET request with these headers and cookies."""
    request = PreparedRequest()
    request.prepare(method="GET", url=url, headers=dict(headers), cookies=cookies or cookiejar_from_dict({}))
    return request
