"""Statistics as locustfiles see them: counting, figures, failures, tables."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import pickle
from collections.abc import MutableMapping
from types import SimpleNamespace

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gregaria import stats
from gregaria.exception import CatchResponseError
from gregaria.stats import RequestStats, StatsEntry, StatsError


@pytest.fixture
def measured() -> RequestStats:
    """Three requests of two kinds, one of them failed."""
    measured = RequestStats()
    measured.log_request("GET", "/", 12, 100)
    measured.log_request("GET", "/", 44.08, 50)
    measured.log_request("POST", "/", 7.5, 0)
    measured.log_error("GET", "/", ValueError("wrong"))
    return measured


def test_entries_and_total_count_alike(measured):
    entry, total = measured.get("/", "GET"), measured.total
    assert (entry.num_requests, entry.num_failures, entry.fail_ratio) == (2, 1, 0.5)
    assert (entry.min_response_time, entry.max_response_time, entry.avg_response_time) == (12.0, 44.08, 28.04)
    assert (entry.total_content_length, entry.avg_content_length) == (150, 75.0)
    assert (total.name, total.method, total.num_requests, total.total_response_time) == ("Aggregated", "", 3, 63.58)
    assert (measured.num_requests, measured.num_failures, measured.num_none_requests) == (3, 1, 0)
    assert measured.start_time <= measured.last_request_timestamp == total.last_request_timestamp


def test_nothing_measured_is_zero():
    total = RequestStats().total
    assert (total.min_response_time, total.max_response_time, total.total_response_time) == (None, 0, 0)
    assert (total.median_response_time, total.avg_response_time, total.avg_content_length) == (0, 0, 0)
    assert (total.fail_ratio, total.current_rps, total.total_rps, total.total_fail_per_sec) == (0, 0, 0, 0)
    assert (total.last_request_timestamp, total.response_times, total.get_response_time_percentile(0.5)) == (
        None,
        {},
        0,
    )


def test_requests_without_response_time_have_no_part_in_response_times():
    measured = RequestStats()
    measured.log_request("WS", "push", None, 5)
    assert measured.total.avg_response_time == 0 and measured.total.response_times == {}
    measured.log_request("WS", "push", 10, 5)
    assert (measured.total.num_requests, measured.num_none_requests) == (2, 1)
    assert measured.total.avg_response_time == measured.total.get_response_time_percentile(0.99) == 10


def test_failures_without_requests_are_all_of_them():
    measured = RequestStats()
    measured.log_error("GET", "/", "broken")
    assert measured.get("/", "GET").fail_ratio == 1.0


@pytest.mark.parametrize(
    ("times", "percent", "expected"),
    [([1, 2, 3, 4], 0.5, 3), (range(1, 101), 0.95, 96), (range(1, 101), 0.5, 51), (range(1, 101), 1.0, 100)],
)
def test_percentiles_follow_locusts_rank_rule(times, percent, expected):
    measured = RequestStats()
    for time in times:
        measured.log_request("GET", "/", time, 0)
    assert measured.total.get_response_time_percentile(percent) == expected


def test_percentiles_are_finer_than_locusts_buckets():
    measured = RequestStats()
    for time in (147.3, 0.42, 3432):
        measured.log_request("GET", "/", time, 0)
    told = [measured.total.get_response_time_percentile(p) for p in (0, 0.5, 1)]
    assert told == pytest.approx([0.42, 147.3, 3432], rel=0.001)
    assert measured.total.response_times == {0: 1, 150: 1, 3400: 1}


def test_buckets_round_as_locusts_do(monkeypatch):
    samples = {0.5: 0, 1.5: 2, 2.5: 2, 105: 100, 145: 140, 155: 160, 3432: 3400, 10500: 10000, 11500: 12000}
    assert {time: stats.bucket_response_time(time) for time in samples} == samples
    measured = RequestStats()
    for time in samples:
        measured.log_request("GET", "/", time, 0)
    assert sum(measured.total.response_times.values()) == len(samples)
    assert set(measured.total.response_times) == set(samples.values())
    monkeypatch.setattr(stats, "bucket_response_time", lambda time: int(time) // 1000)
    assert measured.total.response_times == {0: 6, 3: 1, 10: 1, 11: 1}


@pytest.mark.parametrize("name", ["response_times", "num_reqs_per_sec", "num_fail_per_sec"])
def test_counts_stay_up_to_date(name):
    """As Locust's dictionaries do, and they are dictionaries to everything that takes one."""
    measured = RequestStats()
    entry = measured.get("/", "GET")
    seen = getattr(entry, name)
    assert (seen, len(seen), list(seen), json.dumps(seen), bool(seen)) == ({}, 0, [], "{}", False)

    def count(times):
        for _ in range(times):
            measured.log_request("GET", "/", 20, 3)
            measured.log_error("GET", "/", "broken")

    count(2)
    assert sum(seen.values()) == 2 and isinstance(seen, dict)
    key = next(iter(seen))
    assert key in seen and 5 not in seen and seen.get(5) is None and seen.get(5, 1) == 1 and seen[key] >= 1
    fixed = [seen.copy(), copy.copy(seen), copy.deepcopy(seen), pickle.loads(pickle.dumps(seen)), seen | {}, {} | seen]
    count(3)
    assert [type(each) for each in fixed] == [dict] * 6 and all(sum(each.values()) == 2 for each in fixed)
    assert sum(seen.values()) == sum(amount for _, amount in seen.items()) == 5
    assert seen == getattr(entry, name) == dict(seen.items()) == {**seen} and seen != fixed[0] and fixed[0] != seen
    assert json.loads(json.dumps(getattr(entry, name))) == {str(key): amount for key, amount in seen.items()}
    assert list(reversed(seen)) == list(seen)[::-1] and repr(seen) == repr(dict(seen))
    for change in (lambda: seen.update({1: 2}), seen.clear, lambda: seen.setdefault(1, 2), lambda: seen.pop(key)):
        with pytest.raises(TypeError, match=f"{name} of a StatsEntry .* log\\(\\)"):
            change()
    with pytest.raises(TypeError, match="cannot be changed"):
        seen[key] += 1
    entry.reset()
    assert not seen and len(seen) == 0


