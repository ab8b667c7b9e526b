"""The workers of a master as views on the engine's list: they say what was heard last, nothing is copied ahead."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, ValuesView
from typing import TYPE_CHECKING, Any

from ..runners import WorkerNode, WorkerNodes

if TYPE_CHECKING:
    from .._engine import MasterLink


class ConnectedNode(WorkerNode):
    """A worker that has registered. After it has gone, it stays as it was last seen."""

    def __init__(self, link: MasterLink, last: tuple[Any, ...]) -> None:
        self._link = link
        self.id: str = last[0]
        self._last = last

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
        last = self._link.node(key)
        if last is None:
            raise KeyError(key)
        return ConnectedNode(self._link, last)

    def __setitem__(self, key: str, value: WorkerNode) -> None:
        raise TypeError("workers register themselves; they cannot be put here")

    def __delitem__(self, key: str) -> None:
        if not self._link.forget(key):
            raise KeyError(key)

    def __len__(self) -> int:
        return len(self._link.nodes())

    def __iter__(self) -> Iterator[str]:
        return iter([node[0] for node in self._link.nodes()])

    def values(self) -> ValuesView[WorkerNode]:
        """All of this moment; they may go while one looks at them."""
        return self._at_this_moment().values()

    def items(self) -> ItemsView[str, WorkerNode]:
        """All of this moment, with their ids."""
        return self._at_this_moment().items()

    def _at_this_moment(self) -> dict[str, WorkerNode]:
        return {node[0]: ConnectedNode(self._link, node) for node in self._link.nodes()}

    def get_by_state(self, state: str) -> list[WorkerNode]:
        """Those in this state."""
        return [ConnectedNode(self._link, node) for node in self._link.nodes() if node[1] == state]

    @property
    def active_count(self) -> int:
        """How many can be given users."""
        return self._link.count_active()

    @property
    def all_are_ready(self) -> bool:
        """Whether all wait for a test."""
        return self._link.all_in_state("ready")

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
