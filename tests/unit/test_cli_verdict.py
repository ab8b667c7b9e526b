"""The line on the generator itself."""

from __future__ import annotations

import pytest

from gregaria.cli.verdict import verdict


def figures(completed: int = 1000, total: float = 0.02, longest: float = 0.003, late: int = 0) -> dict[str, float]:
    return {
        "completed": completed,
        "queued_seconds_total": total,
        "queued_seconds_max": longest,
        "late_answers": late,
    }


def test_a_generator_that_kept_up() -> None:
    assert verdict(figures()) == ("Generator: kept up (answers waited 0.02 ms for Python on average, 3.00 ms at most)")


@pytest.mark.parametrize("busy", [figures(total=5.1), figures(late=10)])
def test_a_generator_that_was_the_limit(busy: dict[str, float]) -> None:
    assert verdict(busy).startswith("Generator: WAS THE LIMIT")


def test_long_waits_are_in_seconds_and_the_late_share_is_told() -> None:
    text = verdict(figures(total=2000, longest=4.5, late=500))
    assert "4.50 s at most" in text
    assert "50.0% longer than 50 ms" in text


def test_a_run_without_requests_has_no_figures() -> None:
    assert verdict(figures(completed=0)) == "Generator: made no requests of its own"
