"""`gregaria compare` through the installed command: what it prints and writes, its exit codes, and what it refuses."""

import copy
import json
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.server import REPOSITORY

GREGARIA = [str(Path(sys.executable).with_name("gregaria"))]
EXAMPLE = json.loads((REPOSITORY / "crates/sinks/testdata/result.json").read_text())
START, SECONDS = 1_795_237_600, 120


def make(path: Path, slower: float = 1.0, seed: int = 1, **settings: Any) -> str:
    """A result file of two minutes with one name, `slower` times as slow as usual."""
    drawn = random.Random(seed)
    times = [[int(slower * drawn.lognormvariate(0, 0.3) * 1000) for _ in range(10)] for _ in range(SECONDS)]
    result = copy.deepcopy(EXAMPLE)
    every = sorted(us for second in times for us in second)
    # Below 2048 us a bucket's number is its time.
    every = [min(us, 2047) for us in every]
    buckets = sorted(set(every))
    histogram = [
        number
        for bucket, before in zip(buckets, [0, *buckets], strict=False)
        for number in (bucket - before, every.count(bucket))
    ]
    figures = {
        "requests": len(every), "failures": 0, "without_time": 0, "total_us": sum(every), "min_us": every[0],
        "max_us": every[-1], "histogram": histogram,
    }  # fmt: skip
    ranked = [sorted(min(us, 2047) for us in second) for second in times]
    windows = {
        "step_s": 1, "start": list(range(START, START + SECONDS)), "requests": [10] * SECONDS,
        "failures": [0] * SECONDS, "bytes": [0] * SECONDS, "mean_us": [sum(second) // 10 for second in ranked],
        "p50_us": [second[5] for second in ranked], "p95_us": [second[9] for second in ranked],
        "p99_us": [second[9] for second in ranked], "max_us": [second[9] for second in ranked],
    }  # fmt: skip
    result["total"] |= figures
    result["entries"] = [result["entries"][0] | figures]
    result["history"] = {
        "total": [windows | {"users": [3] * SECONDS, "heat": [[]] * SECONDS}],
        "entries": [{"entry": 0, "segments": [windows]}],
    }
    result["run"] |= {"started_at": START, "ended_at": START + SECONDS}
    result["settings"] |= settings
    path.write_text(json.dumps(result))
    return str(path)


def compare(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*GREGARIA, "compare", *arguments], capture_output=True, text=True, timeout=60, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    for name, slower, seed in [("a", 1.0, 1), ("a2", 1.0, 2), ("same", 1.0, 3), ("slow", 1.2, 4), ("slow2", 1.2, 5)]:
        make(folder / f"{name}.json", slower, seed)
    make(folder / "users.json", 1.0, 6, users=60)
    return folder


def test_nothing_has_changed(folder: Path) -> None:
    told = compare("a.json", "same.json", "--fail-if", "p95 worse by 10%", cwd=folder)
    assert (told.returncode, told.stderr) == (0, "")
    assert "No difference shown: GET /" in told.stdout and "Verdict: PASSED (1 condition)" in told.stdout
    assert re.search(r"^ok {6}p95 worse by 10%  1\.\d+ ms → 1\.\d+ ms, ", told.stdout, re.M), told.stdout
    assert "\x1b" not in told.stdout


def test_it_became_slower(folder: Path) -> None:
    outputs = ["--html", "out/c.html", "--json", "out/c.json", "--summary-md", "out/c.md"]
    told = compare("a.json", "slow.json", "--fail-if", "p95(/) worse by 5%; rps worse", *outputs, cwd=folder)
    assert (told.returncode, told.stderr) == (3, "")
    assert "Verdict: FAILED (1 of 2 conditions)" in told.stdout
    assert re.search(r"^median .* \+\d\d\.\d %  \+.* worse$", told.stdout, re.M), told.stdout
    data = json.loads((folder / "out/c.json").read_text())
    median = next(it for it in data["names"][0]["measures"] if it["measure"] == "median")
    assert median["change"] == "worse" and 0.1 < median["relative"]["low"] < 0.2 < median["relative"]["high"] < 0.3
    assert [it["outcome"] for it in data["conditions"]] == ["failed", "passed"]
    assert "<svg" in (folder / "out/c.html").read_text()
    assert (folder / "out/c.md").read_text().startswith("## Comparison: FAILED")
    assert compare("slow.json", "a.json", "--fail-if", "p95 worse", "--quiet", cwd=folder).stdout == ""


def test_several_runs_of_a_side(folder: Path) -> None:
    told = compare("a.json,a2.json", "slow.json,slow2.json", "--json", "two.json", cwd=folder)
    assert told.returncode == 0 and "Verdict: median, p95" in told.stdout and "avg worse" in told.stdout
    assert "One run each" not in told.stdout
    data = json.loads((folder / "two.json").read_text())
    assert [len(data[side]) for side in "ab"] == [2, 2]
    assert data["total"][0]["blocks"] == [64, 64]


def test_what_was_set_otherwise_is_said(folder: Path) -> None:
    assert "!  users differs: 3 and 60" in compare("a.json", "users.json", cwd=folder).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.json", "none.json"], "cannot read 'none.json': No such file"),
        (["a.json", "."], "cannot read '.': Is a directory"),
        (["a.json", "broken.json"], "'broken.json' is broken: it ends in the middle"),
        (["a.json", "empty.json"], "'empty.json' is no result file of Gregaria: it is empty"),
        (["a.json", "newer.json"], "'newer.json' has version 99 of the result format"),
        (["a.json", "same.json", "--fail-if", "p95 > 4ms"], "one of worse, better, higher, lower, different is wanted"),
        (["a.json", "same.json", "--confidence", "95x"], "'95x' is no percentage from 50 to below 100"),
        (["a.json", "same.json", "--html", "/proc/none/c.html"], "cannot write '/proc/none/c.html'"),
        (["a.json", "same.json", "--json", "/dev/full"], "No space left on device"),
        (["a.json", ","], "a result file is wanted"),
        (["a.json"], "the following arguments are required: B.json"),
    ],
)
def test_what_is_wrong_is_one_sentence(folder: Path, arguments: list[str], message: str) -> None:
    whole = (folder / "a.json").read_text()
    (folder / "broken.json").write_text(json.dumps(json.loads(whole), separators=(",", ":"))[:900])
    (folder / "empty.json").write_text("")
    (folder / "newer.json").write_text('{"format":"gregaria-result","version":99}')
    told = compare(*arguments, cwd=folder)
    assert told.returncode == 2 and message in told.stderr and "Traceback" not in told.stderr, told.stderr


def test_a_run_too_short_cannot_be_judged(folder: Path) -> None:
    (folder / "short.json").write_text(json.dumps(EXAMPLE))
    told = compare("short.json", "short.json", cwd=folder)
    assert told.returncode == 0 and "no interval can be given: too few time blocks" in told.stdout
    told = compare("short.json", "short.json", "--fail-if", "avg worse", cwd=folder)
    assert told.returncode == 3 and "cannot be judged: too few time blocks" in told.stdout
