"""What the scripts here share: scenarios that log what happens, and users that run in an environment of their own.

Imported by scripts that run unmodified under Locust and under Gregaria; `main` prints every scenario's log as JSON.
Nothing here waits by sleeping: a scenario ends when its users have ended, or is stopped when one of them says so.
"""

import json
import logging
import os
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event

from locust import User
from locust.env import Environment

Scenario = Callable[[], None]

scenarios: dict[str, Scenario] = {}
lines: list[str] = []
ramps: list[Any] = []
server = os.environ.get("TESTKIT", "")
PATIENCE_S = 20.0
OWN_WORDS = {
    "No tasks defined on": "no tasks",
    "Attribute 'environment' is missing on user": "no environment",
    "You must define a wait_time method": "no wait_time",
    "has a wait_time; set one": "no wait_time",
    "wait_time must give a number": "no number",
    "'<=' not supported": "no number",
}


def scenario(function: Scenario) -> Scenario:
    """Make `function` a scenario of its script."""
    scenarios[function.__name__] = function
    return function


def add(name: str, function: Scenario) -> None:
    """A scenario that was made rather than written."""
    assert name not in scenarios, name
    scenarios[name] = function


def log(*parts: Any) -> None:
    """Write one line into the log of the running scenario."""
    lines.append(" ".join(str(part) for part in parts).replace(server or "\0", "<server>"))


def said(error: BaseException | None) -> str:
    """An exception as it is compared."""
    return worded(repr(error))


def worded(text: str) -> str:
    """`text` without what each tester says in its own words."""
    for known, kind in OWN_WORDS.items():
        if known in text:
            return kind
    return text.replace(server or "\0", "<server>")


class Recorder(logging.Handler):
    """Logs log records: logger and level, and what is said where both testers say it alike (an exception's text)."""

    def emit(self, record: logging.LogRecord) -> None:
        first = [worded(line) for line in record.getMessage().splitlines()[:1]]
        spoken = first if record.name in ("locust.user.task", "locust.user.users") else []
        if record.name.startswith("locust.user") or record.name == "root":
            log("log:", record.name, record.levelname, *spoken)
        elif record.levelno == logging.CRITICAL and record.exc_info:
            log("critical:", record.name, said(record.exc_info[1]))


def unhandled(context: Any, kind: Any, value: Any, _traceback: Any) -> None:
    """In place of gevent's printing of what ended a greenlet. What ends a ramp is logged by both in their own way."""
    if context not in ramps:
        log("greenlet died:", getattr(kind, "__name__", kind), worded(str(value)))


def environment(*user_classes: type[User], **settings: Any) -> Environment:
    """An environment whose events are logged."""
    made = Environment(user_classes=list(user_classes), **settings)
    made.events.user_error.add_listener(error_heard)
    return made


def error_heard(user_instance: Any, exception: BaseException, tb: Any, **extra: Any) -> None:
    own = [frame.name for frame in traceback.extract_tb(tb) if Path(frame.filename).parent == Path(__file__).parent]
    log("user_error:", type(user_instance).__name__, said(exception), *own[-1:], *sorted(extra))


def run(*user_classes: type[User], users: int = 1, stop_when: Event | None = None, **settings: Any) -> Environment:
    """Run users until they have ended, or until `stop_when` is set and they have been stopped."""
    made = environment(*user_classes, **settings)
    runner = made.create_local_runner()
    runner.start(users, spawn_rate=100)
    ramps.append(runner.spawning_greenlet)
    runner.spawning_greenlet.join(PATIENCE_S)
    if stop_when is not None:
        log("ready" if stop_when.wait(PATIENCE_S) else "NEVER READY")
        runner.stop()
        log("stopped,", runner.user_count, "users left")
    else:
        runner.user_greenlets.join(timeout=PATIENCE_S)
        log("over," if not runner.user_count else "NOT OVER,", runner.user_count, "users left")
    listed: Counter[str] = Counter()
    for row in runner.exceptions.values():
        # Locust lists an exception that passes through several sets once for each.
        listed[worded(row["msg"])] += row["count"]
    for message, count in sorted(listed.items()):
        log("exception listed:", count, "x", message)
    runner.quit()
    return made


def main() -> None:
    """Run the scenarios (or those named on the command line) and print their logs."""
    # Locust's module path is the logger's name, also where the modules are called otherwise.
    for name in (None, "locust"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [Recorder()]
        logger.setLevel(logging.INFO)
        logger.propagate = False
    gevent.get_hub().handle_error = unhandled
    record: dict[str, list[str]] = {}
    for name, function in scenarios.items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        lines.clear()
        try:
            function()
        except Exception as error:
            log("scenario raised:", said(error), traceback.extract_tb(error.__traceback__)[-1].name)
        record[name] = list(lines)
    json.dump(record, sys.stdout, indent=1)
