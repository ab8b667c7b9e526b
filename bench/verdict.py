"""From rows of measurements to the table of targets. Pure: no clock, no files.

A ratio that misses its target fails the benchmark; absolute figures depend on the machine and are only reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from tools import FAST, H2LOAD, HTTP, OURS, WRK

Row = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """One line of the table. `limit` of None: nothing was promised, the figure is for the reader."""

    name: str
    figure: float | None
    unit: str
    limit: float | None = None
    sense: Literal["at most", "at least"] = "at most"
    binding: bool = False
    """Whether missing it fails the benchmark."""

    @property
    def met(self) -> bool | None:
        if self.limit is None:
            return None
        if self.figure is None:
            return False
        return self.figure <= self.limit if self.sense == "at most" else self.figure >= self.limit


class Figures:
    """Medians over the rows of a benchmark."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows

    def has(self, scenario: str) -> bool:
        return any(row["scenario"] == scenario for row in self.rows)

    def median(self, scenario: str, tool: str, key: str) -> float | None:
        rows = [row for row in self.rows if row["scenario"] == scenario and row["tool"] == tool]
        undisturbed = [row for row in rows if not row.get("disturbed")] or rows
        values = [row[key] for row in undisturbed if row.get(key) is not None and not row.get("code")]
        return median(values) if values else None

    def ratio(self, scenario: str, key: str, above: str, below: str) -> float | None:
        top, bottom = self.median(scenario, above, key), self.median(scenario, below, key)
        return top / bottom if top is not None and bottom else None


def targets(rows: Sequence[Row]) -> list[Target]:
    figures = Figures(rows)
    return [
        *_cost(figures),
        *_json(figures),
        *_phases(figures),
        *_tls(figures),
        *_scale(figures),
        *_start(figures),
        *_accuracy(figures),
        *_cluster(figures),
        *_results(figures),
        *_pages(figures),
    ]


def _cost(figures: Figures) -> list[Target]:
    found: list[Target] = []
    plans: tuple[tuple[str, tuple[str, ...], tuple[tuple[str, str, str, float], ...]], ...] = (
        (
            "one GET",
            (OURS, WRK, FAST, HTTP),
            ((OURS, WRK, "at most", 1.4), (HTTP, OURS, "at least", 30.0), (FAST, OURS, "at least", 7.0)),
        ),
        ("one GET, FastHttpUser", (OURS, WRK), ((OURS, WRK, "at most", 1.4),)),
        ("realistic", (OURS, FAST, HTTP), ((HTTP, OURS, "at least", 20.0),)),
        ("request listener", (OURS, FAST, HTTP), ((HTTP, OURS, "at least", 10.0),)),
        ("nested task sets", (OURS, FAST, HTTP), ((HTTP, OURS, "at least", 10.0),)),
        ("async def", (OURS, FAST, HTTP), ((HTTP, OURS, "at least", 10.0),)),
        ("HTTP/2 GET", (OURS, H2LOAD), ((OURS, H2LOAD, "at most", 1.5),)),
        ("HTTPS GET", (OURS, WRK), ((OURS, WRK, "at most", 1.5),)),
        ("1 MiB bodies", (OURS, WRK), ((OURS, WRK, "at most", 1.25),)),
    )
    for scenario, tools, ratios in plans:
        if not figures.has(scenario):
            continue
        for tool in tools:
            found.append(Target(f"{scenario}: {tool}", figures.median(scenario, tool, "steady_us"), "µs"))
        for above, below, sense, limit in ratios:
            figure = figures.ratio(scenario, "steady_us", above, below)
            direction: Literal["at most", "at least"] = "at most" if sense == "at most" else "at least"
            found.append(Target(f"{scenario}: {above} / {below}", figure, "×", limit, direction, binding=True))
    return found


def _json(figures: Figures) -> list[Target]:
    scenario = "100 KiB of JSON"
    if not figures.has(scenario):
        return []
    return [
        Target(f"{scenario}: response.json()", figures.median(scenario, OURS, "response_us"), "µs"),
        Target(f"{scenario}: response.json() / json.loads", figures.median(scenario, OURS, "ratio"), "×", 1.0),
    ]


def _phases(figures: Figures) -> list[Target]:
    if not figures.has("phases"):
        return []
    cost_ns = figures.median("phases", OURS, "phases_ns")
    whole_us = figures.median("a GET with phases", OURS, "steady_us")
    share = cost_ns / (10 * whole_us) if cost_ns is not None and whole_us else None
    return [Target("phases: share of one GET", share, "%", 2.0)]


