"""Dictionaries of a `StatsEntry` that stay up to date: ``response_times``, ``num_reqs_per_sec``, ``num_fail_per_sec``.

They are dictionaries, so that JSON, copies and comparisons are those of any other. What they show is fetched from the
engine when they are looked at, if anything was counted since the last look.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, KeysView, ValuesView
from typing import Any, NoReturn

from . import _engine


class LiveCounts(dict[int, int]):
    """Counts of one entry by second or by response time. Only the entry's own methods change them."""

    def __init__(self, entry: _engine.StatsEntry, name: str) -> None:
        super().__init__()
        self._entry, self._name = entry, name
        self._state: tuple[int, int, int, int] | None = None
        self._look()

    def _look(self) -> None:
        changed = self._entry._counts(self._name, self._state)
        if changed is not None:
            self._state, counts = changed
            super().clear()
            super().update(counts)

    def __len__(self) -> int:
        self._look()
        return super().__len__()

    def __contains__(self, key: object) -> bool:
        self._look()
        return super().__contains__(key)

    def __getitem__(self, key: int) -> int:
        self._look()
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[int]:
        self._look()
        return super().__iter__()

    def __reversed__(self) -> Iterator[int]:
        self._look()
        return super().__reversed__()

    def __eq__(self, other: object) -> bool:
        self._look()
        return super().__eq__(dict(other) if isinstance(other, LiveCounts) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def __repr__(self) -> str:
        self._look()
        return super().__repr__()

    def __or__(self, other: Any) -> dict[Any, Any]:
        merged: dict[Any, Any] = self.copy() | other
        return merged

    def __ror__(self, other: Any) -> dict[Any, Any]:
        merged: dict[Any, Any] = other | self.copy()
        return merged

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return dict, (self.copy(),)

    def __copy__(self) -> dict[int, int]:
        return self.copy()

    def __deepcopy__(self, _memo: object) -> dict[int, int]:
        return self.copy()

    def get(self, key: int, default: Any = None) -> Any:
        self._look()
        return super().get(key, default)

    def keys(self) -> KeysView[int]:  # type: ignore[override]
        self._look()
        return super().keys()

    def values(self) -> ValuesView[int]:  # type: ignore[override]
        self._look()
        return super().values()

    def items(self) -> ItemsView[int, int]:  # type: ignore[override]
        self._look()
        return super().items()

    def copy(self) -> dict[int, int]:
        """What it is now, as an ordinary dictionary."""
        self._look()
        return dict(super().items())

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError(
            f"{self._name} of a StatsEntry shows what was counted and cannot be changed; "
            "use the entry's log(), log_error(), extend() or reset(), or change a copy()"
        )

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse
