"""Environment, runners, events and statistics used as a library, by scripts of their own."""

import logging
from collections import Counter
from typing import Any

import gevent
from scenario import log, main, ramps, said, scenario

import locust
from locust import HttpUser, LoadTestShape, User, constant, events, task
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.event import EventHook, Events
from locust.exception import CatchResponseError, RunnerAlreadyExistsError, StopUser
from locust.runners import STATE_RUNNING, STATE_STOPPED, LocalRunner
from locust.stats import RequestStats, StatsEntry, StatsError, sort_stats, stats_history, stats_printer

HOOKS = [
    "test_start",
    "spawning_complete",
    "test_stopping",
    "test_stop",
    "reset_stats",
    "quitting",
    "quit",
    "request",
    "user_error",
    "worker_connect",
    "report_to_master",
    "worker_report",
    "heartbeat_sent",
    "heartbeat_received",
    "cpu_warning",
    "usage_monitor",
    "init",
    "init_command_line_parser",
]


class Visitor(User):
    wait_time = constant(0)

    @task
    def work(self) -> None:
        self.environment.events.request.fire(
            request_type="X", name="own", response_time=12, response_length=3, exception=None, context=self.context()
        )
        raise StopUser


def visitor(name: str = "Visitor", **body: Any) -> Any:
    return type(name, (Visitor,), body)


@scenario
def a_whole_run() -> None:
    environment = Environment(user_classes=[visitor()], events=events)
    runner = environment.create_local_runner()
    log(type(runner) is LocalRunner, environment.runner is runner, runner.state, runner.stats is environment.stats)
    for name in HOOKS:
        getattr(events, name).add_listener(lambda name=name, **told: log(name, *sorted(told)))
    printer = gevent.spawn(stats_printer(environment.stats))
    history = gevent.spawn(stats_history, runner)
    runner.start(2, spawn_rate=100)
    runner.spawning_greenlet.join()
    runner.user_greenlets.join(10)
    log(runner.state == STATE_RUNNING, runner.target_user_count, runner.user_count, runner.user_classes_count)
    log(runner.target_user_classes_count, bool(runner.greenlet))
    gevent.spawn_later(0.05, runner.quit)
    runner.greenlet.join()
    log(runner.state == STATE_STOPPED, len(runner.greenlet), runner.final_user_classes_count)
    log([(e.name, e.method, e.num_requests, e.total_content_length) for e in environment.stats.entries.values()])
    gevent.killall([printer, history])


@scenario
def two_environments_at_once() -> None:
    runners = []
    for number, users in ((1, 3), (2, 5)):
        environment = Environment(user_classes=[visitor(f"Number{number}")])
        runners.append(environment.create_local_runner())
        runners[-1].start(users, spawn_rate=100)
    for runner in runners:
        runner.spawning_greenlet.join()
        runner.user_greenlets.join(10)
        log(runner.stats.num_requests, runner.user_classes_count)
        runner.quit()


@scenario
def starting_again_begins_anew() -> None:
    environment = Environment(user_classes=[visitor()])
    runner = environment.create_local_runner()
    for users in (2, 3):
        environment.stats.history.append({})
        runner.start(users, 100)
        runner.spawning_greenlet.join()
        runner.user_greenlets.join(10)
        log(runner.stats.num_requests, environment.stats.history, runner.state)
        runner.stop()
        runner.stop()
        log(runner.state)
    runner.quit()


@scenario
def a_second_runner_is_refused() -> None:
    environment = Environment()
    runner = environment.create_local_runner()
    try:
        environment.create_local_runner()
    except RunnerAlreadyExistsError:
        log("refused")
    runner.quit()


@scenario
def environments_refuse_what_cannot_work() -> None:
    def heard(**settings: Any) -> None:
        try:
            Environment(**settings)
        except Exception as error:
            log(type(error).__name__)
        else:
            log("fine")

    heard(user_classes=[visitor(weight=0)])
    heard(user_classes=[visitor(), visitor()])
    heard(shape_class=LoadTestShape)
    heard(shape_class="shape")
    heard(user_classes=[visitor("A", weight=0), visitor("B")])
    heard(user_classes=[visitor("A", weight=0, fixed_count=1)])


@scenario
def attributes_of_an_environment() -> None:
    environment = Environment(host="http://h", tags=["a"], stop_timeout=2, profile="p", locustfile="f.py")
    for name in ("host", "tags", "exclude_tags", "stop_timeout", "profile", "locustfile", "reset_stats"):
        log(name, getattr(environment, name))
    for name in ("catch_exceptions", "process_exit_code", "web_ui", "runner", "parsed_options", "worker_logs"):
        log(name, getattr(environment, name))
    log(environment.events is events, environment.user_classes, environment.user_classes_by_name)
    log(environment.dispatcher_class is UsersDispatcher)
    environment.update_worker_logs({"worker_id": "w", "logs": ["a"]})
    environment.update_worker_logs({"logs": ["b"]})
    log(environment.worker_logs)


