"""`WorkerRunner`: runs the users that a master asks for, and reports to it.

    register ─ ack ─ [spawn … ─ stop ─ last report ─ register]… ─ quit ─ last report ─ end
                 └ heartbeats (engine) and reports all the while

What a master says that begins or ends users is done in the order in which it comes: a spawn waits for the stop before.
The connection, registering and heartbeats are the engine's (crates/cluster); here is what the hub does.
"""

from __future__ import annotations

import logging
import os
import socket
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import gevent
from gevent.event import Event
from gevent.lock import RLock
from gevent.pool import Group

from .. import _engine, argument_parser, runners, samples, tasks_begun
from ..log import get_logs
from ..rpc import Message
from ..tasks_begun import FORGET_TASKS_BEGUN, TASKS_BEGUN
from .in_flight import IN_FLIGHT, of_this_process
from .inbox import LOCUST_VERSION, call_listener, follow
from .link_security import worker_secret
from .unsent import keep_unsent

if TYPE_CHECKING:
    from ..env import Environment
    from ..user import User

logger = logging.getLogger("locust.runners")

ALIVE_INTERVAL_S = 0.5
MOST_NEW_LOG_LINES = 70
OPTIONS_FROM_MASTER = ("expect_workers", "tags", "exclude_tags", "gregaria_samples", "gregaria_redact")


