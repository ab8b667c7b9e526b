"""Checks that a source file holds one concept: at most 500 lines before its tests, and Python functions of a screenful.

Rust functions are clippy's business (clippy.toml). Tables of data are exempt, each by name.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MOST_LINES = 500
MOST_LINES_OF_A_FUNCTION = 60
EXEMPT = {"python/gregaria_command/options.py", "python/gregaria/_engine.pyi"}
"""Files that are one table."""
SCENARIOS = "tests/differential/scripts/"
"""Scripts that are lists of scenarios, each a locustfile of its own."""


def lines_before_tests(text: str) -> int:
    """Number of lines up to the unit tests at the foot of a Rust file; all of them in other files."""
    lines = text.splitlines()
    tests = (number for number, line in enumerate(lines) if line.startswith("#[cfg(test)]"))
    return next(tests, len(lines))


def long_functions(text: str) -> Iterator[tuple[str, int]]:
    """Name and length of every function of a Python file that is too long; its docstring does not count."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        body = node.body[1:] if ast.get_docstring(node) is not None and len(node.body) > 1 else node.body
        length = (body[-1].end_lineno or 0) - body[0].lineno + 1
        if length > MOST_LINES_OF_A_FUNCTION:
            yield node.name, length


def complaints(path: str, text: str) -> Iterator[str]:
    if path in EXEMPT or path.startswith(SCENARIOS):
        return
    size = lines_before_tests(text)
    if size > MOST_LINES:
        yield f"{path}: {size} lines; at {MOST_LINES} a file wants splitting"
    if path.endswith(".py"):
        for name, length in long_functions(text):
            yield f"{path}: {name} has {length} lines; a function has at most {MOST_LINES_OF_A_FUNCTION}"


def main() -> int:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.rs", "*.py", "*.pyi"]
    paths = [path for path in subprocess.check_output(command, text=True).splitlines() if Path(path).exists()]
    found = [sentence for path in paths for sentence in complaints(path, Path(path).read_text())]
    for sentence in found:
        print(sentence, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
