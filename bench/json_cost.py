"""What `response.json()` costs for 100 KiB, beside `json.loads` of the same bytes; prints both in microseconds, and the
ratio of the two on the same response (the machine is not as fast at every moment).

Runs in Gregaria's environment. Fresh responses each time, because a parsed body is not parsed again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from gregaria.clients import HttpSession
from gregaria.event import EventHook

ROUNDS = 200
SIZE_BYTES = 100 * 1024


def document() -> bytes:
    """Items as an API lists them."""
    items: list[dict[str, object]] = []
    while len(json.dumps(items)) < SIZE_BYTES:
        number = len(items)
        items.append({"id": number, "name": f"item {number}", "price": number * 1.25, "tags": ["a", "b"], "sold": None})
    return json.dumps(items).encode()


def measured(port: str) -> dict[str, float]:
    """The median of each way and of their ratio; the two take turns at being first."""
    client = HttpSession(f"http://127.0.0.1:{port}", EventHook(), None)
    taken: dict[str, list[float]] = {"response_us": [], "loads_us": []}
    for number in range(ROUNDS):
        response = client.get("/items.json")
        content = response.content
        ways: list[tuple[str, Callable[[], object]]] = [
            ("response_us", response.json),
            ("loads_us", partial(json.loads, content)),
        ]
        found = []
        for name, parse in ways if number % 2 else reversed(ways):
            begun = time.perf_counter()
            found.append(parse())
            taken[name].append(time.perf_counter() - begun)
        assert found[0] == found[1]
    ratio = median(ours / loads for ours, loads in zip(*taken.values(), strict=True))
    return {**{name: median(times) * 1e6 for name, times in taken.items()}, "ratio": ratio}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "items.json").write_bytes(document())
        command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", folder]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, text=True, **pipes) as server:  # type: ignore[call-overload]
            port = server.stdout.readline().split("port ")[1].split()[0]
            try:
                print(json.dumps(measured(port)))
            finally:
                server.terminate()


if __name__ == "__main__":
    main()
