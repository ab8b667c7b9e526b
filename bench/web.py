"""What open pages cost: one page over ten thousand names, and twenty pages while requests are made as fast as can be.

A page here is a reader of the event stream that takes gzip, as a browser does. Knows no targets (verdict.py).
"""

from __future__ import annotations

import socket
import threading
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import measure
import tools
from servers import Nginx

Row = dict[str, Any]

NAMES, PAGES = 10_000, 20
USERS = 1_000
"""Each makes a request a second, under one name after the other: a thousand rows change with every update."""


class Page:
    """An open page: counts what comes."""

    def __init__(self, port: int) -> None:
        self.updates = self.bytes = self.first_bytes = 0
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        head = f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept-Encoding: gzip\r\n\r\n"
        self._socket.sendall(head.encode())
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        unpack = zlib.decompressobj(wbits=31)
        stream = self._socket.makefile("rb")
        try:
            while stream.readline() not in (b"\r\n", b""):
                pass
            while size := int(stream.readline() or b"0", 16):
                text = unpack.decompress(stream.read(size))
                stream.readline()
                updates = text.count(b"event: update")
                self.updates += updates
                if self.updates:
                    self.bytes += size
                else:
                    self.first_bytes += size
        except (OSError, ValueError):
            return  # closed, by either side

    def close(self) -> None:
        # The reader holds the socket open as long as it reads.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def _run(name: str, locustfile: str, nginx: Nginx, seconds: int, users: int, pages: int | None, **env: str) -> Row:
    """A run with so many pages open; None is without a web UI."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    ui = ["--autostart", "--autoquit", "0", "--web-host", "127.0.0.1", "--web-port", str(port), "--run-store", "off"]
    test = ["-H", nginx.url, "-u", str(users), "-r", str(users), "-t", f"{seconds}s", "--only-summary"]
    file = str(tools.HERE / "locustfiles" / f"{locustfile}.py")
    command = [tools.GREGARIA, "-f", file, *test, *(["--headless"] if pages is None else ui)]
    opened: list[Page] = []

    def watch(_pid: int, elapsed_s: float) -> None:
        if pages and len(opened) < pages and elapsed_s > 0.2 * seconds:
            with suppress(ConnectionRefusedError):  # not there yet: next time
                while len(opened) < pages:
                    opened.append(Page(port))

    measure.wait_until_quiet()
    outcome = measure.run(measure.Job(command, seconds, env, nginx.requests, watch))
    for page in opened:
        page.close()
    window = outcome.window
    updates = sum(page.updates for page in opened)
    return {
        "scenario": name,
        "tool": "no UI" if pages is None else f"{pages} pages",
        "steady_us": window.cpu_us_per_request if window else None,
        "core_percent": 100 * window.cpu_s / window.seconds if window else None,
        "update_kb": sum(page.bytes for page in opened) / updates / 1024 if updates else None,
        "first_kb": opened[0].first_bytes / 1024 if opened else None,
        "updates": updates,
        "code": outcome.code if outcome.code != 1 else 0,
        "disturbed": outcome.disturbed,
        "interference_percent": window.interference_percent if window else None,
    }


def one_page(seconds: int) -> Iterator[Row]:
    """Ten thousand names, with and without a page; the difference is what the page costs."""
    with Nginx() as nginx:
        env = {"BENCH_NAMES": str(NAMES), "BENCH_WAIT": "1,1"}
        for pages in (0, 1):
            yield _run("a page of 10,000 names", "names", nginx, seconds, USERS, pages, **env)


def twenty_pages(seconds: int) -> Iterator[Row]:
    """Requests as fast as can be, without a web UI and with twenty pages open."""
    with Nginx() as nginx:
        for pages in (None, PAGES):
            yield _run("20 pages", "get", nginx, seconds, 50, pages)
