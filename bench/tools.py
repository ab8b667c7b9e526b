"""The command lines of the generators that are compared, and where each one's own figures are found."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measure import Job

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
GREGARIA = str(Path(sys.executable).with_name("gregaria"))
LOCUST = str(PROJECT / ".venvs/locust/bin/locust")

HEADERS = ("user-agent: python-requests/2.34.2", "accept-encoding: gzip, deflate, br", "accept: */*")
OURS, HTTP, FAST, WRK, H2LOAD = "gregaria", "locust HttpUser", "locust FastHttpUser", "wrk", "h2load"


@dataclass(frozen=True)
class Load:
    """What a generator is to do. `options` go into the environment of the locustfile."""

    locustfile: str
    url: str
    seconds: float
    users: int = 50
    rate: int | None = None
    path: str = "/"
    options: dict[str, str] = field(default_factory=dict)
    count_requests: Callable[[], int] | None = None
    watch: Callable[[int, float], None] | None = None
    forget: Callable[[], None] | None = None
    """Called before each try, so that what was watched in one try is never taken for another's."""


def job(tool: str, load: Load, summary: Path) -> Job:
    """A run of the tool; a locustfile writes its own figures into `summary`."""
    if tool == WRK:
        command = ["wrk", "-t1", f"-c{load.users}", f"-d{round(load.seconds)}s", load.url + load.path]
        return Job(command, load.seconds, count_requests=load.count_requests, watch=load.watch)
    if tool == H2LOAD:
        # One connection for each user, one request at a time on it, as ours.
        how = ["-t1", f"-c{load.users}", "-m1", "-D", str(round(load.seconds))]
        # The request that HttpUser sends: what is in it costs both alike.
        how += [part for line in HEADERS for part in ("-H", line)]
        return Job(["h2load", *how, load.url + load.path], load.seconds, count_requests=load.count_requests)
    command = [
        GREGARIA if tool == OURS else LOCUST,
        *("-f", str(HERE / "locustfiles" / f"{load.locustfile}.py")),
        *("--headless", "--only-summary", "-H", load.url),
        *("-u", str(load.users), "-r", str(load.rate or load.users), "-t", f"{round(load.seconds)}s"),
    ]
    env = {
        "BENCH_CLIENT": "fast" if tool == FAST else "http",
        "BENCH_SUMMARY": str(summary),
        "BENCH_PATH": load.path,
        **load.options,
    }
    return Job(command, load.seconds, env, load.count_requests, load.watch)


def summary_file() -> Path:
    return Path(tempfile.mkdtemp(prefix="gregaria-bench-")) / "summary.json"


def read_summary(path: Path) -> dict[str, Any]:
    """What the locustfile wrote, or nothing if it did not get that far."""
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    path.unlink()
    path.parent.rmdir()
    return found
