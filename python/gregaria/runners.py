"""Runners: they carry a test out. What happens in which order is decided in Rust (crates/users/src/runner.rs).

The constants are read whenever they are needed, so that a locustfile can change them.
"""

from __future__ import annotations

import json
import logging
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from inspect import currentframe
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, TypedDict
from uuid import uuid4

import gevent
from gevent.pool import Group
from greenlet import getcurrent

from . import _engine
from .cluster_runners import on_demand
from .dispatch import UsersDispatcher
from .ending import Ending
from .exception import RPCError, RPCReceiveError, RPCSendError, StopTest
from .guard import guarded, locust_exception_handler
from .pausing import Pausing
from .rpc import Message
from .stats import RequestStats, StatsError
from .usage import TOO_BUSY_AT_TIMES, TOO_BUSY_NOW, UsageMeter, memory_bytes
from .user.task import LOCUST_STATE_STOPPING
from .user_group import UserGroup, stop_users
from .worker_nodes import WorkerNode, WorkerNodes

if TYPE_CHECKING:
    from ._engine import StatsErrors
    from .distributed.master import MasterRunner
    from .distributed.worker import WorkerRunner
    from .env import Environment
    from .shape import Tick
    from .user import User

__all__ = [
    "CONNECT_RETRY_COUNT",
    "CONNECT_TIMEOUT",
    "CPU_MONITOR_INTERVAL",
    "CPU_WARNING_THRESHOLD",
    "FALLBACK_INTERVAL",
    "HEARTBEAT_DEAD_INTERNAL",
    "HEARTBEAT_INTERVAL",
    "HEARTBEAT_LIVENESS",
    "LOCUST_STATE_STOPPING",
    "MASTER_HEARTBEAT_TIMEOUT",
    "STATE_CLEANUP",
    "STATE_INIT",
    "STATE_MISSING",
    "STATE_RUNNING",
    "STATE_SPAWNING",
    "STATE_STOPPED",
    "STATE_STOPPING",
    "WORKER_LOG_REPORT_INTERVAL",
    "WORKER_REPORT_INTERVAL",
    "DistributedRunner",
    "ExceptionDict",
    "LocalRunner",
    "MasterRunner",
    "Message",
    "RPCError",
    "RPCReceiveError",
    "RPCSendError",
    "RequestStats",
    "Runner",
    "StatsError",
    "StopTest",
    "UsersDispatcher",
    "WorkerNode",
    "WorkerNodes",
    "WorkerRunner",
    "locust_exception_handler",
]

logger = logging.getLogger("locust.runners")

STATE_INIT = "ready"
STATE_SPAWNING = "spawning"
STATE_RUNNING = "running"
STATE_CLEANUP = "cleanup"
STATE_STOPPING = "stopping"
STATE_STOPPED = "stopped"
STATE_MISSING = "missing"
WORKER_REPORT_INTERVAL = 3.0
WORKER_LOG_REPORT_INTERVAL = 10
CPU_MONITOR_INTERVAL = 10.0
CPU_WARNING_THRESHOLD = 90
HEARTBEAT_INTERVAL = 1
HEARTBEAT_LIVENESS = 3
HEARTBEAT_DEAD_INTERNAL = -60
MASTER_HEARTBEAT_TIMEOUT = 60
FALLBACK_INTERVAL = 5
CONNECT_TIMEOUT = 5
CONNECT_RETRY_COUNT = 60

Acts = list[tuple[str, Any]]


class ExceptionDict(TypedDict):
    """An exception that tasks raised: how often, and on which nodes."""

    count: int
    msg: str
    traceback: str
    nodes: set[str]