COUNTED = [
    *("num_requests", "num_failures", "num_none_requests", "total_response_time", "min_response_time"),
    *("max_response_time", "total_content_length", "last_request_timestamp", "response_times", "num_reqs_per_sec"),
    *("num_fail_per_sec", "name", "method", "stats", "fail_ratio", "note_of_a_script"),
]


@pytest.mark.parametrize("name", COUNTED)
def test_what_was_counted_cannot_be_set(measured, name):
    for entry in (measured.get("/", "GET"), measured.total, StatsEntry(measured, "/", "GET")):
        before = entry.serialize()
        with pytest.raises(
            AttributeError, match=f"^{name} of a StatsEntry cannot be set, .* log\\(\\), log_error\\(\\)"
        ):
            setattr(entry, name, 5)
        with pytest.raises(AttributeError):
            delattr(entry, name)
        assert entry.serialize() == before


def test_rates_count_from_a_time_that_is_set(measured):
    entry = measured.total
    entry.start_time = entry.last_request_timestamp - 6
    assert measured.start_time == entry.start_time and round(entry.total_rps, 3) == 0.5
    entry.start_time = 12
    assert entry.start_time == 12.0
    with pytest.raises(ValueError, match="seconds since the epoch, not NaN"):
        entry.start_time = float("nan")
    with pytest.raises(TypeError):
        entry.start_time = "yesterday"
    own = StatsEntry(measured, "/", "GET")
    own.start_time, own.use_response_times_cache = 3.5, True
    assert (own.start_time, own.use_response_times_cache) == (3.5, True)
    own.use_response_times_cache = 0
    assert own.use_response_times_cache is False


def test_entries_can_be_replaced(measured):
    kept = measured.entries["/", "POST"]
    measured.entries = {("/", "POST"): kept, ("/new", "PUT"): StatsEntry(measured, "/new", "PUT")}
    assert sorted(measured.entries) == [("/", "POST"), ("/new", "PUT")]
    assert measured.get("/", "POST").num_requests == 1 and measured.num_requests == 3
    for wrong in ({("/", "POST"): 5}, {5: kept}):
        with pytest.raises(TypeError, match="entries"):
            measured.entries = wrong
    with pytest.raises(AttributeError):
        measured.entries = 5
    assert len(measured.entries) == 2
    measured.entries = {}
    assert not measured.entries and measured.num_requests == 3


