"""`make bench`: measures Gregaria beside wrk and Locust on two cores and holds the figures against their targets.

Usage: run.py [--quick] [--only REGEX] [--testkit PATH]
Writes bench/results/TIME.json; exits 1 if a ratio misses its target.
Takes 2 to 4 minutes with --quick and 8 to 15 without. Everything runs on 127.0.0.1 and for a fixed time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import measure
import scenarios
import tools
import verdict

RESULTS = Path(__file__).resolve().parent / "results"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of short runs")
    parser.add_argument("--only", default="", metavar="REGEX", help="of " + ", ".join(scenarios.NAMES))
    parser.add_argument("--testkit", type=Path, default=tools.PROJECT / "target/release/testkit-server")
    return parser.parse_args()


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    versions = {
        name: (subprocess.run(command, capture_output=True, text=True).stdout.split("\n") or [""])[0]
        for name, command in {
            "gregaria": [tools.GREGARIA, "--version"],
            "locust": [tools.LOCUST, "--version"],
            "wrk": ["wrk", "--version"],
        }.items()
    }
    return {
        "cpu": model.group(1) if model else platform.processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "versions": {name: " ".join(line.split()[:2]) for name, line in versions.items()},
    }


def main() -> int:
    chosen = options()
    if not {measure.GENERATOR_CORE, measure.SERVER_CORE} <= os.sched_getaffinity(0):
        sys.exit("the benchmark needs two cores: one for the generator, one for the server")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {measure.SERVER_CORE})
    plan = (
        scenarios.Plan(seconds=3, rounds=1, hold_s=6, version_runs=3, testkit=chosen.testkit)
        if chosen.quick
        else scenarios.Plan(seconds=6, rounds=3, hold_s=15, version_runs=5, testkit=chosen.testkit)
    )
    started = time.strftime("%Y-%m-%dT%H-%M-%S")
    rows = []
    for row in scenarios.run_all(plan, lambda name: re.search(chosen.only, name) is not None):
        print(scenarios.describe(row), flush=True)
        if "trouble" in row:
            print(row["trouble"], file=sys.stderr)
        rows.append(row)
    lines = verdict.targets(rows)
    about = machine()
    RESULTS.mkdir(exist_ok=True)
    record = {"at": started, "quick": chosen.quick, "machine": about, "rows": rows}
    (RESULTS / f"{started}.json").write_text(json.dumps(record, indent=1))
    print(f"\n{about['cpu']}, Linux {about['kernel']}, CPython {about['python']}")
    print(", ".join(about["versions"].values()))
    print(f"µs: CPU per request, user+system of the whole process; medians of {plan.rounds} × {plan.seconds} s\n")
    print(verdict.table(lines))
    disturbed = [row for row in rows if row.get("disturbed")]
    if disturbed:
        print(f"\n{len(disturbed)} of {len(rows)} runs were disturbed by other work on this machine in every try:")
        print("\n".join(f"  {scenarios.describe(row)}" for row in disturbed))
    if not verdict.passed(lines):
        print("\nA ratio missed its target.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
