"""Writes docs/options.md from the table of options; with --check, only says whether the page is up to date."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/options.md"
INTRODUCTION = """# Options

Made by `dev/make_options_page.py` from the table in `python/gregaria_command/options.py`; edit that instead.

Every long option can be set on the command line, by an environment variable, and in a configuration file. Places that
win come first:

1. the command line;
2. the environment, `GREGARIA_...` before `LOCUST_...`;
3. the file that `--config` names;
4. `pyproject.toml` in the working directory, table `[tool.gregaria]` before `[tool.locust]`;
5. `gregaria.conf`, then `locust.conf`, in the working directory;
6. `~/.gregaria.conf`, then `~/.locust.conf`.

Files are `key = value` lines (`#` and `;` begin comments, `[sections]` are passed over), or TOML if their name ends in
`.toml`. Flags take `true`, `yes`, `on`, `1` and `false`, `no`, `off`, `0`. Lists are written `[a, b]`. A key that no
option has is an error; the options that a locustfile adds count.

Options marked ◆ are not Locust's. They cannot be abbreviated, and if a locustfile has one of the same name, ours is
still there as `--gregaria-<name>`.
"""


def table() -> Any:
    """The module with the table, loaded without the package, which may not be built."""
    path = ROOT / "python/gregaria_command/options.py"
    spec = importlib.util.spec_from_file_location("options", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["options"] = module
    spec.loader.exec_module(module)
    return module


def cell(text: str) -> str:
    """Text that can stand in a table."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def rows(options: Any, group: str) -> Iterator[str]:
    """The rows of one group."""
    for option in options.OPTIONS:
        if option.group != group or option.hidden or option.status == "removed":
            continue
        names = ", ".join(f"`{flag}`" for flag in sorted(option.flags, key=len)) or f"`{option.metavar} ...`"
        later = f" **Not yet**: {option.later}." if option.later else ""
        default = f"`{option.default}`" if option.default not in (None, "") else ""
        allowed = options.ALLOWED.get(option.kind, "") if option.kind != "flag" else ""
        variables = " ".join(f"`{name}`" for name in option.variables)
        key = f"`{option.config_key}`" if option.config_key else ""
        mark = " ◆" if option.own else ""
        cells = (names + mark, cell(option.help) + later, cell(allowed), default, key, variables)
        yield "| " + " | ".join(cells) + " |"


def page() -> str:
    """The whole page."""
    options = table()
    parts = [INTRODUCTION]
    for group, description in options.GROUPS.items():
        lines = [f"## {group}", ""]
        if description:
            lines += [description, ""]
        lines += ["| option | meaning | value | default | config key | variables |", "|---|---|---|---|---|---|"]
        parts.append("\n".join([*lines, *rows(options, group), ""]))
    return "\n".join(parts)


def main() -> int:
    """Write or check."""
    wanted = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(wanted, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == wanted:
        return 0
    print("docs/options.md is not what the table of options says: run dev/make_options_page.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
