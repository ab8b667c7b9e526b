"""The hub's end of the web server: answers what comes in, a greenlet each, and tells the figures once a second."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import gevent

from gregaria.log import greenlet_exception_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gregaria import _engine

    from .status import Teller

logger = logging.getLogger("locust.web")

TELL_EVERY_S = 1.0
_RETRY_S = 0.05


@dataclass(frozen=True)
class Request:
    """A request that the server has passed on."""

    method: str
    path: str
    """Percent-decoded, without the query."""
    target: str
    """Path and query as they came."""
    query: str
    headers: list[tuple[str, str]]
    form: list[tuple[str, str]] | None
    """The fields of a form in their order; None if the body is no form."""
    body: bytes
    remote: tuple[str, int]


@dataclass(frozen=True)
class Answer:
    """What the client gets."""

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    headers: list[tuple[str, str]] = field(default_factory=list)


class Bridge:
    """See the module's text."""

    def __init__(self, engine: _engine.WebServer, answer: Callable[[Request], Answer], teller: Teller) -> None:
        self._engine = engine
        self._ask = answer
        self._teller = teller
        self._watcher: Any = None
        self._greenlets: list[gevent.Greenlet[..., Any]] = []

    def start(self) -> None:
        """Begin to answer and to tell."""
        self._watcher = gevent.get_hub().loop.io(self._engine.fileno(), 1)
        self._watcher.start(self._look)
        self._tell()
        greenlet = gevent.spawn(self._keep_telling)
        greenlet.link_exception(greenlet_exception_logger(logger))
        self._greenlets.append(greenlet)

    def stop(self) -> None:
        """Answer nothing more; what the engine still has is ended by it."""
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher = None
        gevent.killall([greenlet for greenlet in self._greenlets if greenlet is not gevent.getcurrent()], block=False)

    def _look(self) -> None:
        asks, figures_wanted = self._engine.take()
        if figures_wanted:
            self._tell()
        for id, request in asks:
            greenlet = gevent.spawn(self._in_turn, id, Request(**request))
            greenlet.link_exception(greenlet_exception_logger(logger))

    def _in_turn(self, id: int, request: Request) -> None:
        try:
            self._answer(id, self._ask(request))
        finally:
            self._engine.end(id)

    def _answer(self, id: int, answer: Answer) -> None:
        if not self._engine.begin(id, answer.status, answer.headers):
            return
        chunks = [answer.body] if isinstance(answer.body, bytes) else answer.body
        try:
            for chunk in chunks:
                if not self._send(id, chunk):
                    return
        finally:
            close = getattr(answer.body, "close", None)
            if close is not None:
                close()

    def _send(self, id: int, chunk: bytes) -> bool:
        while chunk:
            taken = self._engine.chunk(id, chunk)
            if taken is None:
                return False
            if taken:
                return True
            gevent.sleep(_RETRY_S)
        return True

    def _keep_telling(self) -> None:
        while True:
            gevent.sleep(TELL_EVERY_S)
            self._tell()

    def _tell(self) -> None:
        self._teller.tell(self._engine)
