"""Samples of requests through the installed command: what is kept on each road, what is taken out, where it arrives."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from support.cluster import Node, free_port, nodes
from support.runs import run
from support.server import REPOSITORY, TestServer, test_server

GREGARIA = [str(Path(sys.executable).with_name("gregaria"))]
SCHEMA = json.loads((REPOSITORY / "docs/result.schema.json").read_text())

Shop = tuple[dict[str, Any], str, Path]
"""Result, its text, and the folder."""

SECRET = "s3cr3t-value"
SENT = json.dumps({"user": "bob", "password": SECRET, "n": 1})

LOCUSTFILE = f"""
import requests
from locust import FastHttpUser, HttpUser, User, constant, events, task

SECRET = {SECRET!r}
BINARY = "/content?type=image/png&hex=89504e470d0a1a0a"

class Shop(HttpUser):
    wait_time = constant(60)

    @task
    def buy(self):
        headers = {{"Authorization": "Bearer " + SECRET, "X-Api-Key": SECRET, "X-Tenant": SECRET, "X-Plain": "plain"}}
        body = {{"user": "bob", "password": SECRET, "n": 1}}
        self.client.post("/status/500?token=" + SECRET, json=body, headers=headers, name="posted")
        self.client.get("/status/404", auth=("bob", SECRET), name="with auth")
        self.client.post("/echo", data={{"user": "bob", "password": SECRET}}, cookies={{"sid": SECRET}}, name="form")
        self.client.get("/set-cookie?set=sid%3D" + SECRET + "%3B%20Path%3D%2F", name="cookie set")
        self.client.get(BINARY, name="binary")
        self.client.get("/bytes/200000", name="large")
        self.client.get("/redirect/2", name="redirected")
        with self.client.get("/", catch_response=True, name="caught") as response:
            response.failure("not what I want")
        with self.client.get("/status/503", catch_response=True, name="forgiven") as response:
            response.success()
        self.client.get("/status/500", stream=True, name="by requests")
        self.client.get("http://127.0.0.1:9/?key=" + SECRET, name="refused")
        answer = requests.get(self.host + "/status/418", headers={{"X-Api-Key": SECRET}})
        tell = self.environment.events.request.fire
        tell(request_type="OWN", name="told", response_time=7, response_length=0, exception=ValueError("odd"),
             response=answer, context={{}}, url=None)
        tell(request_type="OWN", name="a dict", response_time=8, response_length=0, exception=None,
             response={{"token": SECRET, "rows": [1, 2]}}, context={{}})
        tell(request_type="OWN", name="an object", response_time=9, response_length=0, exception=None,
             response=object(), context={{}})

class Fast(FastHttpUser):
    wait_time = constant(60)

    @task
    def buy(self):
        headers = {{"Authorization": "Bearer " + SECRET}}
        body = {{"password": SECRET}}
        self.client.post("/status/500?token=" + SECRET, json=body, headers=headers, name="fast posted")
        self.client.get("/echo", name="fast fine")
        with self.client.get("/", catch_response=True, name="fast caught") as response:
            response.failure("no")

class Awaiting(HttpUser):
    wait_time = constant(60)

    @task
    async def buy(self):
        await self.client.apost("/status/502", data="twelve bytes", name="awaited")
"""

FAILING = """
from itertools import count
from locust import HttpUser, constant, task

numbers = count()

class Failing(HttpUser):
    wait_time = constant(0)

    @task
    def fail(self):
        for number in (next(numbers) for _ in range(50)):
            arguments = dict(data="x" * 20_000, catch_response=True, name=f"/{number % 40}")
            with self.client.post("/status/500", **arguments) as response:
                response.failure(f"failure number {number} of this kind: " + "y" * 1000)
        if number > 3_000:
            self.environment.runner.quit()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[TestServer]:
    with test_server() as running:
        yield running


