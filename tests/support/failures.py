"""Runs the failure locustfile under a load tester and gives its record with the run's ports and paths taken out.

Used by the maker of `golden/failure_texts.json` and by the test that holds Gregaria against it.
"""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from support.server import TestServer, full_listener

LOCUSTFILE = Path(__file__).with_name("failure_locustfile.py")
FAST_LOCUSTFILE = Path(__file__).with_name("fast_failure_locustfile.py")


def record(
    command: list[str], server: TestServer, folder: Path, only: str = "", locustfile: Path = LOCUSTFILE
) -> dict[str, Any]:
    """What the tester started by `command` makes of every failing request; `folder` takes its files."""
    out = folder / "failures.json"
    with full_listener() as full:
        addresses = _addresses(server, full)
        extra = {"FAILURES_ADDRESSES": json.dumps(addresses), "FAILURES_OUT": str(out), "FAILURES_ONLY": only}
        line = [*command, "-f", str(locustfile), "--headless", "-u", "1", "-t", "120s", "--only-summary"]
        done = subprocess.run(
            line, env={**os.environ, **extra}, capture_output=True, text=True, timeout=180, cwd=folder
        )
    if not out.exists():
        raise RuntimeError(f"no record was written; exit code {done.returncode}\n{done.stderr[-4000:]}")
    text = out.read_text(encoding="utf-8")
    return dict(json.loads(_without_addresses(text, addresses)))


def _addresses(server: TestServer, full: str) -> dict[str, str]:
    port = server.port
    return {
        "plain": server.plain,
        "tls": server.tls,
        "self_signed": server.self_signed,
        "expired": server.expired,
        "wrong_host": server.wrong_host,
        "wrong_host_by_name": f"https://localhost:{port('wrong_host')}",
        "plain_address": f"127.0.0.1:{port('plain')}",
        "tls_address": f"127.0.0.1:{port('tls')}",
        "authority": server.authority,
        "full": full,
    }


def _without_addresses(text: str, addresses: dict[str, str]) -> str:
    ports = {addresses[name].rpartition(":")[2]: name for name in addresses if name != "authority"}
    kept = {port: name for port, name in ports.items() if not name.endswith("_address") and not name.endswith("_name")}
    kept |= {addresses[name].rpartition(":")[2]: name for name in ("plain", "tls", "wrong_host")}
    for port, name in kept.items():
        text = text.replace(f":{port}", f":<{name}>").replace(f"port={port}", f"port=<{name}>")
    # The line of Python's own source differs between versions.
    text = re.sub(r"_ssl\.c:\d+", "_ssl.c:....", text)
    # urllib3's connections show their address, which Locust masks for plain objects only.
    text = re.sub(r" at 0x[0-9a-f.]+", " at 0x....", text)
    return text.replace(addresses["authority"], "<authority>")
