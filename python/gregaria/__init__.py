"""Gregaria: load tests in plain Python, with Locust's API, on a Rust engine.

Importing this package patches the standard library for gevent, as importing Locust does, so that blocking calls in
tasks let other users run. Set ``LOCUST_SKIP_MONKEY_PATCH`` to leave the standard library alone.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

if not os.environ.get("LOCUST_SKIP_MONKEY_PATCH"):
    from gevent import monkey

    monkey.patch_all()
    if not os.environ.get("LOCUST_SKIP_URLLIB3_PATCH"):
        import urllib3.connectionpool
        from gevent.queue import LifoQueue

        urllib3.connectionpool.ConnectionPool.QueueCls = LifoQueue  # type: ignore[assignment]

from ._engine import __version__
from .contrib.fasthttp import FastHttpUser
from .debug import run_single_user
from .event import Events
from .feed import feed
from .shape import LoadTestShape
from .user import wait_time
from .user.markov_taskset import MarkovTaskSet, transition, transitions
from .user.sequential_taskset import SequentialTaskSet
from .user.task import TaskSet, tag, task
from .user.users import HttpUser, User
from .user.wait_time import between, constant, constant_pacing, constant_throughput, poisson
from .util.deprecation import DeprecatedHttpLocustClass as HttpLocust
from .util.deprecation import DeprecatedLocustClass as Locust

events = Events()
"""The events of a run from the command line."""


def __getattr__(name: str) -> Any:
    """Submodules, which Locust imports at once, are imported when they are first asked for."""
    if not name.startswith("_"):
        try:
            return importlib.import_module(f"{__name__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Events",
    "FastHttpUser",
    "HttpLocust",
    "HttpUser",
    "LoadTestShape",
    "Locust",
    "MarkovTaskSet",
    "SequentialTaskSet",
    "TaskSet",
    "User",
    "__version__",
    "between",
    "constant",
    "constant_pacing",
    "constant_throughput",
    "events",
    "feed",
    "poisson",
    "run_single_user",
    "tag",
    "task",
    "transition",
    "transitions",
    "wait_time",
]
