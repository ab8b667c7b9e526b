"""The request event as the engine fires it: as `EventHook.fire` would, listener for listener."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gregaria import FastHttpUser, HttpUser, log
from gregaria.env import Environment
from gregaria.event import EventHook
from gregaria.exception import RescheduleTask
from support.server import TestServer


@pytest.fixture(params=[HttpUser, FastHttpUser])
def user(request: pytest.FixtureRequest, server: TestServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(log, "unhandled_greenlet_exception", False)
    visitor: Any = type("Visitor", (request.param,), {"host": server.plain, "tasks": [lambda _: None]})
    environment = Environment(user_classes=[visitor])
    runner = environment.create_local_runner()  # which has the recorder listen
    yield visitor(environment)
    runner.quit()


def count(user: Any) -> tuple[int, int]:
    total = user.environment.stats.total
    return total.num_requests, total.num_failures


def test_listeners_are_called_in_order_and_the_request_is_counted_between(user: Any) -> None:
    heard: list[Any] = []
    event = user.environment.events.request
    event._handlers.insert(0, lambda **meta: heard.append(("first", count(user), meta)))
    event.add_listener(lambda request_type, name, **_: heard.append(("last", count(user), (request_type, name))))
    user.client.get("/bytes/3")
    (first, before, meta), (last, after, named) = heard
    assert (first, before, last, after, named) == ("first", (0, 0), "last", (1, 0), ("GET", "/bytes/3"))
    assert list(meta) == [
        *("request_type", "response_time", "name", "context", "response", "exception", "start_time", "url"),
        "response_length",
    ]
    assert (
        meta["response_length"] == 3 and meta["url"] == f"{user.host}/bytes/3" and meta["response"].status_code == 200
    )


def test_a_failure_counts_with_its_text(user: Any) -> None:
    heard: list[Any] = []
    user.environment.events.request.add_listener(lambda exception, **_: heard.append(repr(exception)))
    user.client.get("/status/404")
    (error,) = user.environment.stats.errors.values()
    assert count(user) == (1, 1) and [error.error] == heard


def test_errors_of_listeners(user: Any, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []

    def broken(**_: Any) -> None:
        raise ValueError("in a listener")

    event = user.environment.events.request
    event.add_listener(broken)
    event.add_listener(lambda **_: heard.append("later ones are called"))
    user.client.get("/bytes/3")
    assert heard and "Uncaught exception in event handler" in caplog.text and "in broken" in caplog.text
    assert log.unhandled_greenlet_exception

    def steering(**_: Any) -> None:
        raise RescheduleTask

    event._handlers.insert(0, steering)
    with pytest.raises(RescheduleTask):
        user.client.get("/bytes/3")
    assert len(heard) == 1 and count(user) == (1, 0)
    event._handlers[0] = lambda **_: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        user.client.get("/bytes/3")


def test_listeners_that_come_and_go(user: Any) -> None:
    heard: list[str] = []
    event = user.environment.events.request

    def once(**_: Any) -> None:
        event.remove_listener(once)
        event.add_listener(lambda **_: heard.append("new"))
        heard.append("once")

    event.add_listener(once)
    user.client.get("/bytes/3")
    user.client.get("/bytes/3")
    assert heard == ["once", "new"]


@pytest.mark.parametrize("where", ["hook", "class"])
def test_a_plugin_puts_its_own_in_the_place_of_fire(user: Any, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fired: list[str] = []
    event = user.environment.events.request
    event.add_listener(lambda **_: None)
    if where == "hook":
        event.fire = lambda **meta: fired.append(meta["name"])
    else:
        monkeypatch.setattr(EventHook, "fire", lambda self, **meta: fired.append(meta["name"]))
    user.client.get("/bytes/3")
    # The runner, which is ended before all patches are, fires events of its own.
    monkeypatch.undo()
    assert fired == ["/bytes/3"] and count(user) == (0, 0)


def test_what_is_changed_before_it_is_told(user: Any) -> None:
    heard: list[Any] = []
    user.environment.events.request.add_listener(
        lambda name, response_length, **_: heard.append((name, response_length))
    )
    with user.client.get("/bytes/3", catch_response=True) as response:
        response.request_meta["name"] = "changed"
        response.request_meta["response_length"] = 99
    assert heard == [("changed", 99)]
    assert [(name, entry.total_content_length) for (name, _), entry in user.environment.stats.entries.items()] == heard
