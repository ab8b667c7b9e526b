"""The HTTP client of users: `HttpSession` and the response it returns, on the Rust engine.

What a request needs of Python is here and kept small: the classes that make ``isinstance`` true, objects that take
shape when a script looks at them, and the second road, on which ``requests`` itself makes a request that the engine
cannot.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from http.client import HTTPMessage
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit
from urllib.request import getproxies

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth, _basic_auth_str
from requests.cookies import (
    MockRequest,
    RequestsCookieJar,
    cookiejar_from_dict,
    create_cookie,
    get_cookie_header,
)
from requests.models import PreparedRequest, Response
from requests.structures import CaseInsensitiveDict
from requests.utils import get_auth_from_url, requote_uri
from urllib3 import HTTPResponse
from urllib3.exceptions import LocationParseError

from . import _engine
from .adapter import LocustHttpAdapter, body_bytes, seconds_taken, timings_of
from .exception import CatchResponseError as CatchResponseError
from .exception import LocustError
from .exception import ResponseError as ResponseError
from .network import NetworkSettings
from .responses import ResponseContextManager as ResponseContextManager
from .responses import RestResponseContextManager as RestResponseContextManager
from .streaming import StreamingMixin

ACCEPTED_ENCODINGS = "gzip, deflate, br"
logger = logging.getLogger("locust.clients")
_told: list[bool] = []
absolute_http_url_regexp = re.compile(r"^https?://", re.IGNORECASE)
# What `requests` calls while it makes a request. A session that has one of its own is left to `requests` altogether.
_STEPS = (
    "send",
    "prepare_request",
    "merge_environment_settings",
    "get_adapter",
    "resolve_redirects",
    "get_redirect_target",
    "rebuild_auth",
    "rebuild_method",
    "rebuild_proxies",
    "should_strip_auth",
)
_REPLACEABLE = frozenset(("request", *_STEPS))

encode_json: Callable[[Any], str] = json.JSONEncoder(allow_nan=False).encode


class SessionHeaders(CaseInsensitiveDict[Any]):
    """A session's headers. ``version`` grows with each change, so that the engine knows when to read them again."""

    version = 0

    def __setitem__(self, key: str, value: Any) -> None:
        self.version += 1
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self.version += 1
        super().__delitem__(key)


