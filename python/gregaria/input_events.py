"""Single keys from the terminal during a run.

The terminal is put back as it was when listening ends, however it ends.
"""

from __future__ import annotations

import logging
import os
import select
import sys
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import gevent

logger = logging.getLogger("locust.input_events")

POLL_INTERVAL_S = 0.2


class InitError(Exception):
    """There is no terminal to listen to."""


class KeyPoller(Protocol):
    """Gives keys, one at a time, without waiting."""

    def poll(self) -> str | None:
        """The next key that was pressed, if there is one."""

    def cleanup(self) -> None:
        """Leave the terminal as it was."""


class UnixKeyPoller:
    """Keys of a terminal whose line mode is switched off meanwhile."""

    def __init__(self) -> None:
        try:
            import termios
            import tty

            if not sys.stdin.isatty():
                raise InitError("standard input is no terminal")
            self._file = sys.stdin.fileno()
            self._before = termios.tcgetattr(self._file)
            tty.setcbreak(self._file)
        except (ImportError, OSError, ValueError, AttributeError) as error:
            raise InitError(f"no keys can be read: {error}") from error
        self._pending: deque[str] = deque()

    def poll(self) -> str | None:
        """The next key that was pressed, if there is one."""
        if not self._pending and select.select([self._file], [], [], 0)[0]:
            self._pending.extend(os.read(self._file, 64).decode(errors="ignore"))
        return self._pending.popleft() if self._pending else None

    def cleanup(self) -> None:
        """Leave the terminal as it was."""
        import termios

        termios.tcsetattr(self._file, termios.TCSADRAIN, self._before)


class WindowsKeyPoller:
    """Keys of a Windows console."""

    def __init__(self) -> None:
        try:
            import msvcrt
        except ImportError as error:
            raise InitError(f"no keys can be read: {error}") from error
        if not (sys.stdin and sys.stdin.isatty()):
            raise InitError("standard input is no terminal")
        self._console: Any = msvcrt

    def poll(self) -> str | None:
        """The next key that was pressed, if there is one."""
        return self._console.getwch() if self._console.kbhit() else None

    def cleanup(self) -> None:
        """The console was not changed."""


def get_poller() -> KeyPoller:
    """Keys as this system gives them; `InitError` if there is no terminal."""
    return WindowsKeyPoller() if os.name == "nt" else UnixKeyPoller()


def input_listener(key_to_func_map: Mapping[str, Callable[[], object]]) -> Callable[[], None]:
    """A function to spawn as a greenlet: it calls the functions of pressed keys, and ends if there is no terminal."""

    def listen() -> None:
        try:
            poller = get_poller()
        except InitError as error:
            logger.debug("Keys are not listened to: %s", error)
            return
        try:
            while True:
                while key := poller.poll():
                    key_to_func_map.get(key, _nothing)()
                gevent.sleep(POLL_INTERVAL_S)
        except (OSError, ValueError) as error:
            logger.debug("Keys are no longer listened to: %s", error)
        finally:
            poller.cleanup()

    return listen


def _nothing() -> None:
    return None
