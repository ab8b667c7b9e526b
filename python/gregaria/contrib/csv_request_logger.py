"""`CsvRequestLogger`: a CSV file with one line for each request, for analyses that need more than totals.

logger = CsvRequestLogger("requests.csv")

@events.init.add_listener
def register(environment, **_):
    logger.register(environment)
"""

from __future__ import annotations

import csv
import logging
import time
from pathlib import Path
from typing import Any, TextIO

logger = logging.getLogger(__name__)

CSV_COLUMNS = (
    "timestamp",
    "request_type",
    "name",
    "response_time_ms",
    "response_length",
    "status_code",
    "exception",
)
"""The header: seconds since the epoch, type, name, milliseconds, bytes, status (0 without one), text of the failure."""


class CsvRequestLogger:
    """Writes to ``filepath``, which is begun anew, and flushes every ``flush_interval`` lines."""

    def __init__(self, filepath: str, *, flush_interval: int = 1) -> None:
        self.filepath = filepath
        self.flush_interval = max(1, flush_interval)
        self._file: TextIO | None = None
        self._writer: Any = None
        self._unflushed = 0

    def register(self, environment: Any) -> None:
        """Begin the file and listen to an environment's requests, until it quits."""
        environment.events.request.add_listener(self._on_request)
        environment.events.quitting.add_listener(self._on_quitting)
        self._open()
        logger.debug("One line for each request goes to %s", self.filepath)

    def close(self) -> None:
        """Close the file. May be called again."""
        if self._file is not None:
            self._file.close()
        self._file = self._writer = None
        self._unflushed = 0

    def _open(self) -> None:
        self.close()
        self._file = Path(self.filepath).open("w", newline="", encoding="utf-8")  # noqa: SIM115
        self._writer = csv.writer(self._file)
        self._writer.writerow(CSV_COLUMNS)
        self._file.flush()

    def _on_request(
        self,
        *,
        request_type: str,
        name: str,
        response_time: float | None,
        response_length: int,
        exception: Any = None,
        response: Any = None,
        start_time: float | None = None,
        **_: Any,
    ) -> None:
        if self._writer is None or self._file is None:
            return
        self._writer.writerow(
            (
                round(time.time() if start_time is None else start_time, 6),
                request_type,
                name,
                "" if response_time is None else round(response_time, 2),
                response_length,
                _status_code(response),
                "" if exception is None else str(exception),
            )
        )
        self._unflushed += 1
        if self._unflushed >= self.flush_interval:
            self._file.flush()
            self._unflushed = 0

    def _on_quitting(self, **_: Any) -> None:
        self.close()


def _status_code(response: Any) -> int:
    try:
        return int(response.status_code)
    except (AttributeError, TypeError, ValueError):
        return 0
