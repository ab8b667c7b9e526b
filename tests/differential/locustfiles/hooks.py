"""Writes the order of events and hooks of a whole run to $HOOKS_OUT; what repeats is written once."""

import os
import sys
from typing import Any

from locust import HttpUser, TaskSet, constant, events, tag, task
from locust.exception import StopUser

NAMES = (
    *("init_command_line_parser", "init", "test_start", "spawning_complete", "test_stopping", "test_stop"),
    *("quitting", "quit", "request", "user_error", "reset_stats"),
)
OFTEN = ("request", "user_error", "task", "inner task", "inner on_start", "inner on_stop", "on_start", "on_stop")
written: set[str] = set()


def write(line: str) -> None:
    if line in OFTEN and line in written:
        return
    written.add(line)
    with open(os.environ["HOOKS_OUT"], "a", encoding="utf-8") as file:
        file.write(line + "\n")
    if line == "request":
        print("the first request", file=sys.stderr, flush=True)


def listen(name: str) -> None:
    def heard(**arguments: Any) -> None:
        if name in OFTEN:
            write(name)
            return
        shown = {key: value for key, value in arguments.items() if isinstance(value, (int, type(None)))}
        runner = getattr(arguments.get("environment"), "runner", None)
        state = f"{runner.state} {runner.user_count > 0}" if runner is not None and name != "quitting" else ""
        write(f"{name} {sorted(arguments)} {shown} {state}")

    getattr(events, name).add_listener(heard)


for each in NAMES:
    listen(each)


@events.init_command_line_parser.add_listener
def add(parser: Any) -> None:
    parser.add_argument("--own", default="x")


class Visitor(HttpUser):
    wait_time = constant(0.05)

    def on_start(self) -> None:
        write("on_start")

    def on_stop(self) -> None:
        write("on_stop")

    @task
    def work(self) -> None:
        write("task")
        self.client.get("/bytes/1")
        if os.environ.get("HOOKS_FAIL"):
            raise ValueError("a task that fails")

    @tag("inner")
    @task
    class Inner(TaskSet):
        def on_start(self) -> None:
            write("inner on_start")

        def on_stop(self) -> None:
            write("inner on_stop")

        @task
        def inside(self) -> None:
            write("inner task")
            if os.environ.get("HOOKS_ALL_STOP"):
                raise StopUser
            self.interrupt()
