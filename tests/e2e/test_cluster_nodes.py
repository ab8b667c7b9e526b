"""Nodes that are slow, late, of another make, or have another locustfile; and the hooks on both kinds of node."""

import re
import signal
import sys
from pathlib import Path

import pytest

from support.cluster import LOCUSTFILE, REQUESTS, USERS, Node, free_port, master_line, nodes, result, worker_line
from support.server import TestServer

RAW_WORKER = Path(__file__).parents[1] / "support" / "raw_worker.py"


def test_a_worker_of_another_make_can_join(
    gregaria: list[str], locust: list[str], own_server: TestServer, tmp_path: Path
) -> None:
    port = free_port()
    python = str(Path(locust[0]).parent / "python")
    with nodes() as running:
        line = master_line(gregaria, port, own_server.plain, "--expect-workers", "2")
        master = Node(line, tmp_path)
        other = Node([python, str(RAW_WORKER), str(port)], tmp_path)
        ours = Node(worker_line(gregaria, port), tmp_path)
        running.extend([master, other, ours])
        assert [node.end() for node in running] == [1, 0, 0], master.log + other.log
        run = result(tmp_path, master)
    assert run.requests[("GET", "/go")] == 42
    assert run.failures[("GET", "/go", "it broke")] == 2
    assert run.entries[("GET", "/go")]["Median Response Time"] in ("20", "20.0")
    mine = sum(count for (_, name), count in run.requests.items() if name.startswith("/part/"))
    assert mine == USERS // 2 * REQUESTS
    assert master.log.count("Will reset client other_0123456789abcdef") == 2
    assert other.log.count("reconnect") == 2


def test_a_worker_that_hangs_is_missing_until_it_moves_again(
    gregaria: list[str], own_server: TestServer, tmp_path: Path
) -> None:
    port = free_port()
    with nodes() as running:
        line = master_line(gregaria, port, own_server.plain, "--expect-workers", "2")
        master = Node([*line, "-t", "15s"], tmp_path)
        workers = [Node(worker_line(gregaria, port), tmp_path) for _ in range(2)]
        running.extend([master, *workers])
        master.wait_for("All users spawned")
        workers[0].kill(signal.SIGSTOP)
        master.wait_for("setting state to missing")
        workers[0].kill(signal.SIGCONT)
        master.wait_for("self-healed with heartbeat")
        assert [node.end() for node in running] == [1, 0, 0], master.log
        run = result(tmp_path, master)
    assert sum(run.requests.values()) == USERS * REQUESTS, master.log


def test_a_worker_that_comes_late_is_given_users(gregaria: list[str], own_server: TestServer, tmp_path: Path) -> None:
    port = free_port()
    with nodes() as running:
        master = Node([*master_line(gregaria, port, own_server.plain), "-t", "8s"], tmp_path)
        first = Node(worker_line(gregaria, port), tmp_path, REQUESTS_PER_USER="100000")
        running.extend([master, first])
        master.wait_for("All users spawned")
        late = Node(worker_line(gregaria, port), tmp_path, REQUESTS_PER_USER="100000")
        running.append(late)
        master.wait_for("All users spawned", times=2)
        assert [node.end() for node in running] == [1, 0, 0]
    assert "to 2 ready workers" in master.log
    assert result(tmp_path, master).spawned[-1] == f'{{"Counter": {USERS}}} ({USERS} total users)'


def test_a_worker_with_another_locustfile_says_so(gregaria: list[str], own_server: TestServer, tmp_path: Path) -> None:
    port = free_port()
    other = tmp_path / "other.py"
    other.write_text(LOCUSTFILE.read_text(encoding="utf-8").replace("class Counter", "class Other"), encoding="utf-8")
    with nodes() as running:
        master = Node(master_line(gregaria, port, own_server.plain, "--expect-workers", "2"), tmp_path)
        wrong = Node([*gregaria, "-f", str(other), "--worker", "--master-port", str(port)], tmp_path)
        right = Node(worker_line(gregaria, port), tmp_path)
        running.extend([master, wrong, right])
        assert [node.end() for node in running] == [1, 0, 0], master.log
    assert "The master wants users of Counter, which this worker's locustfile does not have" in wrong.log
    assert sum(result(tmp_path, master).requests.values()) == USERS // 2 * REQUESTS


def test_a_master_that_cannot_be_found_is_named(gregaria: list[str], tmp_path: Path) -> None:
    with nodes() as running:
        line = [*gregaria, "-f", str(LOCUSTFILE), "--worker", "--master-host", "no.such.host.invalid"]
        running.append(Node(line, tmp_path))
        running[0].wait_for("No connection to the master")
        assert "lookup" in running[0].log or "resolv" in running[0].log or "not known" in running[0].log


