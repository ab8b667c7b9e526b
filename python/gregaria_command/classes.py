"""Names of the user classes in a locustfile, for completion in shells: read from its text, so nothing of it is run.

What is imported from elsewhere and only renamed is not found; that is what `gregaria --list` is for.
"""

from __future__ import annotations

import ast
from pathlib import Path


def user_classes(locustfiles: str) -> list[str]:
    """Classes that look like users, in the files or folders with commas between them. Never fails."""
    names: list[str] = []
    for place in locustfiles.split(","):
        path = Path(place.strip() or "locustfile.py")
        files = sorted(path.rglob("[!_]*.py")) if path.is_dir() else [path]
        for file in files:
            names += _in_file(file)
    return list(dict.fromkeys(names))


def _in_file(path: Path) -> list[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    users: dict[str, bool] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(_is_user(base, users) for base in node.bases):
            users[node.name] = not _is_abstract(node)
    return [name for name, concrete in users.items() if concrete]


def _is_user(base: ast.expr, users: dict[str, bool]) -> bool:
    name = base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""
    return name in users or name.endswith("User")


def _is_abstract(node: ast.ClassDef) -> bool:
    for statement in node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
            if "abstract" in names and statement.value.value is True:
                return True
    return False
