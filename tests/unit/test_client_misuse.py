"""Values of the wrong kind at every place of the client that takes one: an exception or an answer, never a crash."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from gregaria.clients import HttpSession
from gregaria.event import EventHook
from support.server import TestServer


class Hostile:
    """Raises whatever is asked of it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __str__(self) -> str:
        raise RuntimeError("str")

    def __bool__(self) -> bool:
        raise RuntimeError("bool")

    def __iter__(self) -> Iterator[Any]:
        raise RuntimeError("iter")

    def __len__(self) -> int:
        raise RuntimeError("len")


class TextLike(str):
    """A subclass of str, as lazy translations and enums are."""


SURROGATE = "\udc80"
STRANGE: list[Any] = [
    *(
        0,
        -1,
        2**80,
        1.5,
        float("nan"),
        float("inf"),
        True,
        False,
        None,
        "",
        "text",
        b"bytes",
        SURROGATE,
        "\0",
        "a\r\nb",
    ),
    *([], [1], [()], [("a",)], {}, {1: 2}, {"a": object()}, {SURROGATE: SURROGATE}, (), (1,), (1, 2, 3), {1}, object()),
    *(
        Hostile(),
        Hostile,
        TextLike("text"),
        lambda *_: 1,
        bytearray(b"x"),
        memoryview(b"x"),
        Exception,
        ValueError("v"),
    ),
]
ARGUMENTS = (
    *(
        "params",
        "data",
        "json",
        "headers",
        "cookies",
        "files",
        "auth",
        "timeout",
        "allow_redirects",
        "proxies",
        "hooks",
    ),
    *("stream", "verify", "cert", "name", "catch_response", "context"),
)


def named(value: Any) -> str:
    try:
        return f"{type(value).__name__} {value!r}"[:30]
    except Exception:
        return type(value).__name__


@pytest.fixture
def client(server: TestServer) -> HttpSession:
    return HttpSession(server.plain, EventHook(), None, trust_env=False)


def attempt(client: HttpSession, *args: Any, **kwargs: Any) -> None:
    try:
        response = client.request(*args, **{"timeout": 5, **kwargs})
        if kwargs.get("catch_response") is True:
            with response:
                pass
        assert isinstance(response.status_code, int)
        response.content, response.text, response.headers, response.request, response.url  # noqa: B018
    except Exception as error:
        assert "panic" not in str(type(error)).lower()


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_strange_arguments(client: HttpSession, argument: str) -> None:
    for value in STRANGE:
        attempt(client, "POST", "/echo", **{argument: value})
    assert client.get("/bytes/3").content == b"012", "the session is as good as before"


def test_strange_methods_and_urls(client: HttpSession) -> None:
    for value in STRANGE:
        attempt(client, value, "/echo")
        attempt(client, "GET", value)
        attempt(client, "GET", "/echo", value, value, value)
    assert client.get("/bytes/3").content == b"012"


SETTINGS = ("headers", "cookies", "auth", "params", "verify", "cert", "proxies", "hooks", "stream", "max_redirects")


@pytest.mark.parametrize("setting", [*SETTINGS, "base_url", "request_event", "user", "request_name", "trust_env"])
def test_strange_settings(server: TestServer, setting: str) -> None:
    for value in STRANGE:
        client = HttpSession(server.plain, EventHook(), None, trust_env=False)
        try:
            setattr(client, setting, value)
        except Exception:
            continue
        for path in ("/echo", "/redirect/1", "/status/500"):
            attempt(client, "GET", path)


def test_strange_things_set_on_responses(client: HttpSession) -> None:
    names = (
        "status_code",
        "reason",
        "headers",
        "cookies",
        "history",
        "elapsed",
        "request",
        "_content",
        "encoding",
        "url",
    )
    for name in (*names, "text", "content", "ok", "error", "request_meta", "own", "__class__", "__dict__"):
        for value in STRANGE:
            response = client.get("/status/404", catch_response=True)
            try:
                setattr(response, name, value)
            except Exception:
                continue
            for look in (lambda it: it.text, lambda it: it.json(), lambda it: it.ok, lambda it: it.headers, repr, bool):
                try:
                    look(response)
                except Exception as error:
                    assert "panic" not in str(type(error)).lower()
            try:
                with response:
                    pass
            except Exception as error:
                assert "panic" not in str(type(error)).lower()


def test_strange_verdicts_and_metadata(server: TestServer) -> None:
    for value in STRANGE:
        events = EventHook()
        events.add_listener(lambda **_: None)
        client = HttpSession(server.plain, events, None, trust_env=False)
        for key in ("name", "response_time", "response_length", "request_type", "exception", "context", value):
            try:
                with client.get("/bytes/1", catch_response=True) as response:
                    response.failure(value)
                    response.request_meta[key] = value
            except Exception as error:
                assert "panic" not in str(type(error)).lower()


def test_a_collector_that_looks_all_the_time(server: TestServer) -> None:
    """It sees objects that are only just being made, which once brought the process down."""
    before = gc.get_threshold()
    gc.set_threshold(20, 2, 2)
    try:
        test_strange_verdicts_and_metadata(server)
        with HttpSession(server.plain, EventHook(), None, trust_env=False) as client:
            kept = [client.get("/redirect/1") for _ in range(20)]
            assert {(response.status_code, len(response.history)) for response in kept} == {(200, 1)}
    finally:
        gc.set_threshold(*before)


def test_hostile_listeners_and_users(server: TestServer) -> None:
    class Event:
        fire = Hostile()

    for event in (Event(), object(), None):
        attempt(HttpSession(server.plain, event, None, trust_env=False), "GET", "/echo")
    with pytest.raises(RuntimeError):
        HttpSession(server.plain, Hostile(), None)

    class User:
        def context(self) -> Any:
            return 5

    for user in (User(), Hostile(), object()):
        attempt(HttpSession(server.plain, EventHook(), user, trust_env=False), "GET", "/echo")
