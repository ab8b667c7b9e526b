"""The workers of a master as views on the engine's list: they say what was heard last, nothing is copied ahead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..runners import WorkerNode, WorkerNodes

if TYPE_CHECKING:
    from .._engine import MasterLink


class ConnectedNode(WorkerNode):
    """A worker that has registered. After it has gone, it stays as it was last seen."""

    def __init__(self, link: MasterLink, id: str) -> None:
        self._link = link
        self.id = id
        self._last: tuple[Any, ...] = (id, "missing", [], 0.0, 0, -1, None)

    def _now(self) -> tuple[Any, ...]:
        self._last = self._link.node(self.id) or self._last
        return self._last

    @property
    def state(self) -> str:  # type: ignore[override]
        """One of the `STATE_...` constants, as the worker said last."""
        return str(self._now()[1])

    @property
    def user_classes_count(self) -> dict[str, int]:  # type: ignore[override]
        """Users by class, as the worker said last."""
        return dict(self._now()[2])

    @property
    def cpu_usage(self) -> float:  # type: ignore[override]
        """In percent of a core."""
        return float(self._now()[3])

    @property
    def memory_usage(self) -> int:  # type: ignore[override]
        """In bytes."""
        return int(self._now()[4])

    @property
    def heartbeat(self) -> int:  # type: ignore[override]
        """Seconds until it counts as missing; below zero it does."""
        return int(self._now()[5])

    @property
    def cpu_warning_emitted(self) -> bool:  # type: ignore[override]
        """Whether it was ever too busy."""
        return bool(self._now()[3] > 90)

    @property
    def lag_ms(self) -> float | None:
        """How late its hub was when it last said so; None for workers that do not say."""
        lag: float | None = self._now()[6]
        return lag


class ConnectedNodes(WorkerNodes):
    """A master's workers by id, in the order in which they came."""

    def __init__(self, link: MasterLink) -> None:
        super().__init__()
        self._link = link

    def __getitem__(self, key: str) -> WorkerNode:
        if self._link.node(key) is None:
            raise KeyError(key)
        return ConnectedNode(self._link, key)

    def __setitem__(self, key: str, value: WorkerNode) -> None:
        raise TypeError("workers register themselves; they cannot be put here")

    def __delitem__(self, key: str) -> None:
        if not self._link.forget(key):
            raise KeyError(key)

    def __len__(self) -> int:
        return len(self._link.nodes())

    def __iter__(self) -> Iterator[str]:
        return iter([node[0] for node in self._link.nodes()])

    @property
    def active_count(self) -> int:
        """How many can be given users."""
        return sum(node[1] in ("ready", "spawning", "running") for node in self._link.nodes())

    def reported_user_classes_count(self) -> dict[str, int]:
        """Users by class on all workers that are not missing."""
        counts: dict[str, int] = {}
        for _id, state, users, *_more in self._link.nodes():
            if state != "missing":
                for name, count in users:
                    counts[name] = counts.get(name, 0) + count
        return counts

    def user_count(self) -> int:
        """Users on all workers, as last reported."""
        return sum(count for node in self._link.nodes() for _name, count in node[2])
