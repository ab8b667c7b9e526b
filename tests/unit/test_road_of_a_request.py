"""What the road of a request may not do: call Python while nobody listens."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from gregaria import FastHttpUser, HttpUser
from gregaria.env import Environment
from support.server import TestServer


@pytest.fixture
def environment() -> Iterator[Environment]:
    made = Environment(user_classes=[])
    runner = made.create_local_runner()
    yield made
    runner.quit()


def python_calls(client: Any, path: str) -> list[str]:
    """Names of the Python functions that run while `client` gets `path`."""
    called: list[str] = []

    def profile(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            called.append(frame.f_code.co_qualname)

    sys.setprofile(profile)
    try:
        client.get(path)
    finally:
        sys.setprofile(None)
    return called


@pytest.mark.parametrize("base", [HttpUser, FastHttpUser])
def test_a_request_calls_no_python_while_nobody_listens(
    base: type, environment: Environment, server: TestServer
) -> None:
    user_class = type("Visitor", (base,), {"abstract": True, "host": server.plain})
    client = user_class(environment).client
    client.get("/bytes/5")
    assert python_calls(client, "/bytes/5") == []
    assert environment.stats.total.num_requests == 2


def test_a_listener_is_called(environment: Environment, server: TestServer) -> None:
    heard: list[str] = []
    environment.events.request.add_listener(lambda name, **_: heard.append(name))
    user_class = type("Visitor", (HttpUser,), {"abstract": True, "host": server.plain})
    client = user_class(environment).client
    # Nothing but the listener and what it may ask the user for.
    own = {"User.context", "test_a_listener_is_called.<locals>.<lambda>"}
    calls = [call for call in python_calls(client, "/bytes/5") if call in own or "EventHook" in call]
    assert set(calls) == own and len(calls) == 2
    assert heard == ["/bytes/5"]
    assert environment.stats.total.num_requests == 1
