"""What an output is, and how all of them are opened and finished.

    open (files made; what cannot be written ends the program) ─ begin ─ … the test … ─ finish (once, in order)

One output that fails never takes another with it: its error is logged and the rest go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import gevent

from gregaria import log
from gregaria.locustfile import complain

from .verdict import Outcome

logger = logging.getLogger("locust.main")


class Output(Protocol):
    """Somebody who is told about the run."""

    name: str
    """For messages: "the CSV files"."""

    def open(self) -> None:
        """Before anything runs: take hold of what is written to. OSError ends the program with its reason."""

    def begin(self) -> None:
        """The test is about to start: greenlets that follow it may be spawned."""

    def finish(self, outcome: Outcome) -> None:
        """The test is over, its figures are final: write the rest, and close."""


class Outputs:
    """The outputs of one run."""

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._open = list(outputs)

    def find(self, kind: type) -> Any:
        """The first output of this class, or None."""
        return next((output for output in self._open if isinstance(output, kind)), None)

    def open(self) -> None:
        """Open all, or say which cannot be opened and exit."""
        for output in self._open:
            try:
                output.open()
            except OSError as error:
                where = f" '{error.filename}'" if error.filename else ""
                complain(f"gregaria: error: cannot write {output.name}{where}: {error.strerror or error}")

    def begin(self) -> None:
        """Tell all that the test is about to start."""
        for output in self._open:
            output.begin()

    def finish(self, outcome: Outcome) -> None:
        """Tell all that it is over; a second call finds nobody left."""
        while self._open:
            output = self._open.pop(0)
            try:
                output.finish(outcome)
            except Exception as error:
                reason = getattr(error, "strerror", None) or str(error)
                logger.error("Could not write %s: %s", output.name, reason, exc_info=not isinstance(error, OSError))


def follow(function: Callable[..., object], *args: Any) -> gevent.Greenlet[..., Any]:
    """A greenlet beside the test, whose death is logged."""
    greenlet = gevent.spawn(function, *args)
    greenlet.link_exception(log.greenlet_exception_logger(logger))
    return greenlet


class FileAtEnd:
    """Base of outputs that are one file, written when the figures are final."""

    name = "the file"

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def open(self) -> None:
        """Make the folders, and see that the file can be written; what is in it stays until the end."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.open("a", encoding="utf-8").close()

    def begin(self) -> None:
        """Nothing happens during the test."""

    def finish(self, outcome: Outcome) -> None:
        """Write it."""
        self.path.write_text(self.text(outcome), encoding="utf-8")

    def text(self, outcome: Outcome) -> str:
        """The whole content."""
        raise NotImplementedError
