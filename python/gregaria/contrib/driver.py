"""Drivers of other systems than HTTP: optional, so a user class that needs one says how to install it."""

from __future__ import annotations

import importlib
import time
from typing import Any

import gregaria
from gregaria import User


def driver(module: str, extra: str, package: str | None = None) -> Any:
    """Import a driver's module; ImportError says what to install if it is not there."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"gregaria.contrib.{extra} needs {package or module} ({error}); "
            f"install it with: pip install 'gregaria[{extra}]'",
            name=module,
        ) from error


def request_event(event: Any = None) -> Any:
    """The event that is told of requests: `event`, or that of locustfiles."""
    return gregaria.events.request if event is None else event


class Stopwatch:
    """Milliseconds since it was made."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()

    def ms(self) -> float:
        """So far."""
        return (time.perf_counter() - self._begun) * 1000


def measured(call: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Call a driver: a dict with ``success``, ``response_time`` in ms, and ``result`` or ``exception``."""
    watch = Stopwatch()
    try:
        result = call(*args, **kwargs)
    except Exception as error:
        return {"success": False, "response_time": watch.ms(), "exception": error}
    return {"success": True, "response_time": watch.ms(), "result": result}


def judged_by_content(outcome: dict[str, Any], is_empty: bool) -> dict[str, Any]:
    """The outcome of a search, which is no success if nothing was found."""
    return {**outcome, "success": not is_empty, "empty": is_empty}


def tell(event: Any, request_type: str, name: str, outcome: dict[str, Any]) -> None:
    """Fire the request event for an outcome, in whole milliseconds. Only an exception is a failure."""
    event.fire(
        request_type=request_type,
        name=name,
        response_time=int(outcome["response_time"]),
        response_length=0,
        exception=outcome.get("exception"),
    )


class CollectionUser(User):
    """A user whose client measures each operation; what it returns is told as a request of `client_type`."""

    abstract = True
    client: Any
    client_type: str

    def _told(self, name: str, outcome: dict[str, Any]) -> dict[str, Any]:
        tell(self.environment.events.request, self.client_type, name, outcome)
        return outcome

    def on_stop(self) -> None:
        """Close the connections."""
        self.client.close()
