"""How users' connections are made and used: attributes of user classes and sessions, which are checked here.

A class that says nothing costs nothing: `of` then gives None, and its sessions are never told.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Iterable
from typing import Any

from . import _engine

REUSES = ("keep", "iteration", "request")
HINT = (
    "no port is free to connect from ({low} to {high}, less those in use or just used). Let users keep their "
    "connections, give several source_addresses, or widen the range: sysctl net.ipv4.ip_local_port_range"
)


def http_version(value: Any) -> str:
    """A version of HTTP."""
    if value in ("1.1", "2", "auto"):
        return str(value)
    raise ValueError(f'http_version is "1.1", "2" or "auto" (HTTP/2 where the server agrees), not {value!r}')


def connection_reuse(value: Any) -> str:
    """For how long a connection is used."""
    if value in REUSES:
        return str(value)
    raise ValueError(f'connection_reuse is "keep", "iteration" (new for each task) or "request", not {value!r}')


def max_requests_per_connection(value: Any) -> int:
    """How many requests a connection carries at the most."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 32:
        return value
    raise ValueError(f"max_requests_per_connection is a whole number from 1, or None for any number, not {value!r}")


def _seconds(name: str, value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf:
        return float(value)
    raise ValueError(f"{name} is a number of seconds above 0, or None, not {value!r}")


def keep_alive_idle_timeout(value: Any) -> float:
    """How long a connection may be idle."""
    return _seconds("keep_alive_idle_timeout", value)


def dns_cache(value: Any) -> float:
    """How long addresses are believed, in seconds: 0 for each connection, infinity for ever."""
    if isinstance(value, str):
        if value in ("connection", "forever"):
            return 0.0 if value == "connection" else math.inf
        raise ValueError(f'dns_cache is "forever", "connection" (asked anew for each) or seconds, not {value!r}')
    return _seconds("dns_cache", value)


def source_addresses(value: Any) -> list[str]:
    """Own addresses to connect from."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(f'source_addresses is a list of own addresses such as ["10.0.0.2", "10.0.0.3"], not {value!r}')
    try:
        return [str(ipaddress.ip_address(address)) for address in value]
    except ValueError as error:
        raise ValueError(f"source_addresses: {error}") from None


def pool_size(value: Any) -> int:
    """How many idle connections to one server are kept."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError(f"pool_size is a whole number from 0, not {value!r}")


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "http_version": http_version,
    "connection_reuse": connection_reuse,
    "max_requests_per_connection": max_requests_per_connection,
    "keep_alive_idle_timeout": keep_alive_idle_timeout,
    "dns_cache": dns_cache,
    "source_addresses": source_addresses,
    "pool_size": pool_size,
}
_DEFAULTS: dict[str, Any] = {
    "http_version": "1.1",
    "connection_reuse": "keep",
    "source_addresses": [],
    "pool_size": 10,
}
_NAMES = tuple(_CHECKS)


def of(user: Any, environment: Any) -> dict[str, Any] | None:
    """The settings of a user's sessions; None for the usual ones."""
    told = {name: getattr(user, name) for name in _NAMES}
    if told["http_version"] is None:
        told["http_version"] = getattr(getattr(environment, "parsed_options", None), "gregaria_http_version", None)
    settings = {name: _CHECKS[name](value) for name, value in told.items() if value is not None}
    return None if all(_DEFAULTS.get(name) == value for name, value in settings.items()) else settings


class NetworkAttributes:
    """Attributes of the user classes that have an HTTP client."""

    http_version: str | None = None
    """Which HTTP is spoken: "1.1", "2", or "auto" for HTTP/2 where the server agrees. None: see --http-version."""
    connection_reuse: str = "keep"
    """For how long a connection is used: "keep" as long as it can be, "iteration": a task, "request"."""
    max_requests_per_connection: int | None = None
    """After so many requests a connection is closed."""
    keep_alive_idle_timeout: float | None = None
    """After so many seconds without a request a connection is closed."""
    dns_cache: str | float | None = None
    """How long the addresses of a name are believed: "forever", seconds, or "connection". None is 30 seconds."""
    source_addresses: list[str] = []
    """Own addresses to connect from, one after the other."""
    pool_size: int = 10
    """Idle connections to one server that are kept, where a task makes requests at the same time."""


class NetworkSettings:
    """The attributes of a session that say how its connections are made. Setting one closes those that are idle."""

    def _set_network_settings(self, settings: dict[str, Any]) -> None:
        made = {**_DEFAULTS, **self.__dict__.get("_network", {}), **settings}
        every = 1 if made["connection_reuse"] == "request" else made.get("max_requests_per_connection")
        self._set_network(  # type: ignore[attr-defined]
            {
                "http_version": made["http_version"],
                "source_addresses": made["source_addresses"],
                "dns_cache": made.get("dns_cache"),
                "max_requests": every,
                "idle_timeout": made.get("keep_alive_idle_timeout"),
                "pool_size": made["pool_size"],
            }
        )
        self.__dict__["_network"] = made


def _setting(name: str) -> property:
    def get(self: NetworkSettings) -> Any:
        return self.__dict__.get("_network", _DEFAULTS).get(name)

    def set_to(self: NetworkSettings, value: Any) -> None:
        self._set_network_settings({name: None if value is None and name not in _DEFAULTS else _CHECKS[name](value)})

    return property(get, set_to, doc=_CHECKS[name].__doc__)


for _name in _NAMES:
    if _name != "connection_reuse":
        setattr(NetworkSettings, _name, _setting(_name))


def resolution(text: str) -> tuple[str, int, list[str]]:
    """What a value of --resolve says: ``HOST:PORT:ADDRESS``, with more addresses after commas."""
    host, _, rest = text.partition(":")
    port, _, addresses = rest.partition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 1 << 16 and addresses):
        raise ValueError(f"{text!r} is not HOST:PORT:ADDRESS")
    parts = [address.strip().strip("[]") for address in addresses.split(",")]
    try:
        return host, int(port), [str(ipaddress.ip_address(part)) for part in parts]
    except ValueError as error:
        raise ValueError(f"{text!r} is not HOST:PORT:ADDRESS: {error}") from None


def apply_resolutions(options: Any) -> None:
    """Tell the engine what --resolve says."""
    for host, port, addresses in getattr(options, "gregaria_resolve", None) or []:
        _engine.resolve(host, port, addresses)


def port_range() -> tuple[int, int] | None:
    """The ports that connections are made from, where the system tells."""
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
            low, high = map(int, file.read().split())
    except (OSError, ValueError):
        return None
    return low, high
