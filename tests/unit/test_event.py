"""Event hooks: who is called, in which order, and what happens when a listener raises."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

import gregaria.log
from gregaria.event import DeprecatedEventHook, EventHook, Events
from gregaria.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser


@pytest.fixture(autouse=True)
def unhandled_flag() -> Iterator[None]:
    gregaria.log.unhandled_greenlet_exception = False
    yield
    gregaria.log.unhandled_greenlet_exception = False


def hook_and_calls() -> tuple[EventHook, list[tuple[object, dict[str, Any]]]]:
    return EventHook(), []


def listen(hook: EventHook, calls: list[tuple[object, dict[str, Any]]], name: object) -> None:
    hook.add_listener(lambda **kwargs: calls.append((name, kwargs)))


def test_listeners_are_called_in_order_with_the_arguments() -> None:
    hook, calls = hook_and_calls()
    listen(hook, calls, 1)
    listen(hook, calls, 2)
    hook.fire(a=1, b="x")
    assert calls == [(1, {"a": 1, "b": "x"}), (2, {"a": 1, "b": "x"})]


def test_reverse_order() -> None:
    hook, calls = hook_and_calls()
    listen(hook, calls, 1)
    listen(hook, calls, 2)
    hook.fire(reverse=True)
    assert [name for name, _ in calls] == [2, 1]


def test_add_listener_is_a_decorator_and_remove_listener_undoes_it() -> None:
    hook, calls = hook_and_calls()

    @hook.add_listener
    def listener() -> None:
        calls.append((1, {}))

    assert callable(listener)
    hook.remove_listener(listener)
    hook.fire()
    assert calls == []
    with pytest.raises(ValueError):
        hook.remove_listener(listener)


def test_listeners_may_change_the_list_while_the_event_is_fired() -> None:
    hook, calls = hook_and_calls()

    def once() -> None:
        hook.remove_listener(once)
        listen(hook, calls, "later")

    hook.add_listener(once)
    listen(hook, calls, "always")
    hook.fire()
    assert [name for name, _ in calls] == ["always"]
    hook.fire()
    assert [name for name, _ in calls] == ["always", "always", "later"]


def test_a_failing_listener_is_logged_and_the_others_are_called(caplog: pytest.LogCaptureFixture) -> None:
    hook, calls = hook_and_calls()

    @hook.add_listener
    def fail() -> None:
        raise KeyError("broken")

    listen(hook, calls, 1)
    with caplog.at_level(logging.ERROR):
        hook.fire()
    assert len(calls) == 1
    assert gregaria.log.unhandled_greenlet_exception
    record = caplog.records[0]
    assert (record.name, record.levelname) == ("root", "ERROR")
    assert record.getMessage().startswith("Uncaught exception in event handler: \nTraceback")
    assert "KeyError: 'broken'" in record.getMessage()


@pytest.mark.parametrize(
    "control", [StopUser, StopTest, RescheduleTask, RescheduleTaskImmediately, InterruptTaskSet, KeyboardInterrupt]
)
def test_control_flow_goes_on_to_the_caller(control: type[BaseException]) -> None:
    hook, calls = hook_and_calls()

    @hook.add_listener
    def interrupt() -> None:
        raise control

    listen(hook, calls, 1)
    with pytest.raises(control):
        hook.fire()
    assert calls == []
    assert not gregaria.log.unhandled_greenlet_exception


def test_measure_fires_with_the_time_taken() -> None:
    hook, calls = hook_and_calls()
    listen(hook, calls, 1)
    with hook.measure("GRPC", "/x", response_length=3, context={"user": "u"}) as meta:
        meta["extra"] = 7
        meta["name"] = "/y"
    ((_, kwargs),) = calls
    assert kwargs.pop("response_time") >= 0 and kwargs.pop("start_time") > 0
    assert kwargs == {
        "request_type": "GRPC",
        "name": "/y",
        "response_length": 3,
        "context": {"user": "u"},
        "exception": None,
        "extra": 7,
    }


def test_measure_swallows_and_reports_exceptions_even_control_flow() -> None:
    hook, calls = hook_and_calls()
    listen(hook, calls, 1)
    error = StopUser()
    with hook.measure("A", "b"):
        raise error
    assert calls[0][1]["exception"] is error
    assert calls[0][1]["context"] == {}


def test_deprecated_hook_warns(caplog: pytest.LogCaptureFixture) -> None:
    hook, calls = DeprecatedEventHook("use the other one"), list[tuple[object, dict[str, Any]]]()
    listen(hook, calls, 1)
    hook.fire()
    assert len(calls) == 1
    assert caplog.messages == ["use the other one"]


def test_events_has_all_hooks_of_its_own() -> None:
    names = [
        "request",
        "user_error",
        "report_to_master",
        "worker_report",
        "worker_connect",
        "spawning_complete",
        "quitting",
        "quit",
        "init",
        "init_command_line_parser",
        "test_start",
        "test_stopping",
        "test_stop",
        "reset_stats",
        "cpu_warning",
        "heartbeat_sent",
        "heartbeat_received",
        "usage_monitor",
    ]
    first, second = Events(), Events()
    assert sorted(vars(first)) == sorted(names)
    assert all(getattr(first, name) is not getattr(second, name) for name in names)


def test_a_subclass_of_events_adds_hooks() -> None:
    class MoreEvents(Events):
        added: EventHook
        by_value = "EventHook"
        other: int = 3

    events = MoreEvents()
    assert isinstance(events.added, EventHook) and isinstance(events.by_value, EventHook)
    assert isinstance(events.request, EventHook) and events.other == 3
