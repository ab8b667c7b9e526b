"""Who may do what to the web UI: foreign pages and names, logins, links to look, cookies, HTTPS, texts that bite."""

import json
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from support.server import TestServer
from support.web import WebRun, wait_for, web_run

BITING = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
SOURCE = """
from locust import HttpUser, constant, task

class Shop(HttpUser):
    wait_time = constant(0.05)
    host = "HOST"

    @task
    def page(self):
        with self.client.get("/status/200", name=BITING, catch_response=True) as response:
            response.failure(BITING)
        raise ValueError(BITING)
"""
FORM = {"user_count": "1", "spawn_rate": "1"}


def session_of(run: WebRun) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.verify = run.session.verify
    return session


@pytest.fixture(scope="module")
def ui(gregaria: list[str], tmp_path_factory: pytest.TempPathFactory, server: TestServer) -> Iterator[WebRun]:
    source = SOURCE.replace("BITING", repr(BITING))
    with web_run(gregaria, tmp_path_factory.mktemp("web"), source=source, host=server.plain) as run:
        yield run


CHANGES = [
    ("POST", "/swarm"),
    ("POST", "/stop"),
    ("POST", "/stats/reset"),
    ("POST", "/user"),
    ("POST", "/pause"),
    ("POST", "/resume"),
    ("POST", "/mark"),
    ("DELETE", "/runs/1"),
    ("POST", "/login"),
]


@pytest.mark.parametrize(("method", "path"), CHANGES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:8089", "Origin": "http://127.0.0.1.evil.example:8089"},
    ],
    ids=["another site", "no origin of its own", "another port", "by a form", "a name that leads here", "both"],
)
def test_pages_of_others_change_nothing(ui: WebRun, method: str, path: str, headers: dict[str, str]) -> None:
    answer = ui.session.request(method, ui.url + path, data=FORM, headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["success"]) == (403, False)
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert ui.state() == "ready"


def test_names_that_lead_here_read_nothing_either(ui: WebRun) -> None:
    for path in ("/", "/stats/requests", "/events", "/metrics", "/logs", "/runs"):
        answer = ui.get(path, headers={"Host": "evil.example"})
        assert answer.status_code == 403, path
        assert "--web-allowed-origins http://evil.example" in answer.json()["message"]


def test_the_own_page_and_clients_without_origin_may(ui: WebRun) -> None:
    own = {"Origin": ui.url, "Sec-Fetch-Site": "same-origin"}
    assert ui.post("/swarm", FORM, headers=own).json()["success"]
    assert ui.post("/stop").json()["success"]


def test_pages_of_allowed_origins_may_order_and_read(gregaria: list[str], tmp_path: Path, server: TestServer) -> None:
    allowed = ["--web-allowed-origins", "https://dash.example:8443", "http://load.example"]
    with web_run(gregaria, tmp_path, *allowed, *SECRETS, host=server.plain, ready="/login") as run:
        password = {"auth": ("ann", "secret")}
        for origin in ("https://dash.example:8443", "http://load.example"):
            page = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
            asked = {**page, "Access-Control-Request-Method": "POST"}
            told = run.session.options(f"{run.url}/swarm", headers=asked, timeout=10)
            assert (told.status_code, told.headers["Access-Control-Allow-Origin"]) == (204, origin)
            assert "POST" in told.headers["Access-Control-Allow-Methods"]
            for answer in (
                run.get("/stats/requests", headers=page, **password),
                run.post("/stats/reset", headers=page, **password),
                run.get("/events", headers=page, stream=True, **password),
            ):
                assert answer.status_code == 200
                assert answer.headers["Access-Control-Allow-Origin"] == origin
                assert "origin" in answer.headers["Vary"]
            # That it may ask does not log it in.
            assert run.post("/stats/reset", headers=page).status_code == 401
        for origin in ("http://dash.example:8443", "https://evil.example", "null", "https://dash.example:8443.evil"):
            asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            for answer in (
                run.session.options(f"{run.url}/swarm", headers=asked, timeout=10),
                run.get("/stats/requests", headers={"Origin": origin}, **password),
                run.post("/stats/reset", headers={"Origin": origin}, **password),
            ):
                assert not [name for name in answer.headers if name.lower().startswith("access-control")], origin
        # A name that is allowed is one of this server's.
        assert run.get("/stats/requests", headers={"Host": "load.example"}, **password).status_code == 200


