"""Ends of a cluster by themselves, as the engine has them."""

import os
import sys
import time
from pathlib import Path

import pytest

from gregaria import _engine


def threads(name: str) -> list[int]:
    """Threads of this process with this name."""
    tasks = Path("/proc/self/task").iterdir()
    return [int(task.name) for task in tasks if (task / "comm").read_text(encoding="utf-8").strip() == name]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how its threads are scheduled")
def test_a_workers_reports_are_written_by_a_thread_that_gives_way_to_the_hub() -> None:
    link = _engine.WorkerLink(_engine.RequestStats(), "127.0.0.1", 1, "worker_1", version="-1", master="127.0.0.1:1")
    try:
        deadline = time.monotonic() + 30
        while not [thread for thread in threads("cluster-clock") if os.sched_getscheduler(thread) == os.SCHED_BATCH]:
            assert time.monotonic() < deadline, [os.sched_getscheduler(thread) for thread in threads("cluster-clock")]
            time.sleep(0.01)
        (thread,) = threads("cluster-clock")
        assert os.getpriority(os.PRIO_PROCESS, thread) > os.getpriority(os.PRIO_PROCESS, 0)
        assert os.sched_getscheduler(0) == os.SCHED_OTHER
    finally:
        link.close()
