"""The CSV files: columns, cells, the last second, and paths that cannot be written."""

from __future__ import annotations

import csv
import errno
import logging
from pathlib import Path
from types import SimpleNamespace

import gevent
import pytest

from gregaria import stats, stats_csv
from gregaria.stats import RequestStats, StatsCSVFileWriter


def environment(exceptions: dict[int, dict[str, object]] | None = None, user_count: int = 2) -> SimpleNamespace:
    """As much of an environment as the writer looks at."""
    runner = SimpleNamespace(user_count=user_count, exceptions=exceptions or {})
    return SimpleNamespace(stats=RequestStats(), runner=runner)


def rows(prefix: Path, ending: str) -> list[dict[str, str]]:
    with open(f"{prefix}_{ending}.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_the_last_figures_are_in_the_files(tmp_path):
    prefix = tmp_path / "new folder" / "run"
    exception = {"count": 3, "msg": "boom", "traceback": "Traceback\n  boom\n", "nodes": {"b", "a"}}
    env = environment({1: exception})
    writer = StatsCSVFileWriter(env, stats.PERCENTILES_TO_REPORT, str(prefix))
    env.stats.log_request("GET", 'a,"b"', 12.5, 100)
    env.stats.log_error("GET", 'a,"b"', "two\nlines")
    writer.close_files()
    entry, total = rows(prefix, "stats")
    assert entry["Name"] == 'a,"b"' and total["Name"] == "Aggregated" and total["Type"] == ""
    assert [total[column] for column in ("Request Count", "Failure Count", "Median Response Time")] == [
        "1",
        "1",
        "12.5",
    ]
    assert (total["Average Response Time"], total["Average Content Size"], total["99.9%"]) == ("12.5", "100.0", "12")
    (failure,) = rows(prefix, "failures")
    assert (failure["Error"], failure["Occurrences"]) == ("two\nlines", "1") and failure["First Seen"].endswith("Z")
    assert rows(prefix, "exceptions") == [
        {"Count": "3", "Message": "boom", "Traceback": "Traceback\n  boom\n", "Nodes": "a, b"}
    ]
    (history,) = rows(prefix, "stats_history")
    assert (history["User Count"], history["Total Request Count"], history["Requests/s"]) == ("2", "1", "0.000000")
    assert b"\r\n" in Path(f"{prefix}_stats.csv").read_bytes()


def test_the_greenlet_writes_until_the_files_are_closed(tmp_path, monkeypatch):
    monkeypatch.setattr(stats, "CSV_STATS_INTERVAL_SEC", 0.001)
    env = environment()
    writer = StatsCSVFileWriter(env, [0.5], str(tmp_path / "run"))
    greenlet = gevent.spawn(writer)
    history = Path(writer.stats_history_file_name())
    with gevent.Timeout(20):
        while history.read_bytes().count(b"\r\n") < 4:
            gevent.sleep(0)
    env.stats.log_request("GET", "/", 1, 1)
    writer.close_files()
    with gevent.Timeout(20):
        greenlet.join()
    assert rows(tmp_path / "run", "stats")[-1]["Request Count"] == "1"
    assert rows(tmp_path / "run", "stats_history")[-1]["Total Request Count"] == "1"
    writer.close_files()


def test_full_history_has_a_row_for_each_entry(tmp_path):
    env = environment()
    writer = StatsCSVFileWriter(env, [0.5], str(tmp_path / "run"), full_history=True)
    env.stats.log_request("POST", "/b", 1, 1)
    env.stats.log_request("GET", "/a", 1, 1)
    writer.close_files()
    assert [row["Name"] for row in rows(tmp_path / "run", "stats_history")] == ["/a", "/b", "Aggregated"]


def test_without_a_runner_nobody_runs(tmp_path):
    env = environment()
    env.runner = None
    StatsCSVFileWriter(env, [0.5], str(tmp_path / "run")).close_files()
    (history,) = rows(tmp_path / "run", "stats_history")
    assert (history["User Count"], history["50%"], history["Total Average Response Time"]) == ("0", "N/A", "0.0")


def test_a_path_that_cannot_be_written_is_refused_by_name(tmp_path):
    (tmp_path / "run_failures.csv").mkdir()
    with pytest.raises(IsADirectoryError) as refused:
        StatsCSVFileWriter(environment(), [0.5], str(tmp_path / "run"))
    assert refused.value.filename == str(tmp_path / "run_failures.csv")
    (tmp_path / "file").touch()
    with pytest.raises(OSError) as refused:
        StatsCSVFileWriter(environment(), [0.5], str(tmp_path / "file" / "run"))
    assert refused.value.filename == str(tmp_path / "file") and refused.value.errno in (errno.EEXIST, errno.ENOTDIR)


def test_a_full_disk_is_refused_at_the_start(tmp_path):
    Path(tmp_path / "run_exceptions.csv").symlink_to("/dev/full")
    with pytest.raises(OSError) as refused:
        StatsCSVFileWriter(environment(), [0.5], str(tmp_path / "run"))
    assert (refused.value.errno, refused.value.filename) == (errno.ENOSPC, str(tmp_path / "run_exceptions.csv"))


class Failing:
    """Stands for the engine's writer on a disk that has become full."""

    closed = False

    def __init__(self, *_settings):
        self.errors = ["cannot write to 'run_stats.csv': No space left on device"]

    def tick(self, *_report):
        type(self).closed = True

    def take_error(self):
        return self.errors.pop() if self.errors else None


def test_a_disk_that_becomes_full_is_told_and_stops_nothing(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(stats_csv, "CsvWriter", Failing)
    monkeypatch.setattr(stats, "CSV_STATS_INTERVAL_SEC", 0)
    with caplog.at_level(logging.ERROR):
        StatsCSVFileWriter(environment(), [0.5], str(tmp_path / "run")).stats_writer()
    (record,) = caplog.records
    assert "No space left on device" in record.getMessage() and "test is not affected" in record.getMessage()
