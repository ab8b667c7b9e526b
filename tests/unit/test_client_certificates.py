"""What a client shows of itself to servers that ask, whom it believes by the environment, and how much it keeps."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gregaria import FastHttpUser, HttpUser
from gregaria.clients import HttpSession
from gregaria.contrib.fasthttp import FastHttpSession
from gregaria.env import Environment
from gregaria.event import EventHook
from support.server import REPOSITORY, TestServer


def session(base: str, **settings: Any) -> HttpSession:
    made = HttpSession(base, EventHook(), None, **{"trust_env": False, **settings})
    made.verify = False
    return made


@pytest.fixture(scope="module")
def files(server: TestServer) -> Path:
    """Where the test server's certificates are."""
    return Path(server.authority).parent


FORMS = {
    "one file": lambda files: str(files / "client-both.pem"),
    "a path object": lambda files: files / "client-both.pem",
    "a pair": lambda files: (str(files / "client.pem"), str(files / "client-key.pem")),
    "a list": lambda files: [str(files / "client.pem"), files / "client-key.pem"],
    "a pair without a key": lambda files: (str(files / "client-both.pem"), None),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_certificate_is_shown_by_each_client(form: str, server: TestServer, files: Path) -> None:
    cert = FORMS[form](files)
    assert session(server.asking).get("/echo", cert=cert).status_code == 200
    client = session(server.asking)
    client.cert = cert
    assert client.cert == cert
    assert client.get("/echo").status_code == 200
    assert client.post("/echo", files={"f": b"x"}).status_code == 200, "prepared by requests"
    assert client.get("/redirect/1").status_code == 200
    assert not client._needs_requests()
    fast = FastHttpSession(server.asking, EventHook(), None, cert=cert)
    assert fast.get("/echo").status_code == 200


def test_without_one_the_server_refuses(server: TestServer, files: Path) -> None:
    client = session(server.asking)
    client.cert = str(files / "client-both.pem")
    assert client.get("/echo").status_code == 200
    for refused in (client.get("/echo", cert=""), session(server.asking).get("/echo")):
        assert refused.status_code == 0
        assert "CERTIFICATE_REQUIRED" in str(refused.error)
    assert FastHttpSession(server.asking, EventHook(), None).get("/echo").status_code == 0


def outcome(call: Any) -> tuple[str, str]:
    """The kind and the text of what a request ends in."""
    try:
        call().raise_for_status()
    except Exception as error:
        return type(error).__name__, re.sub(r"_ssl\.c:\d+", "_ssl.c", str(error))
    return "none", ""


def _looked(response: Any, **_: Any) -> None:
    """A hook, which has `requests` prepare the request."""


BAD: dict[str, Any] = {
    "no such file": lambda files: "/no/such/file.pem",
    "no such certificate": lambda files: ("/no/such/file.pem", str(files / "client-key.pem")),
    "no such key": lambda files: (str(files / "client.pem"), "/no/such/key.pem"),
    "somebody else's key": lambda files: (str(files / "client.pem"), str(files / "other-key.pem")),
    "a certificate without its key": lambda files: str(files / "client.pem"),
    "no certificate": lambda files: str(files / "client-key.pem"),
}


REFERENCE = """
import json, sys, warnings
import requests
warnings.simplefilter("ignore")
told = []
for url, cert in json.load(sys.stdin):
    try:
        requests.get(url, verify=False, cert=cert and (cert if isinstance(cert, str) else tuple(cert))).close()
        told.append(["none", ""])
    except Exception as error:
        told.append([type(error).__name__, str(error)])
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def as_requests(server: TestServer, files: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """What `requests` makes of bad files: in a process of its own, since gevent patched this one's `ssl` too late."""
    cases = [(scheme, bad) for scheme in ("asking", "plain") for bad in BAD]
    asked = json.dumps([(f"{getattr(server, scheme)}/status/200", BAD[bad](files)) for scheme, bad in cases])
    done = subprocess.run(
        [sys.executable, "-c", REFERENCE], input=asked, capture_output=True, text=True, timeout=60, check=True
    )
    told = [(kind, re.sub(r"_ssl\.c:\d+", "_ssl.c", text)) for kind, text in json.loads(done.stdout)]
    return dict(zip(cases, told, strict=True))


@pytest.mark.parametrize("scheme", ["asking", "plain"])
@pytest.mark.parametrize("bad", BAD)
def test_bad_files_fail_as_under_requests(
    bad: str, scheme: str, server: TestServer, files: Path, as_requests: dict[tuple[str, str], tuple[str, str]]
) -> None:
    cert, base = BAD[bad](files), getattr(server, scheme)
    expected = as_requests[scheme, bad]
    assert (expected[0] == "none") == (scheme == "plain" and not bad.startswith("no such"))
    assert outcome(lambda: session(base).get("/status/200", cert=cert)) == expected
    assert outcome(lambda: session(base).get("/status/200", cert=cert, hooks={"response": _looked})) == expected


@pytest.mark.parametrize("bad", [5, ("a",), ("a", "b", "c"), (None, "b"), ("a", 5)], ids=repr)
def test_what_is_no_certificate_is_said(bad: Any, server: TestServer) -> None:
    with pytest.raises(TypeError, match="cert is the path of a PEM file, or a pair of paths"):
        session(server.asking).get("/echo", cert=bad)
    with pytest.raises(TypeError, match="cert is the path of a PEM file, or a pair of paths"):
        FastHttpSession(server.asking, EventHook(), None, cert=bad)


BELIEVERS = """
import sys
from gregaria.clients import HttpSession
from gregaria.contrib.fasthttp import FastHttpSession
from gregaria.event import EventHook
base = sys.argv[1]
clients = [HttpSession(base, EventHook(), None, trust_env=trust) for trust in (True, False)]
clients.append(FastHttpSession(base, EventHook(), None, insecure=False))
told = [client.get("/echo").status_code for client in clients]
asked = clients[0].get("/echo", verify=True).status_code
clients[0].verify = False
told += [asked, clients[0].get("/echo").status_code, clients[0].get("/echo", verify=False).status_code]
clients[0].trust_env = False
told.append(clients[0].get("/echo").status_code)
print(*told)
"""


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("REQUESTS_CA_BUNDLE", "200 0 0 200 200 200 200"),
        ("CURL_CA_BUNDLE", "200 0 0 200 200 200 200"),
        ("SSL_CERT_FILE", "200 200 200 200 200 200 200"),
        ("NONE_OF_THEM", "0 0 0 0 200 200 200"),
    ],
)
def test_the_environment_names_authorities(variable: str, expected: str, server: TestServer) -> None:
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", BELIEVERS, server.tls],
        env={**clean, variable: server.authority},
        cwd=REPOSITORY / "tests",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == expected, done.stderr


