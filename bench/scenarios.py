"""What is measured: each scenario runs some tools once and returns a row of figures for each.

Knows no targets (verdict.py) and no /proc (measure.py).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import cluster
import measure
import results
import tools
import web
from servers import DelayServer, Nginx, Probe
from tools import FAST, H2LOAD, HTTP, OURS, WRK, Load

Row = dict[str, Any]
Scenario = Callable[["Plan"], Iterator[Row]]
TRIES = 3
TRUE_DELAY_MS = 10
TLS_USERS = 5_000


@dataclass(frozen=True)
class Plan:
    """How thorough to be."""

    seconds: int
    rounds: int
    hold_s: int
    version_runs: int
    testkit: Path


def observe(scenario: str, tool: str, load: Load) -> Row:
    """One run of one tool, repeated while other work on the machine disturbs it; the disturbed runs are kept apart."""
    disturbed: list[Row] = []
    while True:
        measure.wait_until_quiet()
        if load.forget:
            load.forget()
        summary = tools.summary_file()
        outcome = measure.run(tools.job(tool, load, summary))
        row = {"scenario": scenario, "tool": tool, **_figures(outcome), "own": tools.read_summary(summary)}
        if outcome.code != 0 or row["own"].get("failures") or row["own"].get("exceptions"):
            row["trouble"] = (outcome.stderr or outcome.stdout)[-2000:]
        if not outcome.disturbed or len(disturbed) + 1 == TRIES:
            return {**row, "earlier_tries": disturbed}
        disturbed.append(row)


def _figures(outcome: measure.Outcome) -> Row:
    window = outcome.window
    return {
        "disturbed": outcome.disturbed,
        "code": outcome.code,
        "timed_out": outcome.timed_out,
        "wall_s": outcome.wall_s,
        "cpu_s": outcome.cpu_s,
        "requests": outcome.requests,
        "peak_rss_mb": outcome.peak_rss_mb,
        "run_us": outcome.cpu_us_per_request,
        "steady_us": window.cpu_us_per_request if window else None,
        "rate": window.requests / window.seconds if window and window.requests else None,
        "interference_percent": window.interference_percent if window else None,
    }


def compared(
    scenario: str, generators: Sequence[str], locustfile: str = "get", address: str = "url", **load: Any
) -> Scenario:
    """The same load by several generators. `address` says which of nginx's; `load` are further fields of a Load."""

    def compare(plan: Plan) -> Iterator[Row]:
        with Nginx() as nginx:
            url = getattr(nginx, address)
            whole = Load(locustfile, url, plan.seconds, count_requests=nginx.requests, **load)
            if address == "tls_url":
                whole = replace(whole, options=_believing(nginx, **whole.options))
            for generator in generators:
                yield observe(scenario, generator, whole)

    return compare


def samples(plan: Plan) -> Iterator[Row]:
    """One GET with and without samples of requests, in turn and back: what changes meanwhile weighs on both alike."""
    with Nginx() as nginx:
        for kept in ("0", "3", "3", "0"):
            load = Load(
                "get", nginx.url, plan.seconds, count_requests=nginx.requests, options={"GREGARIA_SAMPLES": kept}
            )
            yield {**observe("samples", OURS, load), "tool": "none kept" if kept == "0" else f"{kept} kept"}


def _believing(nginx: Nginx, **options: str) -> dict[str, str]:
    """The options, and that certificates are checked as everywhere, with the authority of this server."""
    return {**options, "BENCH_AUTHORITY": str(nginx.authority)}


