"""How users' connections are made and used: attributes of user classes and sessions, checked here and followed by the engine.

A class that says nothing costs nothing: `of` then gives None, and its sessions are never told.
"""

from __future__ import annotations

from typing import Any

HTTP_VERSIONS = ("1.1", "2", "auto")

_DEFAULTS: dict[str, Any] = {"http_version": "1.1"}


def http_version(value: Any) -> str:
    """A version of HTTP as the engine takes it."""
    text = str(value)
    if text in ("1.1", "2", "auto"):
        return text
    if text in ("1", "2.0"):
        return {"1": "1.1", "2.0": "2"}[text]
    raise ValueError(f'http_version is "1.1", "2" or "auto" (HTTP/2 where the server agrees), not {value!r}')


_CHECKS = {"http_version": http_version}


def of(user: Any, environment: Any) -> dict[str, Any] | None:
    """The settings of a user's sessions; None for the usual ones."""
    options = getattr(environment, "parsed_options", None)
    settings = {}
    for name, check in _CHECKS.items():
        value = getattr(user, name)
        if value is None:
            value = getattr(options, f"gregaria_{name}", None)
        if value is not None:
            settings[name] = check(value)
    if all(_DEFAULTS[name] == value for name, value in settings.items()):
        return None
    return settings


class NetworkSettings:
    """The attributes of a session that say how its connections are made. Setting one closes those that are idle."""

    def _set_network_settings(self, settings: dict[str, Any]) -> None:
        made = {**_DEFAULTS, **self.__dict__.get("_network", {}), **settings}
        self._set_network(made)  # type: ignore[attr-defined]
        self.__dict__["_network"] = made

    def _network_setting(self, name: str) -> Any:
        return self.__dict__.get("_network", _DEFAULTS)[name]

    @property
    def http_version(self) -> str:
        """Which HTTP is spoken: "1.1", "2", or "auto" for HTTP/2 where the server agrees to it over TLS."""
        return str(self._network_setting("http_version"))

    @http_version.setter
    def http_version(self, version: str) -> None:
        self._set_network_settings({"http_version": http_version(version)})
