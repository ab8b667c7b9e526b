"""Real servers of other protocols, each started for a test on a free port of 127.0.0.1, in a folder of its own.

`dev/install_servers.sh`, which `make test` calls, installs their programs; without them the tests fail and say so.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent

from support.population import wait_for
from support.protocols import refusing_port
from support.server import running

PLACES = ["/usr/sbin", "/usr/local/sbin", *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]
ATTEMPTS = 5
"""Another process may take the free port first."""


def program(name: str) -> str:
    """Where a server's program is."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *PLACES]))
    if found is None:
        raise RuntimeError(f"{name} is not installed; dev/install_servers.sh installs it")
    return found


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def folder_of(user: list[str]) -> Iterator[Path]:
    """A new folder, of an unprivileged user if the tests run as root. The folders above stay as they are."""
    folder = Path(tempfile.mkdtemp(prefix="gregaria-"))
    try:
        if user:
            shutil.chown(folder, "nobody", "nogroup")
        yield folder
    finally:
        shutil.rmtree(folder)


# --- mosquitto -------------------------------------------------------------------------------------------------------

MOSQUITTO = """
user root
persistence false
allow_anonymous false
password_file {folder}/passwords
listener {plain} 127.0.0.1
listener {websockets} 127.0.0.1
protocol websockets
"""


@contextmanager
def mosquitto() -> Iterator[dict[str, int]]:
    """A broker that lets in `visitor` with the password `secret`: its port of each transport."""
    with folder_of([]) as folder:
        (folder / "passwords").write_text("visitor:secret\n")
        subprocess.run([program("mosquitto_passwd"), "-U", folder / "passwords"], check=True)
        for _ in range(ATTEMPTS):
            ports = {"plain": refusing_port(), "websockets": refusing_port()}
            (folder / "configuration").write_text(MOSQUITTO.format(folder=folder, **ports))
            command = [program("mosquitto"), "-c", folder / "configuration"]
            broker = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with ended(broker):
                wait_for(lambda: broker.poll() is not None or all(map(accepts, ports.values())))  # noqa: B023
                if broker.poll() is None:
                    yield {"tcp": ports["plain"], "websockets": ports["websockets"]}
                    return
        raise RuntimeError(f"mosquitto does not start: {command}")


# --- Milvus ----------------------------------------------------------------------------------------------------------


@contextmanager
def milvus() -> Iterator[str]:
    """A small stand-in that speaks Milvus's gRPC (milvus_server.py); its address."""
    with running([sys.executable, str(Path(__file__).with_name("milvus_server.py"))]) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, "the server ended before it said its port"
        yield f"http://127.0.0.1:{port}"


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


@contextmanager
def postgresql() -> Iterator[str]:
    """A new cluster of databases; a connection string."""
    # It refuses to run as root.
    lower = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    with folder_of(lower) as folder:
        data = folder / "data"
        prepare = [*lower, program("initdb"), "-D", data, "-A", "trust", "-U", "visitor", "--no-sync", "--no-locale"]
        subprocess.run(prepare, check=True, capture_output=True, cwd=folder)
        for _ in range(ATTEMPTS):
            port = refusing_port()
            options = ["-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", "", "-F"]
            command = [*lower, program("postgres"), *options]
            server = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=folder)
            ready = [program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]

            def started() -> bool:
                gevent.sleep(0.02)
                return server.poll() is not None or subprocess.run(ready).returncode == 0  # noqa: B023

            with ended(server):
                wait_for(started)
                if server.poll() is None:
                    yield f"postgresql://visitor@127.0.0.1:{port}/postgres"
                    return
        raise RuntimeError(f"PostgreSQL does not start: {command}")
