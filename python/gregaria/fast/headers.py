"""`Headers`: names in any case, several values to a name. Holds data only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any


class Headers(MutableMapping[str, Any]):
    """Headers by name, whatever its case; a name that came several times gives the list of its values.

    `items()` gives every line, names as they came; iteration gives lower-case names.
    """

    def __init__(self, headers: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None, **more: Any) -> None:
        self._lines: dict[str, list[tuple[str, Any]]] = {}
        self.extend(headers or ())
        self.extend(more)

    def __getitem__(self, name: str) -> Any:
        lines = self._lines[name.lower()]
        return lines[0][1] if len(lines) == 1 else [value for _, value in lines]

    def __setitem__(self, name: str, value: Any) -> None:
        values = value if isinstance(value, (list, tuple)) else [value]
        self._lines[name.lower()] = [(name, one) for one in values]

    def __delitem__(self, name: str) -> None:
        del self._lines[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._lines

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        theirs = other if isinstance(other, Headers) else Headers(other)
        return {name: self[name] for name in self} == {name: theirs[name] for name in theirs}

    __hash__ = None  # type: ignore[assignment]

    def add(self, name: str, value: Any) -> None:
        """Add a line, or one for each element of a list, beside those of the same name."""
        for one in value if isinstance(value, (list, tuple)) else [value]:
            self._lines.setdefault(name.lower(), []).append((name, one))

    def extend(self, headers: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Add all lines of another set of headers."""
        for name, value in headers.items() if isinstance(headers, Mapping) else headers:
            self.add(name, value)

    def discard(self, name: str) -> None:
        """Take the lines of this name away, if there are any."""
        self._lines.pop(name.lower(), None)

    def getlist(self, name: str) -> list[Any]:
        """All values of a name."""
        return [value for _, value in self._lines.get(name.lower(), ())]

    getheaders = getallmatchingheaders = getlist

    def get_all(self, name: str, failobj: Any = None) -> Any:
        """All values of a name, or `failobj`."""
        return self.getlist(name) or failobj

    def items(self) -> Iterator[tuple[str, Any]]:  # type: ignore[override]
        """All lines; those of one name together."""
        return (line for lines in self._lines.values() for line in lines)

    def itermerged(self) -> Iterator[tuple[str, str]]:
        """One line for each name, its values joined by a comma."""
        return ((lines[0][0], ", ".join(str(value) for _, value in lines)) for lines in self._lines.values())

    def iterlower(self) -> Iterator[tuple[str, Any]]:
        """All lines with names in lower case."""
        return ((name, value) for name, lines in self._lines.items() for _, value in lines)

    def compatible_dict(self) -> dict[str, str]:
        """A plain dict, values of one name joined."""
        return dict(self.itermerged())

    def copy(self) -> Headers:
        """Headers of the same lines."""
        return Headers(self.items())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.compatible_dict()})"

    def __str__(self) -> str:
        return "\n".join(f"{name}: {value}" for name, value in self.items())
