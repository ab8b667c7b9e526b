"""Runs one generator on a core of its own and says what it cost: CPU, memory, and the requests that the server counted.

Knows /proc and nothing of the tools or of HTTP. Only processes started here are ever stopped.

    start         35 %               90 %        end
      |------------|------------------|-----------|
                   '-- steady window -'
      '------------- whole run -------------------'
"""

from __future__ import annotations

import ctypes
import os
import re
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

GENERATOR_CORE = 0
SERVER_CORE = 1
TICK = os.sysconf("SC_CLK_TCK")
STEADY = (0.35, 0.90)
MOST_INTERFERENCE_PERCENT = 6.0
POLL_S = 0.02
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Job:
    """One generator to run: its command, what it needs, and how long it may take."""

    command: list[str]
    seconds: float
    env: dict[str, str] = field(default_factory=dict)
    count_requests: Callable[[], int] | None = None
    watch: Callable[[int, float], None] | None = None
    """Called a few times a second with the process id and the seconds since the start."""
    grace_s: float = 30.0


@dataclass(frozen=True)
class Window:
    """The steady part of a run."""

    seconds: float
    cpu_s: float
    requests: int
    interference_percent: float
    """Share of the generator's core that other processes took."""

    @property
    def cpu_us_per_request(self) -> float | None:
        return 1e6 * self.cpu_s / self.requests if self.requests else None


@dataclass(frozen=True)
class Outcome:
    """What a run cost, and what it printed."""

    code: int
    wall_s: float
    cpu_s: float
    requests: int
    peak_rss_mb: float
    window: Window | None
    stdout: str
    stderr: str
    timed_out: bool

    @property
    def cpu_us_per_request(self) -> float | None:
        return 1e6 * self.cpu_s / self.requests if self.requests else None

    @property
    def disturbed(self) -> bool:
        return self.window is not None and self.window.interference_percent > MOST_INTERFERENCE_PERCENT


@dataclass(frozen=True)
class _Mark:
    at: float
    cpu_s: float
    core_s: float
    requests: int


def pin(core: int) -> Callable[[], None]:
    """For `preexec_fn`: a core for the child, a session of its own (Ctrl-C reaches only us), and an end when we end."""
    libc = ctypes.CDLL(None)

    def apply() -> None:
        os.setsid()
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        os.sched_setaffinity(0, {core})

    return apply


def process_cpu_s(pid: int) -> float:
    """User and system seconds of a process with all its threads; 0 once it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


def memory_mb(pid: int, field: str = "VmRSS") -> float:
    try:
        found = re.search(rf"{field}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found.group(1)) / 1024 if found else 0.0


def core_busy_s(core: int) -> float:
    """Seconds that a core was not idle since the machine started."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            user, nice, system, _idle, _iowait, irq, softirq, steal = (int(part) for part in line.split()[1:9])
            return (user + nice + system + irq + softirq + steal) / TICK
    return 0.0


def wait_until_quiet(limit_s: float = 60.0, busy_percent: float = 8.0) -> None:
    """Returns when both cores have been nearly idle for a second, or after `limit_s`."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        started = time.monotonic()
        before = [core_busy_s(core) for core in (GENERATOR_CORE, SERVER_CORE)]
        time.sleep(1.0)
        elapsed = time.monotonic() - started
        after = [core_busy_s(core) for core in (GENERATOR_CORE, SERVER_CORE)]
        if all(100 * (now - then) / elapsed <= busy_percent for then, now in zip(before, after, strict=True)):
            return


def run(job: Job) -> Outcome:
    """Runs a generator to its end, or stops it when it is long overdue."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("LOCUST_", "GREGARIA_"))}
    env.update(PYTHONDONTWRITEBYTECODE="1", **job.env)
    count = job.count_requests or (lambda: 0)
    requests_before = count()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = time.monotonic()
        process = subprocess.Popen(
            job.command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env, preexec_fn=pin(GENERATOR_CORE)
        )
        observer = _Observer(process.pid, started, job, count)
        code, usage, timed_out = _wait(process, started, job, observer)
        wall_s = time.monotonic() - started
        return Outcome(
            code=code,
            wall_s=wall_s,
            cpu_s=usage.ru_utime + usage.ru_stime,
            requests=count() - requests_before,
            peak_rss_mb=max(observer.peak_rss_mb, usage.ru_maxrss / 1024),
            window=observer.window(),
            stdout=_text(out),
            stderr=_text(err),
            timed_out=timed_out,
        )


class _Observer:
    """Looks at a running generator from the side: marks the steady window, follows the memory."""

    def __init__(self, pid: int, started: float, job: Job, count: Callable[[], int]) -> None:
        self.pid, self.started, self.job, self.count = pid, started, job, count
        self.peak_rss_mb = 0.0
        self._marks: list[_Mark] = []
        self._due = [share * job.seconds for share in STEADY]
        self._next_watch = 0.0

    def look(self) -> None:
        elapsed = time.monotonic() - self.started
        if self._due and elapsed >= self._due[0]:
            self._due.pop(0)
            self._marks.append(
                _Mark(time.monotonic(), process_cpu_s(self.pid), core_busy_s(GENERATOR_CORE), self.count())
            )
        if elapsed >= self._next_watch:
            self._next_watch = elapsed + 0.25
            self.peak_rss_mb = max(self.peak_rss_mb, memory_mb(self.pid, "VmHWM"))
            if self.job.watch:
                self.job.watch(self.pid, elapsed)

    def window(self) -> Window | None:
        if len(self._marks) < 2:
            return None
        first, last = self._marks
        seconds, cpu_s = last.at - first.at, last.cpu_s - first.cpu_s
        others_s = (last.core_s - first.core_s) - cpu_s
        return Window(seconds, cpu_s, last.requests - first.requests, 100 * others_s / seconds)


def _wait(
    process: subprocess.Popen[bytes], started: float, job: Job, observer: _Observer
) -> tuple[int, resource.struct_rusage, bool]:
    stops: Iterator[tuple[float, signal.Signals]] = iter(
        [(job.seconds + job.grace_s, signal.SIGTERM), (job.seconds + job.grace_s + 10, signal.SIGKILL)]
    )
    overdue_s, stop = next(stops)
    timed_out = False
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage, timed_out
        if time.monotonic() - started > overdue_s:
            timed_out = True
            os.kill(process.pid, stop)
            overdue_s, stop = next(stops, (float("inf"), signal.SIGKILL))
        observer.look()
        time.sleep(POLL_S)


def _text(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
