"""`Membership`: what a master does when workers come and go.

    joins: the dispatcher gives it users ─ a ramp that is over begins anew      lost: the same without it, or it ends

Which workers there are is the engine's business; starting and stopping is `MasterRunner`'s.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from gevent.event import Event

from .. import runners

if TYPE_CHECKING:
    from .._engine import MasterLink
    from ..env import Environment
    from .nodes import ConnectedNodes

logger = logging.getLogger("locust.runners")

STOP_AGAIN_TICKS = 60
PAUSE = "gregaria_pause"


class Membership(runners.DistributedRunner):
    """The part of a master's runner that is about its list of workers."""

    clients: ConnectedNodes
    _link: MasterLink

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.spawn_rate: float = 0.0
        self._ends_without_workers = False
        self._coming_back: set[str] = set()
        self._changed = Event()
        self._dispatch_number = 0
        self._stopper: Any = None
        self._strays: dict[str, int] = {}
        self._placed: set[str] = set()
        self._placed_late = False

    @property
    def worker_count(self) -> int:
        """Workers that are ready, spawn or run."""
        return self.clients.active_count

    def rebalancing_enabled(self) -> bool:
        """Whether users are spread anew when workers come or go."""
        options = self.environment.parsed_options
        return bool(getattr(options, "enable_rebalancing", False)) or self._loss_policy() == "redistribute"

    def _loss_policy(self) -> str | None:
        policy: str | None = getattr(self.environment.parsed_options, "gregaria_on_worker_loss", None)
        return policy

    def _test_runs(self) -> bool:
        return self.state in (runners.STATE_RUNNING, runners.STATE_SPAWNING)

    def _restart(self) -> None:
        """Distribute the present target over the present workers, unless another order or a stop comes first."""
        number = self._dispatch_number

        def again() -> None:
            if number == self._dispatch_number and self._test_runs():
                self.start(self.target_user_count, self.spawn_rate)

        self._spawn(again)

    def _stop_strays(self) -> None:
        """A stop may be lost with a connection: who goes on without a test is told again, then once a minute."""
        if self._stopper is not None or self.state not in (runners.STATE_INIT, runners.STATE_STOPPED):
            self._strays.clear()
            return
        running = [node[0] for node in self._link.nodes() if node[1] in ("running", "spawning")]
        self._strays = {worker: self._strays.get(worker, 0) + 1 for worker in running}
        for worker, ticks in self._strays.items():
            if ticks % STOP_AGAIN_TICKS == 3:
                logger.warning("Worker %s runs users although no test runs: told to stop again", worker)
                self._link.send("stop", None, worker)

    def check_stopped(self) -> None:
        """The test has stopped when all workers are ready again, or none is left."""
        if self.state == runners.STATE_STOPPING:
            over = self.clients.all_are_ready
        else:
            over = self._test_runs() and self.worker_count == 0 and not self._ends_without_workers
        if over:
            self.update_state(runners.STATE_STOPPED)

    def _dispatcher_rests(self) -> bool:
        return (
            self._users_dispatcher is not None
            and not self._users_dispatcher.dispatch_in_progress
            and self.state == runners.STATE_RUNNING
        )

    def _redistribute(self) -> None:
        assert self._users_dispatcher is not None
        if self._dispatcher_rests():
            self._restart()
        elif not self._users_dispatcher.dispatch_in_progress:
            # A dispatch that is under way sees the change; one that only waits for the workers' word does not.
            self._placed_late = True

    def _on_joined(self, worker: str, known: bool) -> None:
        node = self.clients.get(worker)
        if self.paused and getattr(node, "lag_ms", None) is not None:
            # It may have been away when the others were told.
            self._link.send(PAUSE, True, worker)
        if self._users_dispatcher is not None and known and worker in self._placed:
            # It has registered anew, so it has none of its users any more.
            self._placed.remove(worker)
            self._users_dispatcher.remove_worker(runners.WorkerNode(worker))
        if worker not in self._placed:
            self._mark(f"worker {worker} joined")
        # A test may have begun between a worker's coming and the news of it: then the dispatcher has it already.
        if node is not None and self._users_dispatcher is not None and worker not in self._placed:
            self._placed.add(worker)
            self._users_dispatcher.add_worker(node)
            self._redistribute()

    def _on_left(self, worker: str, how: str) -> None:
        if how != "stopped":
            self._coming_back.discard(worker)
        self._changed.set()
        if how != "forgotten":
            self._mark(f"worker {worker} {'fell silent' if how == 'missing' else how}")
        test_runs = self._test_runs()
        if test_runs and how != "forgotten" and self._loss_policy() == "abort":
            self._abort(worker)
        elif how == "forgotten":
            if test_runs:
                # A dispatcher that is made anew does not give users to those who are gone.
                self._users_dispatcher = None
                self._restart()
        elif self._users_dispatcher is not None and worker in self._placed:
            self._placed.remove(worker)
            self._users_dispatcher.remove_worker(runners.WorkerNode(worker))
            rebalances = how != "missing" or self.rebalancing_enabled()
            if rebalances and self._loss_policy() != "continue" and self.worker_count:
                self._redistribute()

    def _abort(self, worker: str) -> None:
        logger.error("Worker %s was lost, stopping test (--on-worker-loss abort)", worker)
        self._cut_short = f"worker {worker} was lost"
        self._spawn(self.stop_or_quit)

    def _on_last_left(self, how: str) -> None:
        logger.info("The last worker %s, stopping test.", "quit" if how == "quit" else "went missing")
        self.stop()
        self._ends_without_workers = False
        self.check_stopped()
        options = self.environment.parsed_options
        if options and options.headless and how == "quit":
            self.quit()

    def _note_end_without_workers(self, how: str) -> None:
        """Workers may quit when a locustfile has had enough of them; but a test that nobody ran has not passed."""
        if not self._test_runs() or self._cut_short:
            return
        requests = self.stats.total.num_requests
        if how != "quit":
            self._cut_short = (
                f"all workers were lost, after {requests} requests"
                if requests
                else "all workers were lost before a request was made"
            )
        elif not requests and not self.stats.total.num_failures:
            self._cut_short = "all workers quit before a request was made"
