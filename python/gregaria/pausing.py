"""Pause and resume of a test: `Pausing`, what runners have of it, and `RunClock`, which stands still meanwhile.

    running ─ pause ─> users finish their task and begin no other; waits, ramp, shape and run time stand still
                     └ resume ─> everything goes on where it was

The state of the runner stays what it was; `paused` says the rest.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event

from . import _engine
from .exception import CannotPauseError

if TYPE_CHECKING:
    from .env import Environment

logger = logging.getLogger("locust.runners")

MOST_MARKS = 1_000


class RunClock:
    """A clock that stands still while the test is paused."""

    def __init__(self) -> None:
        self.gate = Event()
        """Set unless the test is paused."""
        self.gate.set()
        self.due: float | None = None
        """When the test will be ended, by this clock; None if nothing but a person ends it."""
        self._stopped_at = 0.0
        self._lost = 0.0

    @property
    def stands(self) -> bool:
        """Whether the test is paused."""
        return not self.gate.is_set()

    def stop(self) -> None:
        """The test is paused."""
        self._stopped_at = time.perf_counter()
        self.gate.clear()

    def go_on(self) -> float:
        """The test goes on; how many seconds it stood still."""
        lost = time.perf_counter() - self._stopped_at
        self._lost += lost
        self.gate.set()
        return lost

    def now(self) -> float:
        """Seconds, from any moment on."""
        return (self._stopped_at if self.stands else time.perf_counter()) - self._lost

    @property
    def ends(self) -> float | None:
        """When the test will be ended if it is not paused until then, since the epoch."""
        return None if self.due is None else time.time() + self.due - self.now()

    def later(self, seconds: float, function: Callable[..., Any], *args: Any) -> gevent.Greenlet[..., Any]:
        """Call `function` in a greenlet after so many seconds of this clock."""
        end = self.now() + seconds
        gevent.get_hub().loop.update_now()  # timers count from the loop's own, possibly old, idea of now
        return gevent.spawn_later(seconds, self._when_due, end, function, args)

    def _when_due(self, end: float, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        while self.stands or self.now() < end:
            self.gate.wait()
            gevent.sleep(max(0.0, end - self.now()))
        function(*args)


class Pausing:
    """The part of a runner that holds a test and lets it go on."""

    environment: Environment
    shape_greenlet: gevent.Greenlet[..., Any] | None
    state: str

    def __init__(self) -> None:
        self.clock = RunClock()
        """Counts the run time, without pauses."""
        self.marks: list[tuple[float, str]] = []
        """What happened during the test, with the time: the report marks it."""

    @property
    def paused(self) -> bool:
        """Whether the test is paused. Its state stays what it was."""
        return self.clock.stands

    def pause(self) -> None:
        """Hold the test: users finish their task and begin no other; waits, ramp, shape and run time stand still.

        All users of this process are held. `CannotPauseError` if no test runs, or nodes cannot do it. Nothing happens
        if the test is paused already.
        """
        if self.paused:
            return
        if self.state not in ("spawning", "running"):
            raise CannotPauseError("no test runs that could be paused")
        self._check_pause()
        self.clock.stop()
        self._hold_users(True)
        self._mark("paused")
        logger.info("The test is paused")

    def resume(self) -> None:
        """Let a paused test go on; nothing happens if it is not paused."""
        if not self.paused:
            return
        seconds = self._lift_pause()
        self._hold_users(False)
        self._mark(f"resumed after {seconds:.0f} s")
        logger.info("The test goes on after %.1f s", seconds)

    def _lift_pause(self) -> float:
        seconds = self.clock.go_on()
        shape = self.environment.shape_class
        if self.shape_greenlet is not None and shape is not None and hasattr(shape, "start_time"):
            shape.start_time += seconds
        return seconds

    def _end_pause_with_test(self) -> None:
        if self.paused:
            self._lift_pause()
            self._release_users()

    def _check_pause(self) -> None:
        """`CannotPauseError` if something else is in the way."""

    def _hold_users(self, hold: bool) -> None:
        """Have all users held, or not any more."""
        if hold:
            _engine.pause_users(self.clock.gate)
        else:
            _engine.resume_users()

    def _release_users(self) -> None:
        """The test is over: nobody is held any more."""
        self._hold_users(False)

    def _mark(self, text: str) -> None:
        if self.state in ("running", "spawning") and len(self.marks) < MOST_MARKS:
            self.marks.append((time.time(), text))
