"""What debuggers and tracing tools do: they stop in tasks, step through them, and see the lines of every user."""

import bdb
import io
import pdb
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import gevent
from gevent.event import Event
from scenario import log, main, run, scenario, server

from locust import HttpUser, SequentialTaskSet, TaskSet, User, constant, task
from locust.exception import StopUser


def doubled(number: int) -> int:
    result = number * 2
    return result


def debugger(*commands: str) -> pdb.Pdb:
    """One that is told these commands; `transcript` logs what it said."""
    typed = io.StringIO("".join(f"{command}\n" for command in commands))
    return pdb.Pdb(stdin=typed, stdout=io.StringIO(), nosigint=True, readrc=False)


def transcript(made: pdb.Pdb) -> None:
    said: str = made.stdout.getvalue()  # type: ignore[attr-defined]
    for line in said.splitlines():
        log(line.replace(str(Path(__file__).parent), ""))


class Stepped(HttpUser):
    abstract = True
    host = server
    wait_time = constant(0)
    turn = 0
    made: pdb.Pdb

    def on_stop(self) -> None:
        log("on_stop after", self.turn)


@scenario
def stepping_through_a_task() -> None:
    made = debugger(
        *("p self.turn", "n", "p status", "s", "n", "n", "p result", "r", "n", "p answer"),
        *("!self.turn = 5", "c"),
    )

    class Visitor(Stepped):
        @task
        def work(self) -> None:
            if self.turn:
                raise StopUser
            self.turn += 1
            made.set_trace()
            status = self.client.get("/bytes/3").status_code
            answer = doubled(status)
            log("answer", answer)

    run(Visitor)
    transcript(made)


@scenario
def breakpoints_in_nested_sets_and_hooks() -> None:
    made = debugger("p 'on_start'", "b doubled", "c", "p number", "c", "p number", "cl 1", "c")
    made.prompt = ""

    class Visitor(Stepped):
        def on_start(self) -> None:
            made.set_trace()

        @task
        class Outer(TaskSet):
            @task
            class Inner(SequentialTaskSet):
                @task
                def first(self) -> None:
                    doubled(self.client.get("/status/201").status_code)

                @task
                def second(self) -> None:
                    doubled(2)

                @task
                def third(self) -> None:
                    doubled(3)
                    raise StopUser

    run(Visitor)
    # What was typed at the breakpoint's creation has its path in it.
    transcript(made)


@scenario
def next_stays_with_its_user() -> None:
    made = debugger("n", "n", "p self.name", "n", "p self.name", "c")
    started = Event()

    class Two(Stepped):
        fixed_count = 1
        abstract = True

        @task
        def work(self) -> None:
            self.step()
            raise StopUser

        def step(self) -> None: ...

    class Debugged(Two):
        name = "debugged"

        def step(self) -> None:
            started.wait(10)
            made.set_trace()
            gevent.sleep(0)
            self.client.get("/bytes/3")
            log("debugged is done")

    class Other(Two):
        name = "other"

        def step(self) -> None:
            started.set()
            for _ in range(20):
                self.turn += doubled(self.turn)
                gevent.sleep(0)

    run(Debugged, Other, users=2)
    lines = made.stdout.getvalue()  # type: ignore[attr-defined]
    log("doubled" in lines, lines.count("'debugged'"), lines.count("'other'"))


@scenario
def quitting_a_debugger_in_a_task() -> None:
    made = debugger("q")
    reached: list[str] = []

    class Visitor(Stepped):
        @task
        def work(self) -> None:
            self.turn += 1
            if self.turn == 2:
                raise StopUser
            try:
                made.set_trace()
                self.client.get("/")
            except bdb.BdbQuit:
                reached.append("quit")
                raise

    run(Visitor)
    log(reached)


@contextmanager
def traced(events: list[tuple[str, str, int]]) -> Iterator[None]:
    """`sys.settrace` with what a coverage tool does, for the functions of this file."""

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        if frame.f_code.co_filename != __file__:
            return None
        events.append((frame.f_code.co_name, event, frame.f_lineno - frame.f_code.co_firstlineno))
        return trace

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(None)


def traced_users(events: list[tuple[str, str, int]]) -> None:
    class Visitor(Stepped):
        @task
        def work(self) -> None:
            self.turn += 1
            if self.turn > 5:
                raise StopUser
            self.client.get("/bytes/3")
            gevent.sleep(0)
            doubled(self.turn)
            if self.turn == 3:
                raise StopUser

    run(Visitor, users=3)
    counted = Counter(event for event in tuple(events) if event[0] in ("work", "doubled", "on_stop"))
    for event, count in sorted(counted.items()):
        log(count, *event)


@scenario
def every_line_is_traced() -> None:
    events: list[tuple[str, str, int]] = []
    with traced(events):
        traced_users(events)


@scenario
def every_call_is_profiled() -> None:
    events: list[tuple[str, str, int]] = []

    def profile(frame: FrameType, event: str, _argument: Any) -> None:
        if frame.f_code.co_filename == __file__ and event in ("call", "return"):
            events.append((frame.f_code.co_name, event, 0))

    sys.setprofile(profile)
    try:
        traced_users(events)
    finally:
        sys.setprofile(None)


@scenario
def lines_are_monitored() -> None:
    if sys.version_info < (3, 12):
        log("no sys.monitoring before 3.12")
        return
    events: list[tuple[str, str, int]] = []
    monitoring = sys.monitoring

    def line(code: Any, number: int) -> Any:
        if code.co_filename != __file__:
            return monitoring.DISABLE
        events.append((code.co_name, "line", number - code.co_firstlineno))
        return None

    monitoring.use_tool_id(monitoring.DEBUGGER_ID, "test")
    try:
        monitoring.register_callback(monitoring.DEBUGGER_ID, monitoring.events.LINE, line)
        monitoring.set_events(monitoring.DEBUGGER_ID, monitoring.events.LINE)
        traced_users(events)
    finally:
        monitoring.set_events(monitoring.DEBUGGER_ID, 0)
        monitoring.free_tool_id(monitoring.DEBUGGER_ID)


class Traceless(User):
    """Shows that users run as before when nobody traces any more."""

    wait_time = constant(0)

    @task
    def work(self) -> None:
        log("tracing", sys.gettrace())
        raise StopUser


@scenario
def nothing_is_left() -> None:
    run(Traceless)


if __name__ == "__main__":
    main()
