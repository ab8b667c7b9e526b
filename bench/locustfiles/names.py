"""A thousand names (or BENCH_NAMES); how long each of a worker's reports keeps its hub busy goes into BENCH_REPORTS."""

import json
import os
import time

from common import wait_time

from locust import HttpUser, events, task
from locust.runners import WorkerRunner

NAMES = int(os.environ.get("BENCH_NAMES", "1000"))


class Namer(HttpUser):
    wait_time = wait_time()
    count = 0

    @task
    def get(self):
        Namer.count += 1
        self.client.get("/", name=f"/api/v1/things/{Namer.count % NAMES}")


@events.init.add_listener
def watch_reports(runner, **_):
    if not isinstance(runner, WorkerRunner):
        return
    send, taken = runner._send_stats, []

    def timed():
        began = time.perf_counter()
        send()
        taken.append(time.perf_counter() - began)
        with open(os.environ["BENCH_REPORTS"], "w") as out:
            json.dump({"longest_ms": 1000 * max(taken)}, out)

    runner._send_stats = timed
