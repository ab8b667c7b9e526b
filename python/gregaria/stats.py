"""Statistics: what locustfiles read and set, the tables on the console, and when the CSV files are written.

Counting, percentiles and layouts are the engine's. The constants here are read when they are used, so that locustfiles
can change them.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

import gevent

from ._engine import (
    RequestStats,
    StatsEntries,
    StatsEntry,
    StatsError,
    StatsErrors,
    bucket_response_time,
    format_errors,
    format_percentiles,
    format_stats,
    format_stats_beside,
    percentile_labels,
)
from .exception import CatchResponseError
from .stats_csv import CSVWriter, StatsCSV, StatsCSVFileWriter
from .stats_types import (
    CachedResponseTimes,
    StatsBaseDict,
    StatsEntryDict,
    StatsErrorDict,
    StatsHolder,
)
from .util.date import format_utc_timestamp
from .util.rounding import proper_round

if TYPE_CHECKING:
    from .event import Events
    from .runners import Runner

__all__ = [
    "CONSOLE_STATS_INTERVAL_SEC",
    "CSV_STATS_FLUSH_INTERVAL_SEC",
    "CSV_STATS_INTERVAL_SEC",
    "CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW",
    "HISTORY_STATS_INTERVAL_SEC",
    "PERCENTILES_TO_CHART",
    "PERCENTILES_TO_REPORT",
    "PERCENTILES_TO_STATISTICS",
    "STATS_AUTORESIZE",
    "STATS_NAME_WIDTH",
    "STATS_TYPE_WIDTH",
    "CSVWriter",
    "CachedResponseTimes",
    "CatchResponseError",
    "EntriesDict",
    "RequestStats",
    "RequestStatsAdditionError",
    "StatsBaseDict",
    "StatsCSV",
    "StatsCSVFileWriter",
    "StatsEntry",
    "StatsEntryDict",
    "StatsError",
    "StatsErrorDict",
    "StatsHolder",
    "avg",
    "bucket_response_time",
    "calculate_response_time_percentile",
    "diff_response_time_dicts",
    "get_error_report_summary",
    "get_percentile_stats_summary",
    "get_readable_percentiles",
    "get_stats_summary",
    "print_error_report",
    "print_percentile_stats",
    "print_stats",
    "print_stats_json",
    "resize_handler",
    "save_stats_json",
    "setup_distributed_stats_event_listeners",
    "sort_stats",
    "stats_history",
    "stats_printer",
    "update_stats_history",
    "validate_stats_configuration",
]

console_logger = logging.getLogger("locust.stats_logger")
logger = logging.getLogger(__name__)

MutableMapping.register(StatsEntries)
MutableMapping.register(StatsErrors)
EntriesDict = StatsEntries

_COLUMNS_BESIDE_THE_NAME = 80
_WIDEST_NAME = 80


def _name_width() -> int:
    try:
        return max(min(os.get_terminal_size().columns - _COLUMNS_BESIDE_THE_NAME, _WIDEST_NAME), 0)
    except (OSError, ValueError, AttributeError):
        return _WIDEST_NAME


STATS_NAME_WIDTH = _name_width()
"""Width of the name column; follows the terminal."""
STATS_AUTORESIZE = True
"""Whether STATS_NAME_WIDTH follows the terminal when that is resized."""
STATS_TYPE_WIDTH = 8
"""Width of the method column."""
CONSOLE_STATS_INTERVAL_SEC = 2
"""Seconds between two tables on the console."""
HISTORY_STATS_INTERVAL_SEC = 5
"""Seconds between two points of `RequestStats.history`."""
CSV_STATS_INTERVAL_SEC = 1
"""Seconds between two states of the CSV files."""
CSV_STATS_FLUSH_INTERVAL_SEC = 5
"""Has no effect: each state is written through to the CSV files."""
CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW = 10
"""How many seconds the current percentiles look back."""
PERCENTILES_TO_REPORT = [0.50, 0.66, 0.75, 0.80, 0.90, 0.95, 0.98, 0.99, 0.999, 0.9999, 1.0]
"""Percentiles of the table on the console and of the CSV files."""
PERCENTILES_TO_STATISTICS = [0.95, 0.99]
"""Percentiles of `StatsEntry.to_dict`."""
PERCENTILES_TO_CHART = [0.5, 0.95]
"""Percentiles of `RequestStats.history`."""
_MOST_PERCENTILES_TO_CHART = 6
_MANY_NAMES = 200
_TABLE_POLL_S = 0.005

Key = TypeVar("Key")
Value = TypeVar("Value")


def resize_handler(signum: int, frame: FrameType | None) -> None:
    """Take over the terminal's new width."""
    global STATS_NAME_WIDTH
    if STATS_AUTORESIZE:
        STATS_NAME_WIDTH = _name_width()


