"""The verdicts that end a run: on the generator itself, on the thresholds, and on the test as a whole.

Response times are taken by the engine's network thread and stay true while Python is busy; what suffers when the
generator is the limit is the load: users go on later than they should.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypedDict

LIMIT_MEAN_WAIT_S = 0.005
"""Answers that wait this long for Python on average mean that the generator was the limit."""
LIMIT_LATE_SHARE = 0.01
"""So does a share like this of answers that waited longer than 50 ms."""

EXIT_CUT_SHORT = 1
EXIT_UNHANDLED = 2
EXIT_THRESHOLD = 3
EXIT_GENERATOR = 4


class ThresholdVerdict(TypedDict):
    """How it stands with one threshold; values are text for people."""

    condition: str
    outcome: Literal["passed", "failed", "no data"]
    value: str | None
    limit: str
    entry: tuple[str, str] | None
    failed_after_s: float | None


@dataclass(frozen=True)
class Generator:
    """Whether the generator kept up, and a line that says so with figures."""

    was_limit: bool
    text: str


def generator(engine: Mapping[str, float]) -> Generator:
    """The verdict on the whole run, from the figures of `gregaria._engine.engine_stats`."""
    answers = engine["completed"]
    if not answers:
        return Generator(False, "Generator: made no requests of its own")
    mean, longest = engine["queued_seconds_total"] / answers, engine["queued_seconds_max"]
    late = engine["late_answers"] / answers
    waits = f"answers waited {_shown(mean)} for Python on average, {_shown(longest)} at most"
    if mean < LIMIT_MEAN_WAIT_S and late < LIMIT_LATE_SHARE:
        return Generator(False, f"Generator: kept up ({waits})")
    return Generator(
        True,
        f"Generator: WAS THE LIMIT: {waits}, {late:.1%} longer than 50 ms. The response times above are right, but "
        "users went on later than they should have: let tasks do less work, or share the users out over more machines",
    )


def _shown(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    exit_code: int
    reasons: Sequence[str] = ()
    """Why it has not passed; empty if it has."""
    thresholds: Sequence[ThresholdVerdict] = ()
    generator: Generator = field(default_factory=lambda: Generator(False, ""))
    judges_failures: bool = False
    """A threshold says how many requests may fail."""
    interrupted: bool = False
    """By a second signal, that wanted the end at once: users may still be running."""

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong with the test."""
        return not self.reasons

    @property
    def line(self) -> str:
        """The verdict on the test in one line."""
        return "Verdict: PASSED" if self.passed else f"Verdict: FAILED ({'; '.join(self.reasons)})"


@dataclass(frozen=True)
class Findings:
    """What an exit code is made from."""

    own_code: int | None = None
    """`environment.process_exit_code`, which wins over everything."""
    failed_requests: int = 0
    exceptions: int = 0
    code_on_error: int = 1
    judges_failures: bool = False
    """A threshold says how many requests may fail, so that one that fails is not a failed test by itself."""
    unhandled: bool = False
    strict: bool = False
    cut_short: str = ""
    """Why the test did not take place as it was wanted, empty if it did."""


def decide(found: Findings, thresholds: Sequence[ThresholdVerdict], generated: Generator) -> Outcome:
    """The exit code and everything that speaks against the test; the first reason makes the code. A reason whose code
    somebody has set to 0 speaks against nothing."""
    reasons = list(_reasons(found, thresholds, generated))
    code = next((reason for reason, _ in reasons if reason), 0)
    texts = [text for reason, text in reasons if reason]
    if found.own_code is not None:
        code = int(found.own_code)
        texts = [f"exit code {code} was set by the locustfile", *texts] if code else texts
    return Outcome(code, texts, thresholds, generated, found.judges_failures)


def _reasons(
    found: Findings, thresholds: Sequence[ThresholdVerdict], generated: Generator
) -> Iterator[tuple[int, str]]:
    if found.cut_short:
        yield EXIT_CUT_SHORT, found.cut_short
    if found.strict and generated.was_limit:
        yield EXIT_GENERATOR, "the generator was the limit"
    if failed := sum(threshold["outcome"] != "passed" for threshold in thresholds):
        yield EXIT_THRESHOLD, f"{failed} of {len(thresholds)} thresholds"
    if found.failed_requests and not found.judges_failures:
        yield found.code_on_error, _amount(found.failed_requests, "failed request")
    if found.exceptions:
        yield found.code_on_error, _amount(found.exceptions, "exception") + " in tasks"
    failed = (found.failed_requests and not found.judges_failures) or found.exceptions
    # As with Locust: where something failed, --exit-code-on-error decides, also if it is 0.
    if found.unhandled and (found.code_on_error or not failed):
        yield EXIT_UNHANDLED, "an exception that nobody handled"


def _amount(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def threshold_lines(thresholds: Sequence[ThresholdVerdict]) -> list[str]:
    """A table of thresholds; empty if there are none."""
    if not thresholds:
        return []
    width = max(len(row["condition"]) for row in thresholds)
    return ["Thresholds (the test fails if they hold)", *(_threshold_line(row, width) for row in thresholds)]


def _threshold_line(row: ThresholdVerdict, width: int) -> str:
    words = {"passed": "ok", "failed": "FAILED", "no data": "FAILED"}
    line = f"{words[row['outcome']]:<8} {row['condition']:<{width}}  {told(row)}"
    return line.rstrip()


def told(row: ThresholdVerdict) -> str:
    """What was found, in words."""
    if row["value"] is None:
        return "nothing was measured"
    whose = f" for {' '.join(row['entry']).strip()}" if row["entry"] else ""
    when = f", first after {row['failed_after_s']:.0f} s" if row["failed_after_s"] is not None else ""
    return f"{row['value']}{whose}{when}"