def test_texts_that_bite_reach_no_page_as_they_are(ui: WebRun, gregaria: list[str]) -> None:
    ui.post("/swarm", {**FORM, "host": f"http://x/{BITING}"})
    wait_for(lambda: ui.statistics()["errors"] and ui.get("/exceptions").json()["exceptions"])
    ui.post("/stop")
    assert ui.row(BITING)["num_failures"] > 0
    assert BITING in ui.statistics()["errors"][0]["error"]
    for path in ("/", "/stats/report"):
        page = ui.get(path)
        assert BITING not in page.text, path
        assert "<img src=x" not in page.text, path
        scripts = re.findall(r"<script\b[^>]*>", page.text)
        assert len(scripts) == page.text.count("</script>"), path
    for path in ("/stats/requests", "/exceptions", "/tasks", "/logs", "/metrics", "/stats/failures/csv"):
        answer = ui.get(path)
        assert not answer.headers["Content-Type"].startswith("text/html"), path
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_every_answer_is_protected(ui: WebRun) -> None:
    for path in ("/", "/stats/requests", "/nowhere", "/login", "/events", "/assets/nothing", "/stats/report"):
        with ui.session.get(ui.url + path, timeout=10, stream=True, allow_redirects=False) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'") and "frame-ancestors 'none'" in policy, path
            assert ("unsafe-inline" in policy) == (path == "/stats/report"), path
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert answer.headers["Referrer-Policy"] == "same-origin"
            assert "Access-Control-Allow-Origin" not in answer.headers
    page = ui.get("/").text
    # What an attribute leads to is on this server; names of XML are no addresses.
    assert not re.findall(r"(?:src|href|action)=\"?(?:https?:)?//", page)


SECRETS = ["--web-credentials", "ann:secret", "--web-read-only", "a-long-token"]


@pytest.fixture(scope="module")
def guarded(gregaria: list[str], tmp_path_factory: pytest.TempPathFactory, server: TestServer) -> Iterator[WebRun]:
    folder = tmp_path_factory.mktemp("web")
    with web_run(gregaria, folder, *SECRETS, host=server.plain, ready="/login") as run:
        yield run


def test_a_login_opens_everything_until_the_logout(guarded: WebRun) -> None:
    person = session_of(guarded)
    for path in ("/", "/stats/requests", "/events", "/metrics", "/runs", "/logs", "/nowhere"):
        answer = person.get(guarded.url + path, allow_redirects=False, timeout=10)
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/login"), path
    for method, path in CHANGES[:-1]:
        assert person.request(method, guarded.url + path, data=FORM, timeout=10).status_code == 401, path
    data = {"username": "ann", "password": "secret", "next": "//evil.example"}
    answer = person.post(f"{guarded.url}/login", data, allow_redirects=False, timeout=10)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie and "secret" not in cookie
    assert person.get(f"{guarded.url}/stats/requests", timeout=10).json()["state"] == "ready"
    # A cookie that was tampered with is none.
    (value,) = person.cookies.values()
    forged = {"gregaria_session": value.replace(value[0], str((int(value[0]) + 1) % 10), 1)}
    answer = requests.get(f"{guarded.url}/stats/requests", cookies=forged, allow_redirects=False, timeout=10)
    assert answer.status_code == 302
    person.get(f"{guarded.url}/logout", timeout=10)
    assert person.get(f"{guarded.url}/stats/requests", allow_redirects=False, timeout=10).status_code == 302


