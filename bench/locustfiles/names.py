"""A thousand names, and how long each of a worker's reports keeps its hub busy: the longest goes into BENCH_REPORTS."""

import json
import os
import time

from locust import HttpUser, constant, events, task
from locust.runners import WorkerRunner

NAMES = 1_000


class Namer(HttpUser):
    wait_time = constant(0)
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
