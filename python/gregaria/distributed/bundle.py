"""A project on its way to workers started with `-f -`: the locustfiles, modules of yours that they import, data.

    master: what has been imported from the project, files of feeds, --bundle ─> paths and contents, with a digest
    worker: checked (digest, names, sizes) ─> a folder of its own, which becomes the working directory

Only between our own nodes; Locust's get the locustfiles alone.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

MOST_BYTES = 64 << 20
"""Of all files together."""
REQUIREMENTS = "requirements.txt"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class BundleError(Exception):
    """A project that cannot be sent or taken, for a reason to be shown to a person."""


def pack(locustfiles: Iterable[str], extra: Iterable[str] = ()) -> dict[str, Any]:
    """The project of these locustfiles. `extra`: patterns of further files, from the project's folder."""
    paths = [Path(name).resolve() for name in locustfiles]
    root = _root(paths)
    files = {*paths, *_imported(root), *_feeds(root), *_matching(root, extra)}
    if (root / REQUIREMENTS).is_file():
        files.add(root / REQUIREMENTS)
    contents: dict[str, bytes] = {}
    total = 0
    for path in sorted(files):
        if not path.is_relative_to(root):
            raise BundleError(f"{path} is not below {root} and cannot be sent with the project")
        content = path.read_bytes()
        total += len(content)
        if total > MOST_BYTES:
            raise BundleError(f"the project is larger than {MOST_BYTES >> 20} MiB; send less of it (--bundle)")
        contents[path.relative_to(root).as_posix()] = content
    return {
        "digest": digest_of(contents),
        "files": {name: zlib.compress(content) for name, content in contents.items()},
        "locustfiles": [path.relative_to(root).as_posix() for path in paths],
    }


def _root(locustfiles: list[Path]) -> Path:
    """The working directory if everything is below it, so that relative names of data files stay right."""
    folder = Path.cwd().resolve()
    if all(path.is_relative_to(folder) for path in locustfiles):
        return folder
    return Path(os.path.commonpath([path.parent for path in locustfiles]))


def _imported(root: Path) -> Iterator[Path]:
    """Source files of modules that have been imported from the project; what is installed is not the project's."""
    for module in list(sys.modules.values()):
        name = getattr(module, "__file__", None)
        if not name or not name.endswith(".py"):
            continue
        path = Path(name).resolve()
        if path.is_relative_to(root) and not {"site-packages", "dist-packages"} & set(path.parts):
            yield path


def _feeds(root: Path) -> Iterator[Path]:
    from ..feed import all_feeds

    return (path for feed in all_feeds() if (path := feed.path.resolve()).is_relative_to(root))


def _matching(root: Path, patterns: Iterable[str]) -> Iterator[Path]:
    for pattern in patterns:
        found = [path.resolve() for path in root.glob(pattern) if path.is_file()]
        if not found:
            raise BundleError(f"--bundle: there is no file like {pattern} below {root}")
        yield from found


def digest_of(contents: dict[str, bytes]) -> str:
    """What names and contents together are known by."""
    digest = hashlib.sha256()
    for name, content in sorted(contents.items()):
        for part in (name.encode(), content):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def unpack(bundle: dict[str, Any]) -> tuple[Path, list[str]]:
    """Writes a bundle into a new folder; the folder, and the paths of the locustfiles in it.

    `BundleError` for one that is broken, too large, or wants to write elsewhere.
    """
    contents: dict[str, bytes] = {}
    left = MOST_BYTES
    for name, packed in dict(bundle["files"]).items():
        inflater = zlib.decompressobj()
        try:
            contents[_checked(name)] = inflater.decompress(packed, left + 1)
        except (zlib.error, TypeError) as error:
            raise BundleError(f"{name} arrived broken: {error}") from None
        left -= len(contents[name])
        if left < 0:
            raise BundleError(f"the project is larger than {MOST_BYTES >> 20} MiB")
    if digest_of(contents) != bundle["digest"]:
        raise BundleError("the project is not what its digest says")
    folder = Path(tempfile.mkdtemp(prefix="gregaria-project-"))
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    if missing := missing_requirements(contents.get(REQUIREMENTS, b"").decode("utf-8", "replace")):
        raise BundleError(
            f"the project needs what is not installed here: {', '.join(missing)}. "
            f"Install it with: pip install -r {folder / REQUIREMENTS}"
        )
    return folder, [str(folder / _checked(name)) for name in bundle["locustfiles"]]


def _checked(name: Any) -> str:
    """A relative path that stays where it belongs."""
    path = PurePosixPath(name) if isinstance(name, str) else None
    if path is None or path.is_absolute() or ".." in path.parts or not path.parts or "\\" in name or "\0" in name:
        raise BundleError(f"the project has a file with the name {name!r}, which cannot be")
    return str(path)


def missing_requirements(text: str) -> list[str]:
    """Names in a requirements file that are not installed; versions, options and URLs are not looked at."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    names = (match[0] for line in lines if line and "://" not in line and (match := NAME.match(line)))
    return [name for name in names if not _is_installed(name)]


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version("gregaria" if name.lower() == "locust" else name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