class HttpSession(_engine.HttpSession, requests.Session, StreamingMixin, NetworkSettings):
    """A session for one user: keeps connections and cookies, names and reports its requests.

    ``request_event`` needs a ``fire(**kwargs)`` method; ``user`` may be None.
    """

    def __init__(
        self,
        base_url: str | None,
        request_event: Any,
        user: Any,
        *args: Any,
        pool_manager: Any = None,
        trust_env: bool = True,
        **kwargs: Any,
    ) -> None:
        auth = None
        if base_url and ("@" in base_url or "[" in base_url):
            base_url, auth = _without_credentials(base_url)
        self._set_up(base_url or "", request_event, user, auth)
        if pool_manager is not None:
            self.__dict__["pool_manager"] = pool_manager
            self._touch()
        if trust_env:
            self.trust_env = True
        if _is_reworked(type(self)):
            self._set_setting("_reworked", True)

    def _handshake_request(self, url: str, headers: dict[str, str]) -> PreparedRequest:
        return self.prepare_request(requests.Request("GET", url, headers=headers))

    def _handshake_settings(self, url: str) -> tuple[Any, Any]:
        settings = self.merge_environment_settings(url, {}, None, None, None)
        return (settings["verify"], settings["cert"]), settings["proxies"]

    @contextmanager
    def rename_request(self, name: str) -> Generator[None, None, None]:
        """Name all requests made inside the block."""
        self.request_name = name
        try:
            yield
        finally:
            self.request_name = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _REPLACEABLE:
            self._touch()
        super().__setattr__(name, value)

    def _needs_requests(self) -> bool:
        """Whether a setting has been made that only ``requests`` can follow."""
        made = self.__dict__
        return bool(
            made.get("pool_manager")
            or made.get("_proxies")
            or made.get("_stream")
            or made.get("_mounted")
            or made.get("_reworked")
            or made.get("_environment_speaks")
            or any(made.get("_hooks", {}).values())
            or any(step in made for step in _STEPS)
        )

    def _setting(self, name: str, default: Callable[[], Any]) -> Any:
        self._touch()
        return self.__dict__.setdefault(name, default())

    def _set_setting(self, name: str, value: Any) -> None:
        self._touch()
        self.__dict__[name] = value

    proxies = property(lambda self: self._setting("_proxies", dict), lambda self, it: self._set_setting("_proxies", it))
    hooks = property(
        lambda self: self._setting("_hooks", lambda: {"response": []}), lambda self, it: self._set_setting("_hooks", it)
    )
    stream = property(
        lambda self: self.__dict__.get("_stream", False), lambda self, it: self._set_setting("_stream", it)
    )

    @property
    def trust_env(self) -> bool:
        """Whether proxies, authorities, a .netrc and the like come from the environment. False for an `HttpUser`'s."""
        return bool(self.__dict__.get("_trust_env", False))

    @trust_env.setter
    def trust_env(self, trust: bool) -> None:
        self.__dict__["_trust_env"] = trust
        bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        if bundle:
            self._set_environment_bundle(bundle if trust else None)
        speaks = bool(trust) and _environment_speaks()
        if speaks or "_environment_speaks" in self.__dict__:
            self._set_setting("_environment_speaks", speaks)

    @property  # type: ignore[override]
    def adapters(self) -> OrderedDict[str, Any]:
        """The adapters of `requests`; made when first looked at."""
        adapters: OrderedDict[str, Any] | None = self.__dict__.get("_adapters")
        if adapters is None:
            adapter = LocustHttpAdapter(self.__dict__.get("pool_manager"), session=self)
            adapters = self.__dict__["_adapters"] = OrderedDict({"https://": adapter, "http://": adapter})
        return adapters

    @adapters.setter
    def adapters(self, adapters: OrderedDict[str, Any]) -> None:
        self._set_setting("_adapters", adapters)
        self._set_setting("_mounted", True)

    def mount(self, prefix: str | bytes, adapter: Any) -> None:
        """Register an adapter; from then on ``requests`` makes this session's requests."""
        super().mount(prefix, adapter)
        self._set_setting("_mounted", True)

    def close(self) -> None:
        """Close the connections that are kept alive."""
        super().close()
        for adapter in self.__dict__.get("_adapters", {}).values():
            adapter.close()

    def __enter__(self) -> HttpSession:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


_ORIGINALS = {step: getattr(HttpSession, step) for step in _STEPS}
_ORIGINALS_OF_REQUESTS = {
    (requests.Session, "request"): requests.Session.request,
    (HTTPAdapter, "send"): HTTPAdapter.send,
}


def _is_reworked(kind: type[HttpSession]) -> bool:
    """Whether the class, or somebody who patched `requests`, has a way of its own to make requests."""
    return any(getattr(kind, step) is not original for step, original in _ORIGINALS.items()) or any(
        getattr(owner, name) is not original for (owner, name), original in _ORIGINALS_OF_REQUESTS.items()
    )


def _environment_speaks() -> bool:
    """Whether the environment names proxies or has credentials for a session that trusts it."""
    files = (os.environ.get("NETRC"), "~/.netrc", "~/_netrc")
    return bool(getproxies()) or any(Path(file).expanduser().exists() for file in files if file)


def _without_credentials(base_url: str) -> tuple[str, HTTPBasicAuth | None]:
    parts = urlsplit(base_url)
    if not (parts.username and parts.password):
        return base_url, None
    netloc = parts.netloc.rpartition("@")[2]
    auth = HTTPBasicAuth(unquote(parts.username), unquote(parts.password))
    return urlunsplit((parts.scheme, netloc, parts.path, parts.query, parts.fragment)), auth


def default_headers() -> CaseInsensitiveDict[str]:
    """What a session sends by default."""
    headers = requests.utils.default_headers()
    headers["Accept-Encoding"] = ACCEPTED_ENCODINGS
    return headers


def session_headers() -> SessionHeaders:
    """The default headers as an object for scripts."""
    return SessionHeaders(default_headers())


