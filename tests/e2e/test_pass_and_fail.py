"""Thresholds and summaries in whole runs: where conditions come from, exit codes, early ends, and the files for CI."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

LOCUSTFILE = """
import itertools
from locust import User, constant, events, task

class Plain(User):
    wait_time = constant(0.01)
    numbers = itertools.count()

    @task
    def work(self):
        number = next(self.numbers)
        self.environment.events.request.fire(
            request_type="GET", name=f"/{number % 2}", response_time=5 + number % 2 * 100, response_length=7,
            exception=ValueError("no|<b>") if number % 10 == 9 else None, context={})
"""


def run(gregaria: list[str], folder: Path, *arguments: str, more: str = "", **environment: str) -> tuple[int, str]:
    (folder / "locustfile.py").write_text(LOCUSTFILE + more)
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("LOCUST_", "GREGARIA_"))}
    done = subprocess.run(
        [*gregaria, "--headless", "--only-summary", *arguments],
        cwd=folder,
        env={**variables, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("conditions", "code", "line"),
    [
        (["p95 > 1s", "fail_ratio > 50%"], 0, "Verdict: PASSED"),
        (["p95 > 1s"], 1, "failed request"),
        (["p95 > 100ms; p95(/0) > 50ms"], 3, "Verdict: FAILED (1 of 2 thresholds"),
        (["p95(/zero) > 1s", "fail_ratio > 50%"], 3, "FAILED   p95(/zero) > 1s   nothing was measured"),
        (["failures > 0"], 3, "Verdict: FAILED (1 of 1 thresholds)"),
    ],
)
def test_conditions_make_the_exit_code(
    gregaria: list[str], tmp_path: Path, conditions: list[str], code: int, line: str
) -> None:
    given = [argument for condition in conditions for argument in ("--fail-if", condition)]
    returned, said = run(gregaria, tmp_path, "-t", "1", *given)
    assert (returned, line in said) == (code, True), said
    assert f"Shutting down (exit code {code})" in said


def test_conditions_from_everywhere(gregaria: list[str], tmp_path: Path) -> None:
    (tmp_path / "gregaria.conf").write_text("fail-if = [p50 > 9s, p51 > 9s]\n")
    in_file = "gregaria_fail_if = ['p52 > 9s']\n"
    assert "ok       p50 > 9s" in run(gregaria, tmp_path, "-t", "1", more=in_file)[1]
    said = run(gregaria, tmp_path, "-t", "1", more=in_file, GREGARIA_FAIL_IF="p53 > 9s; p54 > 9s")[1]
    assert re.findall(r"^ok +(p\d+) > 9s", said, re.MULTILINE) == ["p53", "p54", "p52"]


def test_a_condition_that_cannot_be_understood(gregaria: list[str], tmp_path: Path) -> None:
    (tmp_path / "gregaria.conf").write_text("\nfail-if = p95 > 4 lightyears\n")
    assert run(gregaria, tmp_path) == (
        2,
        "gregaria: error: argument --fail-if: 'lightyears' is no unit here; after the number comes us, ms, s or m, "
        "at column 9 of 'p95 > 4 lightyears' (from configuration file gregaria.conf, line 2)\n",
    )
    (tmp_path / "gregaria.conf").unlink()
    code, said = run(gregaria, tmp_path, more="gregaria_fail_if = ['rps']\n")
    assert (code, said.splitlines()[-1]) == (
        2,
        "gregaria: error: gregaria_fail_if: one of >, >=, <, <= is wanted, at column 4 of 'rps'",
    )
    code, said = run(gregaria, tmp_path, more="gregaria_fail_if = 5\n")
    assert code == 1 and "is not a list of conditions, but 5" in said


def test_a_test_is_ended_early(gregaria: list[str], tmp_path: Path) -> None:
    code, said = run(gregaria, tmp_path, "-t", "50", "--abort-on-fail", "--fail-if", "p95 > 50ms over 1s")
    assert code == 3, said
    assert "Ending the test, as a threshold has failed: p95 > 50ms over 1s (105 ms)" in said
    assert "--run-time limit reached" not in said


def test_warm_up_is_left_out(gregaria: list[str], tmp_path: Path) -> None:
    more = (
        "@events.spawning_complete.add_listener\ndef _(**kwargs):\n"
        "    events.request.fire(request_type='GET', name='slow', response_time=9000, response_length=0,\n"
        "                        exception=None, context={})\n"
    )
    arguments = ["-t", "3", "--fail-if", "max > 1s; fail_ratio > 50%"]
    assert run(gregaria, tmp_path, *arguments, more=more)[0] == 3
    assert run(gregaria, tmp_path, *arguments, "--warm-up", "1s", more=more)[0] == 0


def test_summaries_for_other_programs(gregaria: list[str], tmp_path: Path) -> None:
    (tmp_path / "step.md").write_text("# before\n")
    code, said = run(
        gregaria, tmp_path, "-t", "1", "--fail-if", "p95(/1) > 50ms", "--fail-if", "rps < 1",
        "--junit", "ci/junit.xml", "--summary-md", "step.md", "--summary", "ci/summary.txt",
    )  # fmt: skip
    assert code == 3
    suites = ElementTree.parse(tmp_path / "ci/junit.xml").getroot()
    suite = suites[0]
    cases = {case.get("name"): [child.tag for child in case] for case in suite.findall("testcase")}
    assert cases == {
        "GET /0": ["system-out"],
        "GET /1": ["system-out", "failure"],
        "p95(/1) > 50ms": ["failure"],
        "rps < 1": ["system-out"],
        "no exceptions in tasks": [],
        "the generator was not the limit": ["system-out"],
    }
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("6", "2", "0")
    failure = suite.find("testcase[@name='GET /1']/failure")
    assert failure is not None and failure.text and "ValueError('no|<b>')" in failure.text
    markdown = (tmp_path / "step.md").read_text()
    assert markdown.startswith("# before\n## Load test FAILED: 1 of 2 thresholds; ")
    assert "| `p95(/1) > 50ms` | failed | 105 ms for GET /1 |" in markdown
    assert "`ValueError('no\\|<b>')`" in markdown
    plain = (tmp_path / "ci/summary.txt").read_text()
    assert plain.splitlines()[-1].startswith("Verdict: FAILED (1 of 2 thresholds; ")
    shown = [line for line in plain.splitlines() if line]
    assert shown == [line for line in said.splitlines() if line][-len(shown) :]


@pytest.mark.parametrize("option", ["--junit", "--summary-md", "--summary", "--json-file"])
def test_a_file_that_cannot_be_written_is_found_before_the_run(
    gregaria: list[str], tmp_path: Path, option: str
) -> None:
    (tmp_path / "file").touch()
    code, said = run(gregaria, tmp_path, "-t", "50", option, "file/out")
    assert code == 1
    assert re.fullmatch(r"gregaria: error: cannot write the .* 'file': Not a directory", said.splitlines()[-1]) or (
        "file" in said.splitlines()[-1] and "cannot write" in said.splitlines()[-1]
    )
    assert "Ramping" not in said


def test_a_disk_that_is_full_at_the_end_costs_only_that_file(gregaria: list[str], tmp_path: Path) -> None:
    (tmp_path / "full.xml").symlink_to("/dev/full")
    code, said = run(gregaria, tmp_path, "-t", "1", "--junit", "full.xml", "--summary", "kept.txt")
    assert code == 1
    assert "Could not write the JUnit file: No space left on device" in said
    assert "Verdict: FAILED" in (tmp_path / "kept.txt").read_text()


def test_an_interrupted_run_is_judged(gregaria: list[str], tmp_path: Path) -> None:
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE)
    process = subprocess.Popen(
        [*gregaria, "--headless", "--only-summary", "--fail-if", "p95 < 9s"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "All users spawned" in line:
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 3, said
    assert "Verdict: FAILED (1 of 1 thresholds" in said
