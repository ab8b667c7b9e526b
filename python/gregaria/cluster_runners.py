"""The runners of clusters by name, for modules that have them under Locust: a run in one process never loads them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

HOMES = {"MasterRunner": "gregaria.distributed.master", "WorkerRunner": "gregaria.distributed.worker"}


def on_demand(namespace: dict[str, Any]) -> tuple[Callable[[], list[str]], Callable[[str], Any]]:
    """`__dir__` and `__getattr__` of a module, with the runners beside what the module has itself."""

    def names() -> list[str]:
        return sorted({*namespace, *HOMES})

    def find(name: str) -> Any:
        if name in HOMES:
            return getattr(importlib.import_module(HOMES[name]), name)
        raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")

    return names, find