def prepare_url(url: str, params: Any) -> tuple[str, str, int | None, str, str, str]:
    """Scheme, host, port, ``scheme://authority``, path with query and fragment, as ``requests`` would send them."""
    prepared = PreparedRequest()
    prepared.prepare_url(url, params)
    assert prepared.url is not None
    if not absolute_http_url_regexp.match(prepared.url):
        raise requests.exceptions.InvalidSchema(f"No connection adapters were found for {prepared.url!r}")
    parts = urlsplit(prepared.url)
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    host = parts.hostname or ""
    try:
        host = host.encode("idna").decode()
    except UnicodeError:
        raise LocationParseError(f"'{host}', label empty or too long") from None
    prefix = f"{parts.scheme.lower()}://{parts.netloc}"
    return parts.scheme.lower(), host, parts.port, prefix, prepared.path_url, fragment


def redirect_url(url: str, location: str) -> str:
    """Where a redirect from ``url`` leads."""
    if location.startswith("//"):
        location = f"{urlsplit(url).scheme}:{location}"
    parsed = urlsplit(location)
    try:
        parsed.port  # noqa: B018
    except ValueError as error:
        raise requests.exceptions.InvalidURL(error) from None
    location = urlunsplit(parsed if parsed.fragment else parsed._replace(fragment=urlsplit(url).fragment))
    if not parsed.netloc:
        return urljoin(url, requote_uri(location))
    return requote_uri(location)


def check_method(method: str) -> None:
    """Refuse what is no method, as `http.client` does."""
    bad = re.search(r"[^!#$%&'*+\-.^_`|~0-9a-zA-Z]", method)
    if bad:
        raise ValueError(f"Method cannot contain non-token characters {method!r} (found at least {bad.group()!r})")


def basic_authorization(auth: Any) -> str | None:
    """``Authorization`` for a pair or an `HTTPBasicAuth`; None for any other kind of authentication."""
    if isinstance(auth, tuple) and len(auth) == 2:
        return _basic_auth_str(*auth)
    if type(auth) is HTTPBasicAuth:
        return _basic_auth_str(auth.username, auth.password)
    return None


def authorization_of_url(url: str) -> str | None:
    """``Authorization`` for the user and the password in a URL."""
    user, password = get_auth_from_url(url)
    return _basic_auth_str(user, password) if user or password else None


def new_jar() -> RequestsCookieJar:
    """An empty jar."""
    return RequestsCookieJar()


def as_jar(cookies: Any) -> Any:
    """A jar of ``cookies``, which may be one or a dict."""
    return (
        cookiejar_from_dict(cookies) if isinstance(cookies, Mapping) and not hasattr(cookies, "set_policy") else cookies
    )


def add_cookie(
    jar: RequestsCookieJar,
    name: str,
    value: str,
    *,
    domain: str,
    host_only: bool,
    path: str,
    secure: bool,
    http_only: bool,
    expires: int | None,
) -> None:
    """Put a cookie of the engine's store into a jar."""
    domain = domain if "." in domain or not domain else f"{domain}.local"
    rest = {"HttpOnly": None} if http_only else {}
    cookie = create_cookie(name, value, domain=domain, path=path, secure=secure, expires=expires, rest=rest)
    cookie.domain_specified = not host_only
    jar.set_cookie(cookie)


def cookie_header(jar: Any, method: str, url: str) -> str:
    """The ``Cookie`` header that a jar gives a request."""
    if not len(jar):
        return ""
    request = PreparedRequest()
    request.method, request.url, request.headers = method, url, CaseInsensitiveDict()
    return get_cookie_header(jar, request) or ""


class _SetCookies:
    """Looks like the response object that `http.cookiejar` takes ``Set-Cookie`` headers from."""

    def __init__(self, values: Iterable[str]) -> None:
        self._message = HTTPMessage()
        for value in values:
            self._message["Set-Cookie"] = value

    def info(self) -> HTTPMessage:
        return self._message


def keep_cookies(jar: Any, url: str, values: Iterable[str]) -> None:
    """Put what a response from ``url`` sets into a jar."""
    request = PreparedRequest()
    request.method, request.url, request.headers = "GET", url, CaseInsensitiveDict()
    jar.extract_cookies(_SetCookies(values), MockRequest(request))


def response_headers(pairs: Iterable[tuple[str, str]]) -> CaseInsensitiveDict[str]:
    """Headers of a response, several of one name joined."""
    headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    for name, value in pairs:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def response_cookies(response: Any) -> RequestsCookieJar:
    """The cookies that a response sets."""
    jar = RequestsCookieJar()
    values = [value for name, value in response._raw_headers() if name.lower() == "set-cookie"]
    if values:
        keep_cookies(jar, response.url, values)
    return jar


