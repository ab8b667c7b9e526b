"""Texts that people read, kept as plain files in tests/snapshots. `UPDATE_SNAPSHOTS=1 pytest ...` writes them anew;
look at the difference before it is committed."""

import difflib
import os
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "snapshots"


def check(name: str, text: str) -> None:
    """Hold a text against its file."""
    path = FOLDER / name
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    stored = path.read_text(encoding="utf-8") if path.exists() else ""
    if stored != text:
        changes = difflib.unified_diff(stored.splitlines(), text.splitlines(), name, "now", lineterm="")
        raise AssertionError("\n".join([f"UPDATE_SNAPSHOTS=1 takes this over into {path}:", *changes]))
