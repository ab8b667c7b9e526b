"""What distribution costs: a request over two workers, a master with a thousand workers, and a report on the hub.

Knows no targets (verdict.py).
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import measure
import tools
from servers import Nginx
from tools import OURS

Row = dict[str, Any]

WORKERS, NAMES, ACTIVE_NAMES = 1_000, 1_000, 100
SIMULATED = tools.PROJECT / "target/release/examples/simulated_workers"
LOCUSTFILES = tools.HERE / "locustfiles"


def two_workers(seconds: int) -> Iterator[Row]:
    """The same load from one process and from two workers with a master, all on one core: CPU per request."""
    with Nginx() as nginx:
        test = ["--headless", "--only-summary", "-H", nginx.url, "-u", "50", "-r", "50", "-t", f"{seconds}s"]
        for name, more in (("one process", []), ("two workers", ["--processes", "2"])):
            measure.wait_until_quiet()
            command = [tools.GREGARIA, "-f", str(LOCUSTFILES / "get.py"), *test, *more]
            outcome = measure.run(measure.Job(command, seconds, count_requests=nginx.requests))
            yield {
                "scenario": "two workers",
                "tool": name,
                "run_us": outcome.cpu_us_per_request,
                "requests": outcome.requests,
                "code": outcome.code,
                "disturbed": outcome.disturbed,
                "interference_percent": outcome.window.interference_percent if outcome.window else None,
            }


def build() -> None:
    """The simulated workers; done before anything is measured."""
    command = ["cargo", "build", "--release", "--locked", "--quiet", "-p", "gregaria-cluster", "--example"]
    subprocess.run([*command, "simulated_workers"], cwd=tools.PROJECT, check=True)


def many_workers(seconds: int) -> Iterator[Row]:
    """A master with a thousand simulated workers that report a hundred of a thousand names every three seconds."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    master = [tools.GREGARIA, "-f", str(LOCUSTFILES / "idle.py"), "--headless", "--only-summary", "--master"]
    where = ["--master-bind-host", "127.0.0.1", "--master-bind-port", str(port), "--expect-workers", str(WORKERS)]
    test = ["-u", str(10 * WORKERS), "-r", str(10 * WORKERS), "-t", f"{seconds + 4}s"]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [*master, *where, *test],
            stderr=log,
            stdout=log,
            preexec_fn=lambda: os.sched_setaffinity(0, {measure.GENERATOR_CORE}),
        )
        address = f"127.0.0.1:{port}"
        workers = subprocess.Popen(
            [str(SIMULATED), address, str(WORKERS), str(NAMES), str(ACTIVE_NAMES)], stdout=subprocess.PIPE, text=True
        )
        assert workers.stdout is not None
        workers.stdout.readline()
        time.sleep(3)
        before, began = _cpu_s(process.pid), time.monotonic()
        time.sleep(seconds - 3)
        cpu = (_cpu_s(process.pid) - before) / (time.monotonic() - began)
        memory = measure.memory_mb(process.pid)
        process.wait(timeout=60)
        said = workers.communicate(timeout=60)[0]
        log.seek(0)
        text = log.read()
    limit, end = (_time_of(text, line) for line in ("--run-time limit reached", "Shutting down"))
    yield {
        "scenario": "1,000 workers",
        "tool": OURS,
        "core_percent": 100 * cpu,
        "rss_mb": memory,
        "report_bytes": int(re.findall(r"report (\d+) bytes", said)[0]),
        "stop_s": None if limit is None or end is None else end - limit,
        "code": process.returncode,
    }


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / measure.TICK


def _time_of(log: str, text: str) -> float | None:
    """Seconds of the day at which a line was logged."""
    found = re.search(rf"^\[\S+ (\d+):(\d+):(\d+),(\d+)\].*{re.escape(text)}", log, re.MULTILINE)
    if found is None:
        return None
    hours, minutes, whole, thousandths = (int(part) for part in found.groups())
    return hours * 3600 + minutes * 60 + whole + thousandths / 1000


def report_on_hub(seconds: int) -> Iterator[Row]:
    """How long a report of a thousand busy names keeps a worker's hub from its users."""
    with Nginx() as nginx:
        summary = tools.summary_file()
        test = ["--headless", "--only-summary", "-H", nginx.url, "-u", "50", "-r", "50", "-t", f"{max(seconds, 8)}s"]
        command = [tools.GREGARIA, "-f", str(LOCUSTFILES / "names.py"), *test, "--processes", "1"]
        measure.wait_until_quiet()
        outcome = measure.run(measure.Job(command, max(seconds, 8), {"BENCH_REPORTS": str(summary)}))
        yield {
            "scenario": "a report",
            "tool": OURS,
            "longest_ms": tools.read_summary(summary).get("longest_ms"),
            "code": outcome.code,
            "disturbed": outcome.disturbed,
            "interference_percent": outcome.window.interference_percent if outcome.window else None,
        }
