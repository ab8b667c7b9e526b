"""The small functions of gregaria.util."""

from __future__ import annotations

from pathlib import Path

import pytest

from gregaria.util.cache import memoize
from gregaria.util.date import format_duration, format_utc_timestamp
from gregaria.util.directory import get_abspaths_in
from gregaria.util.exception_handler import retry
from gregaria.util.rounding import proper_round
from gregaria.util.timespan import parse_timespan
from gregaria.util.url import is_url


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("20", 20), ("0", 0), ("20s", 20), ("3m", 180), ("2h", 7200), ("1h20m", 4800), ("3h30m10s", 12610), ("0s", 0)],
)
def test_time_spans(text: str, seconds: int) -> None:
    assert parse_timespan(text) == seconds


@pytest.mark.parametrize("text", ["", "1h30", "3m2h", "1.5", "1d", "s", "-1", " 1", "1 s", "1S"])
def test_what_is_no_time_span(text: str) -> None:
    with pytest.raises(ValueError, match=f"{text!r} is no time span; 20, 20s, 3m, 2h"):
        parse_timespan(text)


@pytest.mark.parametrize(
    ("value", "digits", "rounded"),
    [(0.5, 0, 1), (1.5, 0, 2), (2.5, 0, 3), (2.4, 0, 2), (145, -1, 150), (2.675, 2, 2.68), (1e300, 0, 1e300)],
)
def test_halves_are_rounded_up(value: float, digits: int, rounded: float) -> None:
    assert proper_round(value, digits) == rounded


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (0.9, "0 seconds"),
        (1, "1 second"),
        (61, "1 minute and 1 second"),
        (3661, "1 hour, 1 minute and 1 second"),
        (7200, "2 hours"),
        (90061, "1 day, 1 hour, 1 minute and 1 second"),
    ],
)
def test_durations_in_words(seconds: float, text: str) -> None:
    assert format_duration(1000.0, 1000.0 + seconds) == text


def test_utc_timestamp() -> None:
    assert format_utc_timestamp(1_700_000_000.9) == "2023-11-14T22:13:20Z"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://a/b.py", True),
        ("https://a", True),
        ("ftp://a", False),
        ("a.py", False),
        ("http:", False),
        ("http://[", False),
    ],
)
def test_urls(text: str, url: bool) -> None:
    assert is_url(text) is url


def test_files_below_a_directory(tmp_path: Path) -> None:
    for name in ("b.py", "a.py", "_hidden.py", "c.txt", "deep/er/d.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = get_abspaths_in(str(tmp_path), extension=".py")
    assert found == [str(tmp_path / name) for name in ("a.py", "b.py", "deep/er/d.py")]


def test_retry_gives_up_after_the_last_delay() -> None:
    calls = []

    @retry(delays=(0, 0), exception=ValueError)
    def fail(text: str) -> None:
        calls.append(text)
        raise ValueError(text)

    with pytest.raises(ValueError, match="no"):
        fail("no")
    assert calls == ["no"] * 3


def test_retry_lets_other_exceptions_through() -> None:
    calls = []

    @retry(delays=(0, 0), exception=ValueError)
    def fail() -> None:
        calls.append(1)
        raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert len(calls) == 1


def test_memoize_remembers_until_cleared() -> None:
    calls = []

    @memoize(timeout=1000)
    def count() -> int:
        calls.append(1)
        return len(calls)

    assert (count(), count()) == (1, 1)
    count.clear_cache()
    assert count() == 2


def test_memoize_forgets_after_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("gregaria.util.cache.time.time", lambda: now[0])

    @memoize(timeout=2, dynamic_timeout=True)
    def slow() -> float:
        now[0] += 3
        return now[0]

    assert slow() == 103.0
    now[0] = 106.9  # it took longer than two seconds, so it is good for four now
    assert slow() == 103.0
    now[0] = 107.1
    assert slow() == 110.1
