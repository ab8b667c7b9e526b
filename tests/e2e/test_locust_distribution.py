"""Programs of their own: `python script.py` with Gregaria, and with `gregaria-locust` under Locust's names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.server import REPOSITORY, TestServer

# What Locust's documentation shows for use as a library, and `locust.env` spelt in several ways.
SCRIPT = """
import sys
import gevent
import {package}
from {package} import HttpUser, events, task
from {package}.env import Environment
from {package}.stats import stats_history, stats_printer
import {package}.runners as runners

class MyUser(HttpUser):
    host = sys.argv[1]

    @task
    def t(self):
        self.client.get("/bytes/3")

environment = Environment(user_classes=[MyUser], events=events)
runner = environment.create_local_runner()
environment.events.init.fire(environment=environment, runner=runner, web_ui=None)
gevent.spawn(stats_printer(environment.stats))
gevent.spawn(stats_history, environment.runner)
runner.start(1, spawn_rate=10)

def quit_soon():
    while not environment.stats.num_requests:
        gevent.sleep(0.01)
    runner.quit()

gevent.spawn(quit_soon)
runner.greenlet.join()
assert runner.state == runners.STATE_STOPPED and {package}.env.Environment is Environment
print(environment.stats.total.num_requests, environment.stats.total.num_failures)
"""


@pytest.fixture(scope="module")
def locust_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The distribution, built and installed into a folder of its own."""
    folder = tmp_path_factory.mktemp("distribution")
    build = [sys.executable, str(REPOSITORY / "dev" / "build_locust_wheel.py"), str(folder)]
    subprocess.run(build, check=True, timeout=100)
    (wheel,) = folder.glob("gregaria_locust-*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder / "site"), str(wheel)]
    subprocess.run(pip, check=True, timeout=100)
    return folder / "site"


@pytest.mark.parametrize("package", ["gregaria", "locust"])
def test_a_script_needs_no_command(package: str, locust_package: Path, server: TestServer, tmp_path: Path) -> None:
    script = tmp_path / "use_as_lib.py"
    script.write_text(SCRIPT.format(package=package))
    path = {"PYTHONPATH": str(locust_package)} if package == "locust" else {}
    command = [sys.executable, str(script), server.plain]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **path})
    assert done.returncode == 0, done.stderr
    requests, failures = map(int, done.stdout.split())
    assert requests > 0 and failures == 0


def test_its_command_is_ours(locust_package: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(locust_package)}
    for command in ([str(locust_package / "bin" / "locust")], [sys.executable, "-m", "locust"]):
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60, env=environment)
        assert done.stdout.startswith("gregaria "), done.stderr


def test_type_checkers_find_the_submodules(locust_package: Path) -> None:
    assert (locust_package / "locust" / "py.typed").exists()
    for module, text in (("env.pyi", "gregaria.env"), ("util/date.pyi", "gregaria.util.date"), ("__init__.pyi", "")):
        assert (locust_package / "locust" / module).read_text() == f"from {text or 'gregaria'} import *\n"