def test_resetting_keeps_entries_and_clearing_does_not(measured):
    entry = measured.get("/", "GET")
    measured.history.append({})
    measured.reset_all()
    assert (entry.num_requests, len(measured.entries), measured.errors, measured.history) == (0, 2, {}, [])
    measured.log_request("GET", "/", 1, 0)
    measured.clear_all()
    assert (len(measured.entries), measured.num_requests, entry.num_requests) == (0, 0, 0)
    measured.log_request("GET", "/", 1, 0)
    assert entry.num_requests == 1, "a view that was kept shows the entry of that name"


def test_entries_are_a_mapping_that_makes_what_it_lacks(measured):
    entries = measured.entries
    assert isinstance(entries, MutableMapping)
    assert list(entries) == [("/", "GET"), ("/", "POST")] and ("/", "PUT") not in entries
    assert entries.get(("/", "PUT")) is None and len(entries) == 2
    assert entries["/", "PUT"].num_requests == 0 and len(entries) == 3
    assert [entry.method for entry in stats.sort_stats(entries)] == ["GET", "POST", "PUT"]
    assert {key: entry.num_requests for key, entry in entries.items()}["/", "GET"] == 2
    assert entries.pop(("/", "GET")).num_requests == 2 and ("/", "GET") not in entries
    with pytest.raises(KeyError):
        del entries["/", "GET"]
    assert entries.pop(("/", "GET"), 5) == 5
    measured.log_request("GET", "/", 3, 0)
    assert entries["/", "GET"].num_requests == 1


def test_views_are_equal_if_they_show_the_same(measured):
    assert measured.total == measured.total and measured.get("/", "GET") == measured.entries["/", "GET"]
    assert measured.get("/", "GET") != measured.get("/", "POST") and measured.total != RequestStats().total
    assert len({measured.total, measured.total, measured.get("/", "GET")}) == 2


def test_the_recorder_counts_what_the_event_tells():
    measured = RequestStats()
    assert measured.recorder == measured.recorder != RequestStats().recorder
    told = {"request_type": "GET", "name": "/", "response_length": 10, "context": {}, "url": "http://x/"}
    measured.recorder(response_time=5.5, exception=None, **told)
    measured.recorder(response_time=None, exception=CatchResponseError("no"), **told)
    measured.recorder(response_time=1, **told)
    entry = measured.get("/", "GET")
    assert (entry.num_requests, entry.num_none_requests, entry.num_failures) == (3, 1, 1)
    assert [error.error for error in measured.errors.values()] == ["CatchResponseError('no')"]
    with pytest.raises(TypeError):
        measured.recorder(request_type="GET", name="/")
    with pytest.raises(ValueError):
        measured.recorder(response_time=float("nan"), **told)


def test_names_may_be_anything():
    measured = RequestStats()
    for name in ("\ud800", 7, None, "☃"):
        measured.log_request(None, name, 1, None)
    assert sorted(name for name, _method in measured.entries) == ["", "7", "☃", "���"]


def test_failures_are_told_apart_by_their_masked_text():
    measured = RequestStats()
    for address in ("0x7f01", "0x7f02"):
        measured.log_error("GET", "/", f"<Thing object at {address}> broke")
    measured.log_error("GET", "/", ValueError("it's"))
    (first_key, first), (second_key, second) = measured.errors.items()
    assert (first.error, first.occurrences) == ("<Thing object at 0x....> broke", 2)
    assert (second.error, second.occurrences) == ("""ValueError("it's")""", 1)
    text = f"GET./.{second.error!r}"
    assert (
        second_key == hashlib.sha256(text.encode()).hexdigest() == StatsError.create_key("GET", "/", ValueError("it's"))
    )
    assert first_key == StatsError.create_key("GET", "/", "<Thing object at 0x99> broke")
    assert first.first_seen <= first.last_seen
    assert measured.serialize_errors()[second_key] == second.to_dict() == second.serialize()
    measured.errors = {}
    assert measured.errors == {} and measured.num_failures == 3


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (CatchResponseError('it\'s "bad"\n'), 'GET /: it\'s "bad"\n'),
        (CatchResponseError(5), "GET /: 5"),
        (ValueError("f1"), "GET /: ValueError('f1')"),
        ("plain", "GET /: plain"),
    ],
)
def test_failures_are_shown_without_their_wrapping(error, shown):
    measured = RequestStats()
    measured.log_error("GET", "/", error)
    assert [failure.to_name() for failure in measured.errors.values()] == [shown]
    assert StatsError("GET", "/", error).to_name() == shown


