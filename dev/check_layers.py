"""Checks who may import whom among the crates, over `cargo metadata`; the arrows are drawn in ARCHITECTURE.md.

Knows the rules and nothing else: a new crate or a new arrow is a line in one of the tables below.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

PREFIX = "gregaria-"

ARROWS: dict[str, set[str]] = {
    "users": set(),
    "stats": set(),
    "http": {"stats"},
    "sinks": {"stats", "webui"},
    "cluster": {"stats"},
    "web": {"users", "stats", "sinks", "webui"},
    "python": {"users", "http", "stats", "sinks", "cluster", "web", "webui"},
    "testkit": set(),
    "webui": set(),
}
"""Crate of ours: the crates of ours that it may depend on."""

DEVELOPMENT_ONLY = {"testkit"}
"""Crates of ours that every other may use in its tests, and none in what ships."""

KEPT_TO: dict[str, set[str]] = {
    "pyo3": {"python"},
    "mio": {"http"},
    "ratatui": {"sinks"},
    "rusqlite": {"sinks"},
    "rustls": {"http", "testkit", "web"},
    "axum": {"web"},
}
"""Crate from outside: the crates of ours that may depend on it."""


def violations(metadata: dict[str, Any]) -> Iterator[str]:
    """Sentences about every dependency in the output of `cargo metadata --no-deps` that breaks a rule."""
    for package in metadata["packages"]:
        name = package["name"].removeprefix(PREFIX)
        if name not in ARROWS:
            yield f"crate {package['name']} has no row in ARROWS of dev/check_layers.py"
            continue
        for dependency in package["dependencies"]:
            complaint = _complaint(name, dependency["name"], for_tests=dependency["kind"] == "dev")
            if complaint:
                yield complaint


def _complaint(crate: str, dependency: str, *, for_tests: bool) -> str | None:
    ours = dependency.removeprefix(PREFIX)
    if dependency.startswith(PREFIX):
        if for_tests and ours in DEVELOPMENT_ONLY:
            return None
        if ours in ARROWS[crate]:
            return None
        allowed = ", ".join(sorted(ARROWS[crate])) or "nothing of ours"
        return f"{crate} depends on {ours}; it may depend on {allowed}"
    owners = KEPT_TO.get(dependency)
    if owners is not None and crate not in owners:
        return f"{crate} depends on {dependency}, which only {', '.join(sorted(owners))} may"
    return None


def main() -> int:
    command = ["cargo", "metadata", "--no-deps", "--locked", "--format-version", "1"]
    found = list(violations(json.loads(subprocess.check_output(command))))
    for sentence in found:
        print(sentence, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
