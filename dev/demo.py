"""`make demo`: starts the bundled shop API, loads it for 15 seconds with examples/shop.py, writes a report to look at,
and says what to try next.

Always ends: the API is stopped by its process id, and the run is interrupted if it outlives its time by far.
Usage: demo.py PATH-OF-DEMO-API PATH-OF-REPORT
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

GREGARIA = Path(sys.executable).with_name("gregaria")
EXAMPLE = Path("examples/shop.py")
RUN_TIME_S = 15
PATIENCE_S = 45

NEXT_STEPS = """
That was {example} against the bundled shop: read it, change it, run it again. The failures are real: the shop's
search answers 503 now and then, so that there is something to find. Open the report in a browser:

  {report}

To look around yourself, on the page at http://localhost:8089 or without it:

  {api} --port 8080
  {gregaria} -f {example} -H http://127.0.0.1:8080
  {gregaria} -f {example} --headless -u 50 -r 10 -t 30s -H http://127.0.0.1:8080

  more users:             -u 5000 -r 500
  only the final tables:  --only-summary
  some of the tasks:      --tags browse
  files for a CI job:     --csv results --junit results.xml --fail-if "p95 > 400ms"
  your own locustfile:    {gregaria} -f locustfile.py --headless -u 10 -t 1m -H http://localhost:8000
"""


def start_api(program: str) -> tuple[subprocess.Popen[str], str]:
    """Starts the API on a free port and returns it with its address, which it prints once it listens."""
    api = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = threading.Timer(10, api.kill)
    deadline.start()
    try:
        assert api.stdout is not None
        for line in api.stdout:
            words = line.split()
            address = next((word for word in words if word.startswith("http://")), None)
            if address:
                return api, address
    finally:
        deadline.cancel()
    api.kill()
    raise SystemExit(f"{program} ended without saying where it listens")


def load(address: str, report: str) -> int:
    """Runs the example, which writes its report, and returns its exit code."""
    users = ["-u", "50", "-r", "10", "-t", f"{RUN_TIME_S}s", "--html", report]
    # The shop fails on purpose now and then; the demo is a success all the same.
    command = [str(GREGARIA), "-f", str(EXAMPLE), "--headless", *users, "-H", address, "--exit-code-on-error", "0"]
    print("$", " ".join(command), flush=True)
    run = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        return run.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        print(f"the run has not ended after {PATIENCE_S} s", file=sys.stderr)
        return 1
    finally:
        end(run)


def end(process: subprocess.Popen[Any]) -> None:
    """Ends a process that we started, if it has not ended yet."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> int:
    program, report = sys.argv[1:]
    api, address = start_api(program)
    try:
        code = load(address, report)
    except KeyboardInterrupt:
        return 130
    finally:
        end(api)
    if code:
        print(f"the demo failed: gregaria ended with exit code {code}", file=sys.stderr)
        return code
    gregaria = GREGARIA.relative_to(Path.cwd()) if GREGARIA.is_relative_to(Path.cwd()) else GREGARIA
    print(NEXT_STEPS.format(example=EXAMPLE, api=program, gregaria=gregaria, report=Path(report).absolute().as_uri()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
