"""The server's side of a WebSocket for scripts of `support.scripted`: handshake and unfragmented frames."""

from __future__ import annotations

import base64
import hashlib
import struct

from .scripted import Script

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def accept(peer: Script, extra: bytes = b"") -> dict[str, str]:
    """Agree to a handshake; gives the headers of the request, with their names in lower case."""
    lines = peer.head().decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
    key = hashlib.sha1(headers["sec-websocket-key"].encode() + _MAGIC).digest()
    peer.send(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(key) + b"\r\n" + extra + b"\r\n"
    )
    return {"": lines[0], **headers}


def read(peer: Script) -> tuple[int, bytes]:
    """The next frame: kind and contents."""
    first, second = peer.exactly(2)
    assert first & 0x80 and second & 0x80, "whole, and masked"
    length = second & 0x7F
    if length == 126:
        (length,) = struct.unpack(">H", peer.exactly(2))
    elif length == 127:
        (length,) = struct.unpack(">Q", peer.exactly(8))
    mask = peer.exactly(4)
    data = peer.exactly(length)
    return first & 0x0F, bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))


def frame(kind: int, data: bytes) -> bytes:
    """A frame as a server sends it."""
    head = bytes((0x80 | kind,))
    if len(data) < 126:
        return head + bytes((len(data),)) + data
    if len(data) < 65536:
        return head + b"\x7e" + struct.pack(">H", len(data)) + data
    return head + b"\x7f" + struct.pack(">Q", len(data)) + data