def _tls(figures: Figures) -> list[Target]:
    found: list[Target] = []
    if figures.has("HTTPS connections"):
        cost_us = figures.median("HTTPS connections", OURS, "steady_us")
        found.append(
            Target("new HTTPS connections per second of CPU", 1e6 / cost_us if cost_us else None, "", 2000, "at least")
        )
    scenario = "new users over TLS"
    if figures.has(scenario):
        own = next(row for row in figures.rows if row["scenario"] == scenario).get("own") or {}
        # From the start of the test to its end; each user makes its connection and one request.
        rate = own["requests"] / own["test_cpu_s"] if own.get("test_cpu_s") else None
        found.append(Target("new HTTPS users per second of CPU", rate, "", 2000, "at least"))
    scenario = "users over TLS"
    if figures.has(scenario):
        row = next(row for row in figures.rows if row["scenario"] == scenario)
        names = (scenario, "hardly any user over TLS", "users over HTTP")
        tls, none, plain = (figures.median(name, OURS, "rss_mb") for name in names)
        each, beside = (
            (tls - less) * 1024 / row["users"] if tls is not None and less is not None else None
            for less in (none, plain)
        )
        found += [
            Target("HTTPS users: connections", row.get("connections"), "", row["users"], "at least"),
            Target("HTTPS: memory of a connected user", each, "KB", 20.0),
            Target("HTTPS: of that, more than over HTTP", beside, "KB"),
        ]
    return found


def _scale(figures: Figures) -> list[Target]:
    scenario = "10,000 users"
    if not figures.has(scenario):
        return []
    row = next(row for row in figures.rows if row["scenario"] == scenario)
    peak = (row.get("own") or {}).get("engine", {}).get("greenlets_peak")
    return [
        Target(f"{scenario}: resident memory", row.get("rss_mb"), "MB", 60.0),
        Target(f"{scenario}: resident memory, peak", row.get("peak_rss_mb"), "MB"),
        Target(f"{scenario}: connections", row.get("connections"), "", 10_000, "at least"),
        Target(f"{scenario}: greenlets, peak", peak, "", 500),
    ]


def _start(figures: Figures) -> list[Target]:
    found: list[Target] = []
    if figures.has("start 10,000"):
        row = next(row for row in figures.rows if row["scenario"] == "start 10,000")
        found.append(Target("start 10,000 users: CPU", (row.get("own") or {}).get("spawn_cpu_s"), "s", 1.0))
    if figures.has("--version"):
        for tool in (OURS, HTTP):
            name = "gregaria" if tool == OURS else "locust"
            found.append(Target(f"{name} --version", figures.median("--version", tool, "wall_s"), "s"))
        ratio = figures.ratio("--version", "wall_s", OURS, HTTP)
        found.append(Target("--version: gregaria / locust", ratio, "×", 1 / 3, binding=True))
    return found


def _accuracy(figures: Figures) -> list[Target]:
    found: list[Target] = []
    for scenario in ("10 ms server", "10 ms server, hub saturated"):
        if not figures.has(scenario):
            continue
        for tool in (OURS, HTTP):
            reported = figures.median(scenario, tool, "p50_ms")
            truth = figures.median(scenario, tool, "true_p50_ms")
            error = abs(reported - truth) if reported is not None and truth is not None else None
            limit = 0.3 if tool == OURS else None
            found.append(Target(f"{scenario}: {tool}, error of the median", error, "ms", limit))
    return found


def _cluster(figures: Figures) -> list[Target]:
    found: list[Target] = []
    if figures.has("two workers"):
        for tool in ("one process", "two workers"):
            found.append(Target(f"a request of {tool}", figures.median("two workers", tool, "run_us"), "µs"))
        ratio = figures.ratio("two workers", "run_us", "two workers", "one process")
        # Two workers on two cores make 1.8 times the requests if one costs no more than 2 / 1.8 of what it costs alone.
        found.append(Target("a request: two workers / one process", ratio, "×", 2 / 1.8, binding=True))
    if figures.has("1,000 workers"):
        row = next(row for row in figures.rows if row["scenario"] == "1,000 workers")
        found += [
            Target("master of 1,000 workers: share of a core", row.get("core_percent"), "%", 25.0),
            Target("master of 1,000 workers: resident memory", row.get("rss_mb"), "MB", 500.0),
            Target("master of 1,000 workers: to stop", row.get("stop_s"), "s", 1.0),
            Target("a report of 100 active names", row["report_bytes"] / 1024, "KB", 20.0),
        ]
    if figures.has("a report"):
        found.append(
            Target("a report of 1,000 names: hub held", figures.median("a report", OURS, "longest_ms"), "ms", 5.0)
        )
    return found