def json_body(_plan: Plan) -> Iterator[Row]:
    """`response.json()` of 100 KiB beside `json.loads`."""
    measure.wait_until_quiet()
    command = [str(Path(tools.GREGARIA).with_name("python")), str(Path(__file__).with_name("json_cost.py"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    row: Row = {"scenario": "100 KiB of JSON", "tool": OURS, "code": done.returncode, "trouble": done.stderr[-2000:]}
    yield {**row, **(json.loads(done.stdout) if done.returncode == 0 else {})}


PHASES_COST = tools.PROJECT / "target/release/examples/phases_cost"


def build_phases() -> None:
    command = ["cargo", "build", "--release", "--locked", "--quiet", "-p", "gregaria-http", "--example"]
    subprocess.run([*command, PHASES_COST.name], cwd=tools.PROJECT, check=True)


def phases(plan: Plan) -> Iterator[Row]:
    """What knowing the phases of a request costs by itself, and a request with everything."""
    measure.wait_until_quiet()
    done = measure.run(measure.Job([str(PHASES_COST)], 5))
    cost_ns = float(done.stdout) if done.code == 0 else None
    yield {"scenario": "phases", "tool": OURS, "code": done.code, "phases_ns": cost_ns}
    with Nginx() as nginx:
        yield observe("a GET with phases", OURS, Load("get", nginx.url, plan.seconds, count_requests=nginx.requests))


def tls_starts(plan: Plan) -> Iterator[Row]:
    """What a handshake costs that resumes nothing: connections one after the other, and users that come as fast as they
    can, each with its first request."""
    yield from compared("HTTPS connections", (OURS,), address="tls_url", options={"BENCH_REUSE": "request"})(plan)
    with Nginx() as nginx:
        options = _believing(nginx, BENCH_WAIT="60,60")
        load = Load("get", nginx.tls_url, 8, TLS_USERS, options=options, count_requests=nginx.requests)
        yield observe("new users over TLS", OURS, load)


def tls_memory(plan: Plan) -> Iterator[Row]:
    """Memory of users with a connection over TLS that wait, beside that of users over plain HTTP and of nearly none."""
    rate = 500
    seconds = TLS_USERS / rate + plan.hold_s
    with Nginx() as nginx:
        for scenario, url, users in (
            ("users over HTTP", nginx.url, TLS_USERS),
            ("users over TLS", nginx.tls_url, TLS_USERS),
            ("hardly any user over TLS", nginx.tls_url, 1),
        ):
            seen: list[tuple[float, int]] = []

            def watch(pid: int, elapsed_s: float, seen: list[tuple[float, int]] = seen) -> None:
                if elapsed_s > seconds - 4:
                    seen.append((measure.memory_mb(pid), nginx.connections()))

            options = _believing(nginx, BENCH_WAIT="3,5")
            load = Load("get", url, seconds, users, rate, options=options, count_requests=nginx.requests)
            row = observe(scenario, OURS, replace(load, watch=watch, forget=seen.clear))
            yield {**row, **_largest(seen), "users": users}


def _largest(seen: Sequence[tuple[float, int]]) -> Row:
    """Of what was watched: memory and connections."""
    return {
        "rss_mb": max((rss for rss, _ in seen), default=None),
        "connections": max((connections for _, connections in seen), default=None),
    }


def many_users(plan: Plan) -> Iterator[Row]:
    users, rate = 10_000, 1_000
    seconds = users / rate + plan.hold_s
    with Nginx() as nginx:
        seen: list[tuple[float, int]] = []

        def watch(pid: int, elapsed_s: float) -> None:
            if elapsed_s > seconds - 4:
                seen.append((measure.memory_mb(pid), nginx.connections()))

        load = Load("get", nginx.url, seconds, users, rate, options={"BENCH_WAIT": "1,3"})
        load = replace(load, count_requests=nginx.requests, watch=watch, forget=seen.clear)
        yield {**observe("10,000 users", OURS, load), **_largest(seen)}


def starting(_plan: Plan) -> Iterator[Row]:
    with Nginx() as nginx:
        yield observe("start 10,000", OURS, Load("idle", nginx.url, 5, users=10_000))


def version(plan: Plan) -> Iterator[Row]:
    for tool, program in ((OURS, tools.GREGARIA), (HTTP, tools.LOCUST)):
        measure.wait_until_quiet()
        runs = [measure.run(measure.Job([program, "--version"], 5)) for _ in range(plan.version_runs)]
        walls = [run.wall_s for run in runs]
        yield {"scenario": "--version", "tool": tool, "wall_s": median(walls), "code": max(run.code for run in runs)}


def delayed(plan: Plan) -> Iterator[Row]:
    """Response times as reported, beside what a probe saw at the same time."""
    base = Load("get", "", plan.seconds, users=20, path=f"/delay/{TRUE_DELAY_MS}")
    yield from _with_probe(plan, "10 ms server", base, (OURS, HTTP))


def delayed_and_busy(plan: Plan) -> Iterator[Row]:
    base = Load("busy", "", plan.seconds, users=100, path=f"/delay/{TRUE_DELAY_MS}")
    yield from _with_probe(plan, "10 ms server, hub saturated", base, (OURS, HTTP))


def _with_probe(plan: Plan, scenario: str, base: Load, generators: tuple[str, ...]) -> Iterator[Row]:
    for tool in generators:
        with DelayServer(plan.testkit) as server:
            probe: list[Probe] = []

            def watch(_pid: int, elapsed_s: float, server: DelayServer = server, probe: list[Probe] = probe) -> None:
                if not probe and elapsed_s > 0.3 * plan.seconds:
                    probe.append(Probe(f"{server.url}{base.path}", 0.5 * plan.seconds))

            def forget(probe: list[Probe] = probe) -> None:
                while probe:
                    probe.pop().median_ms()

            row = observe(scenario, tool, replace(base, url=server.url, watch=watch, forget=forget))
            row["true_p50_ms"] = probe[0].median_ms() if probe else None
        row["p50_ms"] = row["own"].get("p50_ms")
        yield row


REPEATED: dict[str, Scenario] = {
    "get": compared("one GET", (OURS, WRK, HTTP, FAST)),
    "fast": compared("one GET, FastHttpUser", (OURS, WRK), options={"BENCH_CLIENT": "fast"}),
    "samples": samples,
    "realistic": compared("realistic", (OURS, HTTP, FAST), "realistic"),
    "listener": compared("request listener", (OURS, HTTP, FAST), "listener"),
    "nested": compared("nested task sets", (OURS, HTTP, FAST), "nested"),
    "async": compared("async def", (OURS, HTTP, FAST), "coroutines"),
    "http2": compared("HTTP/2 GET", (OURS, H2LOAD), address="two_url", options={"GREGARIA_HTTP_VERSION": "2"}),
    "tls-steady": compared("HTTPS GET", (OURS, WRK), address="tls_url"),
    # Bodies of 1 MiB, which are only read.
    "big": compared("1 MiB bodies", (OURS, WRK), users=10, path="/big"),
}
"""Run once a round, in turn."""

ONCE: dict[str, Scenario] = {
    "users": many_users,
    "tls-starts": tls_starts,
    "tls-memory": tls_memory,
    "phases": phases,
    "start": starting,
    "version": version,
    "json": json_body,
    "delay": delayed,
    "busy": delayed_and_busy,
    "processes": lambda plan: cluster.two_workers(plan.seconds),
    "workers": lambda plan: cluster.many_workers(4 * plan.seconds),
    "page": lambda plan: web.one_page(5 * plan.seconds),
    "pages": lambda plan: web.twenty_pages(2 * plan.seconds),
    "report": lambda plan: cluster.report_on_hub(plan.seconds),
    "stats-10k": lambda _plan: results.many_names(),
    "report-10k": lambda _plan: results.report_of_an_hour(),
    "help": lambda plan: results.help_text(plan.version_runs),
    "soak": lambda _plan: results.soak(),
}

NAMES = (*REPEATED, *ONCE)


BUILT_FOR: dict[str, Callable[[], None]] = {
    **dict.fromkeys(("stats-10k", "report-10k", "soak"), results.build),
    "workers": cluster.build,
    "phases": build_phases,
}
"""What rows need beyond the command."""


def run_all(plan: Plan, wanted: Callable[[str], bool]) -> Iterator[Row]:
    """All rows, as they come; the rounds of the comparisons are interleaved."""
    for build in {build for name, build in BUILT_FOR.items() if wanted(name)}:
        build()
    for round_number in range(plan.rounds):
        for name, scenario in REPEATED.items():
            if wanted(name):
                for row in scenario(plan):
                    yield {**row, "round": round_number}
    for name, scenario in ONCE.items():
        if wanted(name):
            yield from scenario(plan)


def describe(row: Row) -> str:
    """A line of progress."""
    parts = [f"{row['scenario']}: {row['tool']}"]
    units = (
        ("steady_us", "µs/request", 1),
        ("run_us", "µs/request in all", 1),
        ("rate", "requests/s", 0),
        ("rss_mb", "MB", 1),
        ("connections", "connections", 0),
        ("core_percent", "% of a core", 1),
        ("longest_ms", "ms at most", 2),
        ("update_kb", "KB an update", 1),
        ("p50_ms", "ms reported", 2),
        ("response_us", "µs for response.json()", 0),
        ("loads_us", "µs for json.loads", 0),
        ("true_p50_ms", "ms in truth", 2),
        ("phases_ns", "ns/request", 0),
    )
    parts += [f"{row[key]:,.{digits}f} {unit}" for key, unit, digits in units if row.get(key) is not None]
    parts += [f"{key} {row[key]}" for key in results.TOLD if key in row]
    if row["scenario"] in ("--version", "--help"):
        parts.append(f"{row['wall_s']:.3f} s")
    if row.get("disturbed"):
        parts.append(f"disturbed ({row['interference_percent']:.0f} % of the core taken by others)")
    if row.get("code"):
        parts.append(f"EXIT CODE {row['code']}")
    return "  ".join(parts)
