"""LocalRunner: the order of events, states and log lines, and what else it offers."""

from __future__ import annotations

import logging
from argparse import Namespace
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest
from gevent.event import Event

import gregaria.log
import gregaria.runners
from gregaria import User, constant, task
from gregaria.dispatch import UsersDispatcher
from gregaria.env import Environment
from gregaria.exception import StopTest
from gregaria.runners import LocalRunner, WorkerNode

MakeRunner = Callable[..., LocalRunner]


class Idle(User):
    wait_time = constant(60)

    @task
    def nothing(self) -> None:
        pass


class Other(Idle):
    pass


@pytest.fixture
def make_runner() -> Iterator[MakeRunner]:
    made: list[LocalRunner] = []

    def make(*user_classes: type[User], **settings: Any) -> LocalRunner:
        runner = Environment(user_classes=list(user_classes or (Idle,)), **settings).create_local_runner()
        made.append(runner)
        return runner

    gregaria.log.unhandled_greenlet_exception = False
    yield make
    for runner in made:
        runner.quit()
    gregaria.log.unhandled_greenlet_exception = False


def ramp(runner: LocalRunner, users: int, rate: float = 50, **more: Any) -> None:
    """Start and wait for the end of the ramp."""
    runner.start(users, rate, **more)
    assert runner.spawning_greenlet is not None
    runner.spawning_greenlet.join(10)
    assert runner.spawning_greenlet.ready()


def record_events(runner: LocalRunner) -> list[str]:
    seen: list[str] = []
    for name in ("test_start", "spawning_complete", "test_stopping", "test_stop"):
        hook = getattr(runner.environment.events, name)
        hook.add_listener(lambda name=name, **_: seen.append(f"{name} while {runner.state}, {runner.user_count} users"))
    return seen


def test_before_anything(make_runner: MakeRunner) -> None:
    runner = make_runner(Idle, Other)
    assert runner.state == "ready" and runner.user_count == 0 and runner.target_user_count == 0
    assert runner.user_classes_count == {"Idle": 0, "Other": 0} and runner.target_user_classes_count == {}
    assert runner.stats is runner.environment.stats and runner.errors == {} and runner.exceptions == {}
    assert (runner.worker_index, runner.worker_count) == (0, 1) and "_" in runner.client_id
    assert len(runner.user_greenlets) == 0