class Runner(Pausing):
    """What all runners have in common: users, states, exceptions, custom messages and the load shape.

    Made by the `create_..._runner` methods of an `Environment`.
    """

    def __init__(self, environment: Environment) -> None:
        super().__init__()
        self.environment = environment
        self._machine = _engine.RunnerMachine()
        self.user_greenlets = UserGroup()
        self.greenlet = Group()
        self.spawning_greenlet: gevent.Greenlet[..., Any] | None = None
        self.shape_greenlet: gevent.Greenlet[..., Any] | None = None
        self.shape_last_tick: Tick | None = None
        self._ramp: _engine.Ramp | None = None
        self.current_cpu_usage = 0.0
        self.current_memory_usage = 0
        self.cpu_warning_emitted = False
        self.worker_cpu_warning_emitted = False
        self.exceptions: dict[int, ExceptionDict] = {}
        self._cut_short = ""
        self.target_user_classes_count: dict[str, int] = {}
        self.target_user_count = 0
        self.final_user_classes_count: dict[str, int] = {}
        self.custom_messages: dict[str, tuple[Callable[..., Any], bool]] = {}
        self.connection_broken = False
        self._users_dispatcher: UsersDispatcher | None = None
        self._ending = Ending(self.user_greenlets, lambda: self._carry_out(self._machine.stop()))
        self._spawn(self.monitor_cpu_and_memory)
        environment.events.request.add_listener(environment.stats.recorder)
        environment.events.spawning_complete.add_listener(self._on_spawning_complete)

    def _spawn(self, run: Callable[..., Any], *args: Any) -> gevent.Greenlet[..., Any]:
        return self.greenlet.spawn(guarded(self.environment, run), *args)

    def _on_spawning_complete(self, user_count: int) -> None:
        self._carry_out(self._machine.spawning_complete(self.environment.reset_stats))

    @property
    def state(self) -> str:
        """One of the `STATE_...` constants."""
        return self._machine.state

    @state.setter
    def state(self, new_state: str) -> None:
        self._machine.set_state(new_state)

    def update_state(self, new_state: str) -> None:
        """Change the state."""
        self.state = new_state

    @property
    def user_classes(self) -> list[type[User]]:
        """The environment's user classes."""
        return self.environment.user_classes

    @property
    def user_classes_by_name(self) -> dict[str, type[User]]:
        """The environment's user classes by name."""
        return self.environment.user_classes_by_name

    @property
    def stats(self) -> RequestStats:
        """The environment's statistics."""
        return self.environment.stats

    @property
    def errors(self) -> StatsErrors:
        """Failed requests, by what they failed of."""
        return self.stats.errors

    @property
    def user_count(self) -> int:
        """Users that run now."""
        return len(self.user_greenlets)

    @property
    def user_classes_count(self) -> dict[str, int]:
        """Users that run now, by class."""
        counts = self.user_greenlets.counts()
        return {user_class.__name__: counts.get(user_class.__name__, 0) for user_class in self.user_classes}

    def _carry_out(self, acts: Acts) -> None:
        for verb, about in acts:
            self._act(verb, about)

    def _act(self, verb: str, about: Any) -> None:
        match verb:
            case "log":
                level, text = about
                logger.log(level, text)
            case "fire":
                getattr(self.environment.events, about).fire(environment=self.environment)
            case "fire_spawning_complete":
                self.environment.events.spawning_complete.fire(user_count=about)
            case "set_state":
                self.update_state(about)
            case "set_target":
                self.target_user_count = about
            case "settle":
                self.target_user_classes_count = self.user_classes_count
            case "keep_final_counts":
                self.final_user_classes_count = self.user_classes_count
            case "reset_run":
                self._reset_run()
            case "reset_stats":
                self.stats.reset_all()
            case "filter_tags":
                self.environment._filter_tasks_by_tags()
            case "apply_host":
                self._apply_host()
            case "abandon_ramp":
                self._abandon_ramp()
            case "abandon_shape":
                self._abandon_shape()
            case "stop":
                self.stop_users(about)
            case "stop_all_users":
                stop_users(list(self.user_greenlets), self.environment.stop_timeout, at_once=self._ending.callers)
                self._end_pause_with_test()
            case "forget_dispatcher":
                self._users_dispatcher = None
            case "report_cpu":
                self.cpu_log_warning()
            case "reject":
                raise ValueError(about)
            case _:
                raise NotImplementedError(verb)

    def _reset_run(self) -> None:
        self.stats.clear_all()
        self.exceptions = {}
        self.marks.clear()
        self._cut_short = ""
        self.cpu_warning_emitted = False
        self.worker_cpu_warning_emitted = False

    def _apply_host(self) -> None:
        if self.environment.host:
            for user_class in self.user_classes:
                user_class.host = self.environment.host

    def _abandon_ramp(self) -> None:
        self._ramp = None
        # A listener called from the ramp may stop or restart the test: the ramp then ends by itself.
        if self.spawning_greenlet is not None and self.spawning_greenlet is not getcurrent():
            self.spawning_greenlet.kill(block=True)

    def _abandon_shape(self) -> None:
        if self.environment.shape_class is None or self.shape_greenlet is getcurrent():
            return
        if self.shape_greenlet is not None:
            self.shape_greenlet.kill(block=True)
            self.shape_greenlet = None
        self.shape_last_tick = None

    def cpu_log_warning(self) -> bool:
        """At the end of a test, say whether the CPU was too busy during it."""
        if self.cpu_warning_emitted:
            logger.warning(TOO_BUSY_AT_TIMES)
        return self.cpu_warning_emitted

    def spawn_users(self, user_classes_spawn_count: dict[str, int], wait: bool = False) -> list[User]:
        """Start so many users of each class and return them; with `wait`, only after all users have ended."""
        self._machine.spawn_begins()
        if logger.isEnabledFor(logging.DEBUG):
            wanted, present = json.dumps(user_classes_spawn_count), json.dumps(self.user_classes_count)
            logger.debug("Spawning additional %s (%s already running)...", wanted, present)
        users = [user for name, count in user_classes_spawn_count.items() for user in self._spawn_class(name, count)]
        if wait:
            self.user_greenlets.join()
            logger.info("All users stopped\n")
        return users

    def _spawn_class(self, name: str, count: int) -> Iterator[User]:
        user_class = self.user_classes_by_name[name]
        for number in range(1, count + 1):
            user = user_class(self.environment)
            if not hasattr(user, "environment"):
                raise AssertionError(
                    f"Attribute 'environment' is missing on user {name}: its __init__ must call super().__init__(*args)"
                )
            if self.state == STATE_STOPPED:
                # The constructor has stopped the test.
                return
            user.start(self.user_greenlets)
            if number % 10 == 0 or number == count:
                logger.debug("%i users spawned", self.user_count)
            yield user
        logger.debug("All users of class %s spawned", name)

    def stop_users(self, user_classes_stop_count: dict[str, int]) -> None:
        """End so many users of each class, those that were started last, and wait until they have ended."""
        chosen = [
            handle
            for name, count in user_classes_stop_count.items()
            for handle in self.user_greenlets.let_go(self.user_classes_by_name[name], count)
        ]
        stop_users(chosen, self.environment.stop_timeout)
        logger.debug("%i users have been stopped, %i still running", len(chosen), self.user_count)

    def monitor_cpu_and_memory(self) -> NoReturn:
        """Watch this process, and warn when it is too busy to be trusted."""
        meter = UsageMeter()
        events = self.environment.events
        while True:
            gevent.sleep(CPU_MONITOR_INTERVAL)
            self.current_cpu_usage = usage = meter.cpu_percent()
            self.current_memory_usage = memory = memory_bytes()
            if usage > CPU_WARNING_THRESHOLD:
                events.cpu_warning.fire(environment=self.environment, cpu_usage=usage)
                if not self.cpu_warning_emitted:
                    logging.warning(TOO_BUSY_NOW, CPU_WARNING_THRESHOLD)
                    self.cpu_warning_emitted = True
            events.usage_monitor.fire(environment=self.environment, cpu_usage=usage, memory_usage=memory)

    def engine_stats(self) -> dict[str, float]:
        """What the engine knows of itself; on a master, the engines of all workers together."""
        return _engine.engine_stats()

    def start(
        self, user_count: int, spawn_rate: float, wait: bool = False, user_classes: list[type[User]] | None = None
    ) -> None:
        """Go to this number of users at this rate."""
        raise NotImplementedError

    def send_message(self, msg_type: str, data: Any = None, client_id: str | None = None) -> None:
        """Send a custom message to another node."""
        raise NotImplementedError

    def start_shape(self) -> None:
        """Begin to follow the environment's load shape."""
        if self.shape_greenlet:
            logger.info("There is an ongoing shape test running. Editing is disabled")
            return
        logger.info("Shape test starting.")
        self.update_state(STATE_INIT)
        self.shape_greenlet = self._spawn(self.shape_worker)
        if self.environment.shape_class is not None:
            self.environment.shape_class.reset_time()

    def shape_worker(self) -> None:
        """Ask the shape once a second and do what it says, until it ends the test or somebody else does."""
        logger.info("Shape worker starting")
        driver = _engine.ShapeDriver()
        shape = self.environment.shape_class
        while driver.goes_on(self.state):
            self.clock.gate.wait()
            began = time.perf_counter()
            tick = None if shape is None else shape.tick()
            verdict, line = driver.tick(tick)
            if verdict == "end" or tick is None:
                logger.info("Shape test stopping")
                self.stop_or_quit()
                self.shape_greenlet = self.shape_last_tick = None
                return
            if verdict == "start":
                logger.info(line)
                self.start(int(tick[0]), tick[1], user_classes=tick[2] if len(tick) == 3 else None)
                self.shape_last_tick = tick
            gevent.sleep(driver.pause(time.perf_counter() - began))

    def stop_or_quit(self) -> None:
        """End the test, and without a web UI, from which another could be started, the runner too."""
        options = self.environment.parsed_options
        if options and options.headless:
            self.quit()
        else:
            self.stop()

    def stop(self) -> None:
        """End the test: stop all users and wait for it."""
        self._log_caller()
        self._ending.outside_users(self._ending.stop)

    def quit(self) -> None:
        """End the test and everything that the runner does."""
        self._log_caller()
        self._ending.outside_users(self._quit)

    def _log_caller(self) -> None:
        frame = currentframe()
        if self.state != STATE_STOPPED and logger.isEnabledFor(logging.DEBUG) and frame and frame.f_back:
            caller = frame.f_back.f_back
            where = f"{caller.f_code.co_filename}:{caller.f_lineno}" if caller else "the outermost code"
            logger.debug("Stopping all users (called from %s)", where)

    def _quit(self) -> None:
        self._ending.stop()
        self.greenlet.kill(block=True)

    def log_exception(self, node_id: str, msg: str, formatted_tb: str) -> None:
        """Count an exception that a task has raised on a node."""
        new: ExceptionDict = {"count": 0, "msg": msg, "traceback": formatted_tb, "nodes": set()}
        row = self.exceptions.setdefault(hash(formatted_tb), new)
        row["count"] += 1
        row["nodes"].add(node_id)

    def register_message(self, msg_type: str, listener: Callable[..., Any], concurrent: bool = False) -> None:
        """Have `listener(environment=..., msg=...)` called for custom messages of this type."""
        if msg_type in self.custom_messages:
            raise Exception(f"There is a listener for messages of the type '{msg_type}' already")
        self.custom_messages[msg_type] = (listener, concurrent)


