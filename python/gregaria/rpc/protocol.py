"""What nodes send to each other, and as which bytes: msgpack, with dates and MongoDB's object ids as marked maps."""

from __future__ import annotations

import datetime
import functools
import sys
from typing import Any

_DATE_FORMAT = "%Y%m%dT%H:%M:%S.%f"


def __getattr__(name: str) -> Any:
    """bson, which is large, is loaded when somebody needs it."""
    if name == "ObjectId":
        return _object_id()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@functools.cache
def _object_id() -> type:
    try:
        from bson import ObjectId
    except ImportError:

        class ObjectId:  # type: ignore[no-redef]
            """Stands for bson's class where that is not installed, and cannot be made."""

            def __init__(self, s: object) -> None:
                raise Exception(f"an ObjectId ({s}) was sent or received, which needs the package pymongo (or bson)")

    return ObjectId


def encode(obj: Any) -> Any:
    """What msgpack does not know, as something that it knows; anything else as it is."""
    if isinstance(obj, datetime.datetime):
        return {"__datetime__": True, "as_str": obj.strftime(_DATE_FORMAT)}
    # Nobody has one who has not loaded bson.
    if "bson" in sys.modules and isinstance(obj, _object_id()):
        return {"__ObjectId__": True, "as_str": str(obj)}
    return obj


def decode(obj: dict[Any, Any]) -> Any:
    """What `encode` gave back as what it was; any other map as it is."""
    if "__datetime__" in obj:
        return datetime.datetime.strptime(obj["as_str"], _DATE_FORMAT)
    if "__ObjectId__" in obj:
        return _object_id()(obj["as_str"])
    return obj


class Message:
    """A message of a type, with data, from or to a node."""

    def __init__(self, message_type: str, data: Any, node_id: str | None) -> None:
        self.type = message_type
        self.data = data
        self.node_id = node_id

    def __repr__(self) -> str:
        return f"<Message {self.type}:{self.node_id}>"

    def serialize(self) -> bytes:
        """As bytes; `TypeError` if the data holds what cannot be sent."""
        import msgpack

        packed: bytes = msgpack.dumps((self.type, self.data, self.node_id), default=encode)
        return packed

    @classmethod
    def unserialize(cls, data: bytes) -> Message:
        """The message behind such bytes."""
        import msgpack

        return cls(*msgpack.loads(data, raw=False, strict_map_key=False, object_hook=decode))
