"""Shapes of statistics that are no objects: what `serialize` writes, and what a sorted table holds."""

from __future__ import annotations

from typing import NamedTuple, Protocol, TypedDict


class StatsBaseDict(TypedDict):
    """What all figures have: whose they are."""

    name: str
    method: str


class StatsEntryDict(StatsBaseDict):
    """`StatsEntry.serialize`: times in milliseconds, counts by bucket and by second."""

    last_request_timestamp: float | None
    start_time: float
    num_requests: int
    num_none_requests: int
    num_failures: int
    total_response_time: float
    max_response_time: float
    min_response_time: float | None
    total_content_length: int
    response_times: dict[int, int]
    num_reqs_per_sec: dict[int, int]
    num_fail_per_sec: dict[int, int]


class StatsErrorDict(StatsBaseDict):
    """`StatsError.serialize`."""

    error: str
    occurrences: int
    first_seen: float | None
    last_seen: float | None


class StatsHolder(Protocol):
    """Something with figures of a name and a method."""

    name: str
    method: str


class CachedResponseTimes(NamedTuple):
    """The counts of one entry at an earlier second."""

    response_times: dict[int, int]
    num_requests: int
    num_none_requests: int
