"""The test server and other helpers of a test run as processes: started, waited for by what they print, and ended with
their standard input. Never waits by sleeping."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class TestServer:
    """Addresses of a running testkit-server; URLs without a slash at the end."""

    __test__ = False

    plain: str
    tls: str
    self_signed: str
    expired: str
    wrong_host: str
    authority: str
    asking: str
    http2: str
    http2_tls: str

    def port(self, name: str) -> int:
        return int(getattr(self, name).rpartition(":")[2])

    def counts(self, requests: int = 0) -> dict[str, Any]:
        """What the server has seen, as soon as that many requests have come."""
        with urllib.request.urlopen(f"{self.plain}/__wait?requests={requests}") as answer:
            counts: dict[str, Any] = json.load(answer)
        assert counts["requests"] >= requests, f"{requests} requests were awaited, {counts} came"
        return counts


def program(name: str) -> list[str]:
    """The command of one of testkit's programs, as `make testkit` leaves it; $GREGARIA_TESTKIT names another folder."""
    built = Path(os.environ.get("CARGO_TARGET_DIR", str(REPOSITORY / "target"))) / "release"
    path = Path(os.environ.get("GREGARIA_TESTKIT", str(built))) / name
    if not path.exists():
        raise RuntimeError(f"{path} is missing; `make testkit` builds it")
    return [str(path)]


def lines_until(process: subprocess.Popen[str], last: str) -> list[str]:
    """What a process prints, up to the line that starts with `last`."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith(last):
            return lines
    raise RuntimeError(f"{process.args!r} ended with code {process.wait()} before it said {last!r}; it said {lines}")


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A process with pipes for input and output; ended by closing its input, or by SIGTERM if that is not enough."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
        process.stdout.close()


@contextmanager
def test_server() -> Iterator[TestServer]:
    with running(program("testkit-server")) as process:
        lines = lines_until(process, "ready")
        plain, tls = (line.rpartition(" ")[2] for line in lines if line.startswith("listening"))
        named = dict(
            line.split(" ", 1) for line in lines if line.startswith(("expired", "wrong-host", "authority", "asking"))
        )
        values = {name: text.rpartition(" ")[2] for name, text in named.items()}
        signed = next(line for line in lines if line.startswith("self-signed on")).rpartition(" ")[2]
        http2, http2_tls = (line.rpartition(" ")[2] for line in lines if line.startswith("http2"))
        names = ("expired", "wrong-host", "authority", "asking")
        yield TestServer(plain, tls, signed, *(values[name] for name in names), http2, http2_tls)


test_server.__test__ = False  # type: ignore[attr-defined]


@contextmanager
def flask_api(script: Path, python: str | None = None) -> Iterator[str]:
    """A script that prints `listening on URL` when it does; gives the URL."""
    with running([python or sys.executable, str(script)]) as process:
        yield lines_until(process, "listening on")[-1].rpartition(" ")[2]


@contextmanager
def full_listener() -> Iterator[str]:
    """`host:port` of a listener whose queue is full, so that connecting to it never finishes."""
    listener = socket.socket()
    waiting: list[socket.socket] = []
    try:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            waiting.append(client)
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        for client in waiting:
            client.close()
        listener.close()