HOOKS = """
import sys
from locust import User, constant, events, task

class Idle(User):
    wait_time = constant(1)

    def on_start(self):
        print("hook: on_start", file=sys.stderr, flush=True)

    def on_stop(self):
        print("hook: on_stop", file=sys.stderr, flush=True)

    @task
    def nothing(self):
        pass

def tell(name):
    def listener(**kwargs):
        keys = sorted(key for key in kwargs if key != "environment")
        print("hook:", name, *keys, file=sys.stderr, flush=True)
    getattr(events, name).add_listener(listener)

for name in ("init", "test_start", "spawning_complete", "test_stopping", "test_stop", "quitting", "quit", "reset_stats",
             "worker_connect", "worker_report", "report_to_master", "heartbeat_sent", "heartbeat_received"):
    tell(name)

@events.init.add_listener
def number(environment, runner, **kwargs):
    print("index:", getattr(runner, "worker_index", "master"), file=sys.stderr, flush=True)
"""

REPEATED = ("worker_report", "report_to_master", "heartbeat_sent", "heartbeat_received")


def hooks_of(command: list[str], folder: Path) -> list[list[str]]:
    """Hooks as master and worker have called them, in order; those that come again and again at the end, once."""
    port = free_port()
    folder.mkdir()
    locustfile = folder / "hooks.py"
    locustfile.write_text(HOOKS, encoding="utf-8")
    with nodes() as running:
        where = ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", str(port), "--headless"]
        test = ["-u", "1", "-r", "1", "-t", "3s", "--only-summary"]
        master = Node([*command, "-f", str(locustfile), *where, *test], folder)
        worker = Node([*command, "-f", str(locustfile), "--worker", "--master-port", str(port)], folder)
        running.extend([master, worker])
        assert [node.end() for node in running] == [0, 0], master.log + worker.log
        logs = [master.log, worker.log]
    found = []
    for log in logs:
        called = re.findall(r"^(?:hook|index): (.*)$", log, re.MULTILINE)
        once = [line for line in called if line.split()[0] not in REPEATED]
        found.append([*once, *sorted({line for line in called if line.split()[0] in REPEATED})])
    return found


def test_hooks_are_called_on_the_same_nodes_in_the_same_order(
    gregaria: list[str], locust: list[str], tmp_path: Path
) -> None:
    ours, theirs = hooks_of(gregaria, tmp_path / "ours"), hooks_of(locust, tmp_path / "theirs")
    assert ours == theirs
    assert "worker_connect client_id" in ours[0] and "0" in ours[1]


STARTS = """
import sys, time
import gevent
from gregaria import User, constant, events, task
from gregaria.env import Environment

class Starter(User):
    wait_time = constant(1)

    def on_start(self):
        self.environment.runner.send_message("began", {"at": time.time()})

    @task
    def nothing(self):
        pass

role, port = sys.argv[1], int(sys.argv[2])
environment = Environment(user_classes=[Starter], events=events)
if role == "worker":
    environment.create_worker_runner("127.0.0.1", port).greenlet.join()
    sys.exit()
runner = environment.create_master_runner("127.0.0.1", port)
began = []
runner.register_message("began", lambda environment, msg, **kwargs: began.append(msg.data["at"]))
spreads = []
while len(runner.clients.ready) < 3:
    gevent.sleep(0.05)
for _ in range(7):
    began.clear()
    runner.start(3, 100)
    while len(began) < 3:
        gevent.sleep(0.01)
    spreads.append(max(began) - min(began))
    runner.stop()
    while len(runner.clients.ready) < 3 or runner.state != "stopped":
        gevent.sleep(0.01)
runner.quit()
print("spread", *(f"{spread:.4f}" for spread in sorted(spreads)))
"""


def test_workers_start_together(gregaria: list[str], tmp_path: Path) -> None:
    port = free_port()
    script = tmp_path / "starts.py"
    script.write_text(STARTS, encoding="utf-8")
    with nodes() as running:
        for role in ("master", "worker", "worker", "worker"):
            running.append(Node([sys.executable, str(script), role, str(port)], tmp_path))
        assert running[0].end() == 0, running[0].log
        line = next(line for line in running[0].log.splitlines() if line.startswith("spread"))
    spreads = [float(word) for word in line.split()[1:]]
    assert spreads[3] < 0.05, f"the median of {spreads}"


IDLE = """
from locust import User, constant, events, task

@events.test_stop.add_listener
def stopped(**kwargs):
    print("hook: test_stop")

class Idle(User):
    wait_time = constant(1)

    @task
    def nothing(self):
        pass
"""


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (signal.SIGKILL, "all workers were lost before a request was made"),
        (signal.SIGTERM, "all workers quit before a request was made"),
    ],
)
def test_a_test_without_workers_has_not_passed(
    gregaria: list[str], tmp_path: Path, how: signal.Signals, says: str
) -> None:
    port = free_port()
    locustfile = tmp_path / "idle.py"
    locustfile.write_text(IDLE, encoding="utf-8")
    test = ["--headless", "-u", "2", "-r", "2", "-t", "8s", "--only-summary"]
    where = ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", str(port)]
    with nodes() as running:
        master = Node([*gregaria, "-f", str(locustfile), *test, *where], tmp_path)
        worker = Node([*gregaria, "-f", str(locustfile), "--worker", "--master-port", str(port)], tmp_path)
        running.extend([master, worker])
        master.wait_for("All users spawned")
        worker.kill(how)
        assert master.end() == 1, master.log
    assert f"Verdict: FAILED ({says})" in master.log
    assert master.log.count("hook: test_stop") == 1, master.log
