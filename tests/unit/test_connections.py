"""How a user's connections are made and used: attributes of classes and sessions, options, checks before a run."""

from __future__ import annotations

import errno
import logging
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest

from gregaria import failures, network
from gregaria.cli import limits
from gregaria.clients import HttpSession
from gregaria.contrib.fasthttp import FastHttpSession, FastHttpUser
from gregaria.env import Environment
from gregaria.user import task
from gregaria.user.users import HttpUser
from gregaria.user.wait_time import constant
from support.population import wait_for
from support.server import TestServer


def session(kind: str, base: str, environment: Environment) -> Any:
    event = environment.events.request
    return FastHttpSession(base, event, None) if kind == "fast" else HttpSession(base, event, None)


class Peers:
    """A server that remembers from where connections came and how many requests each carried."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.addresses: list[str] = []
        self.requests: Counter[int] = Counter()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, peer = self.listener.accept()
            except OSError:
                return
            self.addresses.append(peer[0])
            threading.Thread(target=self._serve, args=(connection, len(self.addresses)), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with connection:
            while connection.recv(65536):
                self.requests[number] += 1
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@pytest.fixture
def peers() -> Iterator[Peers]:
    made = Peers()
    yield made
    made.listener.close()


def test_how_long_a_connection_is_used(kind: str, peers: Peers, environment: Environment) -> None:
    client = session(kind, peers.url, environment)
    client.max_requests_per_connection = 2
    for _ in range(5):
        client.get("/")
    assert sorted(peers.requests.values()) == [1, 2, 2]
    client.max_requests_per_connection = None
    client.keep_alive_idle_timeout = 0.05
    client.get("/")
    gevent.sleep(0.3)
    client.get("/")
    assert environment.stats.total.connections == {"reused": 2, "new": 5}
    assert environment.stats.total.num_failures == 0


@pytest.mark.parametrize(("reuse", "connections"), [("keep", 1), ("iteration", 3), ("request", 6)])
@pytest.mark.parametrize("base", [HttpUser, FastHttpUser])
def test_reuse(base: type[Any], reuse: str, connections: int, own_server: TestServer) -> None:
    def visit(self: Any) -> None:
        self.client.get("/")
        self.client.get("/")
        self.done = getattr(self, "done", 0) + 1
        if self.done == 3:
            self.environment.runner.quit()

    attributes = {"host": own_server.plain, "connection_reuse": reuse, "wait_time": constant(0), "tasks": [task(visit)]}
    environment = Environment(user_classes=[type("Visitor", (base,), attributes)])
    runner = environment.create_local_runner()
    runner.start(1, 1)
    wait_for(lambda: runner.state == "stopped")
    assert own_server.counts(6)["connections"] == connections
    assert environment.stats.total.num_failures == 0


def test_own_addresses(kind: str, peers: Peers, environment: Environment) -> None:
    client = session(kind, peers.url, environment)
    client.source_addresses = ["127.0.0.2", "127.0.0.3"]
    client.max_requests_per_connection = 1
    for _ in range(4):
        client.get("/")
    assert Counter(peers.addresses) == {"127.0.0.2": 2, "127.0.0.3": 2}


def test_no_port_left(
    kind: str, peers: Peers, environment: Environment, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system says the same of an address that is not ours."""
    monkeypatch.setattr(failures, "_PORTS_HINTED", set())
    monkeypatch.setattr(failures, "port_range", lambda: (32_768, 60_999))
    with caplog.at_level(logging.WARNING, logger="locust.clients"):
        failures.hint_at_ports(errno.ECONNREFUSED)
        assert not caplog.records
        for _ in range(2):
            failures.hint_at_ports(errno.EADDRNOTAVAIL)
    assert [record.getMessage() for record in caplog.records] == [
        "Connecting failed: no port is free to connect from (32768 to 60999, less those in use or just used). Let "
        "users keep their connections, give several source_addresses, or widen the range: sysctl "
        "net.ipv4.ip_local_port_range"
    ]
    client = session(kind, peers.url, environment)
    client.source_addresses = ["192.0.2.1"]
    client.get("/")
    assert "Cannot assign requested address" in str(next(iter(environment.stats.errors.values())).error)