def prepared_request(method: str, url: str, headers: Iterable[tuple[str, str]], body: Any) -> PreparedRequest:
    """A request that was sent, as ``requests`` shows it."""
    request = PreparedRequest()
    request.method, request.url, request.body = method, url, body
    request.headers = CaseInsensitiveDict(headers)
    request.hooks = {"response": []}
    request._cookies = RequestsCookieJar()  # type: ignore[attr-defined]
    return request


def as_requests_response(native: Any) -> Response:
    """A real ``requests.Response`` with the content of a native one."""
    response = Response()
    response.status_code = native.status_code
    response._content = native.content
    response._content_consumed = True  # type: ignore[attr-defined]
    response.headers = native.headers if native.status_code else CaseInsensitiveDict()
    response.reason = native.reason
    response.url = native.url
    response.encoding = native.encoding
    response.request = native.request
    response.history = list(native.history)
    response.elapsed = native.elapsed
    response.connection = None  # type: ignore[assignment]
    # All of it has been read.
    response.raw = HTTPResponse(
        b"",
        native._raw_headers(),
        response.status_code,
        native._raw_version(),
        reason=response.reason,
        preload_content=False,
    )
    if response.is_redirect and not native.history:
        following = requests.Session().resolve_redirects(response, response.request, yield_requests=True)
        response._next = next(following, None)  # type: ignore[attr-defined]
    if native.status_code:
        response.cookies = native.cookies
    return response


_STATISTICS_ONLY = frozenset(("name", "catch_response", "context"))


def send_with_requests(
    session: HttpSession, method: str, url: Any, kwargs: dict[str, Any] | None
) -> tuple[Response | None, Exception | None, int, int, str, str | None, list[_engine.Timings | None]]:
    """Make a request by ``requests`` itself.

    Returns the response or the exception, the duration in microseconds, the body's length, the name and URL for the
    statistics, and where the time went in each exchange, if the engine made them all.
    """
    _tell_once()
    options = {key: value for key, value in (kwargs or {}).items() if key not in _STATISTICS_ONLY}
    full = url if absolute_http_url_regexp.match(str(url)) else f"{session.base_url}{url}"
    begun = time.perf_counter()
    response, error = None, None
    try:
        response = requests.Session.request(session, method, full, **options)
    except (requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL):
        raise
    except requests.RequestException as exception:
        error = exception
    streamed = bool(options.get("stream", session.stream))
    duration = _duration_us(response, error, streamed, time.perf_counter() - begun)
    request = (
        error.request
        if error is not None
        else ((response.history or [response])[0].request if response is not None else None)
    )
    if response is not None and request is None:
        request = response.request
    name = getattr(request, "path_url", None) or str(full)
    length = 0
    if response is not None:
        claimed = int(response.headers.get("content-length") or 0) if streamed else body_bytes(response)
        length = max(claimed, 0)
    hops = [] if response is None else [*response.history, response]
    timings = [timings_of(hop) for hop in hops] or [getattr(error, "_timings", None)]
    told = [] if None in timings else timings
    return response, error, duration, length, name, getattr(request, "url", None) or str(full), told


def _duration_us(response: Response | None, error: Exception | None, streamed: bool, waited: float) -> int:
    """The time that the servers took, by the engine's clock where the engine did the sending."""
    if response is None:
        took = getattr(error, "_took", None)
    else:
        hops = [seconds_taken(hop, False) for hop in response.history]
        parts = [*hops, seconds_taken(response, streamed)]
        took = None if None in parts else sum(part for part in parts if part is not None)
    return int((waited if took is None else took) * 1_000_000)


def _tell_once() -> None:
    if logger.isEnabledFor(logging.INFO) and not _told:
        _told.append(True)
        logger.info(
            "Some requests are made by the requests library, for what only it can do. That takes more CPU time."
        )


def _not_caught(self: Any, *args: Any) -> None:
    raise LocustError(
        "success() and failure() are for responses that were requested with catch_response=True, inside a with-block"
    )


Response.success = _not_caught  # type: ignore[attr-defined]
Response.failure = _not_caught  # type: ignore[attr-defined]
