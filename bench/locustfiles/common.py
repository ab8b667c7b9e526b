"""Shared by the locustfiles of the benchmark, which run unmodified under Locust and under Gregaria.

BENCH_CLIENT   http or fast: HttpUser or FastHttpUser
BENCH_WAIT     seconds to wait between tasks, "MIN,MAX"; none if it is not set
BENCH_SUMMARY  a file to write what the run measured to, as JSON, when the process quits
"""

import json
import os
import time

import gevent

from locust import FastHttpUser, HttpUser, between, constant, events

Base = FastHttpUser if os.environ.get("BENCH_CLIENT") == "fast" else HttpUser

SETTLE_S = 2.0
summary = {}


def wait_time():
    wait = os.environ.get("BENCH_WAIT")
    return between(*(float(part) for part in wait.split(","))) if wait else constant(0)


@events.test_start.add_listener
def remember_start(**_):
    summary["start_cpu_s"] = time.process_time()


@events.spawning_complete.add_listener
def measure_start(**_):
    """The CPU that starting took, counted until the users have had time to run their first task."""

    def note():
        summary.setdefault("spawn_cpu_s", time.process_time() - summary["start_cpu_s"])

    gevent.spawn_later(SETTLE_S, note)


@events.quitting.add_listener
def write_summary(environment, **_):
    path = os.environ.get("BENCH_SUMMARY")
    if not path:
        return
    total = environment.stats.total
    summary["test_cpu_s"] = time.process_time() - summary.get("start_cpu_s", 0.0)
    summary["requests"] = total.num_requests
    summary["failures"] = total.num_failures
    summary["exceptions"] = sum(entry["count"] for entry in environment.runner.exceptions.values())
    summary["p50_ms"] = total.get_response_time_percentile(0.5)
    summary["p99_ms"] = total.get_response_time_percentile(0.99)
    summary["mean_ms"] = total.avg_response_time
    summary["engine"] = engine_stats()
    with open(path, "w") as out:
        json.dump(summary, out)


def engine_stats():
    """Gregaria's own counters; nothing under Locust."""
    try:
        from gregaria import _engine
    except ImportError:
        return {}
    return dict(_engine.engine_stats())
