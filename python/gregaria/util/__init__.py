"""Small things of general use, each in a module of its own, which are imported when they are first asked for."""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = (
    "cache",
    "date",
    "deprecation",
    "directory",
    "exception_handler",
    "load_locustfile",
    "rounding",
    "timespan",
    "url",
)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
