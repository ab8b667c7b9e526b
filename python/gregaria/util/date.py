"""Points and lengths of time as text."""

from __future__ import annotations

from datetime import UTC, datetime


def format_utc_timestamp(unix_timestamp: float) -> str:
    """UTC, to the second: `2026-08-01T12:00:00Z`."""
    return datetime.fromtimestamp(int(unix_timestamp), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_safe_timestamp(unix_timestamp: float) -> str:
    """Local time, fit for a file name: `2026-08-01-12h00`."""
    return datetime.fromtimestamp(unix_timestamp).strftime("%Y-%m-%d-%Hh%M")


def format_duration(start_time: float, end_time: float) -> str:
    """The time between two points in words: `1 hour, 1 minute and 1 second`."""
    seconds = int(end_time - start_time)
    words = []
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        amount, seconds = divmod(seconds, length)
        if amount > 0:
            words.append(f"{amount} {unit}" if amount == 1 else f"{amount} {unit}s")
    if len(words) < 2:
        return words[0] if words else "0 seconds"
    return f"{', '.join(words[:-1])} and {words[-1]}"