def test_the_connection_outlives_a_refusal(guarded: WebRun) -> None:
    where = urlsplit(guarded.url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as client:
        reader = client.makefile("rb")
        for _ in range(2):
            client.sendall(
                b"POST /swarm HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n"
            )
            assert reader.readline() == b"HTTP/1.1 100 Continue\r\n"
            assert reader.readline() == b"\r\n"
            client.sendall(b"user_count=1")
            assert reader.readline() == b"HTTP/1.1 401 Unauthorized\r\n"
            length = next(int(line.split(b":")[1]) for line in reader if line.lower().startswith(b"content-length"))
            list(iter(reader.readline, b"\r\n"))
            reader.read(length)


def test_a_link_to_look_changes_nothing(guarded: WebRun) -> None:
    viewer = session_of(guarded)
    first = viewer.get(f"{guarded.url}/?token=a-long-token", allow_redirects=False, timeout=10)
    assert (first.status_code, first.headers["Location"]) == (302, "/")
    assert "HttpOnly" in first.headers["Set-Cookie"]
    for path in ("/", "/stats/requests", "/exceptions", "/tasks", "/logs", "/stats/report", "/runs"):
        assert viewer.get(guarded.url + path, timeout=10).status_code == 200, path
    for method, path in CHANGES[:-1]:
        answer = viewer.request(method, guarded.url + path, data=FORM, timeout=10)
        assert (answer.status_code, answer.json()["message"]) == (403, "this link is for looking only"), path
    with viewer.get(f"{guarded.url}/events", stream=True, timeout=10) as events:
        line = next(line for line in events.iter_lines() if line.startswith(b"data: "))
        assert json.loads(line[6:])["settings"]["read_only"] is True


def test_guessing_is_slowed_down(gregaria: list[str], tmp_path: Path) -> None:
    with web_run(gregaria, tmp_path, *SECRETS, ready="/login") as run:
        person = session_of(run)
        wrong = {"username": "ann", "password": "wrong"}
        answers = [person.post(f"{run.url}/login", wrong, timeout=10).status_code for _ in range(12)]
        assert answers[:5] == [401] * 5
        assert answers[-1] == 429
        # The right one has to wait too, and works afterwards; scripts are no way around it.
        right = {"username": "ann", "password": "secret"}
        assert person.post(f"{run.url}/login", right, timeout=10).status_code == 429
        assert (
            person.get(f"{run.url}/metrics", auth=("ann", "secret"), allow_redirects=False, timeout=10).status_code
            == 302
        )
        wait_for(lambda: person.post(f"{run.url}/login", right, allow_redirects=False, timeout=10).status_code == 302)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = str(folder / "key.pem"), str(folder / "certificate.pem")
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", key, "-out", certificate]
    line = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    subprocess.run([*line, *subject, *files], check=True, capture_output=True)
    return certificate, key


def test_https(gregaria: list[str], tmp_path: Path, server: TestServer, certificate: tuple[str, str]) -> None:
    arguments = ["--tls-cert", certificate[0], "--tls-key", certificate[1], *SECRETS]
    with web_run(gregaria, tmp_path, *arguments, host=server.plain, ready="/login") as run:
        person = session_of(run)
        person.verify = certificate[0]
        data = {"username": "ann", "password": "secret"}
        answer = person.post(f"{run.url}/login", data, allow_redirects=False, timeout=10)
        assert "Secure" in answer.headers["Set-Cookie"]
        own = {"Origin": run.url}
        assert person.post(f"{run.url}/swarm", FORM, headers=own, timeout=10).json()["success"] is True
        wait_for(lambda: person.get(f"{run.url}/stats/requests", timeout=10).json()["state"] == "running")
        host, port = run.url.split("//")[1].split(":")
        with socket.create_connection((host, int(port)), timeout=15) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"HTTP/1.1 200" not in plain.recv(1_000)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        assert _version(old, host, int(port)) in ("TLSv1.2", "TLSv1.3")
        # Half a handshake holds nobody up.
        with socket.create_connection((host, int(port)), timeout=10) as half:
            half.sendall(b"\x16\x03\x01\x02\x00\x01")
            assert person.get(f"{run.url}/stats/requests", timeout=10).status_code == 200
        person.post(f"{run.url}/stop", timeout=20)


def _version(context: ssl.SSLContext, host: str, port: int) -> str | None:
    with socket.create_connection((host, port), timeout=10) as raw, context.wrap_socket(raw) as wrapped:
        return wrapped.version()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tls-cert", "nowhere.pem", "--tls-key", "nowhere.pem"], "nowhere.pem"),
        (["--tls-cert", "locustfile.py", "--tls-key", "locustfile.py"], "locustfile.py"),
        (["--tls-cert", "locustfile.py"], "--tls-key"),
        (["--web-credentials", "ann"], "--web-credentials"),
        (["--web-read-only", "token"], "--web-read-only"),
        (["--web-host", "192.0.2.1"], "192.0.2.1"),
    ],
    ids=["no file", "no certificate", "half a pair", "no password", "a link without a login", "a foreign address"],
)
def test_what_cannot_be_served_is_said_before_the_test(
    gregaria: list[str], tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "locustfile.py").write_text(
        "from locust import User, task\nclass A(User):\n    @task\n    def a(self): pass\n"
    )
    line = [*gregaria, "--web-port", "0", *arguments]
    began = time.monotonic()
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode in (1, 2)
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began < 25


def test_the_class_picker_and_profiles(gregaria: list[str], tmp_path: Path, server: TestServer) -> None:
    with web_run(gregaria, tmp_path, "--class-picker", "--profile", "night", host=server.plain) as run:
        told: dict[str, Any] = run.post(
            "/swarm", {**FORM, "user_classes": "Other", "profile": "day", "host": server.plain}
        ).json()
        assert told["user_classes"] == ["Other"]
        wait_for(lambda: run.row("other").get("num_requests", 0) > 2)
        assert run.row("missing") == {}
        with run.events() as events:
            status = next(events)[1]["status"]
        assert (status["profile"], [name for name, _ in status["users_by_class"]]) == ("day", ["Other"])
        run.post("/stop")
        both = run.post(
            "/swarm", [("user_count", "4"), ("spawn_rate", "10"), ("user_classes", "Shop"), ("user_classes", "Other")]
        )
        assert both.json()["user_classes"] == ["Other", "Shop"]
        wait_for(lambda: run.row("other") and run.row("missing"))
        run.post("/stop")