@scenario
def the_class_picker_changes_classes() -> None:
    class Picked(User):
        @task
        def first(self) -> None: ...

        @task
        def second(self) -> None: ...

    log(Picked.json(), Picked.fullname().split(".")[-2:])
    environment = Environment(
        user_classes=[Picked],
        available_user_classes={"Picked": Picked},
        available_user_tasks={"Picked": list(Picked.tasks)},
    )
    environment.update_user_class({"user_class_name": "Picked", "weight": 7, "tasks": ["second"], "host": "h"})
    log(Picked.json())
    try:
        environment.update_user_class({"user_class_name": "Nobody"})
    except KeyError as error:
        log(said(error))


@scenario
def messages_to_oneself() -> None:
    runner = Environment().create_local_runner()

    def listener(environment: Any, msg: Any, **more: Any) -> None:
        log(environment is runner.environment, msg.type, msg.data, msg.node_id, sorted(more))

    runner.register_message("hello", listener)
    runner.register_message("at once", listener, concurrent=True)
    try:
        runner.register_message("hello", listener)
    except Exception as error:
        log("twice:", type(error).__name__)
    runner.send_message("hello", {"a": [1]})
    runner.send_message("at once")
    runner.send_message("unknown", 1)
    log(runner.worker_index, runner.worker_count, "_" in runner.client_id)
    runner.quit()


@scenario
def a_shape_drives_the_run() -> None:
    class Steps(LoadTestShape):
        ticks = iter([(2, 100), (2, 100), None])

        def tick(self) -> Any:
            return next(self.ticks)

    class Stays(User):
        wait_time = constant(10)

        @task
        def work(self) -> None: ...

    shape = Steps()
    environment = Environment(user_classes=[Stays], shape_class=shape)
    runner = environment.create_local_runner()
    log(shape.runner is runner)
    counts: list[int] = []
    environment.events.test_stopping.add_listener(lambda environment: counts.append(shape.get_current_user_count()))
    runner.start_shape()
    runner.start_shape()
    runner.shape_greenlet.join(20)
    log(counts, runner.state, runner.shape_last_tick, 0 < shape.get_run_time() < 20)
    runner.quit()


@scenario
def a_dispatcher_of_ones_own() -> None:
    class Doubling(UsersDispatcher):
        def new_dispatch(self, target_user_count: int, spawn_rate: float, user_classes: Any = None) -> None:
            log("asked for", target_user_count, spawn_rate, user_classes)
            super().new_dispatch(target_user_count * 2, spawn_rate, user_classes)

    environment = Environment(user_classes=[visitor()], dispatcher_class=Doubling)
    runner = environment.create_local_runner()
    runner.start(2, 100)
    runner.spawning_greenlet.join()
    runner.user_greenlets.join(10)
    log(environment.stats.num_requests)
    runner.quit()


@scenario
def users_spawned_and_stopped_by_hand() -> None:
    class Stays(User):
        wait_time = constant(10)

        @task
        def work(self) -> None: ...

    runner = Environment(user_classes=[Stays]).create_local_runner()
    users = runner.spawn_users({"Stays": 3})
    log([type(user).__name__ for user in users], runner.state, runner.user_count)
    gevent.sleep(0.05)
    runner.stop_users({"Stays": 2})
    log(runner.user_count, sum(not user.greenlet.dead for user in users), len({user.group for user in users}))
    runner.quit()
    log(runner.user_count)


@scenario
def own_events() -> None:
    class Own(Events):
        bought = "EventHook"

    made: Any = Own()
    log(type(made.bought).__name__, type(made.request).__name__)
    heard: list[Any] = []
    listener = made.bought.add_listener(lambda **told: heard.append(sorted(told.items())))
    made.bought.add_listener(lambda what, **_: heard.append(what))
    made.bought.fire(what="shoes", reverse=True)
    made.bought.remove_listener(listener)
    made.bought.fire(what="hat")
    log(heard)
    try:
        made.bought.remove_listener(listener)
    except ValueError as error:
        log(type(error).__name__)


@scenario
def measured_blocks() -> None:
    hook, heard = EventHook(), []
    hook.add_listener(lambda **told: heard.append(told))
    with hook.measure("RPC", "ok", response_length=3, context={"a": 1}) as meta:
        meta["extra"] = 1
    with hook.measure("RPC", "bad"):
        raise ValueError("x")
    with hook.measure("RPC", "stop"):
        raise StopUser
    for told in heard:
        log({key: value for key, value in told.items() if key not in ("start_time", "response_time", "exception")})
        log(said(told["exception"]), sorted(told))