class LocalRunner(Runner):
    """Runs a test in this process alone: a cluster of one."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.worker_index = 0
        self.worker_count = 1
        self.client_id = f"{socket.gethostname()}_{uuid4().hex}"
        self._local_worker_node = WorkerNode(id="local")
        self._local_worker_node.user_classes_count = self.user_classes_count
        environment.events.user_error.add_listener(self._on_user_error)

    def _on_user_error(self, user_instance: Any, exception: BaseException, tb: TracebackType | None) -> None:
        self.log_exception("local", str(exception), "".join(traceback.format_tb(tb)))

    def start(
        self, user_count: int, spawn_rate: float, wait: bool = False, user_classes: list[type[User]] | None = None
    ) -> None:
        """Go to this number of users at this rate; returns at once, a greenlet does it."""
        user_count = int(user_count)
        for verb, about in self._machine.start(user_count, spawn_rate, wait):
            if verb == "begin_ramp":
                self._ramp = _engine.Ramp(user_count, spawn_rate, wait)
                self.spawning_greenlet = self._spawn(
                    self._follow, self._ramp, (user_count, spawn_rate, user_classes), wait
                )
            else:
                self._act(verb, about)

    def _follow(self, ramp: _engine.Ramp, order: tuple[int, float, list[type[User]] | None], wait: bool) -> None:
        batches: Iterator[dict[str, dict[str, int]]] = iter(())
        while self.state == STATE_CLEANUP and self._ramp is ramp:
            gevent.sleep(0.01)  # the last test is being stopped
        while self._ramp is ramp:
            verb, about = ramp.next(self.state, self.user_greenlets.staying(self.user_classes))
            match verb:
                case "over":
                    return
                case "new_dispatch":
                    batches = self._dispatch(*order)
                case "dispatch":
                    self.clock.gate.wait()
                    users = next(batches, None)
                    wanted = None if users is None else users[self._local_worker_node.id]
                    ramp.dispatched(wanted, self.user_greenlets.staying(self.user_classes))
                case "spawn":
                    self.clock.gate.wait()
                    self.spawn_users(about, wait)
                case "place":
                    self._local_worker_node.user_classes_count = about
                case _:
                    self._act(verb, about)

    def _dispatch(
        self, user_count: int, spawn_rate: float, user_classes: list[type[User]] | None
    ) -> Iterator[dict[str, dict[str, int]]]:
        if self._users_dispatcher is None:
            self._users_dispatcher = self.environment.dispatcher_class(
                worker_nodes=[self._local_worker_node], user_classes=self.user_classes
            )
        self._users_dispatcher.new_dispatch(user_count, spawn_rate, user_classes)
        return iter(self._users_dispatcher)

    def send_message(self, msg_type: str, data: Any = None, client_id: str | None = None) -> None:
        """Hand a custom message to this process's own listener."""
        logger.debug("Running locally: sending %s message to self", msg_type)
        if msg_type not in self.custom_messages:
            logger.warning("Unknown message type received: %s", msg_type)
            return
        listener, _ = self.custom_messages[msg_type]
        listener(environment=self.environment, msg=Message(msg_type, data, "local"))


class DistributedRunner(Runner):
    """A runner that works with others in other processes."""


__dir__, __getattr__ = on_demand(globals())
