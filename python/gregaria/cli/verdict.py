"""The verdict on the generator itself: whether it kept up with the answers that came in.

Response times are taken by the engine's network thread and stay true while Python is busy; what suffers is the load:
users go on later than they should.
"""

from __future__ import annotations

from collections.abc import Mapping

LIMIT_MEAN_WAIT_S = 0.005
"""Answers that wait this long for Python on average mean that the generator was the limit."""
LIMIT_LATE_SHARE = 0.01
"""So does a share like this of answers that waited longer than 50 ms."""


def verdict(engine: Mapping[str, float]) -> str:
    """One line on the whole run, from the figures of `gregaria._engine.engine_stats`."""
    answers = engine["completed"]
    if not answers:
        return "Generator: made no requests of its own"
    mean, longest = engine["queued_seconds_total"] / answers, engine["queued_seconds_max"]
    late = engine["late_answers"] / answers
    waits = f"answers waited {_shown(mean)} for Python on average, {_shown(longest)} at most"
    if mean < LIMIT_MEAN_WAIT_S and late < LIMIT_LATE_SHARE:
        return f"Generator: kept up ({waits})"
    return (
        f"Generator: WAS THE LIMIT: {waits}, {late:.1%} longer than 50 ms. The response times above are right, but "
        "users went on later than they should have: let tasks do less work, or share the users out over more machines"
    )


def _shown(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"
