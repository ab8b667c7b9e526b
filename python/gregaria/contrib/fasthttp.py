"""`FastHttpUser` and its client, on the Rust engine, with the semantics of Locust's on geventhttpclient."""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlparse, urlunparse

from requests import PreparedRequest

from .. import _engine, network
from .._engine import ErrorResponse, FastResponse
from .._engine import FastResponseContextManager as ResponseContextManager
from ..exception import CatchResponseError, LocustError, ResponseError, StopTest
from ..fast import second_road
from ..fast.agent import HTTPClientPool, LocustUserAgent, own_pool
from ..fast.errors import (
    FAILURE_EXCEPTIONS,
    BadStatusCode,
    ConnectionError,  # noqa: A004
    EmptyResponse,
    HTTPConnectionClosed,
    HTTPParseError,
    LocustBadStatusCode,
    RetriesExceeded,
)
from ..fast.headers import Headers
from ..fast.request import FastRequest, basic_authorization
from ..network import NetworkSettings
from ..streaming import StreamingMixin, plain_request
from ..user.rest import RestMixin
from ..user.users import User
from ..util.deprecation import DeprecatedFastHttpLocustClass as FastHttpLocust

logger = logging.getLogger(__name__)

_DEFAULTS: dict[str, Any] = {"network_timeout": 5.0, "connection_timeout": 5.0, "max_redirects": 3, "max_retries": 3}
_IGNORED = frozenset(("retry_delay", "block_size", "disable_ipv6", "ssl_options", "version", "headers_type"))
_said: set[str] = set()
absolute_http_url_regexp = re.compile(r"^https?://", re.IGNORECASE)
USER_AGENT = "python/gevent-http-client-2.6.1"


def insecure_ssl_context_factory() -> ssl.SSLContext:
    """A context that looks at no certificate. Given as `ssl_context_factory` it is ``insecure=True``, by the engine."""
    return ssl._create_unverified_context()


