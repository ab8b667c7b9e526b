"""Classes under names that Locust gave up: subclassing one fails and says what it is called now."""

from __future__ import annotations

from typing import Any


class _Renamed(type):
    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> _Renamed:
        for base in bases:
            if isinstance(base, _Renamed):
                new = base.__dict__["new_name"]
                raise ImportError(f"The {base.__name__} class has been renamed to {new} in version 1.0 of Locust.")
        return super().__new__(mcs, name, bases, body)


class Locust(metaclass=_Renamed):
    """`User`, before Locust 1.0."""

    new_name = "User"


class HttpLocust(metaclass=_Renamed):
    """`HttpUser`, before Locust 1.0."""

    new_name = "HttpUser"


class FastHttpLocust(metaclass=_Renamed):
    """`FastHttpUser`, before Locust 1.0."""

    new_name = "FastHttpUser"
