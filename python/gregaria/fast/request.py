"""What goes into a request of `FastHttpSession`: its address, its header values, its body; and how the answer is read.

The engine comes here for what is not ordinary. Nothing here talks to a server.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import ParseResult, quote, urlencode, urljoin, urlparse

from charset_normalizer import detect
from requests.utils import get_encoding_from_headers, requote_uri

from .errors import UnsupportedRedirectSchemeError
from .headers import Headers

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BLOCK_BYTES = 4096
_HOSTLESS = re.compile(r"https?://(?:/|$)", re.IGNORECASE)
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class FastRequest:
    """A request as `response.request` shows it."""

    payload: Any = None

    def __init__(self, url: str, method: str, headers: Iterable[tuple[str, str]], payload: Any) -> None:
        self.url = url
        self.method = method
        self.headers = Headers(headers)
        self.payload = payload

    @property
    def body(self) -> Any:
        """The payload."""
        return self.payload


def dissected(url: str, params: Any = None) -> tuple[bool, str, int | None, str, str]:
    """Whether TLS is spoken, host, port, `scheme://authority`, and path with query as they go on the wire."""
    parts = _with_params(urlparse(url), params)
    https, host, port = parts.scheme == "https", parts.hostname or "", parts.port or None
    if not host.isascii():
        host = host.encode("idna").decode()
    shown = f"[{host}]" if ":" in host else host
    prefix = f"{'https' if https else 'http'}://{shown}" + (f":{port}" if port else "")
    path = parts.path + (f";{parts.params}" if parts.params else "") + (f"?{parts.query}" if parts.query else "")
    return https, host, port, prefix, _requoted(path if path.startswith("/") else f"/{path}")


def _with_params(parts: ParseResult, params: Any) -> ParseResult:
    if params is None:
        return parts
    encoded = params.decode() if isinstance(params, bytes) else params
    if not isinstance(encoded, str):
        encoded = urlencode(list(_pairs(params)), doseq=True)
    return parts._replace(query=f"{parts.query}&{encoded}" if parts.query else encoded)


def _pairs(params: Any) -> Iterable[tuple[Any, Any]]:
    for name, given in params.items() if isinstance(params, Mapping) else params:
        single = isinstance(given, (str, bytes)) or not hasattr(given, "__iter__")
        yield from ((name, value) for value in ([given] if single else given) if value is not None)


def _requoted(path: str) -> str:
    try:
        return requote_uri(path)
    except Exception:
        return quote(path, safe="!#$&'()*+,/:;=?@[]~")


def redirected(url: str, location: str) -> str:
    """Where a redirect from `url` leads."""
    target = location if _HOSTLESS.match(location) else urljoin(url, location)
    scheme = urlparse(target).scheme
    if scheme not in ("http", "https"):
        raise UnsupportedRedirectSchemeError(url, f"refusing to follow redirect to {scheme!r} URL")
    return target


def checked_header(name: Any, value: Any) -> tuple[str, bytes]:
    """A header's name and value as they may go on the wire, or a ValueError."""
    if not isinstance(name, str) or not _TOKEN.fullmatch(name):
        raise ValueError(f"invalid header field name {name!r}")
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    if isinstance(value, str) and not _FIELD_VALUE.fullmatch(value):
        raise ValueError(f"invalid value for header field {name!r}: {value!r}")
    return name, str(value).encode("latin-1")


def basic_authorization(user: str | bytes, password: str | bytes) -> str:
    """`Authorization` for a user and a password."""
    pair = [part.encode("latin-1") if isinstance(part, str) else part for part in (user, password)]
    return f"Basic {b64encode(b':'.join(pair)).decode()}"


def form(data: Mapping[str, Any]) -> str:
    """A form's fields as they are sent."""
    return urlencode(data)


def as_bytes(data: Any, may_chunk: bool) -> tuple[bytes, bool]:
    """A body given as a file or in pieces, in chunks if it may be; and whether it is."""
    if isinstance(data, (bytearray, memoryview)):
        return bytes(data), False
    read = getattr(data, "read", None)
    if read is None and isinstance(data, Sequence):
        raise AttributeError(f"{type(data).__name__!r} object has no attribute 'read'")
    given = data if read is None else iter(partial(read, _BLOCK_BYTES), type(read(0))())
    pieces = [piece.encode() if isinstance(piece, str) else memoryview(piece) for piece in given]
    if not may_chunk:
        return b"".join(pieces), False
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), bytes(piece)) for piece in pieces if len(piece)) + b"0\r\n\r\n", True


def decoded(content: bytes | None, headers: Any, encoding: Any) -> tuple[str | None, str | None]:
    """The text of a body and the encoding it was read by: the given one, the headers', or what it looks like."""
    if content is None:
        return None, None
    if not encoding and headers is not None:
        encoding = get_encoding_from_headers(headers)
    if not encoding:
        encoding = detect(content)["encoding"]
    return (None, None) if encoding is None else (str(content, str(encoding), errors="replace"), str(encoding))