def test_a_failure_travels():
    failure = StatsError("GET", "/", "x")
    failure.occurred()
    failure.occurred()
    again = StatsError.unserialize(failure.serialize())
    assert again.to_dict() == failure.to_dict() and again.occurrences == 2


samples = st.lists(
    st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 99_000), st.integers(0, 9_999), st.booleans())
)


@given(samples)
def test_entries_add_up_to_the_total_and_survive_travelling(requests):
    measured, merged = RequestStats(), RequestStats()
    for name, time, length, failed in requests:
        measured.log_request("GET", name, time, length)
        if failed:
            measured.log_error("GET", name, "E()")
    for entry in measured.entries.values():
        merged.total.extend(StatsEntry.unserialize(entry.serialize(), merged))
    ours, theirs = measured.total.serialize(), merged.total.serialize()
    for key in ("start_time", "min_response_time", "max_response_time"):
        assert theirs.pop(key) is not None or ours[key] is None
        ours.pop(key)
    # Locust's buckets are made of finer ones, whose value is known better where all samples of an entry are equal:
    # a time that lies close to the border between two of Locust's can be told as either.
    counts = [sorted(side.pop("response_times").items()) for side in (ours, theirs)]
    times = [[bucket for bucket, amount in side for _ in range(amount)] for side in counts]
    assert all(abs(left - right) <= max(1, 0.1 * left) for left, right in zip(*times, strict=True))
    assert ours == theirs
    assert sum(failure.occurrences for failure in measured.errors.values()) == measured.num_failures


def test_serializing_all_sets_the_entries_back(measured):
    reports = measured.serialize_stats()
    assert [(report["method"], report["num_requests"]) for report in reports] == [("GET", 2), ("POST", 1)]
    assert measured.get("/", "GET").num_requests == 0 and measured.num_requests == 3
    assert measured.serialize_stats() == []


def test_to_dict_holds_the_percentiles_that_are_set(measured, monkeypatch):
    assert list(measured.total.to_dict())[:6] == [
        "method",
        "name",
        "num_requests",
        "num_failures",
        "min_response_time",
        "max_response_time",
    ]
    told = measured.total.to_dict()
    assert (told["min_response_time"], told["max_response_time"]) == (8.0, 44.0), "halves up"
    assert told["response_time_percentile_0.95"] == told["response_time_percentile_0.99"] == 44.08
    monkeypatch.setattr(stats, "PERCENTILES_TO_STATISTICS", [0.5])
    assert "response_time_percentile_0.95" not in measured.total.to_dict()
    assert measured.total.to_dict()["response_time_percentile_0.5"] == 12


def test_current_percentiles_need_a_window():
    assert RequestStats().total.get_current_response_time_percentile(0.5) is None
    without = RequestStats(use_response_times_cache=False)
    assert not without.use_response_times_cache and not without.total.use_response_times_cache
    with pytest.raises(ValueError, match="use_response_times_cache"):
        without.total.get_current_response_time_percentile(0.5)


