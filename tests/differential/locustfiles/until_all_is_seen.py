"""Ends a run of `test_functions.py` when all users were spawned, each request was made thrice, and two users ended.

What was counted by then is in `counted.json`: Locust's CSV files may be a second behind when a run ends.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import gevent

from locust import events

NAMES = {"/bytes/3", "/status/404", "/bytes/4", "caught", "/bytes/6"}
seen: Counter[str] = Counter()
spawned: list[int] = []
watched: list[Any] = []


@events.init.add_listener
def watch(environment: Any, **_: Any) -> None:
    watched.append(environment.runner)


@events.spawning_complete.add_listener
def on_spawned(user_count: int, **_: Any) -> None:
    spawned.append(user_count)


@events.request.add_listener
def on_request(name: str, **_: Any) -> None:
    seen[name] += 1
    if watched and spawned and watched[0].user_count == spawned[0] - 2 and all(seen[each] >= 3 for each in NAMES):
        gevent.spawn(watched.pop().quit)


@events.quitting.add_listener
def write(environment: Any, **_: Any) -> None:
    counted = {
        "requests": sorted(environment.stats.entries),
        "failures": sorted(error.to_name() for error in environment.stats.errors.values()),
    }
    Path("counted.json").write_text(json.dumps(counted))
