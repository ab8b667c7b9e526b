"""Messages between the nodes of a test."""

from .protocol import Message as Message

__all__ = ["Message"]
