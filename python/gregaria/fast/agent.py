"""`client.client` and `client_pool` of `FastHttpUser`: what scripts reach for below a session.

Holds no connection itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import _engine
from .headers import Headers

VALID_CODES = frozenset((*range(200, 209), 226, 301, 302, 303, 304, 307, 308))
REDIRECT_CODES = frozenset((301, 302, 303, 307, 308))


class HTTPClientPool(_engine.ClientPool):
    """Connections for one session, or for all that are given the same pool; so many requests at once at the most."""


def own_pool(given: Any) -> _engine.ClientPool:
    """The engine's pool for one given as `client_pool`, which may be geventhttpclient's: then its size counts."""
    if isinstance(given, _engine.ClientPool):
        return given
    made = given.__dict__.get("_gregaria_pool")
    if made is None:
        size = getattr(given, "client_args", {}).get("concurrency", 1)
        made = given.__dict__["_gregaria_pool"] = HTTPClientPool(size)
    pool: _engine.ClientPool = made
    return pool


class LocustUserAgent:
    """The settings of one session, by the names that geventhttpclient's user agent has."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._headers = Headers(session._default_headers)
        session._set_default_headers(self._headers, True)
        self._valid, self._redirecting = VALID_CODES, REDIRECT_CODES

    @property
    def cookiejar(self) -> Any:
        """The session's cookies."""
        return self._session.cookiejar

    @property
    def clientpool(self) -> _engine.ClientPool:
        """The session's connections; `close()` drops them."""
        pool: _engine.ClientPool = self._session._pool
        return pool

    @clientpool.setter
    def clientpool(self, pool: Any) -> None:
        self._session._set_pool(own_pool(pool))

    @property
    def default_headers(self) -> Headers:
        """Headers of every request; may be changed."""
        return self._headers

    @default_headers.setter
    def default_headers(self, headers: Any) -> None:
        self._headers = Headers(headers)
        self._session._set_default_headers(self._headers, True)

    @property
    def max_redirects(self) -> int:
        """How many redirects are followed."""
        return int(self._session._settings["max_redirects"])

    @max_redirects.setter
    def max_redirects(self, limit: int) -> None:
        self._session._change(max_redirects=limit)

    @property
    def max_retries(self) -> int:
        """How often a request is sent again after a timeout."""
        return int(self._session._settings["max_retries"])

    @max_retries.setter
    def max_retries(self, limit: int) -> None:
        self._session._change(max_retries=limit)

    @property
    def valid_response_codes(self) -> frozenset[int]:
        """Statuses that count as a success."""
        return self._valid

    @valid_response_codes.setter
    def valid_response_codes(self, codes: Iterable[int]) -> None:
        self._valid = frozenset(codes)
        self._session._set_codes(sorted(self._valid), sorted(self._redirecting))

    @property
    def redirect_response_codes(self) -> frozenset[int]:
        """Statuses whose `Location` is followed."""
        return self._redirecting

    @redirect_response_codes.setter
    def redirect_response_codes(self, codes: Iterable[int]) -> None:
        self._redirecting = frozenset(codes)
        self._session._set_codes(sorted(self._valid), sorted(self._redirecting))

    def close(self) -> None:
        """Drop the connections."""
        self.clientpool.close()
