"""The grammar of time spans on the command line."""

from __future__ import annotations

import re

_SPAN = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def parse_timespan(time_str: str) -> int:
    """Seconds of `20`, `20s`, `3m`, `1h20m` or `3h30m10s`; ValueError for anything else."""
    text = str(time_str)
    if text.isdecimal():
        return int(text)
    parts = _SPAN.fullmatch(text)
    if not text or parts is None:
        raise ValueError(f"{text!r} is no time span; 20, 20s, 3m, 2h, 1h20m and 3h30m10s are some")
    hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return (hours * 60 + minutes) * 60 + seconds
