"""Masters that are killed in mid-run, that are two, and that get reports from clocks that are wrong: sums are checked
against what the workers have reported and what the server has seen."""

import json
import os
import re
import subprocess
import time
from collections import Counter
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from gregaria.runners import WORKER_REPORT_INTERVAL
from support.cable import Cable
from support.cluster import LOCUSTFILE, REQUESTS, USERS, Node, free_port, master_line, nodes, unsent, worker_line
from support.server import TestServer

FAST = """
import sys
from gregaria.cli import results
from locust import events, runners

results.SAVE_S = 0.3
runners.WORKER_REPORT_INTERVAL = 0.5
runners.MASTER_HEARTBEAT_TIMEOUT = 3

@events.init.add_listener
def listen(environment, **_kwargs):
    @environment.events.report_to_master.add_listener
    def tell(client_id, data):
        for entry in data["stats"]:
            print("reported:", entry["num_requests"], entry["name"], file=sys.stderr, flush=True)
        if data["stats"]:
            print("report:", data["stats_total"]["num_requests"], file=sys.stderr, flush=True)
"""


def reports(log: str) -> list[int]:
    """Requests in each report that a worker has sent, in their order."""
    return [int(count) for count in re.findall(r"^report: (\d+)$", log, re.MULTILINE)]


def sums_of(path: Path) -> dict[str, Any]:
    """A result file whose figures agree with each other."""
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    total = told["total"]["requests"]
    assert sum(entry["requests"] for entry in told["entries"]) == total
    seconds = sum(sum(segment["requests"]) for segment in told["history"]["total"])
    # Of a run that goes on, the last seconds are not in the series: workers may still report of them.
    assert seconds <= total if told["run"]["state"] == "running" else seconds == total
    assert sum(failure["occurrences"] for failure in told["failures"]) == told["total"]["failures"]
    return told


def written(path: Path, requests: int) -> bool:
    """Whether a result file with at least so many requests is there."""
    return path.exists() and json.loads(path.read_text(encoding="utf-8"))["total"]["requests"] >= requests


def test_a_master_that_is_killed_leaves_sums_that_are_true(
    gregaria: list[str], own_server: TestServer, tmp_path: Path
) -> None:
    port = free_port()
    locustfile = tmp_path / "fast.py"
    locustfile.write_text(FAST + LOCUSTFILE.read_text(encoding="utf-8"), encoding="utf-8")
    with nodes() as running:
        line = master_line(gregaria, port, own_server.plain, "--expect-workers", "2", "--result", "result.json")
        line[line.index("-f") + 1] = str(locustfile)
        master = Node([*line, "-t", "10m"], tmp_path)
        worker = [*gregaria, "-f", str(locustfile), "--worker", "--master-port", str(port)]
        workers = [Node(worker, tmp_path, REQUESTS_PER_USER="100000") for _ in range(2)]
        running.extend([master, *workers])
        master.wait_for("All users spawned")
        deadline = time.monotonic() + 40
        while not written(tmp_path / "result.json", 100):
            assert time.monotonic() < deadline, master.log
            workers[0].wait_for("report: ", times=len(reports(workers[0].log)) + 1)
        master.kill()
        master.end()
        for node in workers:
            node.wait_for("were not confirmed by the master")
            node.end()
        seen = own_server.counts()["requests"]
    told = sums_of(tmp_path / "result.json")
    assert told["run"]["state"] == "running"
    sent = [reports(node.log) for node in workers]
    # One request of each user may have been cut off.
    assert seen - USERS <= sum(map(sum, sent)) <= seen
    possible = {one + other for one in accumulate(sent[0], initial=0) for other in accumulate(sent[1], initial=0)}
    assert told["total"]["requests"] in possible, "whole reports, each of them once"
    kept = [[total["num_requests"] for total in totals] for totals in unsent(tmp_path)]
    assert len(kept) == 2
    for tail in kept:
        assert tail in [counts[-len(tail) :] for counts in sent], "the last reports of a worker, in their order"
    confirmed = sum(map(sum, sent)) - sum(map(sum, kept))
    # What was confirmed after the file was written for the last time is in neither: half a second or so.
    assert confirmed / 2 < told["total"]["requests"] <= confirmed + max(map(max, sent))


SPLIT = """
import os
from locust import HttpUser, constant, task

class Visitor(HttpUser):
    wait_time = constant(0.02)

    @task
    def visit(self):
        # The host is what the master says.
        self.client.get(f"{self.host.rstrip('/')}/delay/2", name="second" if self.host.endswith("/") else "first")
"""


