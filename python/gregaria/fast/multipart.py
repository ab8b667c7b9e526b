"""Forms with files, as `multipart/form-data`."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def encoded(files: Any, fields: Any) -> tuple[bytes, str]:
    """The body for these files and fields, and its content type.

    A file is content or an open file, or a tuple of a file name, that, and optionally a content type, headers and the
    boundary to use.
    """
    if isinstance(fields, (str, bytes)):
        raise ValueError("Data must not be a string.")
    given = list(_pairs(files))
    chosen = (file[4] for _, file in given if isinstance(file, (tuple, list)) and len(file) > 4)
    boundary = next(chosen, None) or secrets.token_hex(16)
    parts = [_part(name, value, {}) for name, value in _values(fields)]
    parts += [part for name, file in given if (part := _file_part(_text(name), file)) is not None]
    line = f"--{boundary}".encode()
    body = b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--\r\n"
    return body, f"multipart/form-data; boundary={boundary}"


def _pairs(items: Any) -> Iterable[tuple[Any, Any]]:
    return items.items() if isinstance(items, Mapping) else items or ()


def _values(fields: Any) -> Iterable[tuple[str, bytes]]:
    for name, given in _pairs(fields):
        values = given if hasattr(given, "__iter__") and not isinstance(given, (str, bytes)) else [given]
        for value in values:
            if value is not None:
                yield _text(name), value if isinstance(value, bytes) else str(value).encode()


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _file_part(field: str, file: Any) -> bytes | None:
    name, source, content_type, headers = _file_name(file) or field, file, None, None
    if isinstance(file, (tuple, list)):
        name, source, content_type, headers, *_ = (*file, None, None)[: max(4, len(file))]
    if source is None:
        return None
    content = source.read() if hasattr(source, "read") else source
    lines = {"Content-Type": content_type} if content_type else {}
    lines.update(headers or {})
    return _part(field, content.encode() if isinstance(content, str) else bytes(content), lines, name)


def _file_name(file: Any) -> str | None:
    name = getattr(file, "name", None)
    name = name.decode() if isinstance(name, bytes) else name
    return Path(name).name if isinstance(name, str) and name and name[0] != "<" and name[-1] != ">" else None


def _part(field: str, content: bytes, headers: Mapping[str, Any], file_name: str | None = None) -> bytes:
    quoted = {"name": field, "filename": file_name}
    words = [f'{key}="{value.replace(chr(34), "%22")}"' for key, value in quoted.items() if value is not None]
    lines = ["; ".join(["Content-Disposition: form-data", *words])]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content
