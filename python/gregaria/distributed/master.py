"""`MasterRunner`: distributes users over workers; their statistics come together in its environment.

    start: spawn messages, batch by batch ─ wait for the workers' counts ─ spawning_complete
    stop:  stop messages ─ wait until no worker has users and all are ready again ─ test_stop

A start waits for the end of a stop; it ends a start that is under way, and a stop ends either. Messages of workers are
taken in all the while; whatever waits does so in a greenlet of its own.
"""

from __future__ import annotations

import errno
import logging
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event
from greenlet import getcurrent

from .. import _engine, runners
from ..exception import CannotPauseError
from ..rpc import Message
from ..tasks_begun import FORGET_TASKS_BEGUN, TASKS_BEGUN, Begun, BegunOnWorkers
from .in_flight import IN_FLIGHT, AnswersOfWorkers, Row
from .inbox import LOCUST_VERSION, call_listener, follow
from .link_security import master_secret
from .locustfiles import answer_to_worker
from .membership import PAUSE, Membership
from .nodes import ConnectedNodes
from .orders import Orders, for_log, total, wait_for_reports_s

if TYPE_CHECKING:
    from ..env import Environment
    from ..user import User

logger = logging.getLogger("locust.runners")

HIGH_RATE_PER_WORKER = 100
STOP_GRACE_S = 60.0
LAST_REPORTS_S = 3.0
RETURN_S = 2.0
LATE_RETURN_S = 10.0
CHECK_INTERVAL_S = 0.2


