"""Clusters of real processes, of ours and of Locust's in both roles: what the servers have seen is counted, once."""

import json
import os
import re
import signal
from pathlib import Path

import pytest

from support.cluster import (
    LOCUSTFILE,
    REQUESTS,
    USERS,
    Node,
    free_port,
    master_line,
    nodes,
    result,
    unsent,
    worker_line,
)
from support.server import TestServer


@pytest.mark.parametrize(
    ("master", "workers"),
    [
        ("gregaria", ["gregaria", "gregaria"]),
        ("gregaria", ["locust", "gregaria"]),
        ("locust", ["gregaria", "gregaria"]),
    ],
    ids=["ours", "a Locust worker joins us", "we join a Locust master"],
)
def test_every_request_is_counted_once_whoever_is_who(
    request: pytest.FixtureRequest, own_server: TestServer, tmp_path: Path, master: str, workers: list[str]
) -> None:
    port = free_port()
    (tmp_path / "worker").mkdir()
    with nodes() as running:
        line = master_line(request.getfixturevalue(master), port, own_server.plain, "--expect-workers", "2")
        running.append(Node(line, tmp_path))
        for worker in workers:
            running.append(Node(worker_line(request.getfixturevalue(worker), port), tmp_path / "worker"))
        codes = [node.end() for node in running]
        run = result(tmp_path, running[0])
        logs = "".join(node.log for node in running)
    assert codes == [1, 0, 0], logs
    assert run.spawned == [f'{{"Counter": {USERS}}} ({USERS} total users)']
    assert sum(run.requests.values()) == USERS * REQUESTS == int(run.total["Request Count"]), logs
    assert run.requests == {("GET", f"/part/{part}"): USERS * REQUESTS // 5 for part in range(5)}
    assert sum(run.failures.values()) == USERS * REQUESTS // 10
    assert list(run.failures) == [
        ("GET", "/part/0", "HTTPError('500 Server Error: Internal Server Error for url: /part/0')")
    ]
    assert run.stderr.count("('hello', b'\\x00\\xff', 7)") == 2, logs
    assert "Traceback" not in logs and not list((tmp_path / "worker").glob("gregaria-unsent-*"))


def test_processes_need_one_command(gregaria: list[str], own_server: TestServer, tmp_path: Path) -> None:
    with nodes() as running:
        test = ["--headless", "-u", str(USERS), "-r", "5", "-t", "5s", "-H", own_server.plain, "--csv", "out"]
        files = ["--result", "result.json", "--html", "report.html"]
        line = [*gregaria, "-f", str(LOCUSTFILE), "--processes", "2", *test, *files, "--only-summary"]
        running.append(Node(line, tmp_path, GREGARIA_MASTER_NODE_PORT=str(free_port())))
        assert running[0].end() == 1, running[0].log
        run = result(tmp_path, running[0])
    assert sum(run.requests.values()) == USERS * REQUESTS, run.stderr
    assert "(index 0) reported as ready" in run.stderr and "(index 1) reported as ready" in run.stderr
    told = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert told["total"]["requests"] == USERS * REQUESTS
    assert sum(entry["requests"] for entry in told["entries"]) == USERS * REQUESTS
    series = [sum(segment["requests"]) for segment in told["history"]["total"]]
    assert sum(series) == USERS * REQUESTS, "every second of every worker is in the series"
    assert max(max(segment["users"]) for segment in told["history"]["total"]) == USERS
    assert told["generator"]["completed"] == USERS * REQUESTS
    failed = [sample for sample in told["samples"] if sample["error"]]
    assert {(sample["method"], sample["name"], sample["user_class"]) for sample in failed} == {
        ("GET", "/part/0", "Counter")
    }
    assert [sample["kept"] for sample in failed].count("first") == 3 and len(failed) <= 9, "of both workers together"
    assert all(sample["response_head"].startswith("HTTP/1.1 500 ") for sample in failed)
    assert any(sample["error"] is None and sample["phases_us"]["wait"] > 0 for sample in told["samples"])
    assert (tmp_path / "report.html").stat().st_size > 1_000


def test_a_process_for_every_core_that_this_one_may_use(
    gregaria: list[str], own_server: TestServer, tmp_path: Path
) -> None:
    core = min(os.sched_getaffinity(0))
    with nodes() as running:
        test = ["--headless", "-u", str(USERS), "-r", "100", "-t", "4s", "-H", own_server.plain, "--csv", "out"]
        line = ["taskset", "--cpu-list", str(core), *gregaria, "-f", str(LOCUSTFILE), "--processes", "-1", *test]
        running.append(Node(line, tmp_path, GREGARIA_MASTER_NODE_PORT=str(free_port())))
        assert running[0].end() == 1, running[0].log
        run = result(tmp_path, running[0])
    assert "(index 0) reported as ready" in run.stderr and "(index 1)" not in run.stderr, "one core, one worker"
    assert sum(run.requests.values()) == USERS * REQUESTS, run.stderr


def test_a_killed_worker_is_missed_and_the_others_take_its_users(
    gregaria: list[str], own_server: TestServer, tmp_path: Path
) -> None:
    port = free_port()
    with nodes() as running:
        line = master_line(
            gregaria, port, own_server.plain, "--expect-workers", "2", "--on-worker-loss", "redistribute"
        )
        line += ["-t", "14s", "--result", "result.json", "--html", "report.html"]
        master = Node(line, tmp_path, REQUESTS_PER_USER="100000")
        workers = [Node(worker_line(gregaria, port), tmp_path, REQUESTS_PER_USER="100000") for _ in range(2)]
        running.extend([master, *workers])
        master.wait_for("All users spawned")
        workers[0].kill()
        master.wait_for("failed to send heartbeat, setting state to missing")
        master.wait_for("All users spawned", times=2)
        assert master.end() == 1
        assert workers[1].end() == 0
        run = result(tmp_path, master)
        seen = own_server.counts()["requests"]
    assert run.spawned[-1] == f'{{"Counter": {USERS}}} ({USERS} total users)'
    told = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert [mark["text"].split()[-2:] for mark in told["marks"]] == [["fell", "silent"]], "the gap is marked"
    # What the killed worker had not reported yet is three seconds of three users at most, and a few were cut off.
    assert seen * 0.7 < int(run.total["Request Count"]) <= seen


def test_losing_a_worker_can_end_the_test(gregaria: list[str], own_server: TestServer, tmp_path: Path) -> None:
    port = free_port()
    with nodes() as running:
        line = master_line(gregaria, port, own_server.plain, "--expect-workers", "2", "--on-worker-loss", "abort")
        master = Node([*line, "-t", "10m"], tmp_path)
        workers = [Node(worker_line(gregaria, port), tmp_path) for _ in range(2)]
        running.extend([master, *workers])
        master.wait_for("All users spawned")
        workers[0].kill(signal.SIGTERM)
        assert master.end() == 1
        assert "was lost, stopping test (--on-worker-loss abort)" in master.log
        assert re.search(r"Verdict: FAILED \(worker \S+ was lost", master.log)
        assert [worker.end() for worker in workers] == [0, 0]


def test_a_worker_finds_a_restarted_master(gregaria: list[str], own_server: TestServer, tmp_path: Path) -> None:
    port = free_port()
    with nodes() as running:
        first = Node(master_line(gregaria, port, own_server.plain, "-t", "10m"), tmp_path, REQUESTS_PER_USER="100000")
        worker = Node(worker_line(gregaria, port), tmp_path)
        running.extend([first, worker])
        first.wait_for("All users spawned")
        first.kill()
        first.end()
        second = Node(master_line(gregaria, port, own_server.plain), tmp_path)
        running.append(second)
        worker.wait_for("The master does not know this worker")
        assert second.end() == 1, second.log
        assert worker.end() == 0, worker.log
        run = result(tmp_path, second)
    assert sum(run.requests.values()) == USERS * REQUESTS, run.stderr


# Reports are so far apart that only the last one has anything in it; the listener has it told in Locust's form too.
IMPATIENT = """
from locust import events, runners

runners.MASTER_HEARTBEAT_TIMEOUT = 3
runners.WORKER_REPORT_INTERVAL = 1000
events.report_to_master.add_listener(lambda client_id, data: None)
"""


def test_a_worker_without_a_master_stops_its_load_and_keeps_what_it_measured(
    gregaria: list[str], own_server: TestServer, tmp_path: Path
) -> None:
    port = free_port()
    impatient = tmp_path / "impatient.py"
    impatient.write_text(
        IMPATIENT + LOCUSTFILE.read_text(encoding="utf-8"),
        encoding="utf-8",
    )
    with nodes() as running:
        master = Node(master_line(gregaria, port, own_server.plain, "-t", "10m"), tmp_path)
        line = [*gregaria, "-f", str(impatient), "--worker", "--master-port", str(port)]
        worker = Node(line, tmp_path, REQUESTS_PER_USER="100000")
        running.extend([master, worker])
        master.wait_for("All users spawned")
        master.kill()
        worker.wait_for("Didn't get heartbeat from master in over 3s")
        worker.end()
        before = own_server.counts()["requests"]
    assert "were not confirmed by the master" in worker.log
    assert next(tmp_path.glob("gregaria-unsent-*.msgpack")).stat().st_size > 100
    assert own_server.counts()["requests"] == before
    (kept,) = unsent(tmp_path)
    # One request of each user may have been cut off.
    assert before - USERS <= sum(total["num_requests"] for total in kept) <= before


def test_a_secret_keeps_strangers_out(gregaria: list[str], own_server: TestServer, tmp_path: Path) -> None:
    port = free_port()
    secret = {"GREGARIA_CLUSTER_SECRET": "the secret of this test"}
    with nodes() as running:
        master = Node(master_line(gregaria, port, own_server.plain), tmp_path, **secret)
        stranger = Node(worker_line(gregaria, port), tmp_path)
        guesser = Node(worker_line(gregaria, port, "--cluster-secret", "what could it be?"), tmp_path)
        running.extend([master, stranger, guesser])
        assert stranger.end() == 255 and guesser.end() == 255
        assert "asks for an encrypted link" in stranger.log
        assert "does not know the cluster's secret" in guesser.log
        friend = Node(worker_line(gregaria, port), tmp_path, **secret)
        running.append(friend)
        assert (master.end(), friend.end()) == (1, 0)
        assert "Turned away a connection from 127.0.0.1" in master.log
        assert sum(result(tmp_path, master).requests.values()) == USERS * REQUESTS


def test_a_worker_gets_the_whole_project_from_its_master(
    gregaria: list[str], own_server: TestServer, tmp_path: Path
) -> None:
    port = free_port()
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    for folder in (project / "parts", elsewhere):
        folder.mkdir(parents=True)
    (project / "parts" / "counting.py").write_text(LOCUSTFILE.read_text(encoding="utf-8"), encoding="utf-8")
    (project / "data.txt").write_text("here", encoding="utf-8")
    (project / "locustfile.py").write_text(
        "from parts.counting import *\nassert open('data.txt').read() == 'here'\n", encoding="utf-8"
    )
    line = master_line(gregaria, port, own_server.plain, "--bundle", "*.txt")
    line[line.index("-f") + 1] = "locustfile.py"
    with nodes() as running:
        master = Node(line, project)
        worker = Node([*gregaria, "-f", "-", "--worker", "--master-port", str(port)], elsewhere)
        running.extend([master, worker])
        assert (master.end(), worker.end()) == (1, 0), worker.log
        assert sum(result(project, master).requests.values()) == USERS * REQUESTS


def test_a_worker_gets_the_locustfile_of_a_locust_master(
    gregaria: list[str], locust: list[str], own_server: TestServer, tmp_path: Path
) -> None:
    port = free_port()
    (tmp_path / "elsewhere").mkdir()
    with nodes() as running:
        master = Node(master_line(locust, port, own_server.plain), tmp_path)
        worker = Node([*gregaria, "-f", "-", "--worker", "--master-port", str(port)], tmp_path / "elsewhere")
        running.extend([master, worker])
        assert (master.end(), worker.end()) == (1, 0), worker.log
        assert sum(result(tmp_path, master).requests.values()) == USERS * REQUESTS


@pytest.mark.parametrize(
    ("arguments", "exit_code", "says"),
    [
        (["--master", "--worker"], 255, "--master argument cannot be combined with --worker"),
        (["--processes", "-2", "--headless"], 1, "Invalid --processes count -2"),
        (["--processes", "2", "--master", "--headless"], 1, "--master cannot be combined with --processes"),
        (["--worker", "--cluster-secret", "short"], 1, "at least 16 are needed"),
        (["--worker", "--cluster-secret-file", "missing.txt"], 1, "cannot read missing.txt"),
        (["--master", "--headless", "--on-worker-loss", "panic"], 2, "one of redistribute, continue, abort"),
        (["--master", "--headless", "--master-bind-host", "no.such.host.invalid"], 1, "cannot listen on"),
        (["-f", "-"], 2, "it needs --worker"),
    ],
)
def test_what_cannot_be_is_said_at_once(
    gregaria: list[str], tmp_path: Path, arguments: list[str], exit_code: int, says: str
) -> None:
    with nodes() as running:
        running.append(Node([*gregaria, "-f", str(LOCUSTFILE), *arguments], tmp_path))
        assert (running[0].end(), says in running[0].log) == (exit_code, True), running[0].log


def test_a_master_says_that_its_port_is_busy(gregaria: list[str], tmp_path: Path) -> None:
    port = free_port()
    line = master_line(gregaria, port, "http://127.0.0.1")
    with nodes() as running:
        first = Node([*line, "-L", "DEBUG"], tmp_path)
        running.append(first)
        first.wait_for("Waiting for workers to be ready, 0 of 1 connected")
        second = Node(line, tmp_path)
        running.append(second)
        assert second.end() == 1
    assert f"The Locust master port (127.0.0.1:{port}) was busy" in second.log


def test_a_master_gives_up_when_nobody_comes(gregaria: list[str], tmp_path: Path) -> None:
    with nodes() as running:
        line = master_line(gregaria, free_port(), "http://127.0.0.1", "--expect-workers-max-wait", "1")
        running.append(Node(line, tmp_path))
        assert running[0].end() == 1
    assert "Gave up waiting for workers to connect" in running[0].log


def test_a_master_open_to_the_network_makes_up_a_secret(
    gregaria: list[str], own_server: TestServer, tmp_path: Path
) -> None:
    port = free_port()
    line = [part if part != "127.0.0.1" else "0.0.0.0" for part in master_line(gregaria, port, own_server.plain)]
    with nodes() as running:
        master = Node(line, tmp_path)
        running.append(master)
        master.wait_for("its links are encrypted")
        secret = master.log.partition("GREGARIA_CLUSTER_SECRET=")[2].split()[0]
        worker = Node(worker_line(gregaria, port), tmp_path, GREGARIA_CLUSTER_SECRET=secret)
        running.append(worker)
        assert (master.end(), worker.end()) == (1, 0), master.log
        open_line = [*line, "--insecure-cluster"]
        master = Node(open_line, tmp_path)
        worker = Node(worker_line(gregaria, port), tmp_path)
        running.extend([master, worker])
        assert (master.end(), worker.end()) == (1, 0), master.log
        assert "--insecure-cluster: the master listens on" in master.log


FEEDING = """
import os
from locust import HttpUser, constant, task
from gregaria import feed

rows = feed(os.environ["ROWS"])

class Reader(HttpUser):
    wait_time = constant(0)

    @task
    def read(self):
        self.client.get("/delay/1", name=rows.next()["name"])
"""


@pytest.mark.parametrize("kill", [False, True], ids=["all stay", "one is killed"])
def test_no_row_of_a_feed_is_given_twice(
    gregaria: list[str], own_server: TestServer, tmp_path: Path, kill: bool
) -> None:
    port, count = free_port(), 20_000 if kill else 600
    locustfile = tmp_path / "feeding.py"
    locustfile.write_text(FEEDING, encoding="utf-8")
    table = tmp_path / "rows.csv"
    table.write_text("name\n" + "".join(f"/row/{number}\n" for number in range(count)), encoding="utf-8")
    environment = {"ROWS": str(table)}
    with nodes() as running:
        line = master_line(gregaria, port, own_server.plain, "--expect-workers", "2", "--exit-code-on-error", "0")
        line[line.index("-f") + 1] = str(locustfile)
        master = Node([*line, "-t", "3s"], tmp_path, **environment)
        worker = [*gregaria, "-f", str(locustfile), "--worker", "--master-port", str(port)]
        workers = [Node(worker, tmp_path, **environment) for _ in range(2)]
        running.extend([master, *workers])
        master.wait_for("All users spawned")
        if kill:
            workers[0].kill()
        master.end()
        workers[1].end()
        run = result(tmp_path, master)
    assert "Traceback" not in master.log + workers[1].log
    counts = set(run.requests.values())
    assert counts == {1}, [row for row in run.requests.items() if row[1] > 1][:10]
    assert len(run.requests) == count or kill


SCRIPT = """
import os, sys
import gevent
from gregaria import HttpUser, constant, events, task
from gregaria.env import Environment

class Reader(HttpUser):
    host = os.environ["TARGET"]
    wait_time = constant(0.02)

    @task
    def read(self):
        self.client.get("/delay/1", name="/")

role, port = sys.argv[1], int(sys.argv[2])
environment = Environment(user_classes=[Reader], events=events)
if role == "worker":
    environment.create_worker_runner("127.0.0.1", port).greenlet.join()
else:
    runner = environment.create_master_runner("127.0.0.1", port)
    while len(runner.clients.ready) < 2:
        gevent.sleep(0.05)
    for users in (4, 6):
        runner.start(users, 100)
        assert runner.user_count == users, runner.user_count
        gevent.sleep(1)
        runner.stop()
        assert runner.user_count == 0 and environment.stats.total.num_requests > 20
        while len(runner.clients.ready) < 2 or runner.state != "stopped":
            gevent.sleep(0.02)
        print("counted", environment.stats.total.num_requests, [node.id for node in runner.clients.all] != [])
    runner.quit()
    print("over")
"""


def test_runners_as_a_library_start_and_stop_again_and_again(own_server: TestServer, tmp_path: Path) -> None:
    port = free_port()
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    python = str(Path(os.environ.get("GREGARIA_COMMAND", ".venv/bin/gregaria")).resolve().parent / "python")
    with nodes() as running:
        for role in ("master", "worker", "worker"):
            running.append(Node([python, str(script), role, str(port)], tmp_path, TARGET=own_server.plain))
        assert running[0].end() == 0, running[0].log
        assert [worker.end() for worker in running[1:]] == [0, 0]
        counts = [int(line.split()[1]) for line in running[0].log.splitlines() if line.startswith("counted")]
        seen = own_server.counts()["requests"]
    assert len(counts) == 2 and "over" in running[0].log
    # Each user may have one request cut off at each of the two stops.
    assert seen - 10 <= sum(counts) <= seen