class FastHttpSession(_engine.FastHttpSession, StreamingMixin, NetworkSettings):
    """A session for one user: keeps connections and cookies, names and reports its requests.

    `request_event` needs a ``fire(**kwargs)`` method; `user` may be None. Made by hand, its timeouts
    are 5 seconds, and it follows and retries three times.
    """

    def __init__(
        self,
        base_url: str | None,
        request_event: Any,
        user: Any,
        insecure: bool = True,
        client_pool: Any = None,
        ssl_context_factory: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if ssl_context_factory is insecure_ssl_context_factory:
            ssl_context_factory, insecure = None, True
        base_url, authorization = _without_credentials(base_url or "")
        self._set_up(base_url, request_event, user, None)
        if authorization:
            self.auth_header = authorization
        headers = kwargs.pop("headers", None)
        if headers:
            self._set_default_headers(dict(headers), False)
        self._set_pool(None if client_pool is None else own_pool(client_pool), kwargs.pop("concurrency", 1))
        self._route(insecure, ssl_context_factory, kwargs)
        limits = {name: kwargs.pop(name, default) for name, default in _DEFAULTS.items()}
        self._set_limits(
            limits["connection_timeout"],
            limits["network_timeout"],
            int(limits["max_redirects"]),
            int(limits["max_retries"]),
        )
        if limits != _USERS_LIMITS:
            self.__dict__["_limits"] = limits
        unknown = kwargs.keys() - _IGNORED
        if unknown:
            raise TypeError(f"FastHttpSession got an unexpected keyword argument {sorted(unknown)[0]!r}")

    def _route(self, insecure: bool, factory: Callable[..., Any] | None, kwargs: dict[str, Any]) -> None:
        host, port = kwargs.pop("proxy_host", None), kwargs.pop("proxy_port", None)
        user, password = kwargs.pop("proxy_user", None), kwargs.pop("proxy_password", None)
        if host is not None:
            if port is None:
                raise ValueError("proxy_host needs proxy_port")
            self.__dict__["_proxy"] = (host, int(port))
            authorization = basic_authorization(user or "", password or "") if user or password else None
            self.__dict__["_proxy_authorization"] = authorization
            self._set_proxy(_engine.ProxyRoute(False, host, int(port), None, authorization))
        self.__dict__["_insecure"] = insecure
        if factory is not None:
            self.__dict__["_ssl_context_factory"] = factory
            _say_once("an ssl_context_factory")
        self.__dict__["_cert"] = cert = kwargs.pop("cert", None)
        self._set_trust(insecure, factory is not None, cert)

    @property
    def cookiejar(self) -> Any:
        """The cookies; a `http.cookiejar.CookieJar`."""
        return self.cookies

    @cookiejar.setter
    def cookiejar(self, jar: Any) -> None:
        self.cookies = jar

    @property
    def cert(self) -> Any:
        """The client certificate to show; may be set."""
        return self.__dict__.get("_cert")

    @cert.setter
    def cert(self, cert: Any) -> None:
        self._set_trust(self.__dict__["_insecure"], "_ssl_context_factory" in self.__dict__, cert)
        self.__dict__["_cert"] = cert

    @property
    def client(self) -> LocustUserAgent:
        """The settings below this session; ``client.clientpool.close()`` drops its connections."""
        agent: LocustUserAgent | None = self.__dict__.get("_agent")
        if agent is None:
            agent = self.__dict__["_agent"] = LocustUserAgent(self)
        return agent

    @property
    def _settings(self) -> dict[str, Any]:
        limits: dict[str, Any] = self.__dict__.get("_limits", _USERS_LIMITS)
        return limits

    def _change(self, **settings: Any) -> None:
        limits = self.__dict__["_limits"] = {**self._settings, **settings}
        self._set_limits(
            limits["connection_timeout"], limits["network_timeout"], limits["max_redirects"], limits["max_retries"]
        )

    def _handshake_request(self, url: str, headers: dict[str, str]) -> PreparedRequest:
        given = {"User-Agent": USER_AGENT, **dict(self.client.default_headers), **headers}
        if self.auth_header:
            given.setdefault("Authorization", self.auth_header)
        return plain_request(url, given, self.cookiejar)

    def _handshake_settings(self, url: str) -> tuple[Any, Any]:
        proxy = self.__dict__.get("_proxy")
        trust = not self.__dict__.get("_insecure", True), self.__dict__.get("_cert")
        return trust, {"all": f"http://{proxy[0]}:{proxy[1]}"} if proxy else {}

    @contextmanager
    def rename_request(self, name: str) -> Generator[None, None, None]:
        """Name all requests made inside the block."""
        self.request_name = name
        try:
            yield
        finally:
            self.request_name = None

    def iter_lines(self, url: str, method: str = "GET", **kwargs: Any) -> Generator[str, None, None]:
        """Make a request and give the lines of its body as they come."""
        response = self.request(method, url, stream=True, **kwargs)
        response.raise_for_status()
        yield from second_road.lines(response.stream)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "request":
            self._touch()
        super().__setattr__(name, value)


_USERS_LIMITS = {"network_timeout": 60.0, "connection_timeout": 60.0, "max_redirects": 30, "max_retries": 0}


def _say_once(what: str) -> None:
    if what not in _said:
        _said.add(what)
        logger.info("Requests with %s are made in Python, not by the engine: they cost more.", what)


def _without_credentials(base_url: str) -> tuple[str, str | None]:
    if "@" not in base_url:
        return base_url, None
    parts = urlparse(base_url)
    if not (parts.username and parts.password):
        return base_url, None
    url = urlunparse(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return url, basic_authorization(unquote(parts.username), unquote(parts.password))


class RestResponseContextManager(ResponseContextManager):
    """What `FastHttpUser.rest` gives."""

    js: dict[str, Any]


class FastHttpUser(User, RestMixin[RestResponseContextManager], network.NetworkAttributes):
    """A user with an HTTP client, `client`, that keeps connections and cookies."""

    network_timeout: float = 60.0
    """Seconds that the server may be silent."""
    connection_timeout: float = 60.0
    """Seconds to connect in."""
    max_redirects: int = 30
    max_retries: int = 0
    """How often to send again after a timeout."""
    insecure: bool = True
    """Look at no certificate."""
    default_headers: dict[str, Any] | None = None
    """Headers of every request."""
    concurrency: int = 10
    """Requests under way at once, where a task starts greenlets; without effect if there is a ``client_pool``."""
    proxy_host: str | None = None
    proxy_port: int | None = None
    client_pool: Any = None
    """An `HTTPClientPool` whose connections all users of the class share."""
    ssl_context_factory: Callable[..., Any] | None = None
    """Gives the `ssl.SSLContext` to use."""
    cert: Any = None
    """The client certificate to show: the path of a PEM file, or a pair of paths (certificate, key)."""
    max_body_bytes: int = 1 << 30
    """How much of a body is kept; larger ones are counted only."""
    abstract = True

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        if self.host is None:
            raise StopTest(
                "You must specify the base host: as the class attribute 'host' of the user, on the command line with "
                "--host, or in the environment as LOCUST_HOST."
            )
        self.client: FastHttpSession = FastHttpSession(
            base_url=self.host,
            request_event=self.environment.events.request,
            user=self,
            insecure=self.insecure,
            client_pool=self.client_pool,
            ssl_context_factory=self.ssl_context_factory,
            cert=self.cert,
            network_timeout=self.network_timeout,
            connection_timeout=self.connection_timeout,
            max_redirects=self.max_redirects,
            max_retries=self.max_retries,
            concurrency=self.concurrency,
            headers=self.default_headers,
            proxy_host=self.proxy_host,
            proxy_port=self.proxy_port,
        )
        if self.max_body_bytes != 1 << 30:
            self.client.max_body_bytes = self.max_body_bytes
        settings = network.of(self, environment)
        if settings is not None:
            self.client._set_network_settings(settings)


__all__ = [
    "FAILURE_EXCEPTIONS",
    "BadStatusCode",
    "CatchResponseError",
    "ConnectionError",
    "EmptyResponse",
    "ErrorResponse",
    "FastHttpLocust",
    "FastHttpSession",
    "FastHttpUser",
    "FastRequest",
    "FastResponse",
    "HTTPClientPool",
    "HTTPConnectionClosed",
    "HTTPParseError",
    "Headers",
    "LocustBadStatusCode",
    "LocustError",
    "LocustUserAgent",
    "ResponseContextManager",
    "ResponseError",
    "RestResponseContextManager",
    "RetriesExceeded",
    "absolute_http_url_regexp",
    "insecure_ssl_context_factory",
]
