"""`MasterRunner`: distributes users over workers; their statistics come together in its environment.

    start: spawn messages, batch by batch ─ wait for the workers' counts ─ spawning_complete
    stop:  stop messages ─ wait until no worker has users and all are ready again ─ test_stop

Messages of workers are taken in all the while; whatever waits does so in a greenlet of its own.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event

from .. import _engine, runners
from ..exception import CannotPauseError
from ..rpc import Message
from .inbox import LOCUST_VERSION, call_listener, follow
from .link_security import master_secret
from .locustfiles import answer_to_worker
from .nodes import ConnectedNodes

if TYPE_CHECKING:
    from ..env import Environment
    from ..user import User

logger = logging.getLogger("locust.runners")

HIGH_RATE_PER_WORKER = 100
STOP_GRACE_S = 60.0
LAST_REPORTS_S = 3.0
RETURN_S = 2.0
CHECK_INTERVAL_S = 0.2
PAUSE = "gregaria_pause"
REPORT_WAIT = re.compile(r"(\d+(?:\.\d+)?) *\* *WORKER_REPORT_INTERVAL")


class MasterRunner(runners.DistributedRunner):
    """Controls workers: runs no users itself."""

    def __init__(self, environment: Environment, master_bind_host: str, master_bind_port: int) -> None:
        super().__init__(environment)
        self.master_bind_host = master_bind_host
        self.spawn_rate: float = 0.0
        self.spawning_completed = False
        self._ends_without_workers = False
        self._told_of: set[str] = set()
        self._coming_back: set[str] = set()
        self._changed = Event()
        self._dispatch_number = 0
        self._placed: set[str] = set()
        self._last_health: list[tuple[str, dict[str, float]]] = []
        self._link = self._listen(master_bind_host, master_bind_port)
        self.master_bind_port = self._link.port
        self.clients: ConnectedNodes = ConnectedNodes(self._link)
        self._spawn(self.heartbeat_worker)
        self._spawn(self.client_listener)
        environment.events.quitting.add_listener(self._on_quitting)

    def _listen(self, host: str, port: int) -> _engine.MasterLink:
        secret = master_secret(host, port, self.environment.parsed_options)
        try:
            return _engine.MasterLink(
                self.environment.stats,
                host,
                port,
                version=LOCUST_VERSION,
                secret=secret,
                tell_reports=bool(self.environment.events.worker_report._handlers),
            )
        except OSError as error:
            where = str(port) if host == "*" else f"{host}:{port}"
            if error.errno != errno.EADDRINUSE:
                logger.error("The master cannot listen on %s: %s", where, error.strerror or error)
                sys.exit(1)
            logger.error(
                "The Locust master port (%s) was busy: another process listens there, which may be a master of "
                "before. End it, or choose another port with --master-bind-port.",
                where,
            )
            sys.exit(1)

    def _on_quitting(self, environment: Environment, **_kwargs: Any) -> None:
        self.quit()

    def rebalancing_enabled(self) -> bool:
        """Whether users are spread anew when workers come or go."""
        options = self.environment.parsed_options
        return bool(getattr(options, "enable_rebalancing", False)) or self._loss_policy() == "redistribute"

    def _loss_policy(self) -> str | None:
        policy: str | None = getattr(self.environment.parsed_options, "gregaria_on_worker_loss", None)
        return policy

    def get_worker_index(self, client_id: str) -> int:
        """The worker's number: from 0, in the order of first coming; never changes."""
        return self._link.index(client_id)

    @property
    def user_count(self) -> int:
        """Users on all workers, as last reported."""
        return self.clients.user_count()

    def _ready_count(self) -> int:
        """Workers that are ready, and whose coming everybody has been told of (`worker_connect`)."""
        return sum(node.id in self._told_of for node in self.clients.ready)

    @property
    def worker_count(self) -> int:
        """Workers that are ready, spawn or run."""
        return self.clients.active_count

    @property
    def reported_user_classes_count(self) -> dict[str, int]:
        """Users by class on all workers, as last reported."""
        return self.clients.reported_user_classes_count()

    @property
    def user_classes_count(self) -> dict[str, int]:
        """Users by class on all workers, as last reported."""
        reported = self.reported_user_classes_count
        return {user_class.__name__: reported.get(user_class.__name__, 0) for user_class in self.user_classes}

    def engine_stats(self) -> dict[str, float]:
        """The engines of all workers together: sums, and the highest of what is a maximum."""
        together = _engine.engine_stats()
        for _worker, figures in self._link.health() or self._last_health:
            for name, figure in figures.items():
                known = together.get(name, 0)
                together[name] = max(known, figure) if name.endswith(("_max", "_peak")) else known + figure
        return together

    def cpu_log_warning(self) -> bool:
        """At the end of a test, say whether a CPU was too busy during it."""
        warned = super().cpu_log_warning()
        if any(node.cpu_warning_emitted for node in self.clients.values()):
            logger.warning("CPU usage threshold was exceeded on workers during the test!")
            return True
        return warned

    def start(
        self, user_count: int, spawn_rate: float, wait: bool = False, user_classes: list[type[User]] | None = None
    ) -> None:
        """Go to this number of users at this rate; returns when the ramp is complete or another has replaced it."""
        self._dispatch_number += 1
        number = self._dispatch_number
        self.spawning_completed = False
        self.target_user_count = user_count = int(user_count)
        workers = [node for node in self.clients.values() if node.state in ("ready", "spawning", "running")]
        if not workers:
            logger.warning("You can't start a distributed test before at least one worker processes has connected")
            self._cut_short = self._cut_short or "no worker was there when the test was to start"
            return
        self._apply_host()
        self.spawn_rate = spawn_rate
        if self._users_dispatcher is None:
            self._users_dispatcher = self.environment.dispatcher_class(
                worker_nodes=workers, user_classes=self.user_classes
            )
            self._placed = {worker.id for worker in workers}
        logger.info(
            "Sending spawn jobs of %d users at %.2f spawn rate to %d ready workers",
            user_count,
            spawn_rate,
            len(workers),
        )
        if spawn_rate / len(workers) > HIGH_RATE_PER_WORKER:
            logger.warning(
                "Your selected spawn rate is very high (>100/worker): starting users that fast can overload the "
                "workers and distort what is measured. A slower ramp may do."
            )
        if self.state not in (runners.STATE_RUNNING, runners.STATE_SPAWNING):
            self._begin_test()
        self.update_state(runners.STATE_SPAWNING)
        self._users_dispatcher.new_dispatch(user_count, spawn_rate, user_classes)
        if self._send_jobs(number):
            self._complete_ramp(number)

    def _begin_test(self) -> None:
        self._reset_run()
        self.environment._filter_tasks_by_tags()
        self.environment.events.test_start.fire(environment=self.environment)
        if self.environment.shape_class:
            self.environment.shape_class.reset_time()

    def _send_jobs(self, number: int) -> bool:
        """Send the batches of a ramp; whether it came to its end, and no later one or a stop has taken its place."""
        assert self._users_dispatcher is not None
        options = self.environment.parsed_options
        parsed_options = _sendable(vars(options)) if options else {}
        for users in self._users_dispatcher:
            self.clock.gate.wait()
            if number != self._dispatch_number or self.state not in (runners.STATE_SPAWNING, runners.STATE_RUNNING):
                return False
            job = {
                "timestamp": time.time(),
                "host": self.environment.host,
                "stop_timeout": self.environment.stop_timeout,
                "parsed_options": parsed_options,
            }
            for worker, counts in users.items():
                self._link.send("spawn", {**job, "user_classes_count": counts}, worker)
            total = _total(users)
            logger.debug("Sending spawn messages for %d total users to %i worker(s)", sum(total.values()), len(users))
            self.target_user_classes_count = total
        return number == self._dispatch_number

    def _complete_ramp(self, number: int) -> None:
        """Wait a little for the workers to say that they have the users, then tell everybody."""
        deadline = time.monotonic() + _wait_for_reports_s()
        told = "All users spawned"
        while self.user_count != self.target_user_count:
            if time.monotonic() > deadline:
                told = "Spawning is complete and report waittime is expired, but not all reports received from workers"
                break
            gevent.sleep(0.01)
        if number != self._dispatch_number or self.state != runners.STATE_SPAWNING:
            return
        user_count = sum(self.target_user_classes_count.values())
        self.environment.events.spawning_complete.fire(user_count=user_count)
        self.send_message("spawning_complete", data={"user_count": user_count})
        self.spawning_completed = True
        logger.info("%s: %s", told, _for_log(self.reported_user_classes_count))

    def _restart(self) -> None:
        """Distribute the present target over the present workers, beside whatever else is going on."""
        self._spawn(self.start, self.target_user_count, self.spawn_rate)

    def _stop_test(self, send_stop_to_client: bool) -> None:
        if self.state in (runners.STATE_INIT, runners.STATE_STOPPED, runners.STATE_STOPPING):
            return
        logger.debug("Stopping...")
        self._dispatch_number += 1
        self.environment.events.test_stopping.fire(environment=self.environment)
        self.final_user_classes_count = {**self.reported_user_classes_count}
        self.update_state(runners.STATE_STOPPING)
        self._abandon_shape()
        self._end_pause_with_test()
        self._users_dispatcher = None
        if send_stop_to_client:
            self._coming_back = {node.id for node in self.clients.values() if node.state != "missing"}
            self._tell_all("stop")
            self._wait_for(lambda: self.user_count == 0, self.environment.stop_timeout + STOP_GRACE_S)
            if self.user_count:
                logger.error("Timeout waiting for all workers to stop")
            # They leave and come back; whoever starts the next test at once shall find them.
            self._wait_for(lambda: not self._coming_back, RETURN_S)
            self.cpu_log_warning()
        self.environment.events.test_stop.fire(environment=self.environment)

    def stop(self, send_stop_to_client: bool = True) -> None:
        """End the test: have all workers stop their users, and wait for it."""
        self._stop_test(send_stop_to_client)

    def quit(self) -> None:
        """End the test and the workers, and take in their last reports."""
        self._stop_test(send_stop_to_client=False)
        logger.debug("Quitting...")
        self._tell_all("quit")
        if not self._wait_for(lambda: self.worker_count == 0, self.environment.stop_timeout + LAST_REPORTS_S):
            logger.warning("%d workers have not quit in time; their last report may be missing", self.worker_count)
        self._last_health = self._link.health() or self._last_health
        self._link.close()
        self.greenlet.kill(block=True)

    def _wait_for(self, over: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until something about the workers is true; whether it became so in time."""
        deadline = time.monotonic() + timeout_s
        while not over():
            if time.monotonic() > deadline:
                return False
            self._changed.clear()
            self._changed.wait(timeout=CHECK_INTERVAL_S)
        return True

    def _tell_all(self, kind: str, data: Any = None) -> None:
        for worker in self.clients:
            logger.debug("Sending %s message to worker %s", kind, worker)
            self._link.send(kind, data, worker)

    def _check_pause(self) -> None:
        foreign = [
            node.id
            for node in self.clients.values()
            if node.state != "missing" and getattr(node, "lag_ms", None) is None
        ]
        if foreign:
            raise CannotPauseError(f"workers that are not Gregaria's cannot pause: {', '.join(sorted(foreign))}")

    def _hold_users(self, hold: bool) -> None:
        self._tell_all(PAUSE, hold)

    def _release_users(self) -> None:
        """Workers do so themselves when they stop."""

    def send_message(self, msg_type: str, data: Any = None, client_id: str | None = None) -> None:
        """Send a message to one worker, or to all of them."""
        for worker in [client_id] if client_id else list(self.clients):
            logger.debug("Sending %s message to worker %s", msg_type, worker)
            self._link.send(msg_type, data, worker)

    def check_stopped(self) -> None:
        """The test has stopped when all workers are ready again, or none is left."""
        if self.state == runners.STATE_STOPPING:
            over = self.clients.all_are_ready
        else:
            runs = self.state in (runners.STATE_SPAWNING, runners.STATE_RUNNING)
            over = runs and self.worker_count == 0 and not self._ends_without_workers
        if over:
            self.update_state(runners.STATE_STOPPED)

    def heartbeat_worker(self) -> None:
        """For a greenlet: once a second, look who has fallen silent."""
        events = self.environment.events
        while True:
            self._link.tick(
                runners.HEARTBEAT_LIVENESS,
                runners.HEARTBEAT_DEAD_INTERNAL,
                bool(events.heartbeat_sent._handlers),
                bool(events.worker_report._handlers),
            )
            gevent.sleep(runners.HEARTBEAT_INTERVAL)

    def client_listener(self) -> None:
        """For a greenlet: do what the workers' messages ask for."""
        follow(self._link, self._on_told)

    def _on_told(self, verb: str, about: Any) -> None:
        events = self.environment.events
        match verb:
            case "connected":
                self._told_of.add(about)
                self._coming_back.discard(about)
                self._changed.set()
                events.worker_connect.fire(client_id=about)
            case "joined":
                self._on_joined(about[0])
            case "left":
                self._on_left(*about)
            case "last_left":
                self._note_end_without_workers(about)
                self._ends_without_workers = True
                self._spawn(self._on_last_left, about)
            case "states_changed":
                self._changed.set()
                self.check_stopped()
            case "heartbeat_sent":
                events.heartbeat_sent.fire(client_id=about, timestamp=time.time())
            case "report":
                client_id, data = about
                events.worker_report.fire(client_id=client_id, data=data)
            case "exception":
                worker, text, traceback, count = about
                self.log_exception(worker, text, traceback)
                self.exceptions[hash(traceback)]["count"] += count - 1
            case "logs":
                self.environment.update_worker_logs(about)
            case "locustfile":
                client_id, asked = about
                self.send_message("locustfile", answer_to_worker(self.environment, asked), client_id)
            case "custom":
                kind, data, client_id = about
                sender = f" from worker {client_id} (index {self.get_worker_index(client_id)})"
                call_listener(self.environment, self.custom_messages, Message(kind, data, client_id), sender)
            case _:
                raise NotImplementedError(verb)

    def _dispatcher_rests(self) -> bool:
        return (
            self._users_dispatcher is not None
            and not self._users_dispatcher.dispatch_in_progress
            and self.state == runners.STATE_RUNNING
        )

    def _on_joined(self, worker: str) -> None:
        node = self.clients.get(worker)
        if worker not in self._placed:
            self._mark(f"worker {worker} joined")
        # A test may have begun between a worker's coming and the news of it: then the dispatcher has it already.
        if node is not None and self._users_dispatcher is not None and worker not in self._placed:
            self._placed.add(worker)
            self._users_dispatcher.add_worker(node)
            if self._dispatcher_rests():
                self._restart()

    def _on_left(self, worker: str, how: str) -> None:
        if how != "stopped":
            self._coming_back.discard(worker)
        self._changed.set()
        if how != "forgotten":
            self._mark(f"worker {worker} {'fell silent' if how == 'missing' else how}")
        test_runs = self.state in (runners.STATE_RUNNING, runners.STATE_SPAWNING)
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
            rebalances = how != "missing" or (self.rebalancing_enabled() and self.spawning_completed)
            if rebalances and self._dispatcher_rests() and self._loss_policy() != "continue" and self.worker_count:
                self._restart()

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
        if self.state not in (runners.STATE_RUNNING, runners.STATE_SPAWNING) or self._cut_short:
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


def _total(users: dict[str, dict[str, int]]) -> dict[str, int]:
    """Users by class over all workers."""
    total: dict[str, int] = {}
    for counts in users.values():
        for name, count in counts.items():
            total[name] = total.get(name, 0) + count
    return total


def _for_log(counts: dict[str, int]) -> str:
    return f"{json.dumps(dict(sorted(counts.items())))} ({sum(counts.values())} total users)"


def _sendable(options: dict[str, Any]) -> dict[str, Any]:
    """The options without those whose values cannot be sent; a worker has its own for these."""
    plain = (str, int, float, bool, bytes, list, tuple, dict, type(None))
    return {name: value for name, value in options.items() if isinstance(value, plain)}


def _wait_for_reports_s() -> float:
    """Seconds that the workers get, after a ramp, to say that they have their users."""
    wanted = os.getenv("LOCUST_WAIT_FOR_WORKERS_REPORT_AFTER_RAMP_UP")
    if wanted is None:
        return 1.0
    if match := REPORT_WAIT.fullmatch(wanted.strip()):
        return float(match[1]) * runners.WORKER_REPORT_INTERVAL
    return max(float(wanted), 0.0)
