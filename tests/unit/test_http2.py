"""HTTP/2 by a switch, with the script as it is: both clients, all roads of the engine, the option, a real nginx."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest

from gregaria.clients import HttpSession
from gregaria.contrib.fasthttp import FastHttpSession, FastHttpUser
from gregaria.env import Environment
from gregaria.user.users import HttpUser
from support.population import wait_for
from support.protocols import refusing_port
from support.server import TestServer
from support.servers import accepts, ended, program


def session(kind: str, base: str, environment: Environment, version: str = "2") -> Any:
    event = environment.events.request
    made: Any = FastHttpSession(base, event, None) if kind == "fast" else HttpSession(base, event, None)
    if kind == "requests":
        made.verify = False
    made.http_version = version
    return made


def test_greenlets_share_one_connection(kind: str, own_server: TestServer, environment: Environment) -> None:
    client = session(kind, own_server.http2, environment)
    answers = [gevent.spawn(client.get, f"/delay/5?{number}") for number in range(10)]
    for answer in gevent.joinall(answers, timeout=20):
        assert answer.value.status_code == 200
    if kind == "requests":
        assert answers[0].value.raw.version == 20
    total = environment.stats.total
    assert (total.num_requests, total.num_failures, total.http_versions) == (10, 0, {"2.0": 10})
    assert own_server.counts(10)["connections"] == 1


def test_it_is_the_same_client(kind: str, server: TestServer, environment: Environment) -> None:
    client = session(kind, server.http2_tls, environment)
    echoed = client.post("/echo?a=b", json={"c": "d" * 100_000}, headers={"X-Own": "e"}).json()
    assert (echoed["method"], echoed["target"]) == ("POST", "/echo?a=b")
    assert json.loads(echoed["body"]) == {"c": "d" * 100_000}
    assert dict(map(tuple, echoed["headers"]))["x-own"] == "e"
    assert client.get("/cookies/set?f=g").json() == {"cookies": {"f": "g"}}
    assert client.get("/gzip/5000").content == client.get("/bytes/5000").content
    with client.get("/status/404", catch_response=True) as missing:
        missing.success()
    client.get("/status/404")
    texts = [error.error for error in environment.stats.errors.values()]
    assert len(texts) == 1 and ("Not Found" in str(texts[0]) or "404" in str(texts[0]))
    streamed = client.get("/stream/50", stream=True)
    lines = list(streamed.iter_lines()) if kind == "requests" else streamed.text.splitlines()
    assert len(lines) == 50 and json.loads(lines[49]) == {"line": 49}
    if kind == "requests":
        uploaded = client.post("/echo", data=iter([b"one ", b"two"])).json()
        assert uploaded["body"] == "one two"
        assert not [name for name, _ in uploaded["headers"] if name == "transfer-encoding"]


def test_the_server_decides(kind: str, server: TestServer, environment: Environment) -> None:
    for base, expected in ((server.http2_tls, {"2.0": 1}), (server.tls, {"1.1": 1}), (server.plain, {"1.1": 1})):
        session(kind, base, environment, "auto").get("/", name=base)
        assert environment.stats.get(base, "GET").http_versions == expected


def test_what_goes_wrong_has_a_name(kind: str, server: TestServer, environment: Environment) -> None:
    client = session(kind, server.http2, environment)
    client.get("/reset-stream/7")
    session(kind, server.tls, environment).get("/", name="insisting")
    session(kind, server.plain, environment).get("/", name="plain")
    texts = {error.name: str(error.error) for error in environment.stats.errors.values()}
    assert "HTTP/2: the server refused the request (REFUSED_STREAM)" in texts["/reset-stream/7"]
    assert "HTTP/2: the server does not agree to it (ALPN)" in texts["insisting"]
    assert "HTTP/2: the server answers in HTTP/1.1" in texts["plain"]


@pytest.mark.parametrize("user_class", [HttpUser, FastHttpUser])
def test_the_switch(user_class: type[Any], server: TestServer, environment: Environment) -> None:
    kind = type("Kind", (user_class,), {"host": server.http2, "http_version": "2"})
    user = kind(environment)
    user.client.get("/")
    assert (user.client.http_version, environment.stats.total.http_versions) == ("2", {"2.0": 1})
    assert type("Usual", (user_class,), {"host": server.plain})(environment).client.http_version == "1.1"
    for value in ("3", 2.5, ""):
        with pytest.raises(ValueError, match=r'http_version is "1.1", "2" or "auto"'):
            user.client.http_version = value
    user.client.http_version = "1.1"
    assert user.client.http_version == "1.1"


NGINX = """
daemon off; {user} worker_processes 1; pid {dir}/pid; error_log {dir}/error.log warn;
events {{ worker_connections 100; }}
http {{
  access_log off; keepalive_requests 5;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl http2; ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem;
    location / {{ return 200 "hello from nginx\\n"; }}
    location = /large {{ alias {dir}/large; }}
  }}
}}
"""


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[str]:
    """A real nginx that speaks HTTP/2 over TLS and is done with a connection after five requests."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
    (tmp_path / "large").write_bytes(b"x" * 3_000_000)
    port = refusing_port()
    (tmp_path / "nginx.conf").write_text(
        NGINX.format(dir=tmp_path, port=port, user="user root;" if os.geteuid() == 0 else "")
    )
    tmp_path.chmod(0o755)
    process = subprocess.Popen([program("nginx"), "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")])
    with ended(process):
        wait_for(lambda: process.poll() is not None or accepts(port))
        yield f"https://127.0.0.1:{port}"


def test_a_real_server_that_says_goodbye_now_and_then(kind: str, nginx: str, environment: Environment) -> None:
    client = session(kind, nginx, environment, "auto")
    for _ in range(12):
        assert client.get("/").text == "hello from nginx\n"
    answers = gevent.joinall([gevent.spawn(client.get, "/") for _ in range(12)], timeout=20)
    assert [answer.value.status_code for answer in answers] == [200] * 12
    assert len(client.get("/large").content) == 3_000_000
    total = environment.stats.total
    assert (total.num_failures, total.http_versions) == (0, {"2.0": 25})
    assert total.connections["new"] >= 5


def test_the_option(gregaria: list[str], own_server: TestServer, tmp_path: Path) -> None:
    locustfile = tmp_path / "locustfile.py"
    locustfile.write_text(
        "from locust import HttpUser, task\n\n\nclass Visitor(HttpUser):\n    @task\n    def visit(self):\n"
        "        assert self.client.get('/').raw.version == 20\n        self.environment.runner.quit()\n"
    )
    command = [*gregaria, "-f", str(locustfile), "--headless", "-H", own_server.http2, "-u", "2", "-t", "20s"]
    result = tmp_path / "result.json"
    done = subprocess.run(
        [*command, "--http-version", "2", "--result", str(result)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert '"2.0"' in result.read_text()
    wrong = subprocess.run([*command, "--http-version", "3"], capture_output=True, text=True, timeout=60)
    assert wrong.returncode == 2 and "one of 1.1, 2, auto" in wrong.stderr