def test_events_and_states_of_a_run(make_runner: MakeRunner, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    runner = make_runner(Idle, Other)
    seen = record_events(runner)
    ramp(runner, 5)
    assert runner.state == "running" and runner.target_user_count == 5
    assert runner.user_classes_count == runner.target_user_classes_count == {"Idle": 3, "Other": 2}
    runner.stop()
    assert runner.state == "stopped" and runner.final_user_classes_count == {"Idle": 3, "Other": 2}
    runner.stop()
    assert seen == [
        "test_start while ready, 0 users",
        "spawning_complete while running, 5 users",
        "test_stopping while running, 5 users",
        "test_stop while stopped, 0 users",
    ]
    assert caplog.messages == [
        "Ramping to 5 users at a rate of 50.00 per second",
        'All users spawned: {"Idle": 3, "Other": 2} (5 total users)',
    ]
    assert {record.name for record in caplog.records} == {"locust.runners"}


def test_users_run_after_the_ramp_that_fits_in_one_batch(make_runner: MakeRunner) -> None:
    order: list[str] = []
    begun = Event()

    class Loud(Idle):
        def on_start(self) -> None:
            order.append("on_start")
            begun.set()

    runner = make_runner(Loud)
    runner.environment.events.spawning_complete.add_listener(lambda user_count: order.append("spawning_complete"))
    ramp(runner, 1)
    assert begun.wait(10)
    assert order == ["spawning_complete", "on_start"]


def test_listeners_registered_before_the_runner_see_the_state_spawning() -> None:
    seen: list[str] = []
    environment = Environment(user_classes=[Idle])
    environment.events.spawning_complete.add_listener(lambda user_count: seen.append(environment.runner.state))  # type: ignore[union-attr]
    runner = environment.create_local_runner()
    ramp(runner, 1)
    runner.quit()
    assert seen == ["spawning"]


def test_an_edit_keeps_the_test_and_its_statistics(make_runner: MakeRunner) -> None:
    runner = make_runner()
    seen = record_events(runner)
    ramp(runner, 6)
    runner.stats.log_request("GET", "/", 1, 1)
    ramp(runner, 2)
    assert runner.user_count == 2 and runner.stats.total.num_requests == 1
    ramp(runner, 4)
    assert runner.user_count == 4
    assert [line.split()[0] for line in seen] == ["test_start", *["spawning_complete"] * 3]


def test_a_new_test_starts_from_nothing(make_runner: MakeRunner) -> None:
    runner = make_runner()
    ramp(runner, 1)
    runner.stats.log_request("GET", "/", 1, 1)
    runner.log_exception("local", "oops", "traceback")
    runner.stop()
    assert runner.stats.total.num_requests == 1 and len(runner.exceptions) == 1
    ramp(runner, 1)
    assert runner.stats.total.num_requests == 0 and runner.exceptions == {}


def test_users_that_ended_are_replaced_at_the_next_start(make_runner: MakeRunner) -> None:
    runner = make_runner()
    ramp(runner, 3)
    for handle in list(runner.user_greenlets)[:2]:
        handle.kill()
    assert runner.user_count == 1 and runner.user_classes_count == {"Idle": 1}
    ramp(runner, 3)
    assert runner.user_count == 3


def test_reset_stats_when_the_ramp_is_complete(make_runner: MakeRunner, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    runner = make_runner(reset_stats=True)
    runner.environment.events.test_start.add_listener(lambda environment: runner.stats.log_request("GET", "/", 1, 1))
    ramp(runner, 1)
    assert runner.stats.total.num_requests == 0 and "Resetting stats\n" in caplog.messages


def test_the_host_is_put_into_the_classes(make_runner: MakeRunner) -> None:
    class Hosted(Idle):
        host = "http://own"

    ramp(make_runner(Hosted), 1)
    assert Hosted.host == "http://own"
    ramp(make_runner(Hosted, host="http://given"), 1)
    assert Hosted.host == "http://given"


def test_a_choice_of_classes_lasts(make_runner: MakeRunner) -> None:
    runner = make_runner(Idle, Other)
    ramp(runner, 2, user_classes=[Other])
    ramp(runner, 4)
    assert runner.user_classes_count == {"Idle": 0, "Other": 4}


def test_requests_and_task_errors_are_recorded(make_runner: MakeRunner) -> None:
    runner = make_runner()
    events = runner.environment.events
    sample: dict[str, Any] = {"request_type": "GET", "name": "/", "response_time": 7, "response_length": 3}
    events.request.fire(**sample, exception=None, context={})
    events.request.fire(**sample, exception=ValueError("bad"))
    assert (runner.stats.total.num_requests, runner.stats.total.num_failures) == (2, 1)
    (error,) = runner.errors.values()
    assert error.occurrences == 1
    try:
        raise KeyError("x")
    except KeyError as failure:
        for _ in range(2):
            events.user_error.fire(user_instance=None, exception=failure, tb=failure.__traceback__)
    (row,) = runner.exceptions.values()
    assert (row["count"], row["msg"], row["nodes"]) == (2, "'x'", {"local"}) and "test_runner" in row["traceback"]


def test_spawn_users_and_stop_users_by_hand(make_runner: MakeRunner) -> None:
    runner = make_runner(Idle, Other)
    users = runner.spawn_users({"Idle": 2, "Other": 1})
    assert [type(user) for user in users] == [Idle, Idle, Other] and runner.state == "spawning"
    assert {handle.args[0] for handle in runner.user_greenlets} == set(users)
    runner.stop_users({"Idle": 1, "Other": 0})
    assert runner.user_classes_count == {"Idle": 1, "Other": 1}
    with pytest.raises(KeyError):
        runner.spawn_users({"Unknown": 1})


def test_start_with_wait(make_runner: MakeRunner, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    runner = make_runner()
    runner.start(2, 5, wait=True)
    with gevent.Timeout(10):
        while runner.user_count < 2:
            gevent.idle()
    assert runner.spawning_greenlet is not None and not runner.spawning_greenlet.ready()
    runner.user_greenlets.kill()
    runner.spawning_greenlet.join(10)
    assert "All users stopped\n" in caplog.messages
    runner.start(20, 5, wait=True)
    runner.spawning_greenlet.join(10)
    (record,) = [record for record in caplog.records if record.levelname == "CRITICAL"]
    assert record.exc_info is not None and isinstance(record.exc_info[1], ValueError)


def test_a_fast_ramp_is_warned_of(make_runner: MakeRunner, caplog: pytest.LogCaptureFixture) -> None:
    ramp(make_runner(), 1, 100)
    assert caplog.messages == []
    ramp(make_runner(), 1, 101)
    assert caplog.messages[0].startswith("Your selected spawn rate is very high (>100)")


def test_a_constructor_that_raises(make_runner: MakeRunner, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Idle):
        def __init__(self, environment: Environment) -> None:
            raise RuntimeError("no luck")

    runner = make_runner(Broken)
    ramp(runner, 2)
    gevent.sleep(0)
    (record,) = [record for record in caplog.records if record.levelname == "CRITICAL"]
    assert record.getMessage().startswith("Unhandled exception: ") and record.name == "locust.runners"
    assert gregaria.log.unhandled_greenlet_exception
    assert runner.state == "spawning" and runner.user_count == 0


@pytest.mark.parametrize("headless", [True, False])
def test_stop_test_in_a_constructor(headless: bool, make_runner: MakeRunner, caplog: pytest.LogCaptureFixture) -> None:
    class Hostless(Idle):
        def __init__(self, environment: Environment) -> None:
            raise StopTest("no host")

    runner = make_runner(Hostless, parsed_options=Namespace(headless=headless))
    over = Event()
    runner.environment.events.test_stop.add_listener(lambda environment: over.set())
    runner.start(1, 1)
    assert over.wait(10)
    gevent.sleep(0)
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("ERROR", "no host"),
        ("WARNING", "Stopping Locust..."),
    ]
    assert not gregaria.log.unhandled_greenlet_exception and runner.state == "stopped"
    if headless:
        assert runner.greenlet.join(10)
    else:
        assert len(runner.greenlet) > 0


def test_a_constructor_that_forgets_its_base(make_runner: MakeRunner) -> None:
    class Forgetful(Idle):
        def __init__(self, environment: Environment) -> None:
            pass

    with pytest.raises(AssertionError, match="'environment' is missing on user Forgetful"):
        make_runner(Forgetful).spawn_users({"Forgetful": 1})


def test_a_listener_that_stops_the_test_it_is_told_of(make_runner: MakeRunner) -> None:
    runner = make_runner()
    seen = record_events(runner)
    runner.environment.events.test_start.add_listener(lambda environment: runner.stop())
    ramp(runner, 3)
    assert runner.state == "stopped" and runner.user_count == 0
    assert [line.split()[0] for line in seen] == ["test_start", "test_stopping", "test_stop"]


def test_a_listener_that_starts_the_next_ramp(make_runner: MakeRunner) -> None:
    runner = make_runner()
    complete = Event()

    @runner.environment.events.spawning_complete.add_listener
    def climb(user_count: int) -> None:
        if user_count < 3:
            runner.start(user_count + 1, 10)
        else:
            complete.set()

    runner.start(1, 10)
    assert complete.wait(10) and runner.user_count == 3


def test_a_start_replaces_the_ramp_under_way(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.start(1000, 1)
    gevent.sleep(0)
    first = runner.spawning_greenlet
    ramp(runner, 3)
    assert first is not None and first.ready() and runner.user_count == 3


def test_messages_to_oneself(make_runner: MakeRunner, caplog: pytest.LogCaptureFixture) -> None:
    runner = make_runner()
    got: list[Any] = []
    runner.register_message(
        "hello", lambda environment, msg, **_: got.append((environment, msg.type, msg.data, msg.node_id))
    )
    runner.send_message("hello", {"a": 1})
    assert got == [(runner.environment, "hello", {"a": 1}, "local")]
    with pytest.raises(Exception, match="hello"):
        runner.register_message("hello", print, concurrent=True)
    runner.send_message("unheard")
    assert caplog.messages == ["Unknown message type received: unheard"]


def test_an_own_dispatcher(make_runner: MakeRunner) -> None:
    class Backwards(UsersDispatcher):
        def __next__(self) -> dict[str, dict[str, int]]:
            users = super().__next__()
            return {worker: {"Idle": row["Other"], "Other": row["Idle"]} for worker, row in users.items()}

    runner = make_runner(Idle, Other, dispatcher_class=Backwards)
    ramp(runner, 3)
    assert runner.user_classes_count == {"Idle": 1, "Other": 2}


def test_the_dispatcher_by_itself() -> None:
    dispatcher = UsersDispatcher([WorkerNode("w_1"), WorkerNode("w_2")], [Other, Idle])
    dispatcher.new_dispatch(3, 10)
    assert list(dispatcher) == [{"w_1": {"Idle": 2, "Other": 0}, "w_2": {"Idle": 0, "Other": 1}}]
    assert dispatcher.get_current_user_count() == 3 and not dispatcher.dispatch_in_progress
    assert len(dispatcher.dispatch_iteration_durations) == 1
    dispatcher.remove_worker(WorkerNode("w_1"))
    dispatcher.new_dispatch(3, 10)
    assert next(dispatcher) == {"w_2": {"Idle": 2, "Other": 1}}
    with pytest.raises(ValueError):
        dispatcher.new_dispatch(-1, 1)
    with pytest.raises(ValueError):
        dispatcher.new_dispatch(1, float("nan"))
    with pytest.raises(KeyError):
        dispatcher.new_dispatch(1, 1, [User])


def test_the_machine_is_watched(
    make_runner: MakeRunner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gregaria.runners, "CPU_MONITOR_INTERVAL", 0.01)
    monkeypatch.setattr(gregaria.runners, "CPU_WARNING_THRESHOLD", -1)
    runner = make_runner()
    usages: list[dict[str, Any]] = []
    warnings: list[float] = []
    enough = Event()

    @runner.environment.events.usage_monitor.add_listener
    def on_usage(**kwargs: Any) -> None:
        usages.append(kwargs)
        if len(usages) == 2:
            enough.set()

    runner.environment.events.cpu_warning.add_listener(lambda environment, cpu_usage: warnings.append(cpu_usage))
    assert enough.wait(10)
    assert usages[0]["environment"] is runner.environment and usages[0]["memory_usage"] > 1_000_000
    assert runner.current_memory_usage > 1_000_000 and len(warnings) == 2
    assert [record.name for record in caplog.records] == ["root"]
    assert caplog.messages[0].startswith("CPU usage above -1%! This may constrain your throughput")
    assert runner.cpu_log_warning()
    assert caplog.messages[-1].startswith("CPU usage was too high at some point during the test!")
