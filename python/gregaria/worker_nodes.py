"""Workers as their master, a dispatcher and a load shape see them. What they say to each other is elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, ValuesView

READY, SPAWNING, RUNNING, MISSING = "ready", "spawning", "running", "missing"
LIVENESS = 3


class WorkerNode:
    """One worker."""

    def __init__(self, id: str, state: str = READY, heartbeat_liveness: int = LIVENESS) -> None:
        self.id = id
        self.state = state
        self.heartbeat = heartbeat_liveness
        self.cpu_usage = 0
        self.cpu_warning_emitted = False
        self.memory_usage = 0
        self.user_classes_count: dict[str, int] = {}

    @property
    def user_count(self) -> int:
        """Users that the worker has reported."""
        return sum(self.user_classes_count.values())


class WorkerNodes(MutableMapping[str, WorkerNode]):
    """The workers of a master, by id."""

    def __init__(self) -> None:
        self._worker_nodes: dict[str, WorkerNode] = {}

    def get_by_state(self, state: str) -> list[WorkerNode]:
        """Those in this state."""
        return [worker for worker in self.values() if worker.state == state]

    @property
    def all(self) -> ValuesView[WorkerNode]:
        """All of them."""
        return self.values()

    @property
    def ready(self) -> list[WorkerNode]:
        """Those that wait for a test."""
        return self.get_by_state(READY)

    @property
    def spawning(self) -> list[WorkerNode]:
        """Those that start users."""
        return self.get_by_state(SPAWNING)

    @property
    def running(self) -> list[WorkerNode]:
        """Those whose users all run."""
        return self.get_by_state(RUNNING)

    @property
    def missing(self) -> list[WorkerNode]:
        """Those that no longer answer."""
        return self.get_by_state(MISSING)

    def __setitem__(self, key: str, value: WorkerNode) -> None:
        self._worker_nodes[key] = value

    def __delitem__(self, key: str) -> None:
        del self._worker_nodes[key]

    def __getitem__(self, key: str) -> WorkerNode:
        return self._worker_nodes[key]

    def __len__(self) -> int:
        return len(self._worker_nodes)

    def __iter__(self) -> Iterator[str]:
        return iter(self._worker_nodes)
