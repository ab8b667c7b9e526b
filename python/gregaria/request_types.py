"""What the clients' methods take, for type checkers and editors. Nothing here runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any, TypedDict

from requests.cookies import RequestsCookieJar
from requests.models import Response

_Hook = Callable[..., Any]


class RequestKwargs(TypedDict, total=False):
    """What `requests` knows."""

    params: Any
    headers: Mapping[str, str | bytes | None] | None
    cookies: RequestsCookieJar | MutableMapping[str, str] | None
    files: Any
    auth: Any
    timeout: float | tuple[float | None, float | None] | None
    allow_redirects: bool
    proxies: MutableMapping[str, str] | None
    hooks: Mapping[str, Iterable[Callable[[Response], Any]] | _Hook] | None
    stream: bool | None
    verify: bool | str | None
    cert: str | tuple[str, str] | None


class NamedKwargs(RequestKwargs, total=False):
    """Those of `get`, `post` and their like on `HttpSession`, besides `data` and `json`."""

    name: str | None
    catch_response: bool
    context: dict[str, Any]


class JsonKwargs(NamedKwargs, total=False):
    """Those of `aput` and `apatch`, besides `data`."""

    json: Any


class RESTKwargs(JsonKwargs, total=False):
    """Those of `get` and its like, whose body is rare."""

    data: Any


class FastKwargs(TypedDict, total=False):
    """Those of `post` of `FastHttpSession`, besides `data` and `json`."""

    name: str | None
    catch_response: bool
    stream: bool
    headers: Mapping[str, Any] | None
    auth: tuple[str | bytes, str | bytes] | None
    allow_redirects: bool
    context: dict[str, Any]
    params: Any
    files: Any
    max_retries: int
    max_redirects: int


class FastJsonKwargs(FastKwargs, total=False):
    """Those of `put` and `patch`, besides `data`."""

    json: Any


class FastBodyKwargs(FastJsonKwargs, total=False):
    """Those of `get` and its like, whose body is rare."""

    data: Any
