"""Single keys from the terminal during a run.

The terminal is put back as it was when listening ends, however it ends.
"""

from __future__ import annotations

import logging
import os
import select
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import gevent

logger = logging.getLogger("locust.input_events")

POLL_INTERVAL_S = 0.2


@contextmanager
def _single_keys(file: int) -> Iterator[None]:
    import termios
    import tty

    before = termios.tcgetattr(file)
    try:
        tty.setcbreak(file)
        yield
    finally:
        termios.tcsetattr(file, termios.TCSADRAIN, before)


def _pending_keys(file: int) -> str:
    readable, _, _ = select.select([file], [], [], 0)
    return os.read(file, 64).decode(errors="ignore") if readable else ""


def input_listener(key_to_func_map: Mapping[str, Callable[[], object]]) -> Callable[[], None]:
    """A function to spawn as a greenlet: it calls the functions of pressed keys, and ends if there is no terminal."""

    def listen() -> None:
        try:
            if not sys.stdin.isatty():
                return
            file = sys.stdin.fileno()
            with _single_keys(file):
                while True:
                    for key in _pending_keys(file):
                        key_to_func_map.get(key, _nothing)()
                    gevent.sleep(POLL_INTERVAL_S)
        except (ImportError, OSError, ValueError, AttributeError) as error:
            logger.debug("Keys are not listened to: %s", error)

    return listen


def _nothing() -> None:
    return None
