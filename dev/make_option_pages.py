"""Writes what is made from the table of options: docs/options.md, manual page, shell completions.

With --check it only says whether they are up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "python"))

from gregaria_command import completion, manual, options  # noqa: E402

WHEEL = ROOT / "wheel-data/data/share"
INTRODUCTION = """# Options

Made by `dev/make_option_pages.py` from the table in `python/gregaria_command/options.py`; edit that instead.

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


def cell(text: str) -> str:
    """Text that can stand in a table."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def rows(group: str) -> Iterator[str]:
    """The rows of one group."""
    for option in options.OPTIONS:
        if option.group != group or option.hidden or option.is_removed:
            continue
        names = ", ".join(f"`{flag}`" for flag in sorted(option.flags, key=len)) or f"`{option.metavar} ...`"
        default = f"`{option.default}`" if option.default not in (None, "") else ""
        allowed = options.ALLOWED.get(option.kind, "") if option.kind != "flag" else ""
        variables = " ".join(f"`{name}`" for name in option.variables)
        key = f"`{option.config_key}`" if option.config_key else ""
        mark = " ◆" if option.own else ""
        cells = (names + mark, cell(option.help), cell(allowed), default, key, variables)
        yield "| " + " | ".join(cells) + " |"


def page() -> str:
    """The whole reference page."""
    parts = [INTRODUCTION]
    for group, description in options.GROUPS.items():
        lines = [f"## {group}", ""]
        if description:
            lines += [description, ""]
        lines += ["| option | meaning | value | default | config key | variables |", "|---|---|---|---|---|---|"]
        parts.append("\n".join([*lines, *rows(group), ""]))
    return "\n".join(parts)


def files() -> dict[Path, str]:
    """Everything that is made, by path."""
    return {
        ROOT / "docs/options.md": page(),
        WHEEL / "man/man1/gregaria.1": manual.page(),
        WHEEL / "bash-completion/completions/gregaria": completion.script("bash"),
        WHEEL / "zsh/site-functions/_gregaria": completion.script("zsh"),
        WHEEL / "fish/vendor_completions.d/gregaria.fish": completion.script("fish"),
    }


def main() -> int:
    """Write or check."""
    made = files()
    stale = [path for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" not in sys.argv[1:]:
        for path in stale:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[path], encoding="utf-8")
        return 0
    for path in stale:
        print(
            f"{path.relative_to(ROOT)} is not what the table of options says: run dev/make_option_pages.py",
            file=sys.stderr,
        )
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