def result_of(folder: Path, server: TestServer, locustfile: str, *arguments: str) -> tuple[dict[str, Any], str]:
    (folder / "locustfile.py").write_text(locustfile)
    usual = ["--headless", "-H", server.plain, "--result", "result.json", "--html", "report.html", "--csv", "out"]
    run(GREGARIA, [*usual, *arguments], folder)
    text = (folder / "result.json").read_text()
    result: dict[str, Any] = json.loads(text)
    jsonschema.validate(result, SCHEMA)
    return result, text


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, server: TestServer) -> tuple[dict[str, Any], str, Path]:
    folder = tmp_path_factory.mktemp("shop")
    arguments = ["-u", "3", "-r", "3", "-t", "3s", "--redact", "X-Tenant, other", "--junit", "j.xml"]
    users = ["--summary-md", "s.md", "Shop", "Fast", "Awaiting"]
    return *result_of(folder, server, LOCUSTFILE, *arguments, *users), folder


def sample(result: dict[str, Any], name: str) -> dict[str, Any]:
    found = [each for each in result["samples"] if each["name"] == name]
    assert len(found) == 1, (name, found)
    return found[0]  # type: ignore[no-any-return]


def test_no_secret_gets_through(shop: Shop) -> None:
    _, text, folder = shop
    assert SECRET not in text
    for name in ("report.html", "j.xml", "s.md"):
        assert SECRET not in (folder / name).read_text(), name


def test_a_request_can_be_made_again_from_its_sample(shop: Shop, server: TestServer) -> None:
    posted = sample(shop[0], "posted")
    head = posted["request_head"].split("\r\n")
    assert head[0] == "POST /status/500?token=(removed) HTTP/1.1"
    host = server.plain.removeprefix("http://")
    for line in (f"Host: {host}", "Content-Type: application/json", f"Content-Length: {len(SENT)}", "X-Plain: plain"):
        assert line in head, head
    for line in ("Authorization: Bearer (removed)", "X-Api-Key: (removed)", "X-Tenant: (removed)"):
        assert line in head, head
    body = {
        "text": '{"user": "bob", "password": "(removed)", "n": 1}',
        "bytes": len(SENT),
        "complete": True,
        "is_hex": False,
    }
    assert posted["request_body"] == body
    assert posted["response_head"].startswith("HTTP/1.1 500 ")
    assert posted["url"] == f"{server.plain}/status/500?token=(removed)"
    assert (posted["kept"], posted["method"], posted["user_class"]) == ("first", "POST", "Shop")
    assert posted["worker"] is None
    assert posted["error"].startswith("HTTPError('500 Server Error")
    assert sum(us for phase, us in posted["phases_us"].items() if phase != "blocked") <= posted["response_time_us"] + 7
    assert {"send", "wait", "receive"} <= set(posted["phases_us"])


def test_each_road_leaves_samples(shop: Shop) -> None:
    result = shop[0]
    assert "Authorization: Basic (removed)" in sample(result, "with auth")["request_head"]
    form = sample(result, "form")
    assert form["request_body"]["text"] == "user=bob&password=(removed)"
    assert "Cookie: sid=(removed)" in form["request_head"] and form["kept"] == "slowest" and form["error"] is None
    assert "Set-Cookie: sid=(removed); Path=/" in sample(result, "cookie set")["response_head"]
    binary = {"text": "89 50 4e 47 0d 0a 1a 0a", "bytes": 8, "complete": True, "is_hex": True}
    assert sample(result, "binary")["response_body"] == binary
    large = sample(result, "large")["response_body"]
    assert (large["bytes"], large["complete"], len(large["text"]) <= 1030) == (200_000, False, True)
    assert sample(result, "redirected")["request_head"].startswith("GET /redirect/0 ")
    caught = sample(result, "caught")
    assert caught["error"] == "CatchResponseError('not what I want')"
    assert caught["response_body"]["text"] == "hello from the test server\n"
    assert sample(result, "forgiven")["error"] is None
    streamed = sample(result, "by requests")
    assert streamed["request_head"].startswith("GET /status/500 HTTP/1.1\r\n")
    assert streamed["response_head"].startswith("HTTP/1.1 500 ") and streamed["user_class"] == "Shop"
    refused = sample(result, "refused")
    assert refused["request_head"].startswith("GET /?key=(removed) HTTP/1.1") and refused["response_head"] is None
    told = sample(result, "told")
    assert (
        told["request_head"].startswith("GET /status/418 HTTP/1.1") and "X-Api-Key: (removed)" in told["request_head"]
    )
    assert told["response_head"].startswith("HTTP/1.1 418 ") and told["error"] == "ValueError('odd')"
    a_dict = sample(result, "a dict")
    assert a_dict["response_body"]["text"] == '{"token": "(removed)", "rows": [1, 2]}'
    assert (a_dict["response_time_us"], a_dict["request_head"]) == (8_000, None)
    assert sample(result, "an object")["response_body"] is None


