"""Event hooks: the places where a locustfile listens.

A hook only calls its listeners. What is recorded or printed about an event is done by listeners like any other; the
statistics recorder is one too, and while it is the only one for `request` the engine calls it without coming here.
"""

from __future__ import annotations

import inspect
import logging
import time
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

from . import log
from .exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser

Listener = TypeVar("Listener", bound=Callable[..., Any])

_FOR_THE_TASK = (StopUser, StopTest, RescheduleTask, RescheduleTaskImmediately, InterruptTaskSet)


def swallow(error: BaseException) -> None:
    """Tell about what a listener has raised; the exit code will be 2."""
    text = "".join(traceback.format_exception(error))
    logging.error("Uncaught exception in event handler: \n%s", text)
    log.unhandled_greenlet_exception = True


class EventHook:
    """A list of listeners that are called, with keyword arguments, whenever the event is fired.

    A listener that raises does not keep the others from being called, except with `StopUser`, `StopTest`,
    `RescheduleTask`, `RescheduleTaskImmediately` and `InterruptTaskSet`: these go on to whoever fired the event.
    """

    def __init__(self) -> None:
        self._handlers: list[Callable[..., Any]] = []

    def add_listener(self, handler: Listener) -> Listener:
        """Have `handler` called; usable as a decorator."""
        self._handlers.append(handler)
        return handler

    def remove_listener(self, handler: Callable[..., Any]) -> None:
        """No longer call `handler`."""
        self._handlers.remove(handler)

    def fire(self, *, reverse: bool = False, **kwargs: Any) -> None:
        """Call the listeners, oldest first, or latest first with `reverse`."""
        # A copy: listeners may add and remove listeners.
        for handler in self._handlers[::-1] if reverse else self._handlers[:]:
            try:
                handler(**kwargs)
            except _FOR_THE_TASK:
                raise
            except Exception as error:
                swallow(error)

    @contextmanager
    def measure(
        self, request_type: str, name: str, response_length: int = 0, context: dict[str, Any] | None = None
    ) -> Generator[dict[str, Any]]:
        """Fire the event at the end of the block, with the time it took and what it raised, which is swallowed.

        The yielded dict becomes the event's arguments; add to it or change it as needed.
        """
        began = time.perf_counter()
        request_meta: dict[str, Any] = {
            "request_type": request_type,
            "name": name,
            "response_length": response_length,
            "context": context or {},
            "exception": None,
            "start_time": time.time(),
        }
        try:
            yield request_meta
        except Exception as error:
            request_meta["exception"] = error
        finally:
            request_meta["response_time"] = (time.perf_counter() - began) * 1000
            self.fire(**request_meta)


ORIGINAL_FIRE = EventHook.fire
"""The method as it is made here; the engine calls listeners itself as long as no plugin has another in its place."""


class DeprecatedEventHook(EventHook):
    """A hook that warns everyone who begins to listen."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__()

    def add_listener(self, handler: Listener) -> Listener:
        """Warn, then listen all the same."""
        logging.warning(self.message)
        return super().add_listener(handler)


class Events:
    """All hooks of an environment; a subclass adds one with an annotation `my_event: EventHook`.

    "Everywhere" is the master, each worker, and a run without workers. Listeners should take `**kwargs` as well, so
    that arguments added later do not break them.
    """

    request: EventHook
    """A request has ended: request_type, name, response_time (ms), response_length, exception, context, and where the
    client knows them response, start_time, url. With an exception it counts as failed. Where the request was made."""

    user_error: EventHook
    """A task has raised: user_instance (the TaskSet it belongs to), exception, tb. Where the user runs."""

    report_to_master: EventHook
    """A worker is about to report: client_id, data (to be added to)."""

    worker_report: EventHook
    """The master has a report: client_id, data."""

    worker_connect: EventHook
    """A worker has connected to the master: client_id."""

    spawning_complete: EventHook
    """The wanted number of users is reached: user_count. Everywhere."""

    quitting: EventHook
    """The process is about to end: environment. Latest listener first. Everywhere."""

    quit: EventHook
    """The last event of a process: exit_code. Everywhere."""

    init: EventHook
    """Everything is set up and nothing started: environment, runner, web_ui. Everywhere."""

    init_command_line_parser: EventHook
    """Own command line options can be added: parser. Everywhere, before there is an environment."""

    test_start: EventHook
    """A test begins: environment. Everywhere."""

    test_stopping: EventHook
    """A test is about to end, users still run: environment. Everywhere."""

    test_stop: EventHook
    """A test has ended: environment. Everywhere."""

    reset_stats: EventHook
    """Somebody has reset the statistics in the web UI."""

    cpu_warning: EventHook
    """The CPU is too busy: environment, cpu_usage (percent). Everywhere."""

    heartbeat_sent: EventHook
    """The master has answered a worker's heartbeat: client_id, timestamp."""

    heartbeat_received: EventHook
    """A worker has its heartbeat answered: client_id, timestamp."""

    usage_monitor: EventHook
    """Every `runners.CPU_MONITOR_INTERVAL` seconds: environment, cpu_usage (percent), memory_usage (bytes).
    Everywhere."""

    def __init__(self) -> None:
        for owner in reversed(type(self).__mro__):
            by_value = {name: value for name, value in vars(owner).items() if value == "EventHook"}
            for name, kind in {**by_value, **inspect.get_annotations(owner)}.items():
                if kind in ("EventHook", EventHook):
                    setattr(self, name, EventHook())
