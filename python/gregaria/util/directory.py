"""Finding files below a directory."""

from __future__ import annotations

import os
from pathlib import Path


def get_abspaths_in(path: str, extension: str | None = None) -> list[str]:
    """Absolute paths, sorted, of all files below `path` with that ending whose name does not start with `_`."""
    return sorted(
        os.path.normpath(Path.cwd() / file)
        for file in Path(path).rglob(f"*{extension or ''}")
        if file.is_file() and not file.name.startswith("_")
    )
