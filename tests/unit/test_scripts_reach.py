"""Names that scripts and plugins reach for beside users and tasks: each does what its counterpart in Locust does."""

from __future__ import annotations

import argparse
import datetime
import runpy
import sys

import pytest

import gregaria
from gregaria import argument_parser, html, main, rpc, util
from gregaria.env import Environment
from gregaria.event import Events
from gregaria.rpc import protocol
from gregaria.runners import WorkerNode, WorkerNodes
from gregaria.stats import RequestStats, StatsCSVFileWriter, StatsEntry, avg, setup_distributed_stats_event_listeners
from gregaria.user.task import filter_tasks_by_tags, is_markov_taskset


def parse(arguments, **settings):
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--x", **settings)
    return parser.parse_args(arguments).x


def test_a_type_for_numbers_above_zero():
    assert parse(["--x", "2.5"], type=argument_parser.gt_zero(float)) == 2.5
    for wrong, about in (("0", "must be > 0"), ("inf", "finite"), ("a", "invalid")):
        with pytest.raises(argparse.ArgumentError, match=about):
            parse(["--x", wrong], type=argument_parser.gt_zero(float))


def test_an_argument_that_is_gone_says_why():
    with pytest.raises(argparse.ArgumentError, match="use --y"):
        parse(["--x", "1"], action=argument_parser.raise_argument_type_error("use --y"))


def test_removing_a_downloaded_file_twice_is_fine(tmp_path):
    file = tmp_path / "locustfile.py"
    file.touch()
    argument_parser.exit_handler(str(file))
    argument_parser.exit_handler(str(file))
    assert not file.exists()


def test_submodules_are_there_without_being_imported():
    assert gregaria.html is html and gregaria.argument_parser is argument_parser
    assert util.date.format_duration(0, 61) == "1 minute and 1 second"
    for package in (gregaria, util):
        with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
            package.nonsense  # noqa: B018


def test_a_message_survives_the_wire():
    when = datetime.datetime(2026, 8, 1, 12, 30, 1, 5)
    message = rpc.Message("hello", {"at": when, 7: [1.5, None, "ü", b"\xff"]}, "me")
    again = rpc.Message.unserialize(message.serialize())
    assert (again.type, again.data, again.node_id) == (message.type, message.data, message.node_id)
    with pytest.raises(TypeError):
        rpc.Message("hello", {"at": object()}, None).serialize()


def test_an_object_id_without_bson_says_what_is_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "bson", None)
    alone = runpy.run_path(protocol.__file__)
    with pytest.raises(Exception, match="pymongo"):
        alone["decode"]({"__ObjectId__": True, "as_str": "abc"})


def test_workers_are_found_by_their_state():
    workers = WorkerNodes()
    for name, state in (("a", "ready"), ("b", "running"), ("c", "spawning"), ("d", "missing"), ("e", "ready")):
        workers[name] = WorkerNode(name, state)
    workers["b"].user_classes_count = {"X": 2, "Y": 1}
    assert [worker.id for worker in workers.ready] == ["a", "e"]
    assert [len(group) for group in (workers.running, workers.spawning, workers.missing)] == [1, 1, 1]
    del workers["e"]
    assert list(workers) == ["a", "b", "c", "d"] and len(workers.all) == 4
    assert sum(worker.user_count for worker in workers.values()) == 3


def test_locustfiles_are_merged(tmp_path):
    file = tmp_path / "one_locustfile.py"
    file.write_text(
        "from gregaria import *\nclass A(User):\n    @task\n    def t(self): ...\n"
        "class S(LoadTestShape):\n    def tick(self): ...\n"
    )
    users, shapes, tasks, shape = main.merge_locustfiles_content([str(file)])
    assert list(users) == ["A"] and list(shapes) == ["S"] and shape is shapes["S"]
    assert [task.__name__ for task in tasks["A"]] == ["t"]


@pytest.mark.parametrize(("rate", "name"), [(2.0, "10-2-60.html"), (0.5, "10-0.5-60.html"), (None, "10-{r}-60.html")])
def test_the_name_of_a_report_says_how_it_was_run(rate, name):
    options = argparse.Namespace(html_file="{u}-{r}-{t}.html", num_users=10, spawn_rate=rate, run_time=60)
    html.process_html_filename(options)
    assert options.html_file == name