def test_a_worker_that_comes_to_another_master_counts_for_one_at_a_time(
    gregaria: list[str], own_server: TestServer, tmp_path: Path
) -> None:
    """A split: the first master is cut off from one of its workers, at whose address the second one answers then."""
    locustfile = tmp_path / "split.py"
    locustfile.write_text(FAST + SPLIT, encoding="utf-8")
    ports = [free_port(), free_port()]
    folders = [tmp_path / "first", tmp_path / "second"]
    with nodes() as running, closing(Cable(ports[0])) as cable:
        masters = []
        for port, folder, host, wanted in zip(ports, folders, ("", "/"), ("2", "1"), strict=True):
            folder.mkdir()
            line = master_line(gregaria, port, own_server.plain + host, "--expect-workers", wanted)
            line[line.index("-f") + 1] = str(locustfile)
            masters.append(Node([*line, "-t", "11s", "--result", "result.json"], folder))
        worker = [*gregaria, "-f", str(locustfile), "--worker", "--master-port"]
        stays, moves, own = (Node([*worker, str(port)], tmp_path) for port in (ports[0], cable.port, ports[1]))
        running.extend([*masters, stays, moves, own])
        for master in masters:
            master.wait_for("All users spawned")
        cable.cut()
        moves.wait_for("report: ", times=len(reports(moves.log)) + 2)
        cable.put_into(ports[1])
        moves.wait_for("The master does not know this worker")
        masters[1].wait_for("All users spawned", times=2)
        assert [node.end() for node in running] == [0] * 5, masters[0].log + moves.log
        seen = own_server.counts()["requests"]
    logs = "".join(node.log for node in (stays, moves, own))
    sent: Counter[str] = Counter()
    for count, name in re.findall(r"^reported: (\d+) (\w+)$", logs, re.MULTILINE):
        sent[name] += int(count)
    first, second = (sums_of(folder / "result.json") for folder in folders)
    assert [entry["name"] for entry in first["entries"]] == ["first"]
    assert [entry["name"] for entry in second["entries"]] == ["second"], "of another master's run nothing is counted"
    assert second["total"]["requests"] == sent["second"] > 0
    (stranded,) = [[total["num_requests"] for total in totals] for totals in unsent(tmp_path)]
    assert len(stranded) >= 2 and first["total"]["requests"] + sum(stranded) >= sent["first"]
    assert first["total"]["requests"] + sum(stranded) - stranded[0] <= sent["first"]
    assert seen - 4 * USERS <= sum(sent.values()) <= seen
    assert [mark["text"].split()[-2:] for mark in first["marks"]] == [["fell", "silent"]]
    assert "Traceback" not in logs


SHIFTED_CLOCK = """
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += SHIFT;
    return failed;
}
"""


@pytest.mark.parametrize("shift", [7_500, -7_500], ids=["ahead", "behind"])
def test_the_clock_of_a_worker_may_be_hours_off(
    gregaria: list[str], own_server: TestServer, tmp_path: Path, shift: int
) -> None:
    (tmp_path / "clock.c").write_text(SHIFTED_CLOCK, encoding="utf-8")
    compiler = [os.environ.get("CC", "cc"), "-shared", "-fPIC", f"-DSHIFT={shift}", "-o", "clock.so", "clock.c"]
    subprocess.run(compiler, cwd=tmp_path, check=True)
    port, began = free_port(), time.time()
    with nodes() as running:
        line = master_line(gregaria, port, own_server.plain, "--expect-workers", "2", "--result", "result.json")
        master = Node(line, tmp_path)
        wrong = Node(worker_line(gregaria, port), tmp_path, LD_PRELOAD=str(tmp_path / "clock.so"))
        right = Node(worker_line(gregaria, port), tmp_path)
        running.extend([master, wrong, right])
        assert [node.end() for node in running] == [1, 0, 0], master.log + wrong.log
    ended = time.time()
    logged = re.search(r"^\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", wrong.log, re.MULTILINE)
    assert logged is not None, wrong.log
    told_time = time.mktime(time.strptime(logged[1], "%Y-%m-%d %H:%M:%S"))
    assert began + shift - 2 <= told_time <= ended + shift + 2, "its clock is off"
    told = sums_of(tmp_path / "result.json")
    assert told["total"]["requests"] == USERS * REQUESTS, master.log
    moments = [sample["at"] for sample in told["samples"]]
    moments += [failure[at] for failure in told["failures"] for at in ("first_seen", "last_seen")]
    assert moments and all(began - 1 <= moment <= ended + 1 for moment in moments)
    (segment,) = told["history"]["total"]
    assert segment["start"] == list(range(segment["start"][0], segment["start"][0] + len(segment["start"])))
    # A master closes a second when its workers have told of it: the first is so long before the test.
    assert len(segment["start"]) <= ended - began + 2 + WORKER_REPORT_INTERVAL + 1
    counted = [second for second, requests in enumerate(segment["requests"]) if requests]
    # Users begin together and need some two seconds.
    assert counted == list(range(counted[0], counted[-1] + 1)) and len(counted) <= 4, segment["requests"]
