"""How busy this process keeps the machine: CPU in percent of one core, and memory; what is said when it is too much."""

from __future__ import annotations

import resource
import time
from pathlib import Path

TOO_BUSY_NOW = (
    "CPU usage above %s%%! This may constrain your throughput and distort response times; spread the load over more "
    "cores or machines."
)
TOO_BUSY_AT_TIMES = (
    "CPU usage was too high at some point during the test! What was measured then may be this machine's own slowness; "
    "spread the load over more cores or machines."
)

_STATM = Path("/proc/self/statm")


class UsageMeter:
    """Measures from one reading to the next."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    def cpu_percent(self) -> float:
        """CPU time of all threads since the last reading, as a share of the time that has passed."""
        wall, cpu = time.perf_counter(), time.process_time()
        passed = wall - self._wall
        percent = (cpu - self._cpu) / passed * 100 if passed > 0 else 0.0
        self._wall, self._cpu = wall, cpu
        return round(percent, 1)


def memory_bytes() -> int:
    """Resident memory of the process now; where the system does not tell, the most there has been."""
    try:
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
