"""SIGINT and SIGTERM during a run: the first asks for an orderly end, one more ends the process at once.

Plain Python handlers, not gevent's: they also run while a task keeps the hub busy without ever yielding.

    signal ──> stop(name): users get their stop-timeout, tables, exit code
               signal ──> at_once(): tables of what was measured, os._exit(128 + number)
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType

import gevent

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Keeps the two signals for the length of a run."""

    def __init__(self, stop: Callable[[str], object], at_once: Callable[[int], object]) -> None:
        self._stop = stop
        self._at_once = at_once
        self.ending = False

    def install(self, numbers: Sequence[signal.Signals] = SIGNALS) -> None:
        """Take the signals over; from the main thread only."""
        for number in numbers:
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if not self.ending:
            self.ending = True
            gevent.get_hub().loop.run_callback_threadsafe(self._stop, signal.Signals(number).name)
            return
        for other in SIGNALS:
            signal.signal(other, signal.SIG_DFL)
        try:
            self._at_once(128 + number)
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(128 + number)
