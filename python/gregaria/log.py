"""Logging as Locust sets it up: line formats, loggers and handlers, and the note that something went unhandled.

Loggers keep Locust's names (`locust.main`, `locust.runners`, `locust.stats_logger`...), because people configure and
search for them; `gregaria` is set up like `locust` for code that names its logger after its module.
"""

from __future__ import annotations

import contextlib
import logging
import logging.config
import socket
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

HOSTNAME = socket.gethostname().split(".")[0]
LINE_FORMAT = f"[%(asctime)s] {HOSTNAME}/%(levelname)s/%(name)s: %(message)s"

# Set by greenlets and listeners that failed where nobody could catch it; makes the exit code 2.
unhandled_greenlet_exception = False


class LogReader(logging.Handler):
    """Keeps the last 500 formatted lines, for the web UI."""

    def __init__(self) -> None:
        super().__init__()
        self.logs: deque[str] = deque(maxlen=500)
        self.count = 0
        """Lines so far."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self.logs.append(self.format(record))
        self.count += 1


class LogFile(logging.FileHandler):
    """A log file. Lines that do not fit on its disk go to standard error, which is told once why; the run goes on."""

    def __init__(self, filename: str) -> None:
        super().__init__(filename)
        self.told = False
        """Whether it was said that lines do not fit."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        """Write the line to standard error if the file did not take it."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError) or sys.stderr is None:
            super().handleError(record)
            return
        line = self.format(record)
        if not self.told:
            line = f"cannot write the log file '{self.baseFilename}': {error.strerror}; lines go here\n{line}"
        self.told = True
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")


def setup_logging(loglevel: str, logfile: str | None = None) -> None:
    """Log to standard error, or to a file whose directory is made if need be; tables always go to the console."""
    handlers: dict[str, dict[str, Any]] = {
        "console": {"class": "logging.StreamHandler", "formatter": "line"},
        "console_plain": {"class": "logging.StreamHandler", "formatter": "plain"},
        "log_reader": {"()": LogReader, "formatter": "line"},
    }
    target = "console"
    if logfile:
        Path(logfile).parent.mkdir(parents=True, exist_ok=True)
        handlers["file"] = {"()": LogFile, "filename": logfile, "formatter": "line"}
        target = "file"
    program = {"handlers": [target, "log_reader"], "level": loglevel.upper(), "propagate": False}
    tables = {"handlers": ["console_plain", "log_reader"], "level": "INFO", "propagate": False}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"format": LINE_FORMAT}, "plain": {"format": "%(message)s"}},
            "handlers": handlers,
            "loggers": {
                "locust": program,
                "gregaria": program,
                "locust.stats_logger": tables,
                "gregaria.stats_logger": tables,
            },
            "root": {"handlers": [target, "log_reader"], "level": loglevel.upper()},
        }
    )


def get_logs() -> list[str]:
    """The last lines that were logged; none if logging was not set up here."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogReader):
            return list(handler.logs)
    return []


def logs_since(position: int) -> tuple[list[str], int]:
    """The lines after the first `position`, as far as they are kept, and the position after them."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogReader):
            fresh = min(handler.count - position, len(handler.logs))
            return (list(handler.logs)[-fresh:] if fresh > 0 else []), handler.count
    return [], position


def note_unhandled_exception() -> None:
    """Something failed that nobody could catch: the exit code will be 2."""
    global unhandled_greenlet_exception
    unhandled_greenlet_exception = True


def of_user_code(error: Exception) -> Exception:
    """``error`` with a traceback that begins in the user's own code, if it has any frames there."""
    package = str(Path(__file__).parent)
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code.co_filename.startswith(package):
        traceback = traceback.tb_next
    return error.with_traceback(traceback) if traceback is not None else error


def greenlet_exception_logger(logger: logging.Logger, level: int = logging.CRITICAL) -> Callable[[Any], None]:
    """A function for `greenlet.link_exception` that logs what a greenlet died of, and notes it."""

    def log_exception(greenlet: Any) -> None:
        error = greenlet.exc_info
        if isinstance(error[1], SystemExit):
            logger.log(min(logging.INFO, level), "sys.exit(%s) called (use log level DEBUG for callstack)", error[1])
            logger.debug("Unhandled exception in greenlet: %s", greenlet, exc_info=error)
        else:
            logger.log(level, "Unhandled exception in greenlet: %s", greenlet, exc_info=error)
        note_unhandled_exception()

    return log_exception