def test_addresses_of_names(kind: str, server: TestServer, environment: Environment) -> None:
    client = session(kind, f"http://localhost:{server.port('plain')}", environment)
    client.max_requests_per_connection = 1
    for cache, lookups in ((0.0, 3), ("connection", 3), ("forever", 0)):
        if cache:
            client.dns_cache = cache
            environment.stats.clear_all()
            for _ in range(3):
                client.get("/")
            phases = environment.stats.total.phases
            assert (phases["dns"].count if "dns" in phases else 0) == lookups, cache
    assert environment.stats.total.num_failures == 0


def test_pool_size(own_server: TestServer, environment: Environment) -> None:
    client = session("requests", own_server.plain, environment)
    client.pool_size = 2
    for _ in range(2):
        gevent.joinall([gevent.spawn(client.get, "/delay/30") for _ in range(5)], timeout=20)
    assert environment.stats.total.connections == {"reused": 2, "new": 8}


def test_bad_values_say_what_is_good(kind: str, environment: Environment) -> None:
    client = session(kind, "http://127.0.0.1:1", environment)
    for name, value, told in [
        ("max_requests_per_connection", 0, "a whole number from 1, or None for any number, not 0"),
        ("max_requests_per_connection", True, "not True"),
        ("keep_alive_idle_timeout", -1, "a number of seconds above 0, or None, not -1"),
        ("keep_alive_idle_timeout", float("inf"), "not inf"),
        ("dns_cache", "never", '"forever", "connection" (asked anew for each) or seconds'),
        ("dns_cache", 0, "above 0"),
        ("source_addresses", "127.0.0.2", "a list of own addresses"),
        ("source_addresses", ["here"], "'here' does not appear to be an IPv4 or IPv6 address"),
        ("pool_size", -1, "a whole number from 0"),
    ]:
        with pytest.raises(ValueError) as raised:
            setattr(client, name, value)
        assert name in str(raised.value) and told in str(raised.value)
    kind_of_user = type("Kind", (HttpUser,), {"host": "http://127.0.0.1:1", "connection_reuse": "always"})
    with pytest.raises(ValueError, match='connection_reuse is "keep", "iteration"'):
        kind_of_user(environment)


def test_values_of_resolve() -> None:
    assert network.resolution("a.b:80:127.0.0.1") == ("a.b", 80, ["127.0.0.1"])
    assert network.resolution("a.b:443:[::1],127.0.0.1") == ("a.b", 443, ["::1", "127.0.0.1"])
    for text in ("", "a.b", "a.b:80", "a.b:0:127.0.0.1", ":80:127.0.0.1", "a.b:80:c.d", "a.b:x:127.0.0.1"):
        with pytest.raises(ValueError, match="is not HOST:PORT:ADDRESS"):
            network.resolution(text)


def test_resolve_and_checks_before_the_run(gregaria: list[str], own_server: TestServer, tmp_path: Path) -> None:
    port = own_server.port("plain")
    (tmp_path / "locustfile.py").write_text(
        "from locust import HttpUser, task\n\n\nclass Visitor(HttpUser):\n    @task\n    def visit(self):\n"
        "        headers = dict(map(tuple, self.client.get('/echo').json()['headers']))\n"
        "        assert headers['Host'].startswith('shop.invalid')\n"
        "        self.environment.runner.quit()\n"
    )
    command = [*gregaria, "-f", str(tmp_path / "locustfile.py"), "--headless", "-u", "1", "-t", "20s"]
    target = ["-H", f"http://shop.invalid:{port}", "--resolve", f"shop.invalid:{port}:127.0.0.1"]
    done = subprocess.run([*command, *target], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    wrong = subprocess.run([*command, "--resolve", "shop"], capture_output=True, text=True, timeout=60)
    assert wrong.returncode == 2 and "'shop' is not HOST:PORT:ADDRESS" in wrong.stderr


def test_too_few_ports(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "port_range", lambda: (1000, 1999))
    two = type("Two", (HttpUser,), {"source_addresses": ["127.0.0.2", "127.0.0.3"]})
    with caplog.at_level(logging.WARNING, logger="locust.main"):
        limits.warn_of_few_ports(1000, [HttpUser])
        limits.warn_of_few_ports(2000, [two])
        assert not caplog.records
        limits.warn_of_few_ports(1001, [HttpUser])
        limits.warn_of_few_ports(2001, [two])
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith(
        "There are 1000 ports to connect from (1000 to 1999), too few for a connection of each of 1001 "
    )
    assert "2000 ports to connect from (1000 to 1999, 2 addresses)" in second