class WorkerRunner(runners.DistributedRunner):
    """Runs users for a master. The constructor returns when the master knows this worker."""

    worker_index = -1
    """Its number among the master's workers; -1 if the master gives none."""

    def __init__(self, environment: Environment, master_host: str, master_port: int) -> None:
        super().__init__(environment)
        self.connected = False
        self.connection_event = Event()
        self.worker_state = runners.STATE_INIT
        self.client_id = f"{socket.gethostname()}_{uuid4().hex}"
        self.master_host = master_host
        self.master_port = master_port
        self.last_heartbeat_timestamp: float | None = None
        self.logs: list[str] = []
        self._gave_up: str | None = None
        self._lost_at: float | None = None
        self._lag_ms = 0.0
        self._exceptions_to_send: dict[tuple[str, str], int] = {}
        self._leaving = Group()
        self._reporting = RLock()
        self._run: int | None = None
        options = environment.parsed_options
        self._own_redact = getattr(options, "gregaria_redact", None)
        base_path = getattr(options, "web_base_path", "") or ""
        self._link = _engine.WorkerLink(
            environment.stats,
            master_host,
            master_port,
            self.client_id,
            version=LOCUST_VERSION,
            master=f"{master_host}:{master_port}{base_path}",
            secret=worker_secret(options),
        )
        self._configure()
        self._spawn(self.worker)
        self._talkers = [self._spawn(self._stay_alive)]
        self._wait_for_master()
        self._talkers += [self._spawn(self.stats_reporter), self._spawn(self.logs_reporter)]
        environment.events.report_to_master.add_listener(self._on_report_to_master)
        environment.events.quitting.add_listener(self._on_quitting)
        environment.events.user_error.add_listener(self._on_user_error)

    def _configure(self) -> None:
        self._link.configure(
            runners.HEARTBEAT_INTERVAL,
            runners.MASTER_HEARTBEAT_TIMEOUT,
            runners.CONNECT_TIMEOUT,
            runners.CONNECT_RETRY_COUNT,
            bool(self.environment.events.heartbeat_received._handlers),
        )

    def _wait_for_master(self) -> None:
        self.connection_event.wait()
        if self._gave_up is not None:
            self._link.close()
            raise ConnectionError(self._gave_up)
        self.connected = True

    def start(
        self, user_count: int, spawn_rate: float, wait: bool = False, user_classes: list[type[User]] | None = None
    ) -> None:
        """A worker starts users only when its master says so."""
        raise NotImplementedError("a worker's test is started by its master")

    def start_worker(self, user_classes_count: dict[str, int], **kwargs: Any) -> None:
        """Go to these numbers of users at once; the ramp is the master's business."""
        self.target_user_classes_count = user_classes_count
        self.target_user_count = sum(user_classes_count.values())
        self._apply_host()
        present = self.user_greenlets.staying(self.user_classes)
        unknown = [name for name in user_classes_count if name not in present]
        if unknown:
            logger.error(
                "The master wants users of %s, which this worker's locustfile does not have", ", ".join(sorted(unknown))
            )
        changes = {name: count - present[name] for name, count in user_classes_count.items() if name in present}
        # Stopping may take as long as the stop timeout, so it comes last.
        self.spawn_users({name: change for name, change in changes.items() if change > 0})
        self.stop_users({name: -change for name, change in changes.items() if change < 0})
        self._link.send(
            "spawning_complete", {"user_classes_count": self.user_classes_count, "user_count": self.user_count}
        )
        self.update_state(runners.STATE_RUNNING)
        self._set_worker_state(runners.STATE_RUNNING)

    def pause(self) -> None:
        """A worker pauses only when its master says so."""
        raise NotImplementedError("a worker's test is paused by its master")

    def _on_pause(self, hold: bool) -> None:
        if not hold:
            self.resume()
        elif not self.paused:
            self.clock.stop()
            self._hold_users(True)

    def _set_worker_state(self, state: str) -> None:
        self.worker_state = state
        self._link.set_state(state)

    def send_message(self, msg_type: str, data: Any = None, client_id: str | None = None) -> None:
        """Send a custom message to the master."""
        logger.debug("Sending %s message to master", msg_type)
        self._link.send(msg_type, data)

    def worker(self) -> None:
        """For a greenlet: do what the master's messages ask for."""
        follow(self._link, self._on_told)

    def _on_told(self, verb: str, about: Any) -> None:
        events = self.environment.events
        match verb:
            case "acknowledged":
                self._on_acknowledged(about)
            case "spawn":
                self._leaving.join()
                self._on_spawn(about)
            case "spawning_complete":
                events.spawning_complete.fire(user_count=about)
            case "stop":
                if not self._leaving:
                    self._leave(self._stop_for_master)
            case "quit":
                logger.info("Got quit message from master, shutting down...")
                self._spawn(self._quit_for_master)
            case "reconnect":
                logger.warning("Received reconnect message from master. Resetting RPC connection.")
                self._link.reconnect()
            case "pause":
                self._on_pause(about)
            case "rejoin":
                logger.warning("The master does not know this worker, it may have been restarted; registering again")
                self._leave(self._stop_and_register)
            case "heartbeat_received":
                self.last_heartbeat_timestamp = time.time()
                events.heartbeat_received.fire(client_id=about, timestamp=self.last_heartbeat_timestamp)
            case "update_user_class":
                self.environment.update_user_class(about)
            case "master_lost":
                self._leave(self._on_master_lost, about)
            case "gave_up":
                self._on_gave_up(about)
            case "custom" if about[0] == IN_FLIGHT:
                self._link.send(IN_FLIGHT, of_this_process(self))
            case "custom" if about[0] == TASKS_BEGUN:
                self._link.send(TASKS_BEGUN, tasks_begun.of_this_process(self.user_classes))
            case "custom" if about[0] == FORGET_TASKS_BEGUN:
                _engine.forget_tasks_begun()
            case "custom":
                kind, data, node_id = about
                call_listener(self.environment, self.custom_messages, Message(kind, data, node_id), "")
            case _:
                raise NotImplementedError(verb)

    def _leave(self, end: Callable[..., None], *args: Any) -> None:
        self._leaving.add(self._spawn(end, *args))

    def _on_acknowledged(self, index: int | None) -> None:
        if index is not None:
            self.worker_index = index
        if self._lost_at is not None:
            logger.info("The master is back")
            self._lost_at = None
        self.connection_event.set()

    def _on_gave_up(self, reason: str | None) -> None:
        where = f"{self.master_host}:{self.master_port}"
        self._gave_up = f"{where} does not answer" if reason is None else f"{where}: {reason}"
        if self.connected:
            logger.error("The master is gone for good: %s", self._gave_up)
            self._spawn(self.quit)
        self.connection_event.set()

    def _on_spawn(self, job: dict[str, Any]) -> None:
        environment, run, options = self.environment, job.get("gregaria_run"), job.get("parsed_options") or {}
        self._link.send("spawning", None)
        in_test = self.worker_state in (runners.STATE_RUNNING, runners.STATE_SPAWNING)
        if in_test and run != self._run:
            # The stop in between was lost with a connection.
            self._end_run()
            in_test = False
        environment.host = job.get("host")
        environment.stop_timeout = job.get("stop_timeout") or 0.0
        self._take_over(options)
        if not in_test:
            self._run = run
            self._link.begin_run(run)
            self._reset_run()
            _engine.forget_tasks_begun()
            if "gregaria_samples" in options and environment.parsed_options:
                samples.set_up(environment.stats, environment.parsed_options)
            environment._filter_tasks_by_tags()
            environment.events.test_start.fire(environment=environment)
        self._set_worker_state(runners.STATE_SPAWNING)
        self.resume()
        if self.spawning_greenlet:
            self.spawning_greenlet.kill(block=True)
        self.spawning_greenlet = self._spawn(self.start_worker, job.get("user_classes_count") or {})

    def _take_over(self, options: dict[str, Any]) -> None:
        """Options of locustfiles are the master's; what concerns this process is its own."""
        if self.environment.parsed_options is None:
            parser = argument_parser.get_empty_argument_parser()
            argument_parser.setup_parser_arguments(parser)
            self.environment.parsed_options = parser.parse_args([])
        own = argument_parser.default_args_dict()
        taken = {name: value for name, value in options.items() if name not in own or name in OPTIONS_FROM_MASTER}
        if "gregaria_redact" in taken:
            # What is secret here stays secret, whether the master knows it or not.
            taken["gregaria_redact"] = ",".join(filter(None, (taken["gregaria_redact"], self._own_redact)))
        vars(self.environment.parsed_options).update(taken)

    def _stop_for_master(self) -> None:
        self._end_run()
        self._link.leave()
        # For networks that need it; our master does not.
        gevent.sleep(int(os.getenv("LOCUST_WORKER_ADDITIONAL_WAIT_BEFORE_READY_AFTER_STOP", "0")))
        self._set_worker_state(runners.STATE_INIT)
        self._link.register()

    def _quit_for_master(self) -> None:
        self._end_run()
        self.greenlet.kill(block=True)

    def _stop_and_register(self) -> None:
        # The master that does not know this worker may be another one: what was measured so far is none of its run. It
        # ignores this report, which has to be written before this worker registers.
        self._end_run()
        self._link.unconfirmed(wait_s=0)
        self._set_worker_state(runners.STATE_INIT)
        self._link.register()

    def _on_master_lost(self, seconds: float) -> None:
        """The dead man's switch: no load without a master. Then wait for it to come back, if that is wanted."""
        logger.error("Didn't get heartbeat from master in over %gs", seconds)
        self._end_run()
        self._set_worker_state(runners.STATE_INIT)
        patience = float(getattr(self.environment.parsed_options, "gregaria_master_return_wait", 0) or 0)
        if patience:
            logger.info("The load is stopped. Waiting %g s for the master to come back", patience)
            self._lost_at = time.monotonic()
            self._link.register()
            self._spawn(self._wait_for_return, patience)
        else:
            self.quit()

    def _wait_for_return(self, patience: float) -> None:
        lost_at = self._lost_at
        gevent.sleep(patience)
        if lost_at is not None and self._lost_at == lost_at:
            logger.error("The master did not come back")
            self.quit()

    def _stay_alive(self) -> None:
        """For a greenlet: tell the engine that the hub moves, and how late it is."""
        while True:
            self._link.alive(self.worker_state, self.current_cpu_usage, self.current_memory_usage, self._lag_ms)
            self._send_exceptions()
            self._configure()
            began = time.perf_counter()
            gevent.sleep(ALIVE_INTERVAL_S)
            self._lag_ms = max(time.perf_counter() - began - ALIVE_INTERVAL_S, 0.0) * 1_000

    def stats_reporter(self) -> None:
        """For a greenlet: report again and again."""
        while True:
            self._send_stats()
            gevent.sleep(runners.WORKER_REPORT_INTERVAL)

    def _on_report_to_master(self, client_id: str, data: dict[str, Any]) -> None:
        data.update(self._link.take_report())
        data["user_classes_count"] = self.user_classes_count
        data["user_count"] = self.user_count

    def _send_stats(self) -> None:
        event = self.environment.events.report_to_master
        if event._handlers == [self._on_report_to_master]:
            self._link.report(list(self.user_classes_count.items()), _engine.engine_stats())
            return
        # A listener may wait for something; what is taken for another report meanwhile would take this one's place.
        with self._reporting:
            data: dict[str, Any] = {}
            event.fire(client_id=self.client_id, data=data)
            self._link.send_report(data, _engine.engine_stats())

    def _end_run(self) -> None:
        """Stop. What was measured until the users had stopped is in a last report."""
        self.stop()
        self._link.last_report_follows()
        self._send_stats()

    def logs_reporter(self) -> None:
        """For a greenlet: send the log while it grows, until it grows too fast."""
        while runners.WORKER_LOG_REPORT_INTERVAL >= 0:
            lines = get_logs()
            grown_by = len(lines) - len(self.logs)
            if grown_by > MOST_NEW_LOG_LINES:
                logger.warning(
                    "This worker has logged more than %d lines between two reports; it sends no more of its log.",
                    MOST_NEW_LOG_LINES,
                )
                lines = get_logs()
            if grown_by > 0:
                self.send_message("logs", {"worker_id": self.client_id, "logs": lines})
            if grown_by > MOST_NEW_LOG_LINES:
                return
            self.logs = lines
            gevent.sleep(runners.WORKER_LOG_REPORT_INTERVAL)

    def _on_user_error(self, user_instance: Any, exception: BaseException, tb: TracebackType | None) -> None:
        key = (str(exception), "".join(traceback.format_tb(tb)))
        self._exceptions_to_send[key] = self._exceptions_to_send.get(key, 0) + 1
        if not self._link.master_is_ours:
            self._send_exceptions()

    def _send_exceptions(self) -> None:
        pending, self._exceptions_to_send = self._exceptions_to_send, {}
        for (text, formatted), count in pending.items():
            data = {"msg": text, "traceback": formatted}
            if self._link.master_is_ours:
                self._link.send("exception", {**data, "gregaria": {"count": count}})
            else:
                for _ in range(count):
                    self._link.send("exception", data)

    def _on_quitting(self, environment: Environment, **_kwargs: Any) -> None:
        if self.state not in (runners.STATE_INIT, runners.STATE_STOPPED):
            self._end_run()
        self._send_exceptions()
        gevent.killall(self._talkers)
        keep_unsent(self._link, self.client_id)
        self._link.send("quit", None)
        self._link.close()
