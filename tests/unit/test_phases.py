"""Where the time of a request goes: `response.timings` and the histograms of the statistics."""

from __future__ import annotations

from typing import Any

import pytest
from requests.auth import HTTPDigestAuth

from gregaria.clients import HttpSession
from gregaria.contrib.fasthttp import FastHttpSession
from gregaria.env import Environment
from support.server import TestServer

PHASES = ["blocked", "dns", "connect", "tls", "send", "wait", "receive"]


def session(kind: str, base: str, environment: Environment) -> HttpSession | FastHttpSession:
    event = environment.events.request
    if kind == "fast":
        return FastHttpSession(base, event, None, insecure=True)
    made = HttpSession(base, event, None)
    made.verify = False
    return made


def parts(timings: object) -> dict[str, float]:
    told = {name: getattr(timings, name) for name in PHASES}
    return {name: ms for name, ms in told.items() if ms is not None}


def test_the_first_request_connects_and_the_next_reuses(
    kind: str, server: TestServer, environment: Environment
) -> None:
    client = session(kind, server.tls, environment)
    told: list[float] = []
    environment.events.request.add_listener(lambda response_time, **_: told.append(response_time))
    first, second = client.get("/echo").timings, client.get("/echo").timings
    assert first is not None and second is not None
    assert list(parts(first)) == ["blocked", "connect", "tls", "send", "wait", "receive"], "no name to look up"
    assert list(parts(second)) == ["blocked", "send", "wait", "receive"]
    assert (first.reused, second.reused) == (False, True)
    assert first.tls is not None and first.tls > 0
    for timings, response_time in zip([first, second], told, strict=True):
        assert timings.total == pytest.approx(response_time, abs=0.007), "parts are cut to whole microseconds"
        assert repr(timings).startswith("<Timings in ms: blocked=")

    entry = environment.stats.get("/echo", "GET")
    assert {name: times.count for name, times in entry.phases.items()} == {
        **dict.fromkeys(["blocked", "send", "wait", "receive"], 2),
        **dict.fromkeys(["connect", "tls"], 1),
    }
    assert entry.phases["tls"].total == pytest.approx(first.tls)
    assert entry.phases["tls"].percentile(0.5) == pytest.approx(first.tls, rel=0.001)
    assert entry.phases["wait"].average == pytest.approx(((first.wait or 0) + (second.wait or 0)) / 2)
    assert entry.connections == {"reused": 1, "new": 1} == environment.stats.total.connections
    assert entry.http_versions == {"1.1": 2}
    assert list(environment.stats.phases) == list(entry.phases)


def test_the_short_road_counts_the_same(kind: str, server: TestServer, environment: Environment) -> None:
    """Without another listener, no Python is called."""
    client = session(kind, server.plain, environment)
    client.get("/delay/20")
    client.get("/redirect/1")
    delayed = environment.stats.get("/delay/20", "GET")
    # On a full machine the thread may lose its turn between sending and looking at the clock.
    assert delayed.phases["send"].total + delayed.phases["wait"].total >= 20
    redirected = environment.stats.get("/redirect/1", "GET")
    assert redirected.connections == {"reused": 2, "new": 0}
    assert redirected.phases["wait"].count == 1, "a request's redirects add up"


def test_a_failed_request_tells_how_far_it_came(kind: str, server: TestServer, environment: Environment) -> None:
    client = session(kind, server.plain, environment)
    timings = client.get("/reset").timings
    assert timings is not None
    assert set(parts(timings)) <= {"blocked", "connect", "send", "wait", "receive"}
    refused = session(kind, "http://127.0.0.1:1", environment).get("/nobody").timings
    assert refused is not None and list(parts(refused)) == ["blocked", "connect"]
    unknown = session(kind, "http://nobody.invalid", environment).get("/unknown").timings
    assert unknown is not None and list(parts(unknown)) == ["blocked", "dns"]
    assert environment.stats.get("/nobody", "GET").http_versions == {}


def test_what_was_never_measured_has_no_phases(server: TestServer, environment: Environment) -> None:
    environment.stats.log_request("GET", "/", 10, 20)
    entry = environment.stats.get("/", "GET")
    assert (entry.phases, entry.connections, entry.http_versions) == ({}, {"reused": 0, "new": 0}, {})
    client = session("requests", server.plain, environment)
    client.get("/echo")
    with pytest.raises(ValueError, match="between 0 and 1"):
        environment.stats.phases["wait"].percentile(95)
    environment.stats.reset_all()
    assert environment.stats.phases == {}


def test_each_hop_of_a_redirect_has_its_own(kind: str, server: TestServer, environment: Environment) -> None:
    client = session(kind, server.tls, environment)
    response = client.get("/redirect/2")
    hops = [hop.timings for hop in response.history]
    assert len(hops) == 2
    first, second = hops
    assert first is not None and second is not None and response.timings is not None
    assert first.tls and not first.reused
    assert second.tls is None and second.reused, "the second hop was sent over the first one's connection"
    assert response.timings.wait > (first.wait or 0) + (second.wait or 0), "the response has the sum"


@pytest.mark.parametrize(
    "arguments",
    [
        {"hooks": {"response": lambda response, **_: None}},
        {"data": iter([b"one", b"two"])},
        {"files": {"f": "content"}},
        {"auth": HTTPDigestAuth("u", "p")},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
def test_requests_that_requests_prepares_are_measured_too(
    arguments: dict[str, Any], server: TestServer, environment: Environment
) -> None:
    client = session("requests", server.tls, environment)
    told: list[float] = []
    environment.events.request.add_listener(lambda response_time, **_: told.append(response_time))
    first = client.post("/echo", **arguments).timings
    second = client.get("/delay/20", hooks={"response": lambda response, **_: None}).timings
    assert first is not None and second is not None
    assert list(parts(first)) == ["blocked", "connect", "tls", "send", "wait", "receive"]
    assert list(parts(second)) == ["blocked", "send", "wait", "receive"]
    # the server begins to wait before the client knows that all is sent
    assert second.wait is not None and second.send is not None and second.send + second.wait >= 19
    assert first.total == pytest.approx(told[0], abs=0.02)
    assert environment.stats.get("/echo", "POST").phases["wait"].count == 1
    assert environment.stats.get("/echo", "POST").connections == {"reused": 0, "new": 1}


def test_redirects_that_requests_follows_are_summed(server: TestServer, environment: Environment) -> None:
    client = session("requests", server.plain, environment)
    response = client.get("/redirect/2", hooks={"response": lambda response, **_: None})
    assert response.timings is not None and not response.timings.reused
    assert environment.stats.get("/redirect/2", "GET").connections == {"reused": 2, "new": 1}


def test_a_stream_is_measured_up_to_its_head(kind: str, server: TestServer, environment: Environment) -> None:
    client = session(kind, server.plain, environment)
    response = client.get("/stream/3", stream=True)
    assert response.timings is not None
    assert {"connect", "send", "wait"} <= parts(response.timings).keys()
    assert response.content


def test_a_prepared_request_that_fails_is_measured(server: TestServer, environment: Environment) -> None:
    client = session("requests", server.plain, environment)
    response = client.get("/close", hooks={"response": lambda response, **_: None})
    assert response.status_code == 0
    assert response.timings is not None and response.timings.connect is not None