def _results(figures: Figures) -> list[Target]:
    found: list[Target] = []
    for scenario in ("stats 10k", "stats 10k, full history"):
        if figures.has(scenario):
            share = figures.median(scenario, OURS, "all_percent")
            hold = figures.median(scenario, OURS, "longest_hold_ms")
            snapshot = figures.median(scenario, OURS, "snapshot_cpu_ms")
            found.append(Target(f"{scenario}: statistics, history, CSV", share, "% of a core", 5.0))
            found.append(Target(f"{scenario}: a snapshot, beside the hub", snapshot, "ms", 20.0))
            found.append(Target(f"{scenario}: hub held up at most", hold, "ms", 5.0))
    if figures.has("samples"):
        for kept in ("none kept", "3 kept"):
            found.append(Target(f"one GET, samples: {kept}", figures.median("samples", kept, "steady_us"), "µs"))
        ratio = figures.ratio("samples", "steady_us", "3 kept", "none kept")
        found.append(Target("one GET, samples: 3 kept / none kept", ratio, "×", 1.01))
    if figures.has("report 10k"):
        found.append(Target("report 10k: gregaria report", figures.median("report 10k", OURS, "wall_s"), "s", 2.0))
        found.append(Target("report 10k: size", figures.median("report 10k", OURS, "page_kb"), "KB", 1_000.0))
    if figures.has("--help"):
        ratio = figures.ratio("--help", "wall_s", OURS, HTTP)
        found.append(Target("--help: gregaria / locust", ratio, "×", 1 / 3, binding=True))
    if figures.has("soak"):
        row = next(row for row in figures.rows if row["scenario"] == "soak")
        hours = row["resident_mb_by_hour"]
        growth = (hours[-1] - hours[len(hours) // 2]) / hours[len(hours) // 2] * 100
        found.append(Target("soak of ten hours: memory, second half", growth, "% more", 2.0))
    return found


def _pages(figures: Figures) -> list[Target]:
    found: list[Target] = []
    scenario = "a page of 10,000 names"
    if figures.has(scenario):
        none, one = (figures.median(scenario, tool, "core_percent") for tool in ("0 pages", "1 pages"))
        cost = one - none if one is not None and none is not None else None
        update = figures.median(scenario, "1 pages", "update_kb")
        found += [
            Target(f"{scenario}: share of a core", cost, "%", 1.0),
            Target(f"{scenario}: an update", update, "KB", 64.0),
        ]
    if figures.has("20 pages"):
        ratio = figures.ratio("20 pages", "steady_us", "20 pages", "no UI")
        found.append(Target("a request: 20 pages open / no web UI", ratio, "×", 1.03, binding=True))
    return found


def table(lines: Sequence[Target]) -> str:
    """The targets as a Markdown table, which is also easy to read on a console."""
    header = ("figure", "measured", "target", "")
    body = [(line.name, _figure(line), _limit(line), _mark(line)) for line in lines]
    widths = [max(len(row[column]) for row in (header, *body)) for column in range(4)]
    widths[3] = max(3, widths[3])

    def shape(row: tuple[str, str, str, str]) -> str:
        name, measured, target, mark = row
        return f"| {name:<{widths[0]}} | {measured:>{widths[1]}} | {target:>{widths[2]}} | {mark:<{widths[3]}} |"

    rule = f"|{'-' * (widths[0] + 2)}|{'-' * (widths[1] + 1)}:|{'-' * (widths[2] + 1)}:|{'-' * (widths[3] + 2)}|"
    return "\n".join([shape(header), rule, *(shape(row) for row in body)])


def passed(lines: Sequence[Target]) -> bool:
    """Whether every ratio keeps its promise."""
    return all(line.met for line in lines if line.binding)


def _number(value: float) -> str:
    if value == int(value) and value >= 10:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if value >= 10 else f"{value:.2f}"


def _figure(line: Target) -> str:
    return "none" if line.figure is None else f"{_number(line.figure)} {line.unit}".strip()


def _limit(line: Target) -> str:
    if line.limit is None:
        return ""
    return f"{'≤' if line.sense == 'at most' else '≥'} {_number(line.limit)} {line.unit}".strip()


def _mark(line: Target) -> str:
    if line.met is None:
        return ""
    if line.met:
        return "ok"
    return "MISSED" if line.binding else "missed"
