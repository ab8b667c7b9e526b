"""The image: its Dockerfile's own steps, and what they make, run as an engine would (tests/support/image.py)."""

import os
import re
import signal
from pathlib import Path

import pytest

from support.cluster import LOCUSTFILE, REQUESTS, USERS, Node, free_port, master_line, nodes, result
from support.image import DOCKERFILE, Image, stages
from support.server import REPOSITORY, TestServer

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts and namespaces are root's to make")

STOPS_WITHIN_S = 20
ABOUT_ITSELF = """
import os
from locust import User, constant, task

class Idle(User):
    wait_time = constant(1)

    def on_start(self):
        try:
            open("/home/locust/file", "w")
        except OSError as error:
            print("about:", os.getuid(), os.getpid(), os.getcwd(), error.strerror)

    @task
    def nothing(self):
        pass
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return Image.build(tmp_path_factory.mktemp("image") / "root")


@pytest.fixture
def locustfiles(tmp_path: Path) -> Path:
    folder = tmp_path / "locustfiles"
    folder.mkdir()
    (folder / "locustfile.py").write_text(ABOUT_ITSELF, encoding="utf-8")
    (folder / "counter.py").write_text(LOCUSTFILE.read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def test_what_the_build_stage_needs_reaches_it() -> None:
    build = stages(DOCKERFILE.read_text(encoding="utf-8"))["build"]
    assert build[-3:] == [("WORKDIR", "/src"), ("COPY", ". ."), ("RUN", "make wheel")]
    ignored = set((REPOSITORY / ".dockerignore").read_text(encoding="utf-8").split())
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    sources = re.search(r"^SOURCES := (.*(?:\\\n.*)*)", makefile, re.MULTILINE)
    assert sources is not None
    for name in (
        "crates",
        "python",
        "webui",
        "dev",
        "Makefile",
        *re.findall(r"[\w.]+\.(?:toml|lock|md)|LICENSE", sources[1]),
    ):
        assert (REPOSITORY / name).exists() or "*" in name, name
        assert name not in ignored
    assert "dev/build_wheels.sh dist" in makefile


def test_it_runs_as_nobody_special_and_stops_when_it_is_told(image: Image, locustfiles: Path) -> None:
    assert image.stop_signal == signal.SIGTERM and image.ports == [8089, 5557]
    with nodes() as running:
        test = ["-f", "/mnt/locust/locustfile.py", "--headless", "-u", "2", "-r", "2", "--csv", "/tmp/out"]
        container = image.run(test, locustfiles)
        running.append(container)
        container.wait_for("All users spawned")
        container.wait_for("about:", times=2)
        assert "about: 1000 1 /home/locust Read-only file system" in container.log
        container.kill(image.stop_signal)
        assert container.end(STOPS_WITHIN_S) == 0, container.log
    assert "Got SIGTERM signal" in container.log and "Aggregated" in container.log


def test_without_arguments_it_serves_the_web_ui_to_its_network(image: Image, locustfiles: Path) -> None:
    with nodes() as running:
        container = image.run(["-f", "/mnt/locust/locustfile.py"], locustfiles)
        running.append(container)
        container.wait_for("0.0.0.0:8089")
        ask = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8089/stats/requests').status)"
        assert container.inside(ask) == "200\n"
        container.kill(image.stop_signal)
        assert container.end(STOPS_WITHIN_S) == 0, container.log


def test_a_worker_that_is_told_to_stop_hands_over_what_it_has(
    image: Image, locustfiles: Path, gregaria: list[str], own_server: TestServer, tmp_path: Path
) -> None:
    port = free_port()
    with nodes() as running:
        master = Node(master_line(gregaria, port, own_server.plain, "-t", "10m"), tmp_path)
        worker = image.run(
            ["-f", "/mnt/locust/counter.py", "--worker", "--master-host", "127.0.0.1", "--master-port", str(port)],
            locustfiles,
            network="host",
        )
        running.extend([master, worker])
        master.wait_for("All users spawned")
        own_server.counts(USERS * REQUESTS)
        worker.kill(image.stop_signal)
        assert worker.end(STOPS_WITHIN_S) == 0, worker.log
        assert master.end() == 1, master.log
        run = result(tmp_path, master)
    assert sum(run.requests.values()) == USERS * REQUESTS
