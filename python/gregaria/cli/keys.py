"""What single keys do during a run: users more or fewer, the web UI in a browser."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

KEY_SPAWN_RATE = 100


def bindings(runner: Any, url: str | None) -> dict[str, Callable[[], object]]:
    """Functions by key: `w` and `W` start 1 and 10 users, `s` and `S` stop so many, Enter opens the web UI."""

    def change(by: int) -> Callable[[], object]:
        return lambda: _change_users(runner, by)

    keys: dict[str, Callable[[], object]] = {"w": change(1), "W": change(10), "s": change(-1), "S": change(-10)}
    if url:
        keys["\r"] = keys["\n"] = lambda: _open(url)
    return keys


def _open(url: str) -> None:
    import webbrowser

    webbrowser.open_new_tab(url)


def _change_users(runner: Any, by: int) -> None:
    if runner.state == "spawning":
        logging.warning(
            "Already spawning users, can't spawn more right now" if by > 0 else "Spawning users, can't stop right now"
        )
        return
    runner.start(max(0, runner.user_count + by), KEY_SPAWN_RATE)
