"""The checks of `make lint` find what they are there to find."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def load(path: str) -> ModuleType:
    """A script of the project as a module; its folder is importable meanwhile, as it is when it runs."""
    place = PROJECT / path
    name = f"house_{place.stem}"
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(place.parent))
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(place.parent))
    return module


def metadata(crate: str, dependency: str, kind: str | None = None) -> dict[str, Any]:
    return {"packages": [{"name": crate, "dependencies": [{"name": dependency, "kind": kind}]}]}


@pytest.mark.parametrize(
    ("crate", "dependency", "kind", "allowed"),
    [
        ("gregaria-http", "gregaria-stats", None, True),
        ("gregaria-stats", "gregaria-http", None, False),
        ("gregaria-users", "gregaria-stats", None, False),
        ("gregaria-http", "gregaria-testkit", "dev", True),
        ("gregaria-http", "gregaria-testkit", None, False),
        ("gregaria-users", "gregaria-http", "dev", False),
        ("gregaria-stats", "pyo3", None, False),
        ("gregaria-python", "pyo3", None, True),
        ("gregaria-python", "mio", None, False),
        ("gregaria-sinks", "csv", None, True),
    ],
)
def test_layers(crate: str, dependency: str, kind: str | None, allowed: bool) -> None:
    found = list(load("dev/check_layers.py").violations(metadata(crate, dependency, kind)))
    assert (found == []) is allowed


def test_layers_know_every_crate() -> None:
    found = list(load("dev/check_layers.py").violations({"packages": [{"name": "gregaria-new", "dependencies": []}]}))
    assert found == ["crate gregaria-new has no row in ARROWS of dev/check_layers.py"]


def test_sizes() -> None:
    sizes = load("dev/check_sizes.py")
    code, tests = "// code\n" * 500, "#[cfg(test)]\nmod tests {}\n"
    assert list(sizes.complaints("a.rs", code + tests * 300)) == []
    assert len(list(sizes.complaints("a.rs", code + "// one more\n"))) == 1
    body = "    x = 1\n"
    docstring = '    """' + "long\n" * 100 + '    """\n'
    assert list(sizes.complaints("a.py", "def f():\n" + docstring + body * 60)) == []
    assert list(sizes.complaints("a.py", "def f():\n" + body * 61)) == [
        "a.py: f has 61 lines; a function has at most 60"
    ]


def test_links(tmp_path: Path) -> None:
    links = load("dev/check_links.py")
    (tmp_path / "other.md").write_text("# Some heading\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[good](other.md) [good](other.md#some-heading) [outside](https://example.com/x)\n"
        "```\n[in code](nowhere.md)\n```\n[bad](nowhere.md) [bad](other.md#no-such)\n"
    )
    assert [problem.split(": ", 1)[1] for problem in links.broken(page)] == [
        "nowhere.md: no such file",
        "other.md#no-such: no such heading",
    ]


def row(scenario: str, tool: str, **figures: Any) -> dict[str, Any]:
    return {"scenario": scenario, "tool": tool, "code": 0, "disturbed": False, **figures}


def one_get_rows(ours_us: float) -> list[dict[str, Any]]:
    costs = {"gregaria": ours_us, "wrk": 7.0, "locust HttpUser": 420.0, "locust FastHttpUser": 95.0}
    return [row("one GET", tool, steady_us=cost) for tool, cost in costs.items()]


def test_the_benchmark_passes_and_fails_by_its_ratios() -> None:
    verdict = load("bench/verdict.py")
    assert verdict.passed(verdict.targets(one_get_rows(9.0)))
    assert not verdict.passed(verdict.targets(one_get_rows(20.0)))
    assert "MISSED" in verdict.table(verdict.targets(one_get_rows(20.0)))


def test_the_benchmark_fails_if_a_figure_is_missing() -> None:
    verdict = load("bench/verdict.py")
    rows = [row if row["tool"] != "gregaria" else {**row, "code": 1} for row in one_get_rows(9.0)]
    assert not verdict.passed(verdict.targets(rows))


def test_the_benchmark_prefers_undisturbed_runs() -> None:
    verdict = load("bench/verdict.py")
    rows = [row("x", "t", steady_us=10.0), {**row("x", "t", steady_us=99.0), "disturbed": True}]
    assert verdict.Figures(rows).median("x", "t", "steady_us") == 10.0


def test_absolute_figures_are_only_reported() -> None:
    verdict = load("bench/verdict.py")
    rows = [row("10,000 users", "gregaria", rss_mb=90.0, peak_rss_mb=95.0, connections=10_000, own={})]
    lines = verdict.targets(rows)
    assert "missed" in verdict.table(lines)
    assert verdict.passed(lines)


def test_a_repeated_run_keeps_nothing_of_the_try_before(monkeypatch: pytest.MonkeyPatch) -> None:
    scenarios = load("bench/scenarios.py")
    seen: list[str] = []
    outcomes = [outcome(scenarios.measure, interference) for interference in (50.0, 0.0)]

    def run(_job: object) -> object:
        seen.append("sample")
        return outcomes.pop(0)

    monkeypatch.setattr(scenarios.measure, "wait_until_quiet", lambda: None)
    monkeypatch.setattr(scenarios.measure, "run", run)
    row = scenarios.observe("x", "gregaria", scenarios.Load("get", "http://127.0.0.1:1", 1, forget=seen.clear))
    assert seen == ["sample"]
    assert row["disturbed"] is False
    assert [earlier["disturbed"] for earlier in row["earlier_tries"]] == [True]


def outcome(measure: ModuleType, interference_percent: float) -> object:
    window = measure.Window(seconds=1.0, cpu_s=1.0, requests=1, interference_percent=interference_percent)
    return measure.Outcome(
        code=0, wall_s=1, cpu_s=1, requests=1, peak_rss_mb=1, window=window, stdout="", stderr="", timed_out=False
    )


def test_make_alone_lists_every_verb() -> None:
    listed = subprocess.run(["make", "--no-print-directory"], cwd=PROJECT, capture_output=True, text=True, check=True)
    verbs = set(re.findall(r"^  make ([a-z0-9-]+) ", listed.stdout, re.MULTILINE))
    phony = re.search(r"^\.PHONY: (.*)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    assert verbs == set(phony.group(1).split()) - {"testkit"}