class MasterRunner(Membership):
    """Controls workers: runs no users itself."""

    def __init__(self, environment: Environment, master_bind_host: str, master_bind_port: int) -> None:
        super().__init__(environment)
        self.master_bind_host = master_bind_host
        self.spawning_completed = False
        self._told_of: set[str] = set()
        self._orders = Orders()
        self._sending: gevent.Greenlet[..., Any] | None = None
        self._stop_over = Event()
        self._in_flight = AnswersOfWorkers()
        self._tasks_begun = BegunOnWorkers()
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
        self._wait_for_turn(number)
        if number != self._dispatch_number:
            return
        self.spawning_completed = self._placed_late = False
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
        if not self._test_runs():
            self._begin_test()
            if number != self._dispatch_number:
                return
        self.update_state(runners.STATE_SPAWNING)
        self._users_dispatcher.new_dispatch(user_count, spawn_rate, user_classes)
        if self._send_jobs(number):
            self._complete_ramp(number)

    def _wait_for_turn(self, number: int) -> None:
        """Before a start: whatever else goes on is brought to its end."""
        self._abandon_orders()
        self._wait_for_stop()
        if not self.worker_count and self._coming_back:
            self._wait_for(
                lambda: self.worker_count > 0 or number != self._dispatch_number,
                self.environment.stop_timeout + LATE_RETURN_S,
            )

    def _wait_for_stop(self) -> None:
        while self._stopper is not None and self._stopper is not getcurrent():
            self._stop_over.wait()

    def _abandon_orders(self) -> None:
        if self._sending is not None and self._sending is not getcurrent():
            self._sending.kill(block=True)

    def _begin_test(self) -> None:
        self._link.begin_run(self._orders.begin_run())
        self._reset_run()
        self.environment._filter_tasks_by_tags()
        self.environment.events.test_start.fire(environment=self.environment)
        if self.environment.shape_class:
            self.environment.shape_class.reset_time()

    def _send_jobs(self, number: int) -> bool:
        """Send the batches of a ramp; whether it came to its end, and no later one or a stop has taken its place.

        A greenlet does it that can be ended: two at once would take batches of the dispatcher from each other.
        """
        sending = self._sending = self.greenlet.spawn(self._send_batches)
        try:
            sending.join()
        finally:
            sending.kill()
        if sending.exception is not None:
            raise sending.exception
        return number == self._dispatch_number

    def _send_batches(self) -> None:
        assert self._users_dispatcher is not None
        for users in self._users_dispatcher:
            self.clock.gate.wait()
            if self.state not in (runners.STATE_SPAWNING, runners.STATE_RUNNING):
                return
            order = self._orders.order(self.environment)
            for worker, counts in users.items():
                self._link.send("spawn", {**order, "user_classes_count": counts}, worker)
            together = total(users)
            logger.debug(
                "Sending spawn messages for %d total users to %i worker(s)", sum(together.values()), len(users)
            )
            self.target_user_classes_count = together

    def _complete_ramp(self, number: int) -> None:
        """Wait a little for the workers to say that they have the users, then tell everybody."""
        deadline = time.monotonic() + wait_for_reports_s()
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
        logger.info("%s: %s", told, for_log(self.reported_user_classes_count))
        if self._placed_late:
            self._restart()

    def _stop_test(self, send_stop_to_client: bool) -> None:
        self._dispatch_number += 1
        self._changed.set()
        idle = (runners.STATE_INIT, runners.STATE_STOPPED, runners.STATE_STOPPING)
        if self._stopper is not None or self.state in idle:
            return
        self._stopper = getcurrent()
        self._stop_over.clear()
        try:
            self._end_test(send_stop_to_client)
        finally:
            self._stopper = None
            self._stop_over.set()
        self.environment.events.test_stop.fire(environment=self.environment)

    def _end_test(self, send_stop_to_client: bool) -> None:
        logger.debug("Stopping...")
        self.environment.events.test_stopping.fire(environment=self.environment)
        self.final_user_classes_count = {**self.reported_user_classes_count}
        self.update_state(runners.STATE_STOPPING)
        self._abandon_orders()
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
            self.update_state(runners.STATE_STOPPED)
            self.cpu_log_warning()

    def stop(self, send_stop_to_client: bool = True) -> None:
        """End the test: have all workers stop their users, and wait for it, whoever began to stop it."""
        self._stop_test(send_stop_to_client)
        self._wait_for_stop()

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

    def in_flight(self) -> list[tuple[str, Row]]:
        """The oldest requests without an answer on our own workers, as they said when this was called before."""
        ours = self._our_workers()
        self._tell(IN_FLIGHT, ours)
        return self._in_flight.oldest(ours)

    def tasks_begun(self) -> Begun:
        """On all our own workers, as they said when they were asked."""
        return self._tasks_begun.all(self.user_classes)

    def ask_for_tasks_begun(self) -> None:
        """Ask those workers whose turn it is."""
        self._tell(TASKS_BEGUN, self._tasks_begun.to_ask(self._our_workers()))

    def forget_tasks_begun(self) -> None:
        """Our own workers count from zero, too."""
        self._tasks_begun.forget()
        self._tell(FORGET_TASKS_BEGUN, self._our_workers())

    def _our_workers(self) -> list[str]:
        return [node.id for node in self.clients.values() if getattr(node, "lag_ms", None) is not None]

    def _tell(self, kind: str, workers: Sequence[str]) -> None:
        for worker in workers:
            self._link.send(kind, None, worker)

    def send_message(self, msg_type: str, data: Any = None, client_id: str | None = None) -> None:
        """Send a message to one worker, or to all of them."""
        for worker in [client_id] if client_id else list(self.clients):
            logger.debug("Sending %s message to worker %s", msg_type, worker)
            self._link.send(msg_type, data, worker)

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
            self._stop_strays()
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
                self._on_joined(*about)
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
            case "custom" if about[0] == IN_FLIGHT:
                self._in_flight.take(about[2], about[1])
            case "custom" if about[0] == TASKS_BEGUN:
                self._tasks_begun.take(about[2], about[1])
            case "custom":
                kind, data, client_id = about
                sender = f" from worker {client_id} (index {self.get_worker_index(client_id)})"
                call_listener(self.environment, self.custom_messages, Message(kind, data, client_id), sender)
            case _:
                raise NotImplementedError(verb)
