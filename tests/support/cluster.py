"""Masters and workers as processes, of either tester: started, waited for by what they log, ended by id."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgpack

from .runs import Run

LOCUSTFILE = Path(__file__).with_name("cluster_locustfile.py")
USERS, REQUESTS = 6, 20


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Node:
    """A running node; its log is read all the time, so that it never waits for a reader."""

    def __init__(self, line: list[str], folder: Path, **environment: str) -> None:
        self.process = subprocess.Popen(
            line,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self._lines.append(line)
                self._news.notify_all()
        with self._news:
            self._lines.append("(end)\n")
            self._news.notify_all()

    @property
    def log(self) -> str:
        """What it has said so far."""
        with self._news:
            return "".join(self._lines)

    def wait_for(self, text: str, times: int = 1, timeout_s: float = 40) -> None:
        """Return when it has said this so many times."""
        with self._news:
            said = self._news.wait_for(
                lambda: "".join(self._lines).count(text) >= times or "(end)\n" in self._lines, timeout_s
            )
            log = "".join(self._lines)
        assert said and log.count(text) >= times, f"{text!r} was not said {times} times:\n{log}"

    def end(self, timeout_s: float = 40) -> int:
        """Wait until it has ended; its exit code."""
        code = self.process.wait(timeout_s)
        self._reader.join(timeout_s)
        return code

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal."""
        self.process.send_signal(number)


@contextmanager
def nodes() -> Iterator[list[Node]]:
    """A list for nodes; whatever of them still runs at the end is killed."""
    running: list[Node] = []
    try:
        yield running
    finally:
        for node in running:
            if node.process.poll() is None:
                node.process.kill()
                node.process.wait()


def master_line(command: list[str], port: int, host: str, *more: str) -> list[str]:
    test = ["--headless", "-u", str(USERS), "-r", "100", "-t", "4s", "-H", host, "--csv", "out", "--only-summary"]
    where = ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", str(port)]
    return [*command, "-f", str(LOCUSTFILE), *where, *test, *more]


def worker_line(command: list[str], port: int, *more: str) -> list[str]:
    return [*command, "-f", str(LOCUSTFILE), "--worker", "--master-port", str(port), *more]


def result(folder: Path, node: Node) -> Run:
    return Run([], node.process.returncode, "", node.log, folder / "out")


def unsent(folder: Path) -> list[list[dict[str, Any]]]:
    """What lies in the files of reports that nobody has confirmed: for each worker, for each report, the total."""
    files = sorted(folder.glob("gregaria-unsent-*.msgpack"))
    read = [msgpack.Unpacker(path.open("rb"), strict_map_key=False) for path in files]
    return [[data["stats_total"] for _kind, data, _id in unpacker] for unpacker in read]
