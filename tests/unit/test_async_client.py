"""What coroutines of users await of the client, and how it counts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from gevent.event import Event

from gregaria import (
    FastHttpUser,
    HttpUser,
    User,
)
from gregaria.clients import HttpSession
from gregaria.env import Environment
from support import websockets
from support.coroutines import rows, user_class
from support.population import run_to_end
from support.scripted import Script, scripted
from support.server import TestServer

KINDS = [HttpUser, FastHttpUser]


@pytest.mark.parametrize("base", KINDS)
def test_every_method_has_one_to_await(base: type[User], server: TestServer) -> None:
    async def act(user: Any) -> Any:
        client, seen = user.client, {}
        for name in ("get", "options", "delete", "head", "put", "patch", "post"):
            response = await getattr(client, f"a{name}")("/echo", name=name)
            seen[name] = response.json()["method"] if name != "head" else response.headers["content-type"]
        for name in ("put", "patch", "post"):
            answer = await getattr(client, f"a{name}")("/echo", {"a": "b"}, name=name)
            seen[f"{name} a form"] = answer.json()["body"]
        answer = await client.apost("/echo", json={"a": 1}, name="json")
        seen["json"] = answer.json()["body"]
        seen["request"] = (await client.arequest("GET", "/echo", params={"q": "x"}, name="request")).json()["method"]
        return seen

    visitor = user_class(base, act, server)
    environment = run_to_end(visitor)
    (seen,) = visitor.said
    assert seen == {
        **{name: name.upper() for name in ("get", "options", "delete", "put", "patch", "post")},
        "head": "application/json",
        **{f"{name} a form": "a=b" for name in ("put", "patch", "post")},
        "json": seen["json"],
        "request": "GET",
    }
    assert seen["json"].replace(" ", "") == '{"a":1}'
    assert sum(count for count, _ in rows(environment).values()) == 12


@pytest.mark.parametrize("base", KINDS)
def test_an_awaited_request_counts_like_any_other(base: type[User], server: TestServer) -> None:
    def sync(user: Any) -> None:
        for path in ("/bytes/10", "/status/404", "/redirect/2", "/reset"):
            user.client.get(path)
        with user.client.get("/bytes/11", catch_response=True) as response:
            response.failure("too long")

    async def act(user: Any) -> None:
        for path in ("/bytes/10", "/status/404", "/redirect/2", "/reset"):
            await user.client.aget(path)
        async with user.client.aget("/bytes/11", catch_response=True) as response:
            response.failure("too long")

    def summary(environment: Environment) -> Any:
        stats = environment.stats
        entries = [
            (name, method, entry.num_requests, entry.num_failures, entry.total_content_length)
            for (name, method), entry in stats.entries.items()
        ]
        return sorted(entries), sorted((error.name, error.error, error.occurrences) for error in stats.errors.values())

    async def in_sync(user: Any) -> None:
        sync(user)

    assert summary(run_to_end(user_class(base, act, server))) == summary(run_to_end(user_class(base, in_sync, server)))


@pytest.mark.parametrize("base", KINDS)
def test_catch_response_either_way(base: type[User], server: TestServer) -> None:
    async def act(user: Any) -> Any:
        async with user.client.aget("/status/500", catch_response=True, name="forgiven") as response:
            response.success()
        with await user.client.aget("/bytes/1", catch_response=True, name="blamed") as response:
            response.failure("wrong")
        async with user.client.aget("/bytes/1", catch_response=True, name="raised"):
            raise AssertionError("not what was wanted")

    visitor = user_class(base, act, server)
    environment = run_to_end(visitor)
    assert isinstance(visitor.said[0], AssertionError)
    # As under Locust, an exception other than a ResponseError takes the request out of the statistics.
    assert rows(environment) == {"forgiven": (1, 0), "blamed": (1, 1)}


@pytest.mark.parametrize("base", KINDS)
def test_redirects_are_followed_with_their_cookies(base: type[User], server: TestServer) -> None:
    async def act(user: Any) -> Any:
        response = await user.client.aget("/cookies/set?k=v")
        return len(response.history), response.json()

    visitor = user_class(base, act, server)
    run_to_end(visitor)
    hops, cookies = visitor.said[0]
    assert hops == 1 and "v" in str(cookies)


def test_too_many_redirects_fail(server: TestServer) -> None:
    async def act(user: Any) -> Any:
        user.client.max_redirects = 2
        return (await user.client.aget("/redirect/5")).error

    visitor = user_class(HttpUser, act, server)
    environment = run_to_end(visitor)
    assert "Exceeded 2 redirects" in str(visitor.said[0])
    assert rows(environment) == {"/redirect/3": (1, 1)}


@pytest.mark.parametrize("base", KINDS)
def test_a_response_is_awaited_once(base: type[User], server: TestServer) -> None:
    async def act(user: Any) -> Any:
        pending = user.client.aget("/bytes/1")
        await pending
        await pending

    visitor = user_class(base, act, server)
    run_to_end(visitor)
    assert isinstance(visitor.said[0], RuntimeError) and "awaited once" in str(visitor.said[0])


def test_what_is_not_awaited_is_not_sent(own_server: TestServer) -> None:
    async def act(user: Any) -> Any:
        user.client.aget("/bytes/1")

    run_to_end(user_class(HttpUser, act, own_server))
    assert own_server.counts()["requests"] == 0


@pytest.mark.parametrize("base", KINDS)
def test_wrong_arguments_are_the_tasks_error(base: type[User], server: TestServer) -> None:
    async def act(user: Any) -> Any:
        await user.client.aget(5)

    visitor = user_class(base, act, server)
    environment = run_to_end(visitor)
    assert isinstance(visitor.said[0], TypeError)
    assert rows(environment) == {}


@pytest.mark.parametrize("base", KINDS)
def test_what_python_must_send_is_sent_too(base: type[User], server: TestServer) -> None:
    """Files, streams and a `request` of the session's own: in a greenlet, with the same statistics."""

    class Session(HttpSession):
        def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
            kwargs["name"] = "renamed"
            return super().request(method, url, *args, **kwargs)

    async def act(user: Any) -> Any:
        posted = await user.client.apost("/echo", files={"file": ("name", b"content")}, name="files")
        streamed = await user.client.aget("/stream/3", stream=True, name="stream")
        assert streamed.status_code == 200
        if base is HttpUser:
            user.client = Session(user.host, user.environment.events.request, user)
            await user.client.aget("/bytes/1")
        return "content" in posted.text

    visitor = user_class(base, act, server)
    environment = run_to_end(visitor)
    assert visitor.said == [True]
    assert rows(environment) == {"files": (1, 0), "stream": (1, 0)} | ({"renamed": (1, 0)} if base is HttpUser else {})