@scenario
def listeners_that_fail() -> None:
    hook = EventHook()
    calls: list[str] = []

    @hook.add_listener
    def wrong(**_: Any) -> None:
        calls.append("wrong")
        raise ValueError("x")

    @hook.add_listener
    def too_few() -> None: ...

    @hook.add_listener
    def steering(**told: Any) -> None:
        calls.append("steering")
        if told["n"] == 2:
            raise StopUser

    @hook.add_listener
    def last(**_: Any) -> None:
        calls.append("last")

    for number in (1, 2):
        try:
            hook.fire(n=number)
        except Exception as error:
            log(said(error))
    log(calls, locust.log.unhandled_greenlet_exception)


@scenario
def own_requests_count() -> None:
    environment = Environment()
    runner = environment.create_local_runner()
    fire = environment.events.request.fire
    fire(request_type="A", name="x", response_time=10, response_length=5)
    fire(request_type="A", name="x", response_time=None, response_length=5, exception=None, context={})
    fire(request_type="A", name="y", response_time=20.5, response_length=0, exception=ValueError("no"))
    fire(request_type="A", name="y", response_time=1, response_length=0, exception=CatchResponseError("c"))
    fire(request_type="A", name="z", response_time=1, response_length=0, exception="")
    fire(request_type="A", name="incomplete")
    for (name, method), entry in sorted(environment.stats.entries.items()):
        log(name, method, entry.num_requests, entry.num_none_requests, entry.num_failures, entry.total_content_length)
        log(entry.avg_response_time, float(entry.min_response_time), float(entry.max_response_time), entry.fail_ratio)
    for error in environment.stats.errors.values():
        log(error.to_name(), error.occurrences, StatsError.parse_error(error.error))
    log(sorted(environment.stats.serialize_errors()) == sorted(environment.stats.errors))
    runner.quit()


@scenario
def entries_by_themselves() -> None:
    stats = RequestStats()
    first, second = StatsEntry(stats, "/a", "GET"), StatsEntry(stats, "/b", "GET")
    for entry, times in ((first, (10, 20, 30, None)), (second, (1, 5000))):
        for time in times:
            entry.log(time, 10)
    second.log_error(None)
    log(first.response_times == {10: 1, 20: 1, 30: 1}, first.num_none_requests, second.fail_ratio)
    first.extend(second)
    log(first.num_requests, first.num_failures, float(first.min_response_time), float(first.max_response_time))
    log([int(first.get_response_time_percentile(p)) for p in (0.0, 0.5, 0.9, 1.0)], int(first.median_response_time))
    again = StatsEntry.unserialize(first.serialize(), stats)
    log({key: value for key, value in again.serialize().items() if isinstance(value, int | str) and "time" not in key})
    log(sorted(first.to_dict()), sorted(first.serialize()))
    log(first.use_response_times_cache, again.name, again.method, again.avg_content_length)
    try:
        first.get_current_response_time_percentile(0.5)
    except ValueError:
        log("no cache")
    report = first.get_stripped_report()
    log(report["num_requests"], first.num_requests, first.min_response_time, first.max_response_time)
    try:
        StatsEntry(stats, "x", "y").percentile()
    except ValueError:
        log("no requests")


@scenario
def tables_of_entries() -> None:
    stats = RequestStats()
    for name, method in (("/b", "GET"), ("/a", "POST"), ("/a", "GET")):
        stats.log_request(method, name, 10, 1)
    stats.log_error("GET", "/b", ValueError("x"))
    log([(entry.name, entry.method) for entry in sort_stats(stats.entries)])
    log(stats.get("/new", "GET").num_requests, len(stats.entries), ("/a", "GET") in stats.entries)
    log([report["name"] for report in stats.serialize_stats()], stats.entries["/a", "GET"].num_requests)
    stats.reset_all()
    log(len(stats.entries), len(stats.errors), stats.num_requests, stats.history)
    stats.clear_all()
    log(len(stats.entries), stats.total.name, stats.total.method, stats.last_request_timestamp)


@scenario
def a_user_without_a_host() -> None:
    class Hostless(HttpUser):
        @task
        def work(self) -> None: ...

    environment = Environment(user_classes=[Hostless])
    runner = environment.create_local_runner()
    runner.start(1, 1)
    ramps.append(runner.spawning_greenlet)
    runner.spawning_greenlet.join()
    gevent.sleep(0.05)
    log(runner.state, runner.user_count, Counter(environment.stats.entries))
    runner.quit()


logging.getLogger("locust.stats_logger").setLevel(logging.CRITICAL)
main()
