"""What a worker has measured and could not hand over: kept in a file, so that it is not lost with the process."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._engine import WorkerLink

logger = logging.getLogger("locust.runners")


def keep_unsent(link: WorkerLink, client_id: str) -> Path | None:
    """Write the reports that no master has confirmed into `gregaria-unsent-<worker>.msgpack`, one after another."""
    reports = link.unconfirmed(wait_s=1.0)
    if not reports:
        return None
    path = Path(f"gregaria-unsent-{client_id}.msgpack")
    try:
        path.write_bytes(b"".join(reports))
    except OSError as error:
        logger.error(
            "%d reports were not confirmed by the master, and cannot be kept in %s: %s", len(reports), path, error
        )
        return None
    logger.warning("%d reports were not confirmed by the master; they are in %s", len(reports), path.absolute())
    return path