def test_the_other_clients_leave_samples(shop: Shop) -> None:
    result = shop[0]
    fast = sample(result, "fast posted")
    assert fast["request_head"].startswith("POST /status/500?token=(removed) HTTP/1.1\r\nHost: ")
    assert "Authorization: Bearer (removed)" in fast["request_head"]
    assert (fast["user_class"], fast["request_body"]["text"]) == ("Fast", '{"password": "(removed)"}')
    assert '"method":"GET"' in sample(result, "fast fine")["response_body"]["text"]
    assert sample(result, "fast caught")["error"] == "CatchResponseError('no')"
    awaited = sample(result, "awaited")
    assert (awaited["request_body"]["bytes"], awaited["user_class"]) == (12, "Awaiting")


def test_the_summaries_show_one_for_each_failure(shop: Shop) -> None:
    folder = shop[2]
    for name in ("j.xml", "s.md"):
        text = (folder / name).read_text()
        assert "POST /status/500?token=(removed)" in text and "HTTP/1.1 500" in text, name


def test_ten_thousand_bytes_of_failures_stay_bounded(tmp_path: Path, server: TestServer) -> None:
    result, _ = result_of(tmp_path, server, FAILING, "-u", "1", "--only-summary")
    assert result["total"]["failures"] > 3_000
    bytes_kept = sum(len(json.dumps(each)) for each in result["samples"])
    assert 500_000 < bytes_kept < 6_000_000, bytes_kept
    texts = {(each["name"], each["error"]) for each in result["samples"]}
    assert texts <= {(each["name"], each["error"]) for each in result["failures"]}
    assert len((tmp_path / "report.html").read_bytes()) < 1_000_000
    assert all(each["request_body"]["bytes"] == 20_000 for each in result["samples"])


def test_none_are_kept_if_none_are_wanted(tmp_path: Path, server: TestServer) -> None:
    result, _ = result_of(tmp_path, server, LOCUSTFILE, "-u", "1", "-t", "1s", "--samples", "0", "Fast")
    assert result["total"]["failures"] == 2 and result["samples"] == []


def test_bad_numbers_of_samples_are_refused(tmp_path: Path) -> None:
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE)
    for bad in ("-1", "many", "1.5"):
        command = [*GREGARIA, "--headless", f"--samples={bad}"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 2 and "--samples" in done.stderr and "a whole number from 0" in done.stderr, (
            done.stderr
        )


OF_A_WORKER = f"""
from locust import HttpUser, constant, task

class Shop(HttpUser):
    wait_time = constant(60)

    @task
    def buy(self):
        headers = {{"X-Tenant": {SECRET!r}, "X-Floor": {SECRET!r}, "X-Plain": "plain"}}
        for _ in range(10):
            self.client.get("/status/500", headers=headers, name="broken")
"""


def test_workers_keep_what_their_master_wants(tmp_path: Path, server: TestServer) -> None:
    (tmp_path / "locustfile.py").write_text(OF_A_WORKER)
    port = str(free_port())
    at = ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "1"]
    wanted = ["--samples", "10", "--redact", "X-Tenant", "--result", "result.json", "--html", "report.html"]
    test = ["--headless", "-H", server.plain, "-u", "1", "-t", "3s", "--only-summary"]
    with nodes() as running:
        running.append(Node([*GREGARIA, *at, *wanted, *test], tmp_path))
        # What is secret on the worker's machine is so for every master.
        running.append(Node([*GREGARIA, "--worker", "--master-port", port, "--redact", "X-Floor"], tmp_path))
        assert running[0].end() == 1, running[0].log
        worker = re.findall(r"(\S+) \(index 0\) reported as ready", running[0].log)[0]
    text = (tmp_path / "result.json").read_text()
    result = json.loads(text)
    jsonschema.validate(result, SCHEMA)
    assert [each["worker"] for each in result["samples"]] == [worker] * 10
    assert SECRET not in text
    for line in ("X-Tenant: (removed)", "X-Floor: (removed)", "X-Plain: plain"):
        assert line in result["samples"][0]["request_head"]
    assert worker in (tmp_path / "report.html").read_text()