def test_tables_use_the_widths_and_percentiles_that_are_set(measured, monkeypatch):
    monkeypatch.setattr(stats, "STATS_NAME_WIDTH", 20)
    monkeypatch.setattr(stats, "PERCENTILES_TO_REPORT", [0.07, 0.5])
    assert stats.get_stats_summary(measured)[2].startswith("GET      /                      2    1(50.00%) |     28")
    assert stats.get_percentile_stats_summary(measured) == [
        "Response time percentiles (approximated)",
        "Type     Name                     7.0%    50% # reqs",
        "--------|--------------------|--------|------|------",
        "GET      /                          12     44      2",
        "POST     /                           8      8      1",
        "--------|--------------------|--------|------|------",
        "         Aggregated                  8     12      3",
    ]
    assert measured.total.percentile() == stats.get_percentile_stats_summary(measured)[-1]
    assert str(measured.total) == stats.get_stats_summary(measured)[-1]
    assert measured.total.to_string(current=False) == stats.get_stats_summary(measured, current=False)[-1]


def test_tables_are_logged_line_by_line(measured, caplog):
    with caplog.at_level(logging.INFO, "locust.stats_logger"):
        stats.print_stats(measured)
        stats.print_percentile_stats(measured)
        stats.print_error_report(measured)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        *stats.get_stats_summary(measured),
        "",
        *stats.get_percentile_stats_summary(measured),
        "",
        *stats.get_error_report_summary(measured),
    ]
    caplog.clear()
    with caplog.at_level(logging.INFO, "locust.stats_logger"):
        stats.print_error_report(RequestStats())
    assert caplog.records == []


def test_a_table_of_very_many_names_is_made_beside_the_users_and_is_one_record(monkeypatch, caplog):
    class Waiting:
        """A table that is there only after another greenlet had its turn."""

        def __init__(self, *arguments):
            self.table = make_beside(*arguments)

        def take(self):
            return self.table.take() if turns else None

    def printed():
        caplog.clear()
        turns.clear()
        printer, user = gevent.spawn(stats.stats_printer(many)), gevent.spawn(turns.append, "a user")
        while not caplog.records:
            gevent.sleep(0.001)
        gevent.killall([printer, user])
        return [without_rates(record.getMessage()) for record in caplog.records]

    def without_rates(text):
        return "\n".join(line.rpartition("|")[0] for line in text.split("\n"))

    make_beside = stats.format_stats_beside
    monkeypatch.setattr(stats, "format_stats_beside", Waiting)
    many, turns = RequestStats(), []
    with caplog.at_level(logging.INFO, "locust.stats_logger"):
        for number in range(stats._MANY_NAMES):
            many.log_request("GET", f"/{number}", 5, 7)
        assert printed() == [without_rates(line) for line in [*stats.get_stats_summary(many), ""]]
        many.log_request("GET", "/one-more", 5, 7)
        assert printed() == [without_rates("\n".join([*stats.get_stats_summary(many), ""]))]


def test_history_holds_the_present_figures(measured):
    runner = SimpleNamespace(stats=measured, user_count=3, state="running")
    stats.update_stats_history(runner, "2026-01-01T00:00:00Z")
    (point,) = measured.history
    assert point["user_count"] == ["2026-01-01T00:00:00Z", 3] and point["time"] == "2026-01-01T00:00:00Z"
    assert point["total_avg_response_time"][1] == 21.19 and point["response_time_percentile_0.95"][1] == 0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PERCENTILES_TO_CHART", [0.1] * 7, "at most 6"),
        ("PERCENTILES_TO_CHART", [1.0], "between 0 and 1"),
        ("PERCENTILES_TO_STATISTICS", ["x"], "between 0 and 1"),
    ],
)
def test_senseless_settings_end_the_process(name, value, message, monkeypatch, capsys):
    stats.validate_stats_configuration()
    monkeypatch.setattr(stats, name, value)
    with pytest.raises(SystemExit) as ended:
        stats.validate_stats_configuration()
    assert ended.value.code == 1 and message in capsys.readouterr().err


def test_functions_on_plain_counts():
    assert stats.calculate_response_time_percentile({10: 1, 20: 1, 30: 2}, 4, 0.5) == 30
    assert stats.calculate_response_time_percentile({}, 0, 0.5) == 0
    assert stats.diff_response_time_dicts({1: 3, 2: 5}, {1: 3, 2: 1}) == {2: 4}
    assert stats.get_readable_percentiles([0.5, 0.999, 0.07, 1.0]) == ["50%", "99.9%", "7.0%", "100%"]