@pytest.mark.parametrize("base", KINDS)
def test_streams_and_sockets_hold_up_their_own_coroutine_only(base: Any, server: TestServer) -> None:
    """The server goes on when another coroutine has got its answer."""
    answered = Event()

    def script(peer: Script) -> None:
        if b"/chat" in peer.until(b" HTTP/1.1\r\n"):
            websockets.accept(peer)
            kind, said = websockets.read(peer)
            assert answered.wait(20)
            peer.send(websockets.frame(kind, said.upper()))
        else:
            peer.head()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: first\n\n")
            assert answered.wait(20)
            peer.send(b"data: second\n\n")

    async def listen(user: Any) -> Any:
        with user.client.sse("/events") as events:
            return [event.data for event in events]

    async def chat(user: Any) -> Any:
        with user.client.websocket("/chat") as ws:
            return ws.ask("hello")

    async def download(user: Any) -> Any:
        response = await user.client.aget("/download", stream=True)
        return b"".join(response.iter_content(None)) if base is HttpUser else response.content

    async def other(user: Any) -> Any:
        response = await user.client.aget(f"{server.plain}/bytes/1")
        answered.set()
        return response.status_code

    async def act(user: Any) -> Any:
        return await asyncio.gather(*(each(user) for each in (listen, chat, download, other)))

    with scripted(script) as url:
        visitor = user_class(base, act, host=url)
        run_to_end(visitor)
    assert visitor.said == [[["first", "second"], "HELLO", b"data: first\n\ndata: second\n\n", 200]]


def test_a_proxy_for_what_is_awaited() -> None:
    asked: list[bytes] = []

    def proxy(peer: Script) -> None:
        asked.append(peer.head().split(b"\r\n")[0])
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    async def act(user: Any) -> Any:
        return (await user.client.aget("http://shop.test/x", proxies={"http": url})).text

    with scripted(proxy) as url:
        visitor = user_class(HttpUser, act)
        environment = run_to_end(visitor)
    assert visitor.said == ["hi"] and asked == [b"GET http://shop.test/x HTTP/1.1"]
    assert list(rows(environment).values()) == [(1, 0)]


def test_fast_sessions_keep_to_their_concurrency(server: TestServer) -> None:
    async def act(user: Any) -> Any:
        responses = await asyncio.gather(*(user.client.aget("/delay/5", name="slow") for _ in range(12)))
        return [response.status_code for response in responses]

    visitor = user_class(FastHttpUser, act, server, concurrency=3)
    environment = run_to_end(visitor)
    assert visitor.said == [[200] * 12]
    assert rows(environment) == {"slow": (12, 0)}


@pytest.mark.parametrize("base", KINDS)
def test_rest(base: type[User], server: TestServer) -> None:
    async def act(user: Any) -> Any:
        async with user.arest("GET", "/echo", name="fine") as response:
            method = response.js["method"]
        async with user.arest_("GET", "/echo"):
            raise AssertionError("wrong")
        return method

    visitor = user_class(base, act, server)
    environment = run_to_end(visitor)
    assert visitor.said == ["GET"]
    assert rows(environment) == {"fine": (1, 0), "/echo?_=...": (1, 1)}