def test_an_environments_bundle_that_is_none_is_an_error(server: TestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/bundle.pem")
    client = HttpSession(server.tls, EventHook(), None)
    with pytest.raises(OSError, match="Could not find a suitable TLS CA certificate bundle, invalid path: /no/such"):
        client.get("/echo")


def test_large_bodies_are_counted_and_the_log_says_so_once(
    server: TestServer, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[int] = []
    event = EventHook()
    event.add_listener(lambda response_length, **_: told.append(response_length))
    clients = [HttpSession(server.plain, event, None, trust_env=False), FastHttpSession(server.plain, event, None)]
    with caplog.at_level(logging.WARNING, "gregaria.clients"):
        for client in clients:
            assert client.max_body_bytes == 1 << 30
            client.max_body_bytes = 1000
            assert len(client.get("/bytes/1000").content or b"") == 1000
            for _ in range(2):
                response = client.get("/bytes/1001")
                assert response.status_code == 200 and not response.content
    assert told == [1000, 1001, 1001] * 2
    said = [record.getMessage() for record in caplog.records if record.name == "gregaria.clients"]
    assert len(said) == 1
    assert "larger than 1000 bytes (max_body_bytes)" in said[0]
    for client in clients:
        with pytest.raises(ValueError, match=r"max_body_bytes is a whole number of bytes, 0 or more, not -1"):
            client.max_body_bytes = -1


@pytest.mark.parametrize("path", ["/bytes/{}", "/chunked/{}"])
def test_large_bodies_of_prepared_requests_are_counted_too(path: str, server: TestServer) -> None:
    told: list[int] = []
    event = EventHook()
    event.add_listener(lambda response_length, **_: told.append(response_length))
    client = HttpSession(server.plain, event, None, trust_env=False)
    client.max_body_bytes = 100_000
    hooks = {"response": lambda response, **_: None}
    assert len(client.get(path.format(100_000), hooks=hooks).content) == 100_000
    response = client.get(path.format(100_001), hooks=hooks)
    assert (response.status_code, response.content) == (200, b"")
    assert told == [100_000, 100_001]
    assert len(client.get(path.format(100_001), stream=True).content) == 100_001, "a stream has no limit"
    assert client.get("/echo").timings.reused, "the connection goes on"


@pytest.mark.parametrize("kind", [HttpUser, FastHttpUser])
def test_a_class_says_how_much_is_kept(kind: type[Any], server: TestServer) -> None:
    class Sparing(kind):  # type: ignore[misc]
        host = server.plain
        max_body_bytes = 10

    client = Sparing(Environment()).client
    assert client.max_body_bytes == 10
    assert client.get("/bytes/10").content and not client.get("/bytes/11").content


def test_a_fast_session_may_be_given_its_certificate_later(server: TestServer, files: Path) -> None:
    client = FastHttpSession(server.asking, EventHook(), None)
    assert client.cert is None
    assert client.get("/echo").status_code == 0
    client.cert = str(files / "client-both.pem")
    assert client.get("/echo").status_code == 200
    assert client.cert == str(files / "client-both.pem")


def test_a_fast_class_names_its_certificate(server: TestServer, files: Path) -> None:
    class Shown(FastHttpUser):
        host = server.asking
        cert = str(files / "client-both.pem")

    assert Shown(Environment()).client.get("/echo").status_code == 200
