"""The version, where build tools put it in Locust."""

from __future__ import annotations

from . import _engine

__version__ = version = _engine.__version__
version_tuple = __version_tuple__ = tuple(int(part) if part.isdigit() else part for part in version.split("."))
commit_id = __commit_id__ = None
