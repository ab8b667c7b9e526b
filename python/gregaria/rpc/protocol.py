"""What nodes send to each other."""

from __future__ import annotations

from typing import Any


class Message:
    """A message of a type, with data, from or to a node."""

    def __init__(self, message_type: str, data: Any, node_id: str | None) -> None:
        self.type = message_type
        self.data = data
        self.node_id = node_id

    def __repr__(self) -> str:
        return f"<Message {self.type}:{self.node_id}>"
