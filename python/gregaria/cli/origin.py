"""Where the value of an option came from: the command line, an environment variable, or a line of a file.

Asked only when something is wrong, so files are read again rather than remembered.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ON_COMMAND_LINE = "given on the command line"
_FILE = "config_file|"


def origin_of(parser: Any, action: argparse.Action) -> str:
    """A phrase for the end of a message: "from environment variable LOCUST_USERS"."""
    for source, key in _settings(parser):
        if key is not None and _known(parser, source, key) is action:
            return _phrase(parser, source, key)
    return ON_COMMAND_LINE


def origin_of_unknown(parser: Any, argument: str) -> tuple[str, str] | None:
    """Key and phrase for `--key=value` that a file said and no option knows; None if it is not from a file."""
    for source, key in _settings(parser):
        if key is None or _known(parser, source, key) is not None:
            continue
        if argument.split("=", 1)[0] in (key, f"--{key}"):
            return key, _phrase(parser, source, key)
    return None


def line_of(path: str, key: str) -> int | None:
    """The number of the line that sets this key; the last one that does, as that is the one which counts."""
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    pattern = re.compile(rf"\s*[\"']?(--)?{re.escape(key.removeprefix('--'))}[\"']?\s*([:=\s]|$)")
    numbers = [number for number, line in _lines_that_count(path, lines) if pattern.match(line)]
    return numbers[-1] if numbers else None


def in_file(path: str, key: str) -> str:
    """The phrase for a key of a file."""
    line = line_of(path, key)
    return f"from configuration file {path}" + (f", line {line}" if line else "")


def _lines_that_count(path: str, lines: list[str]) -> Iterator[tuple[int, str]]:
    table_counts = not path.endswith(".toml")
    for number, line in enumerate(lines, 1):
        if path.endswith(".toml") and (header := re.match(r"\s*\[+\s*([^]]+?)\s*\]+", line)):
            table_counts = header[1] in ("tool.locust", "tool.gregaria")
        elif table_counts:
            yield number, line


def _settings(parser: Any) -> Iterator[tuple[str, str | None]]:
    for source, settings in getattr(parser, "_source_to_settings", {}).items():
        for key in settings:
            yield source, key or None


def _known(parser: Any, source: str, key: str) -> argparse.Action | None:
    action: argparse.Action | None = parser._source_to_settings[source][key][0]
    return action


def _phrase(parser: Any, source: str, key: str) -> str:
    if source == "environment_variables":
        return f"from environment variable {parser.variable_behind(key)}"
    if source.startswith(_FILE):
        return in_file(source.removeprefix(_FILE), key)
    return ON_COMMAND_LINE
