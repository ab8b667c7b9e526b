"""Exceptions that locustfiles raise and catch."""

from __future__ import annotations

from typing import Any


class LocustError(Exception):
    """Base class of errors in the use of the API."""


class ResponseError(Exception):
    """Raised in the ``with`` block of a response: the request counts as a failure, and the block is left quietly."""


class CatchResponseError(Exception):
    """What ``response.failure("text")`` records."""


class MissingWaitTimeError(LocustError):
    """Neither the user nor the task set says how long to wait."""


class InterruptTaskSet(Exception):
    """Leave the current task set. The set above goes on at once, or after its wait if not ``reschedule``."""

    def __init__(self, reschedule: bool = True) -> None:
        self.reschedule = reschedule


class StopTest(Exception):
    """Raised in a user's constructor: stop the whole test."""


class StopUser(Exception):
    """End this user."""


class RescheduleTask(Exception):
    """Leave the current task; the next one comes after the wait."""


class RescheduleTaskImmediately(Exception):
    """Leave the current task; the next one comes at once."""


class RPCError(Exception):
    """Something is wrong with the link between master and worker."""


class RPCSendError(Exception):
    """A message could not be sent."""


class RPCReceiveError(Exception):
    """A message could not be received or read; ``addr`` is its sender, where known."""

    def __init__(self, *args: Any, addr: str | None = None) -> None:
        super().__init__(*args)
        self.addr = addr


class RunnerAlreadyExistsError(Exception):
    """An environment has one runner at the most."""


class CannotPauseError(Exception):
    """The test cannot be paused; the text says why."""