with contextlib.suppress(AttributeError, ValueError):  # no such signal here, or not imported by the main thread
    signal.signal(signal.SIGWINCH, resize_handler)


class RequestStatsAdditionError(Exception):
    """Statistics that cannot be added up."""


def get_readable_percentiles(percentile_list: list[float]) -> list[str]:
    """Percentiles as headings: 0.999 gives ``99.9%``."""
    return percentile_labels(percentile_list)


def calculate_response_time_percentile(response_times: Mapping[int, int], num_requests: int, percent: float) -> int:
    """The response time at a percentile (0 to 1) of counts by response time; 0 if there are none."""
    rank = int(num_requests * percent)
    not_above = num_requests
    for response_time in sorted(response_times, reverse=True):
        not_above -= response_times[response_time]
        if not_above <= rank:
            return response_time
    return 0


def diff_response_time_dicts(latest: Mapping[int, int], old: Mapping[int, int]) -> dict[int, int]:
    """What `latest` counts more than `old`."""
    differences = {time: count - old.get(time, 0) for time, count in latest.items()}
    return {time: difference for time, difference in differences.items() if difference}


def avg(values: Sequence[float]) -> float:
    """The arithmetic mean; 0 of nothing."""
    return sum(values) / len(values) if values else 0.0


def sort_stats(stats: Mapping[Key, Value]) -> list[Value]:
    """Values in the order of their keys."""
    return [value for _key, value in sorted(stats.items(), key=lambda item: item[0])]  # type: ignore[arg-type,return-value]


def get_stats_summary(stats: RequestStats, current: bool = True) -> list[str]:
    """The table of requests, with rates of the last seconds or of the whole run."""
    return format_stats(stats, current, STATS_NAME_WIDTH, STATS_TYPE_WIDTH)


def get_percentile_stats_summary(stats: RequestStats) -> list[str]:
    """The table of percentiles."""
    return format_percentiles(stats, PERCENTILES_TO_REPORT, STATS_NAME_WIDTH, STATS_TYPE_WIDTH)


def get_error_report_summary(stats: RequestStats) -> list[str]:
    """The table of failures."""
    return format_errors(stats, STATS_NAME_WIDTH, STATS_TYPE_WIDTH)


def _log_lines(lines: Iterable[str]) -> None:
    for line in lines:
        console_logger.info(line)


def print_stats(stats: RequestStats, current: bool = True) -> None:
    """Log the table of requests."""
    _log_lines([*get_stats_summary(stats, current), ""])


def print_percentile_stats(stats: RequestStats) -> None:
    """Log the table of percentiles."""
    _log_lines([*get_percentile_stats_summary(stats), ""])


def print_error_report(stats: RequestStats) -> None:
    """Log the table of failures, if there are any."""
    if stats.errors:
        _log_lines(get_error_report_summary(stats))


def stats_as_json(stats: RequestStats) -> str:
    """All entries with a request or a failure, serialized; they stay as they are."""
    entries = (entry for entry in stats.entries.values() if entry.num_requests or entry.num_failures)
    return json.dumps([entry.serialize() for entry in entries], indent=4)


def print_stats_json(stats: RequestStats) -> None:
    """Print all entries as JSON."""
    print(stats_as_json(stats))


def save_stats_json(stats: RequestStats, filename: str) -> None:
    """Write all entries as JSON to ``<filename>.json``."""
    Path(f"{filename}.json").write_text(stats_as_json(stats))


