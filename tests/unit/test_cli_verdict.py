"""The verdicts: on the generator, on thresholds, on the test, and the exit code they make."""

from __future__ import annotations

import pytest

from gregaria.cli.verdict import (
    Findings,
    Generator,
    ThresholdVerdict,
    decide,
    generator,
    threshold_lines,
)


def figures(completed: int = 1000, total: float = 0.02, longest: float = 0.003, late: int = 0) -> dict[str, float]:
    return {
        "completed": completed,
        "queued_seconds_total": total,
        "queued_seconds_max": longest,
        "late_answers": late,
    }


def test_a_generator_that_kept_up() -> None:
    assert generator(figures()).text == (
        "Generator: kept up (answers waited 0.02 ms for Python on average, 3.00 ms at most)"
    )


@pytest.mark.parametrize("busy", [figures(total=5.1), figures(late=10)])
def test_a_generator_that_was_the_limit(busy: dict[str, float]) -> None:
    assert generator(busy).text.startswith("Generator: WAS THE LIMIT")
    assert generator(busy).was_limit and not generator(figures()).was_limit


def test_long_waits_are_in_seconds_and_the_late_share_is_told() -> None:
    text = generator(figures(total=2000, longest=4.5, late=500)).text
    assert "4.50 s at most" in text
    assert "50.0% longer than 50 ms" in text


def test_a_run_without_requests_has_no_figures() -> None:
    assert generator(figures(completed=0)).text == "Generator: made no requests of its own"


KEPT_UP, WAS_LIMIT = Generator(False, "kept up"), Generator(True, "was the limit")


def threshold(outcome: str, **changed: object) -> ThresholdVerdict:
    row = {"condition": "p95 > 400ms", "outcome": outcome, "value": "512 ms", "limit": "400 ms", "entry": None}
    return {**row, "failed_after_s": None, **changed}  # type: ignore[typeddict-item, return-value]


@pytest.mark.parametrize(
    ("found", "thresholds", "generated", "code", "line"),
    [
        (Findings(), [], KEPT_UP, 0, "Verdict: PASSED"),
        (Findings(), ["passed"], WAS_LIMIT, 0, "Verdict: PASSED"),
        (
            Findings(cut_short="all workers were lost", code_on_error=0),
            ["passed"],
            KEPT_UP,
            1,
            "Verdict: FAILED (all workers were lost)",
        ),
        (Findings(failed_requests=1), [], KEPT_UP, 1, "Verdict: FAILED (1 failed request)"),
        (Findings(exceptions=2), [], KEPT_UP, 1, "Verdict: FAILED (2 exceptions in tasks)"),
        (Findings(failed_requests=3, code_on_error=7), [], KEPT_UP, 7, "Verdict: FAILED (3 failed requests)"),
        (Findings(failed_requests=3, code_on_error=0), [], KEPT_UP, 0, "Verdict: PASSED"),
        (Findings(failed_requests=3, judges_failures=True), ["passed"], KEPT_UP, 0, "Verdict: PASSED"),
        (Findings(unhandled=True), [], KEPT_UP, 2, "Verdict: FAILED (an exception that nobody handled)"),
        (Findings(failed_requests=3, code_on_error=0, unhandled=True), [], KEPT_UP, 0, "Verdict: PASSED"),
        (
            Findings(exceptions=1, unhandled=True),
            [],
            KEPT_UP,
            1,
            "Verdict: FAILED (1 exception in tasks; an exception that nobody handled)",
        ),
        (Findings(), ["passed", "failed"], KEPT_UP, 3, "Verdict: FAILED (1 of 2 thresholds)"),
        (Findings(), ["no data"], KEPT_UP, 3, "Verdict: FAILED (1 of 1 thresholds)"),
        (
            Findings(failed_requests=1),
            ["failed"],
            KEPT_UP,
            3,
            "Verdict: FAILED (1 of 1 thresholds; 1 failed request)",
        ),
        (Findings(strict=True), [], KEPT_UP, 0, "Verdict: PASSED"),
        (
            Findings(strict=True),
            ["failed"],
            WAS_LIMIT,
            4,
            "Verdict: FAILED (the generator was the limit; 1 of 1 thresholds)",
        ),
        (Findings(own_code=0, failed_requests=1), [], KEPT_UP, 0, "Verdict: FAILED (1 failed request)"),
        (Findings(own_code=42), [], KEPT_UP, 42, "Verdict: FAILED (exit code 42 was set by the locustfile)"),
    ],
)
def test_exit_codes(found: Findings, thresholds: list[str], generated: Generator, code: int, line: str) -> None:
    outcome = decide(found, [threshold(each) for each in thresholds], generated)
    assert (outcome.exit_code, outcome.line, outcome.passed) == (code, line, "PASSED" in line)


def test_the_table_of_thresholds() -> None:
    rows = [
        threshold("passed", condition="fail_ratio > 1%", value="0.20%"),
        threshold("failed", entry=("GET", "/a"), failed_after_s=12.4, condition="p95(/a) > 400ms over 30s"),
        threshold("no data", value=None),
    ]
    assert threshold_lines(rows) == [
        "Thresholds (the test fails if they hold)",
        "ok       fail_ratio > 1%           0.20%",
        "FAILED   p95(/a) > 400ms over 30s  512 ms for GET /a, first after 12 s",
        "FAILED   p95 > 400ms               nothing was measured",
    ]
    assert threshold_lines([]) == []
