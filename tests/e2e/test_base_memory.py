"""What a plain run does not need it does not load: memory before the first user, and the time to start."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

NOT_NEEDED = (
    *("asyncio", "bson", "ctypes", "difflib", "html", "readline", "webbrowser", "xml"),
    *("gregaria.cli.summaries", "gregaria.cli.tools", "gregaria.event_loop"),
    *("gregaria.distributed.locustfiles", "gregaria.distributed.master", "gregaria.distributed.worker"),
    *("gregaria.html", "gregaria.web"),
)
LOCUSTFILE = f"""
import sys
from locust import HttpUser, events, task

class Plain(HttpUser):
    host = "http://127.0.0.1:1"

    @task
    def work(self):
        self.environment.runner.quit()

@events.test_stop.add_listener
def say(**_):
    print("loaded:", *(name for name in {NOT_NEEDED!r} if name in sys.modules))
    from locust import runners
    print("master:", runners.MasterRunner.__name__, issubclass(runners.WorkerRunner, runners.DistributedRunner))
"""


def test_a_local_run_loads_nothing_of_clusters_pages_and_summaries(gregaria: list[str], tmp_path: Path) -> None:
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE)
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("LOCUST_", "GREGARIA_"))}
    command = [*gregaria, "--headless", "-u", "1", "-t", "60s"]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["loaded:", "master: MasterRunner True"], done.stdout
