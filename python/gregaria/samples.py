"""Samples of requests: settings, and what can be told of responses that are not the engine's own.

What is kept, and how secrets are taken out, is decided in the engine; docs/samples.md describes it.
"""

from __future__ import annotations

import json
import logging
from argparse import Namespace
from collections.abc import Iterable
from typing import Any, cast

logger = logging.getLogger(__name__)

MOST_LOOKED_AT = 8192
"""So many bytes of a body are handed to the engine, which shows fewer."""
_MOST_SHOWN = 200
"""So many characters of a line or body are in a summary."""

Side = tuple[str, list[tuple[str, str]], bytes, int]
"""First line, header lines, the body's beginning and its length."""


def set_up(stats: Any, options: Namespace) -> None:
    """Keep as many samples as the options say."""
    names = (name.strip() for name in (options.gregaria_redact or "").split(","))
    stats.keep_samples(options.gregaria_samples, [name for name in names if name])


def first_of_each(stats: Any) -> dict[tuple[str, str, str], list[str]]:
    """The first request that was kept of each failure (method, name, text), as a few lines, where it is known."""
    first: dict[tuple[str, str, str], list[str]] = {}
    for sample in json.loads(stats.samples()):
        if sample["error"] is not None and (lines := _lines(sample)):
            first.setdefault((sample["method"], sample["name"], sample["error"]), lines)
    return first


def _lines(sample: dict[str, Any]) -> list[str]:
    sides = ((sample[f"{side}_head"], sample[f"{side}_body"]) for side in ("request", "response"))
    lines = []
    for head, body in sides:
        if head is not None:
            lines.append(head.partition("\r\n")[0][:_MOST_SHOWN])
        if body is not None:
            shown = " ".join(body["text"].split())
            cut = len(shown) > _MOST_SHOWN or not body["complete"]
            lines.append(f"{shown[:_MOST_SHOWN]}… ({body['bytes']} bytes)" if cut else shown)
    return [line for line in lines if line]


def sides_of(told: Any) -> tuple[str | None, Side | None, Side | None]:
    """URL, request and response of what a request event told: a response, an exception, or any other object.

    Only what is there already is looked at: nothing is read from a stream, and no property is asked for that may do so.
    """
    if isinstance(told, BaseException):
        response, request = getattr(told, "response", None), getattr(told, "request", None)
        if response is not None and hasattr(response, "status_code"):
            return sides_of(response)
        return _url(request), _request(request), None
    if isinstance(told, str | bytes | bytearray):
        return None, None, ("", [], *_body(told))
    if isinstance(told, dict | list | tuple):
        return None, None, ("", [], *_body(_as_json(told)))
    if not hasattr(told, "status_code"):
        return None, None, None
    kept = vars(told) if hasattr(told, "__dict__") else {}
    request = kept.get("request", kept.get("_request"))
    first = " ".join(filter(None, (_version(told), str(told.status_code), str(getattr(told, "reason", None) or ""))))
    content = next((kept[name] for name in ("_content", "content", "text", "body") if name in kept), None)
    headers = _headers(getattr(told, "headers", None))
    body = _body(content)
    if not body[1]:
        body = (b"", _declared(headers))
    return _url(told) or _url(request), _request(request), (first, headers, *body)


def tell(error: BaseException) -> None:
    """A sample could not be made."""
    logger.debug("A request could not be kept as a sample: %r", error, exc_info=error)


def _as_json(value: Any) -> str:
    try:
        return json.dumps(value, default=lambda other: f"<{type(other).__name__}>")
    except (ValueError, TypeError, RecursionError):
        return ""


def _url(owner: Any) -> str | None:
    url = getattr(owner, "url", None)
    return str(url) if url else None


def _request(request: Any) -> Side | None:
    method, url = getattr(request, "method", None), getattr(request, "url", None)
    if not method or not url:
        return None
    path = getattr(request, "path_url", None) or getattr(getattr(url, "raw_path", None), "decode", str)()
    first = f"{method} {path or url} HTTP/1.1"
    return first, _headers(getattr(request, "headers", None)), *_body(getattr(request, "body", None))


def _version(response: Any) -> str:
    version = getattr(getattr(response, "raw", None), "version", None)
    return f"HTTP/{version / 10:.1f}" if isinstance(version, int) and version else "HTTP"


def _headers(headers: Any) -> list[tuple[str, str]]:
    items = getattr(headers, "items", None)
    if items is None:
        return []
    return [(_text(name), _text(value)) for name, value in cast("Iterable[tuple[Any, Any]]", items())]


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _body(content: Any) -> tuple[bytes, int]:
    if isinstance(content, str):
        encoded = content[:MOST_LOOKED_AT].encode(errors="replace")
        return encoded, len(encoded) if len(content) <= MOST_LOOKED_AT else len(content)
    if isinstance(content, bytes | bytearray):
        return bytes(content[:MOST_LOOKED_AT]), len(content)
    return b"", 0


def _declared(headers: list[tuple[str, str]]) -> int:
    lengths = (value for name, value in headers if name.lower() == "content-length")
    return next((int(value) for value in lengths if value.isdecimal()), 0)
