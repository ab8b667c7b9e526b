"""The image of `deploy/Dockerfile` without a container engine: its steps are run in namespaces, on the host's files.

What the base image brings is this machine's Python; what the build stage makes is the wheel of `make build`, and the
wheel's dependencies are those of `.venv`. All other steps are those of the file: one that is unknown here fails.
"""

import json
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .cluster import Node
from .server import REPOSITORY, program

DOCKERFILE = REPOSITORY / "deploy" / "Dockerfile"
FOLDERS = ("dev", "etc", "home", "mnt/locust", "opt/dependencies", "proc", "root", "tmp", "usr", "usr_local")
LINKS = ("bin", "lib", "lib64", "sbin")
MOUNTS = """
set -eu
root=$1 python=$2 dependencies=$3
shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
read_only() { mount --bind "$1" "$2"; mount -o remount,bind,ro "$2"; }
read_only /usr "$root/usr"
mount --bind "$root/usr_local" "$root/usr/local"
mkdir -p "$root$python"
read_only "$python" "$root$python"
read_only "$dependencies" "$root/opt/dependencies"
for device in null zero random urandom; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t proc proc "$root/proc"
"""
STEP = MOUNTS + 'exec chroot "$root" "$@"\n'
RUN = (
    MOUNTS
    + """
read_only "$1" "$root/mnt/locust"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -o remount,bind,ro "$root/usr/local"
mount -o remount,bind,ro "$root"
[ "$2" = host ] || ip link set lo up
shift 2
exec chroot "$root" setpriv --bounding-set=-all --no-new-privs --clear-groups "$@"
"""
)


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile, in order, with what follows each."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()]


def stages(text: str) -> dict[str, list[tuple[str, str]]]:
    """The instructions of each stage by its name; that of the last, the image, is empty."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, rest in instructions(text):
        if name == "FROM":
            current: list[tuple[str, str]] = []
            found[rest.split(" AS ")[1] if " AS " in rest else ""] = current
        current.append((name, rest))
    return found


@dataclass
class Image:
    """An image, as far as it is built; `root` is its file system."""

    root: Path
    user: str = "0"
    folder: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    entry_point: list[str] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    stop_signal: int = signal.SIGKILL

    @classmethod
    def build(cls, root: Path) -> "Image":
        """Carry out the last stage of the Dockerfile."""
        image = cls(root)
        image._begin()
        for name, rest in stages(DOCKERFILE.read_text(encoding="utf-8"))[""]:
            step: Callable[[str], None] | None = getattr(image, f"_{name.lower()}", None)
            assert step is not None, f"{name} is new in {DOCKERFILE}: say here what it does"
            step(rest)
        return image

    def _begin(self) -> None:
        for folder in FOLDERS:
            (self.root / folder).mkdir(parents=True)
        for name in LINKS:
            (self.root / name).symlink_to(f"usr/{name}")
        for name, text in {
            "passwd": "root:x:0:0::/root:/bin/sh\n",
            "group": "root:x:0:\n",
            "shadow": "root:*:::::::\n",
        }.items():
            (self.root / "etc" / name).write_text(text, encoding="utf-8")
        for name in ("ld.so.cache", "login.defs"):
            shutil.copy(Path("/etc", name), self.root / "etc" / name)
        (self.root / "tmp").chmod(0o1777)

    def _from(self, base: str) -> None:
        """A base image with the Python that this machine has."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        assert base.startswith("python:3."), base
        self._in_root([f"{sys.base_prefix}/bin/python{version}", "-m", "venv", "--without-pip", "/usr/local"])
        packages = self.root / "usr_local" / "lib" / f"python{version}" / "site-packages"
        (packages / "dependencies.pth").write_text("/opt/dependencies\n", encoding="utf-8")
        pip = self.root / "usr_local" / "bin" / "pip"
        pip.write_text("#!/usr/local/bin/python\nfrom pip._internal.cli.main import main\n\nmain()\n", encoding="utf-8")
        pip.chmod(0o755)

    def _in_root(self, line: list[str], **environment: str) -> None:
        done = subprocess.run(
            ["unshare", "--mount", "bash", "-c", STEP, "step", str(self.root), *_host(), *line],
            env={"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin", **environment},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"

    def _copy(self, rest: str) -> None:
        assert rest == "--from=build /src/dist/*.whl /tmp/wheels/", rest
        wheels = list(Path(program("testkit-server")[0]).parents[1].glob("wheel/gregaria-*.whl"))
        assert wheels, "`make build` makes the wheel"
        (self.root / "tmp" / "wheels").mkdir()
        for wheel in wheels:
            shutil.copy(wheel, self.root / "tmp" / "wheels" / wheel.name)

    def _run(self, step: str) -> None:
        self._in_root(["sh", "-c", step], PIP_NO_DEPS="1", PIP_NO_INDEX="1", PIP_FORCE_REINSTALL="1")

    def _user(self, user: str) -> None:
        self.user = user

    def _workdir(self, folder: str) -> None:
        assert (self.root / folder.lstrip("/")).is_dir(), folder
        self.folder = folder

    def _env(self, pairs: str) -> None:
        self.environment.update(pair.split("=", 1) for pair in shlex.split(pairs))

    def _expose(self, ports: str) -> None:
        self.ports += [int(port) for port in ports.split()]

    def _stopsignal(self, name: str) -> None:
        self.stop_signal = signal.Signals[name]

    def _entrypoint(self, line: str) -> None:
        self.entry_point = json.loads(line)

    def run(self, arguments: list[str], locustfiles: Path, *, network: str = "own") -> "Container":
        """Start a container: not root, nothing writable but /tmp, process 1 of its own; network "host": the host's."""
        spaces = ["--mount", "--pid", "--fork", "--kill-child", *(["--net"] if network == "own" else [])]
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": self.folder, **self.environment}
        as_user = ["--reuid", self.user, "--regid", self.user, "env", "--ignore-environment", f"--chdir={self.folder}"]
        line = ["unshare", *spaces, "bash", "-c", RUN, "run", str(self.root), *_host(), str(locustfiles), network]
        settings = [f"{name}={value}" for name, value in environment.items()]
        return Container([*line, *as_user, *settings, *self.entry_point, *arguments], self.root)


def _host() -> tuple[str, str]:
    """This machine's Python and the packages of `.venv`."""
    return sys.base_prefix, sysconfig.get_path("purelib")


class Container(Node):
    """A running container."""

    @property
    def first_process(self) -> int:
        """The process id, on the host, of its process 1."""
        own = self.process.pid
        return int(Path(f"/proc/{own}/task/{own}/children").read_text(encoding="utf-8").split()[0])

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to process 1, as a container engine does."""
        subprocess.run(["kill", f"-{number}", str(self.first_process)], check=True)

    def inside(self, code: str) -> str:
        """What a piece of Python says that is run on the container's network."""
        line = ["nsenter", f"--net=/proc/{self.first_process}/ns/net", sys.executable, "-c", code]
        return subprocess.run(line, check=True, capture_output=True, text=True).stdout
