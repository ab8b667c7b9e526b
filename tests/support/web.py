"""A load tester with its web UI as a process, and the calls that a page or a script makes to it."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import requests

from support.server import REPOSITORY

LOCUSTFILE = """
from locust import HttpUser, constant, events, task

@events.init_command_line_parser.add_listener
def options(parser):
    parser.add_argument("--word", default="a", help="A word")
    parser.add_argument("--secret", default="s", is_secret=True)
    parser.add_argument("--number", type=int, default=1)
    parser.add_argument("--flag", action="store_true")
    parser.add_argument("--hidden", default="h", include_in_web_ui=False)

class Shop(HttpUser):
    wait_time = constant(0.05)
    host = "HOST"

    @task(3)
    def page(self):
        self.client.get("/hello")

    @task
    def missing(self):
        self.client.get("/status/404", name="missing")

    @task
    def broken(self):
        raise ValueError("<b>broken</b>")

class Other(HttpUser):
    wait_time = constant(0.05)
    host = "HOST"

    @task
    def page(self):
        self.client.get("/hello", name="other")
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: Callable[[], Any], seconds: float = 30) -> Any:
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"it did not come about within {seconds} s"
        time.sleep(0.05)


def is_as_described(name: str, message: Any) -> None:
    """Hold a message of the stream, or a body of an endpoint of ours, against the schema in docs."""
    schema = json.loads((REPOSITORY / "docs/stream.schema.json").read_text())
    jsonschema.validate(message, {"$schema": schema["$schema"], "$defs": schema["$defs"], "$ref": f"#/$defs/{name}"})


class WebRun:
    """A running process and its web UI."""

    def __init__(self, process: subprocess.Popen[str], url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self.log = log
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = False

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.session.get(self.url + path, timeout=20, **more)

    def post(self, path: str, data: Any = None, **more: Any) -> requests.Response:
        return self.session.post(self.url + path, data=data, timeout=40, **more)

    def statistics(self) -> dict[str, Any]:
        return dict(self.get("/stats/requests").json())

    def row(self, name: str) -> dict[str, Any]:
        return next((row for row in self.statistics()["stats"] if row["name"] == name), {})

    def state(self) -> str:
        return str(self.statistics()["state"])

    def wait_for_state(self, *states: str) -> None:
        wait_for(lambda: self.state() in states)

    def logged(self) -> str:
        return self.log.read_text()

    def wait_for_end(self) -> int:
        return self.process.wait(timeout=30)

    @contextmanager
    def events(self, **more: Any) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
        """The event stream as (event, data)."""
        headers = {"Accept": "text/event-stream", **more.pop("headers", {})}
        with self.session.get(f"{self.url}/events", stream=True, timeout=20, headers=headers, **more) as answer:
            assert answer.status_code == 200, answer.text
            yield _parsed(answer)


def _parsed(answer: requests.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    event = ""
    for line in answer.iter_lines(chunk_size=1, decode_unicode=False):
        text = line.decode()
        if text.startswith("event: "):
            event = text.removeprefix("event: ")
        elif text.startswith("data: "):
            yield event, json.loads(text.removeprefix("data: "))


@contextmanager
def web_run(
    command: list[str],
    folder: Path,
    *arguments: str,
    source: str = LOCUSTFILE,
    host: str = "http://127.0.0.1:1",
    path: str = "",
    ready: str = "/stats/requests",
    **environment: str,
) -> Iterator[WebRun]:
    """A tester serving its web UI on a port of its own, ended with SIGTERM."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "locustfile.py").write_text(source.replace("HOST", host))
    port = free_port()
    log = folder / "log.txt"
    line = [*command, "-f", "locustfile.py", "--web-host", "127.0.0.1", "--web-port", str(port), *arguments]
    with log.open("w") as output:
        process = subprocess.Popen(
            line, cwd=folder, stdout=output, stderr=subprocess.STDOUT, text=True, env={**os.environ, **environment}
        )
    protocol = "https" if "--tls-cert" in arguments else "http"
    run = WebRun(process, f"{protocol}://127.0.0.1:{port}{path}", log)

    def serves() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return run.get(ready, allow_redirects=False).status_code < 500
        except requests.ConnectionError:
            return False

    try:
        wait_for(serves)
        yield run
    finally:
        run.session.close()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
