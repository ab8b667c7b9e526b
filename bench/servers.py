"""The servers under load, pinned to their core: nginx for throughput, the test server for exact delays; wrk as a probe.

All listen on 127.0.0.1 only. Knows nothing of what is measured.
"""

from __future__ import annotations

import re
import resource
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from measure import SERVER_CORE, pin

HERE = Path(__file__).resolve().parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fetch(port: int, path: str = "/") -> str:
    """Body of a GET on a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer.partition(b"\r\n\r\n")[2].decode()


class Nginx:
    """One nginx worker; a context manager."""

    def __enter__(self) -> Self:
        self.directory = Path(tempfile.mkdtemp(prefix="gregaria-bench-"))
        self.directory.chmod(0o755)
        self.port, self.status_port, self.two_port, self.tls_port = (free_port() for _ in range(4))
        self._make_files()
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        config = (HERE / "nginx.conf.in").read_text()
        for word, value in {
            "DIR": self.directory,
            "PORT": self.port,
            "STATUS_PORT": self.status_port,
            "TWO_PORT": self.two_port,
            "TLS_PORT": self.tls_port,
            "FILES": files,
            "CONNECTIONS": min(60_000, files - 100),
        }.items():
            config = config.replace(f"@{word}@", str(value))
        path = self.directory / "nginx.conf"
        path.write_text(config)
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen(
            [program, "-p", str(self.directory), "-c", str(path)], preexec_fn=pin(SERVER_CORE)
        )
        _wait_until_listening(self.status_port, self.process)
        return self

    def _make_files(self) -> None:
        """A body of 1 MiB, and a certificate signed by an authority, keys of an elliptic curve, as sites have."""
        (self.directory / "big").write_bytes(b"x" * (1 << 20))
        self._make_certificate("authority", "/CN=bench authority")
        signed_by = ["-CA", str(self.authority), "-CAkey", str(self.directory / "authority.key")]
        extensions = ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=IP:127.0.0.1"]
        self._make_certificate("server", "/CN=localhost", *signed_by, *extensions)

    def _make_certificate(self, name: str, subject: str, *more: str) -> None:
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        files = ["-keyout", str(self.directory / f"{name}.key"), "-out", str(self.directory / f"{name}.pem")]
        command = ["openssl", "req", "-x509", *curve, "-nodes", "-days", "30", "-subj", subject, *files, *more]
        subprocess.run(command, check=True, capture_output=True)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def two_url(self) -> str:
        """For HTTP/2 with prior knowledge."""
        return f"http://127.0.0.1:{self.two_port}"

    @property
    def tls_url(self) -> str:
        return f"https://127.0.0.1:{self.tls_port}"

    @property
    def authority(self) -> Path:
        """Who signed its certificate."""
        return self.directory / "authority.pem"

    def requests(self) -> int:
        """Requests answered so far; asking counts as one."""
        return int(fetch(self.status_port).split()[9])

    def connections(self) -> int:
        """Connections open now, without the one that asks."""
        return int(fetch(self.status_port).split()[2]) - 1


class DelayServer:
    """The test server, whose /delay/MS answers exactly then; a context manager."""

    def __init__(self, program: Path) -> None:
        self.program = program

    def __enter__(self) -> Self:
        self.port = free_port()
        self.process = subprocess.Popen(
            [str(self.program), "--port", str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            preexec_fn=pin(SERVER_CORE),
        )
        _wait_until_listening(self.port, self.process)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Probe:
    """wrk with one connection on the server's core: the response time that there really was at the same time."""

    def __init__(self, url: str, seconds: float) -> None:
        command = ["wrk", "-t1", "-c1", f"-d{max(1, round(seconds))}s", "--latency", url]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=pin(SERVER_CORE)
        )

    def median_ms(self) -> float:
        """Waits for the end of the probe."""
        out, err = self.process.communicate(timeout=60)
        found = re.search(r"50%\s+([\d.]+)(us|ms|s)", out)
        if not found:
            raise RuntimeError(f"the probe measured nothing: {out}{err}")
        return float(found.group(1)) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[found.group(2)]


def _wait_until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"{process.args!r} did not start")
