"""The hub's side of a link: waits until the link has something to tell, and has it done."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import gevent
from gevent.socket import wait_read

from ..rpc import Message

if TYPE_CHECKING:
    from ..env import Environment

logger = logging.getLogger("locust.runners")

LOCUST_VERSION = "2.47.0"
"""The version of Locust whose protocol is spoken."""


class Link(Protocol):
    """What `MasterLink` and `WorkerLink` have in common."""

    def fileno(self) -> int:
        """Readable when there is something to take."""

    def take(self) -> list[tuple[str, Any]]:
        """What has come in: verbs and what they are about."""


def follow(link: Link, act: Callable[[str, Any], None]) -> None:
    """For a greenlet: do whatever the link tells, in its order, until killed."""
    while True:
        wait_read(link.fileno())
        for verb, about in link.take():
            if verb == "log":
                level, text = about
                logger.log(level, text)
            else:
                act(verb, about)


def call_listener(
    environment: Environment,
    listeners: dict[str, tuple[Callable[..., Any], bool]],
    message: Message,
    sender: str,
) -> None:
    """Hand a custom message to whoever registered for its type."""
    if message.type not in listeners:
        logger.warning("Unknown message type received%s: %s", sender, message.type)
        return
    listener, concurrent = listeners[message.type]
    logger.debug("Received %s message%s", message.type, sender)

    def call() -> None:
        try:
            listener(environment=environment, msg=message)
        except Exception:
            logging.error("Uncaught exception in handler for %s\n%s", message.type, traceback.format_exc())

    if concurrent:
        gevent.spawn(call)
    else:
        call()