def stats_printer(stats: RequestStats) -> Callable[[], None]:
    """A function for a greenlet that logs the table of requests again and again. One of very many names is made beside
    the users, not between them, and is one record of the log."""

    def stats_printer_func() -> None:
        while True:
            if len(stats.entries) > _MANY_NAMES:
                _print_long_table(stats)
            else:
                print_stats(stats)
            gevent.sleep(CONSOLE_STATS_INTERVAL_SEC)

    return stats_printer_func


def _print_long_table(stats: RequestStats) -> None:
    table = format_stats_beside(stats, True, STATS_NAME_WIDTH, STATS_TYPE_WIDTH)
    while (text := table.take()) is None:
        gevent.sleep(_TABLE_POLL_S)
    console_logger.info("%s\n", text)


def update_stats_history(runner: Runner, timestamp: str | None = None) -> None:
    """Append the present figures to ``runner.stats.history``."""
    at = timestamp or format_utc_timestamp(time.time())
    total = runner.stats.total
    point: dict[str, Any] = {
        f"response_time_percentile_{percentile}": [at, total.get_current_response_time_percentile(percentile) or 0]
        for percentile in PERCENTILES_TO_CHART
    }
    point["current_rps"] = [at, total.current_rps]
    point["current_fail_per_sec"] = [at, total.current_fail_per_sec]
    point["total_avg_response_time"] = [at, proper_round(total.avg_response_time, digits=2)]
    point["user_count"] = [at, runner.user_count]
    point["time"] = at
    runner.stats.history.append(point)


def stats_history(runner: Runner) -> None:
    """For a greenlet: append to the history while a test runs."""
    while runner.stats.use_response_times_cache:
        if runner.state not in ("ready", "stopped"):
            update_stats_history(runner)
        gevent.sleep(HISTORY_STATS_INTERVAL_SEC)


def setup_distributed_stats_event_listeners(events: Events, stats: RequestStats) -> None:
    """Have workers put their figures into each report, and the master add what workers report to its own."""

    def on_report_to_master(client_id: str, data: dict[str, Any]) -> None:
        data["stats"] = stats.serialize_stats()
        data["stats_total"] = stats.total.get_stripped_report()
        data["errors"] = stats.serialize_errors()
        stats.errors = {}

    def on_worker_report(client_id: str, data: dict[str, Any]) -> None:
        for report in data["stats"]:
            stats.get(report["name"], report["method"]).extend(StatsEntry.unserialize(report, stats))
        for key, report in data["errors"].items():
            _add_error(stats, key, report)
        stats.total.extend(StatsEntry.unserialize(data["stats_total"], stats))

    events.report_to_master.add_listener(on_report_to_master)
    events.worker_report.add_listener(on_worker_report)


def _add_error(stats: RequestStats, key: str, report: dict[str, Any]) -> None:
    told, known = StatsError.unserialize(report), stats.errors.get(key)
    if known is None:
        stats.errors[key] = told
        return
    known.occurrences += told.occurrences
    known.first_seen = min((at for at in (known.first_seen, told.first_seen) if at is not None), default=None)
    known.last_seen = max((at for at in (known.last_seen, told.last_seen) if at is not None), default=None)


def _is_valid_percentile(value: Any) -> bool:
    try:
        return 0 < float(value) < 1
    except (TypeError, ValueError):
        return False


def _reject(message: str) -> None:
    sys.stderr.write(f"{message}\n")
    sys.exit(1)


def validate_stats_configuration() -> None:
    """End the process with a message if a locustfile has set percentiles that make no sense."""
    if len(PERCENTILES_TO_CHART) > _MOST_PERCENTILES_TO_CHART:
        _reject(f"stats.PERCENTILES_TO_CHART holds {len(PERCENTILES_TO_CHART)} percentiles; at most 6 are possible.")
    for name, percentiles in (
        ("PERCENTILES_TO_CHART", PERCENTILES_TO_CHART),
        ("PERCENTILES_TO_STATISTICS", PERCENTILES_TO_STATISTICS),
    ):
        for percentile in percentiles:
            if not _is_valid_percentile(percentile):
                _reject(f"stats.{name} holds {percentile!r}; a percentile is a number between 0 and 1, such as 0.95.")
