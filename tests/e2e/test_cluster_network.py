"""A cluster over a network that is cut and healed: two hosts of our own, made of network namespaces."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster import Node, nodes
from support.runs import Run

EACH = 400
LOCUSTFILE = f"""
from locust import User, constant, task

left = {EACH}

class Counter(User):
    wait_time = constant(0.03)

    @task
    def count(self):
        global left
        if left:
            left -= 1
            self.environment.events.request.fire(
                request_type="X", name="counted", response_time=left % 40, response_length=1, exception=None
            )
"""

LARGE_MESSAGE = """
from locust import events
from locust.runners import MasterRunner

LARGE = bytes(range(256)) * 80

@events.init.add_listener
def register(environment, runner, **kwargs):
    runner.register_message("large", lambda environment, msg, **kwargs: print("whole:", msg.data == LARGE))

@events.test_start.add_listener
def begin(environment, **kwargs):
    if isinstance(environment.runner, MasterRunner):
        environment.runner.send_message("large", LARGE)
"""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@pytest.fixture
def hosts() -> Iterator[tuple[str, str]]:
    """Two hosts with a cable between them: 10.98.7.1 and 10.98.7.2."""
    names = (f"gregaria-a-{os.getpid()}", f"gregaria-b-{os.getpid()}")
    try:
        for name in names:
            ip("netns", "add", name)
        ip("link", "add", "cable", "netns", names[0], "type", "veth", "peer", "name", "cable", "netns", names[1])
        for number, name in enumerate(names, 1):
            ip("-n", name, "addr", "add", f"10.98.7.{number}/24", "dev", "cable")
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "link", "set", "cable", "up")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces are root's to make")
def test_what_is_measured_during_a_cut_arrives_when_it_is_healed(
    hosts: tuple[str, str], gregaria: list[str], tmp_path: Path
) -> None:
    locustfile = tmp_path / "counting.py"
    locustfile.write_text(LOCUSTFILE, encoding="utf-8")
    here, there = (["ip", "netns", "exec", host, *gregaria, "-f", str(locustfile)] for host in hosts)
    secret = {"GREGARIA_CLUSTER_SECRET": "of the two test hosts"}
    with nodes() as running:
        test = ["--headless", "-u", "4", "-r", "10", "-t", "16s", "--expect-workers", "2", "--csv", "out"]
        master = Node([*here, "--master", *test, "--only-summary"], tmp_path, **secret)
        near = Node([*here, "--worker", "--master-host", "10.98.7.1"], tmp_path, **secret)
        far = Node([*there, "--worker", "--master-host", "10.98.7.1"], tmp_path, **secret)
        running.extend([master, near, far])
        master.wait_for("All users spawned")
        ip("-n", hosts[1], "link", "set", "cable", "down")
        master.wait_for("failed to send heartbeat, setting state to missing")
        ip("-n", hosts[1], "link", "set", "cable", "up")
        master.wait_for("self-healed with heartbeat")
        codes = [node.end() for node in running]
        logs = "".join(node.log for node in running)
        run = Run([], 0, "", master.log, tmp_path / "out")
    assert codes == [0, 0, 0], logs
    assert run.requests == {("X", "counted"): 2 * EACH}, logs


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces are root's to make")
def test_a_slow_cable_that_loses_packets_loses_no_figures(
    gregaria: list[str], hosts: tuple[str, str], tmp_path: Path
) -> None:
    locustfile = tmp_path / "locustfile.py"
    locustfile.write_text(LOCUSTFILE + LARGE_MESSAGE, encoding="utf-8")
    here, there = (["ip", "netns", "exec", host, *gregaria, "-f", str(locustfile)] for host in hosts)
    # A packet waits up to 0.3 s, and is dropped if two are waiting already.
    shape = ["qdisc", "add", "dev", "cable", "root", "tbf", "rate", "80kbit", "burst", "1600", "limit", "3000"]
    for host in hosts:
        subprocess.run(["tc", "-n", host, *shape], check=True)
    with nodes() as running:
        test = ["--headless", "-u", "4", "-r", "10", "-t", "16s", "--csv", "out", "--insecure-cluster"]
        master = Node([*here, "--master", *test, "--only-summary"], tmp_path)
        far = Node([*there, "--worker", "--master-host", "10.98.7.1"], tmp_path)
        running.extend([master, far])
        codes = [node.end(60) for node in running]
        dropped = [_dropped(host) for host in hosts]
        run = Run([], 0, "", master.log, tmp_path / "out")
    assert codes == [0, 0], master.log + far.log
    assert run.requests == {("X", "counted"): EACH}, master.log + far.log
    assert sum(dropped) > 0, "the cable has lost nothing"
    assert "whole: True" in far.log


def _dropped(host: str) -> int:
    told = subprocess.run(["tc", "-n", host, "-s", "qdisc", "show", "dev", "cable"], capture_output=True, text=True)
    return int(told.stdout.split("dropped ")[1].split(",")[0])
