"""Running one user in the calling greenlet, so that an ordinary debugger can step through it.

There is no runner here: what a user does is printed, request by request, and nothing is counted.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gregaria

from . import log
from .env import Environment
from .exception import CatchResponseError

if TYPE_CHECKING:
    from .user import User

_EXCEPTION_LENGTH = 500

_env: Environment | None = None


class PrintListener:
    """Prints a table of requests, a line for each as it ends; the options add columns."""

    def __init__(
        self,
        env: Environment,
        include_length: bool = False,
        include_time: bool = False,
        include_context: bool = False,
        include_payload: bool = False,
    ) -> None:
        self.include_length = include_length
        self.include_time = include_time
        self.include_context = include_context
        self.include_payload = include_payload
        env.events.request.add_listener(self.on_request)
        print()
        self._print(("time", "type", "name", "resp_ms", "length", "exception", "context", "payload"), gap=[""])

    def _print(self, cells: tuple[str, ...], gap: Iterable[str] = ()) -> None:
        time, kind, name, resp_ms, length, exception, context, payload = cells
        row = [f"{time:<24}"] if self.include_time else []
        row += [kind, f"{name:<50}", f"{resp_ms:<7}"]
        row += [length] if self.include_length else []
        row += [f"{exception:<9}"]
        row += [context] if self.include_context else []
        row += gap
        row += [payload] if self.include_payload else []
        print("\t".join(row), end="\t\n")

    def on_request(  # noqa: PLR0913  the arguments of the event
        self,
        request_type: str,
        name: str,
        response_time: float | None,
        response_length: int | None,
        exception: Any = None,
        context: Any = None,
        start_time: float | None = None,
        response: Any = None,
        **_kwargs: Any,
    ) -> None:
        """Print a line."""
        began = "" if start_time is None else str(datetime.fromtimestamp(start_time, tz=UTC))
        error = str(exception) if isinstance(exception, CatchResponseError) else repr(exception) if exception else ""
        took = str(-1 if response_time is None else round(response_time))
        error = error[:_EXCEPTION_LENGTH].replace("\n", " ")
        self._print(
            (began, request_type, name, took, str(response_length), error, str(context or ""), _payload(response))
        )


def _payload(response: Any) -> str:
    """The body of the request, as far as the response knows it."""
    body = getattr(getattr(response, "request", None), "body", None)
    if isinstance(body, bytes):
        body = body.decode(errors="replace")
    return "" if body is None else str(body)


def run_single_user(
    user_class: type[User],
    include_length: bool = False,
    include_time: bool = False,
    include_context: bool = False,
    include_payload: bool = False,
    loglevel: str | None = "WARNING",
) -> None:
    """Run one user of this class until it ends, in the calling greenlet, and print its requests.

    Options come from the command line, configuration files and the environment. ``init`` is fired and the printing
    set up by the first call; ``test_start`` is fired by each. With a falsy ``loglevel`` logging is left as it is.
    """
    global _env
    if loglevel:
        log.setup_logging(loglevel)
    if _env is None:
        from . import argument_parser

        options = argument_parser.get_parser().parse_args()
        _env = Environment(events=gregaria.events, locustfile=_caller(), host=options.host, parsed_options=options)
        PrintListener(_env, include_length, include_time, include_context, include_payload)
        gregaria.events.init.fire(environment=_env, runner=None, web_ui=None)
        if log.unhandled_greenlet_exception:
            os._exit(1)
    _env.user_classes = [user_class]
    _env._filter_tasks_by_tags()
    gregaria.events.test_start.fire(environment=_env)
    if _env.host:
        user_class.host = _env.host
    user = user_class(_env)
    _env.single_user_instance = user  # type: ignore[attr-defined]
    user.run()


def _caller() -> str:
    """The name of the file that calls `run_single_user`."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return Path(frame.f_code.co_filename).name if frame is not None else ""
