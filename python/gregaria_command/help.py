"""The text of `--help`, made from the table of options.

Layout only: it must not import the engine, gevent or a locustfile.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Callable
from typing import TextIO

from .options import GROUPS, OPTIONS, USERS, Option

USAGE = "Usage: gregaria [options] [UserClass ...]"
EXAMPLES = (
    "gregaria --headless -f my_test.py -H https://www.example.com -u 100 -t 20m",
    "gregaria --headless -u 100 -r 10 -t 50 --csv results/run BrowsingUser BuyingUser",
)
SOURCES = (
    "Every long option can also be set in locust.conf, ~/.locust.conf or the [tool.locust] table of pyproject.toml "
    "(`users = 100`), and by the environment variable shown with it. The command line wins over the environment, and "
    "that over the files."
)
_NAME_COLUMNS = 25


def render(columns: int, colour: bool) -> str:
    """The whole help text for a terminal of that many columns."""
    paint = _ansi if colour else _plain
    blocks = [paint("1", USAGE)]
    for group, description in GROUPS.items():
        options = [option for option in OPTIONS if option.group == group and _is_shown(option)]
        if not options:
            continue
        lines = [paint("1;36", f"{group}:")]
        if description:
            lines += textwrap.wrap(description, columns, initial_indent="  ", subsequent_indent="  ")
        for option in options:
            lines += _option_lines(option, columns, paint)
        blocks.append("\n".join(lines))
    blocks.append("\n".join([paint("1;36", "Examples:"), *(f"  {example}" for example in EXAMPLES)]))
    blocks.append("\n".join(textwrap.wrap(SOURCES, columns)))
    return "\n\n".join(blocks) + "\n"


def show(out: TextIO | None = None) -> None:
    """Print the help to `out` (standard output), as wide as the terminal and in colour if it is one."""
    out = out or sys.stdout
    columns = max(60, min(shutil.get_terminal_size((100, 24)).columns, 120))
    out.write(render(columns, out.isatty() and "NO_COLOR" not in os.environ))


def _is_shown(option: Option) -> bool:
    return not option.is_removed and not option.hidden


def _option_lines(option: Option, columns: int, paint: Callable[[str, str], str]) -> list[str]:
    names = option_names(option)
    help_text = option.help + _origin(option)
    body = textwrap.wrap(help_text, columns - _NAME_COLUMNS - 4, break_on_hyphens=False, break_long_words=False)
    margin = " " * (_NAME_COLUMNS + 4)
    if len(names) <= _NAME_COLUMNS:
        first = f"  {paint('32', names)}{' ' * (_NAME_COLUMNS - len(names))}  {body[0]}"
        return [first, *(margin + line for line in body[1:])]
    return [f"  {paint('32', names)}", *(margin + line for line in body)]


def option_names(option: Option) -> str:
    """All spellings of an option, with what its value is called."""
    if option.group == USERS:
        return f"[{option.metavar} ...]"
    flags = ", ".join(sorted(option.flags, key=len))
    if option.metavar is None:
        return flags
    return f"{flags} {option.metavar}{' ...' if option.kind in ('words', 'user settings') else ''}"


def _origin(option: Option) -> str:
    notes = []
    if option.default not in (None, "", "0"):
        notes.append(f"default {option.default}")
    if option.env:
        notes.append(option.env)
    return f" [{', '.join(notes)}]" if notes else ""


def _plain(_style: str, text: str) -> str:
    return text


def _ansi(style: str, text: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m"
