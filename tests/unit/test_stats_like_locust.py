"""The same figures given to Locust's statistics and to ours: tables, dictionaries and CSV cells must agree."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPORT = """
import csv, importlib, io, json, random, sys, tempfile, types
from pathlib import Path

which, reports = sys.argv[1], json.loads(sys.stdin.read())
stats_module = importlib.import_module(which + ".stats")
CatchResponseError = importlib.import_module(which + ".exception").CatchResponseError
stats_module.STATS_NAME_WIDTH = 80

stats = stats_module.RequestStats()
for method, name, text in reports["errors"]:
    wrapped = {"catch": CatchResponseError, "value": ValueError, "text": str}[text[0]](text[1])
    stats.log_error(method, name, wrapped)
stats.total.reset()
for report in reports["entries"]:
    report = {key: {int(k): v for k, v in value.items()} if isinstance(value, dict) else value
              for key, value in report.items()}
    entry = stats_module.StatsEntry.unserialize(report, stats)
    if report["name"] == "Aggregated":
        stats.total.extend(entry)
    else:
        stats.entries[entry.name, entry.method] = entry

environment = types.SimpleNamespace(stats=stats, runner=None)
with tempfile.TemporaryDirectory() as folder:
    writer = stats_module.StatsCSVFileWriter(environment, stats_module.PERCENTILES_TO_REPORT, folder + "/run")
    if which == "locust":
        writer.requests_csv(writer.requests_csv_writer)
        writer.stats_history_csv_writer.writerow(writer.stats_history_csv_columns)
        writer._stats_history_data_rows(writer.stats_history_csv_writer, 1.0)
        writer.failures_csv(writer.failures_csv_writer)
        writer.exceptions_csv(writer.exceptions_csv_writer)
    writer.close_files()
    files = {}
    for path in Path(folder).iterdir():
        with open(path, newline="") as file:
            files[path.name] = list(csv.reader(file))

print(json.dumps({
    "current": stats_module.get_stats_summary(stats, current=True),
    "total": stats_module.get_stats_summary(stats, current=False),
    "percentiles": stats_module.get_percentile_stats_summary(stats),
    "errors": stats_module.get_error_report_summary(stats),
    "dicts": [entry.to_dict() for entry in [*stats_module.sort_stats(stats.entries), stats.total]],
    "serialized": [entry.serialize() for entry in [*stats_module.sort_stats(stats.entries), stats.total]],
    "error_dicts": {key: error.to_dict() for key, error in stats.errors.items()},
    "files": files,
}))
"""

RECORD = """
import json, random, time, types
import locust.stats

now = 1_600_000_000.25
locust.stats.time = types.SimpleNamespace(time=lambda: now)
chance = random.Random(11)
stats = locust.stats.RequestStats()
kinds = [("GET", "/"), ("GET", "/fail"), ("POST", "/a,b"), ("", "no method"), ("PATCHED-LONG", "/" + "long" * 30)]
for _ in range(3000):
    now += chance.uniform(0, 0.02)
    method, name = chance.choice(kinds)
    time_ms = None if chance.random() < 0.02 else chance.choice([chance.randrange(99), chance.randrange(99000) / 1000])
    stats.log_request(method, name, time_ms, chance.randrange(5000))
    if name == "/fail" or chance.random() < 0.01:
        stats.total.log_error(None)
        stats.entries[name, method].log_error(None)
print(json.dumps([entry.serialize() for entry in [*stats.entries.values(), stats.total]]))
"""

ERRORS = [
    ["GET", "/", ["catch", "f1"]],
    ["GET", "/", ["catch", 'it\'s "so"']],
    ["GET", "/", ["value", "wrong"]],
    ["POST", "/a,b", ["text", "<Thing object at 0x7f00aa> broke"]],
    ["POST", "/a,b", ["text", "two\nlines"]],
    ["POST", "/a,b", ["text", "two\nlines"]],
]
INEXACT = ("first_seen", "last_seen")


def run(python: str, source: str, *arguments: str, told: str = "") -> object:
    done = subprocess.run(
        [python, "-c", source, *arguments], input=told, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def both(locust: list[str]) -> tuple[dict, dict]:
    """What Locust and we make of the same reports."""
    python = str(Path(locust[0]).with_name("python"))
    told = json.dumps({"entries": run(python, RECORD), "errors": ERRORS})
    return run(python, REPORT, "locust", told=told), run(sys.executable, REPORT, "gregaria", told=told)


def same(theirs: object, ours: object) -> None:
    """Equal, floats to nine digits, and a float may stand where Locust has an integer."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        assert list(theirs) == list(ours)
        for key in theirs:
            if key not in INEXACT:
                same(theirs[key], ours[key])
    elif isinstance(theirs, list) and isinstance(ours, list):
        assert len(theirs) == len(ours)
        for one, other in zip(theirs, ours, strict=True):
            same(one, other)
    elif isinstance(theirs, float) or isinstance(ours, float):
        assert ours == pytest.approx(theirs, rel=1e-9, abs=0)
    else:
        assert ours == theirs


@pytest.mark.parametrize("table", ["current", "total", "percentiles"])
def test_tables(both, table):
    theirs, ours = both
    assert ours[table] == theirs[table]


def test_error_report(both):
    theirs, ours = both
    masked = [line.replace("0x7f00aa", "0x....").rstrip() for line in theirs["errors"]]
    assert [line.rstrip() for line in ours["errors"]] == masked


def test_dictionaries(both):
    theirs, ours = both
    for one, other in zip(theirs["dicts"], ours["dicts"], strict=True):
        for key in one:
            if "percentile" not in key and "median" not in key:
                same(one[key], other[key])
            else:
                assert other[key] == pytest.approx(one[key], abs=0.5)
        assert list(one) == list(other)
    same(theirs["error_dicts"], ours["error_dicts"])


def test_serialized(both):
    theirs, ours = both
    for one, other in zip(theirs["serialized"], ours["serialized"], strict=True):
        seconds = sorted(one["num_reqs_per_sec"])[-32:]
        for key in ("num_reqs_per_sec", "num_fail_per_sec"):
            one[key] = {second: count for second, count in sorted(one[key].items()) if second in seconds and count}
        one["response_times"] = dict(sorted(one["response_times"].items(), key=lambda item: int(item[0])))
        same(one, other)


def test_csv(both):
    theirs, ours = both
    assert set(theirs["files"]) == set(ours["files"])
    for name, their_rows in theirs["files"].items():
        our_rows = ours["files"][name]
        if name == "run_failures.csv":
            their_rows, our_rows = (sorted(row[:4] for row in rows) for rows in (their_rows, our_rows))
        skipped = 1 if name == "run_stats_history.csv" else 0  # the time
        assert len(their_rows) == len(our_rows)
        assert their_rows[0] == our_rows[0]
        for one, other in zip(their_rows[1:], our_rows[1:], strict=True):
            for their_cell, our_cell in zip(one[skipped:], other[skipped:], strict=True):
                if our_cell != their_cell:
                    assert float(our_cell) == pytest.approx(float(their_cell), rel=1e-9), (name, one, other)