def test_tasks_that_were_checked_are_not_checked_again():
    class Set(gregaria.TaskSet):
        @gregaria.tag("a")
        @gregaria.task
        def a(self): ...

        @gregaria.task
        def b(self): ...

    known = {Set.b: True}
    filter_tasks_by_tags(Set, {"a"}, checked=known)
    assert Set.tasks == [Set.a, Set.b] and known == {Set.a: True, Set.b: True}
    assert not is_markov_taskset(Set)


def test_what_workers_report_is_added_up():
    events = Events()
    worker, master = RequestStats(use_response_times_cache=False), RequestStats()
    reports = []
    for stats in (worker, master):
        setup_distributed_stats_event_listeners(events, stats)
    for _round in range(2):
        worker.log_request("GET", "/", 10, 100)
        worker.log_error("GET", "/", ValueError("no"))
        data = {}
        # Both listen to the same hooks here; the master has nothing of its own to tell.
        for listener in events.report_to_master._handlers[:1]:
            listener("w", data)
        reports.append(data)
        events.worker_report._handlers[1](client_id="w", data=data)
    assert worker.num_requests == 0 and not worker.errors
    assert (master.num_requests, master.get("/", "GET").num_requests, master.total.total_content_length) == (2, 2, 200)
    ((key, error),) = master.errors.items()
    assert error.occurrences == 2 and key in reports[0]["errors"]
    assert error.first_seen <= error.last_seen


def test_failures_are_a_live_mapping():
    stats = RequestStats()
    stats.log_error("GET", "/", "broken")
    (error,) = stats.errors.values()
    (key,) = stats.errors
    stats.log_error("GET", "/", "broken")
    assert error.occurrences == 2 and stats.errors[key].occurrences == 2 and key in stats.errors
    error.occurrences += 5
    assert stats.errors.get(key).occurrences == 7 and stats.errors.get("x", 1) == 1
    kept = stats.errors.pop(key)
    assert len(stats.errors) == 0 and kept.occurrences == 7 and stats.errors.pop(key, None) is None
    stats.errors[key] = kept
    stats.log_error("GET", "/", "broken")
    assert stats.errors[key].occurrences == 8
    with pytest.raises(TypeError, match="create_key"):
        stats.errors["x"] = kept
    for missing in ("x", 1):
        with pytest.raises(KeyError):
            stats.errors[missing]
    other = RequestStats()
    other.errors = stats.errors
    assert other.errors[key].occurrences == 8 and not other.entries
    del stats.errors[key]
    assert stats.errors == {} and stats.errors != {key: kept}
    other.errors.clear()
    assert not other.errors


def test_a_writer_of_ones_own_is_written_as_it_says(tmp_path):
    class Own(StatsCSVFileWriter):
        def __init__(self, *args):
            super().__init__(*args)
            self.requests_csv_columns.append("Extra")

        def _requests_data_rows(self, csv_writer):
            csv_writer.writerow(["just", "this"])

    environment = Environment()
    environment.stats.log_request("GET", "/", 10, 100)
    environment.stats.log_error("GET", "/", "broken")
    writer = Own(environment, [0.5, 1.0], str(tmp_path / "out"))
    writer.requests_flush()
    writer.close_files()
    writer.close_files()
    header, row = (tmp_path / "out_stats.csv").read_text().splitlines()
    assert header.endswith("50%,100%,Extra") and row == "just,this"
    assert "broken" in (tmp_path / "out_failures.csv").read_text()
    history = (tmp_path / "out_stats_history.csv").read_text()
    assert ",,Aggregated,0.000000,0.000000,10,10,1,1,10.0,10.0,10.0,10.0,100.0" in history


def test_means():
    assert avg([1, 2, 6]) == 3 and avg([]) == 0


def test_an_entry_is_told_as_it_is_worth():
    stats = RequestStats()
    entry = StatsEntry(stats, "/", "GET")
    entry.log_error(error=ValueError())
    assert entry.num_failures == 1 and entry.fail_ratio == 1.0
