"""What a person gets for a mistake: a message that says what was wrong, on one screen, without our own stack, and
Locust's exit code."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.runs import Run, run
from support.server import TestServer

SCREEN_LINES = 24

GOOD = """
from locust import HttpUser, constant, task

class Visitor(HttpUser):
    wait_time = constant(30)

    @task
    def home(self):
        self.client.get("/status/200")
"""

PLAIN_USER = """
from locust import User, constant, task

class Visitor(User):
    wait_time = constant(30)

    @task
    def work(self):
        pass
"""

Tester = Callable[..., Run]


@pytest.fixture
def tester(gregaria: list[str], tmp_path: Path) -> Tester:
    """Runs Gregaria on a locustfile given as text, in a folder of its own."""

    def start(text: str | None, options: str, prefix: tuple[str, ...] = ()) -> Run:
        if text is not None:
            (tmp_path / "locustfile.py").write_text(text, encoding="utf-8")
        return run([*prefix, *gregaria], options.split(), tmp_path)

    return start


def assert_readable(done: Run, lines: int = SCREEN_LINES) -> None:
    """At most that many lines, and nothing of our own stack before the user's code runs."""
    text = done.stderr.strip().splitlines()
    assert text, "nothing was said"
    assert len(text) <= lines, done.stderr
    before = done.stderr.split("Ramping")[0]
    assert not re.search(r'File "(<frozen|.*/site-packages/|.*/bin/gregaria)', before), done.stderr
    assert "greenlet" not in done.stderr.lower(), done.stderr


@dataclass(frozen=True)
class Mistake:
    """What is run, and what must be said; `exit_code` is Locust's."""

    id: str
    text: str | None
    options: str
    exit_code: int
    says: tuple[str, ...]


BEFORE_THE_RUN = [
    Mistake("missing file", None, "-f nowhere.py --headless", 1, ("Could not find 'nowhere.py'",)),
    Mistake("no default file", None, "--headless", 1, ("Could not find 'locustfile.py'",)),
    Mistake("not a python file", GOOD, "-f locustfile --headless", 1, ("Could not find 'locustfile'", ".py")),
    Mistake("no user class", "x = 1", "--headless", 1, ("No User class found!",)),
    Mistake("unknown class", GOOD, "Visitor Nobody --headless", 1, ("Unknown User(s): Nobody",)),
    Mistake("unknown option", GOOD, "--nope", 2, ("unrecognized arguments: --nope",)),
    Mistake("misspelt option", GOOD, "--spawnrate 1", 2, ("unrecognized arguments: --spawnrate", "'--spawn-rate'")),
    Mistake(
        "users not a number", GOOD, "--headless -u many", 2, ("argument -u/--users: 'many' is not a whole number",)
    ),
    Mistake(
        "time not a time", GOOD, "--headless -t soon", 2, ("argument -t/--run-time: 'soon' is not a time such as 20",)
    ),
    Mistake(
        "rate not finite", GOOD, "--headless -r nan", 2, ("argument -r/--spawn-rate: 'nan' is not a finite number",)
    ),
    Mistake("syntax error", "x = 1\ny = (\n", "--headless", 1, ("locustfile.py", "line 2", "SyntaxError:")),
    Mistake("exception", "def f():\n    1 / 0\nf()\n", "--headless", 1, ("line 2, in f", "ZeroDivisionError:")),
    Mistake("missing module", "import no_such_module", "--headless", 1, ("line 1", "No module named 'no_such_module'")),
    Mistake("csv below a file", GOOD, "--headless -t 1s --csv locustfile.py/x", 1, ("locustfile.py",)),
    Mistake("csv nowhere", GOOD, "--headless -t 1s --csv /proc/x", 1, ("/proc/x",)),
    Mistake("log below a file", GOOD, "--headless -t 1s --logfile locustfile.py/x", 1, ("locustfile.py",)),
    Mistake("same class twice", GOOD + "\nOther = Visitor\n", "--headless -t 1s", 1, ("Visitor",)),
]


@pytest.mark.parametrize("mistake", BEFORE_THE_RUN, ids=lambda mistake: mistake.id)
def test_before_the_run(mistake: Mistake, tester: Tester) -> None:
    done = tester(mistake.text, mistake.options)
    assert done.exit_code == mistake.exit_code, done.stderr
    for text in mistake.says:
        assert text in done.stderr, done.stderr
    assert "Ramping" not in done.stderr
    assert_readable(done)


def test_a_user_mistake_has_no_traceback(tester: Tester) -> None:
    for options in ("-f nowhere.py", "--nope", "Nobody --headless", "--headless --csv /proc/x"):
        assert "Traceback" not in tester(GOOD, options).stderr


def test_a_file_that_may_not_be_read(tester: Tester, tmp_path: Path) -> None:
    # Who is root may read everything; a folder of that name nobody can.
    (tmp_path / "locustfile.py").mkdir()
    if os.geteuid():
        (tmp_path / "locustfile.py").rmdir()
        (tmp_path / "locustfile.py").touch(mode=0o000)
    done = tester(None, "-f locustfile.py --headless")
    assert done.exit_code == 1
    assert "locustfile.py" in done.stderr
    assert_readable(done)


IN_THE_RUN = [
    Mistake("no host", GOOD, "", 1, ("You must specify the base host", "--host")),
    Mistake("host without scheme", GOOD, "-H 127.0.0.1:80", 1, ("No connection adapters were found for '127.0",)),
    Mistake("host without host", GOOD, "-H http://", 1, ("InvalidURL", "No host supplied")),
    Mistake("bad port", GOOD, "-H http://127.0.0.1:abc", 1, ("'127.0.0.1:abc' is not a valid host or port",)),
    Mistake(
        "task raises",
        PLAIN_USER.replace("pass", "raise ValueError('broken')"),
        "",
        1,
        ("Traceback (most recent call last):", "locustfile.py", "in work", "ValueError: broken"),
    ),
    Mistake(
        "constructor raises",
        PLAIN_USER + "\n    def __init__(self, environment):\n        raise RuntimeError('no seat left')\n",
        "",
        2,
        ("Traceback (most recent call last):", "in __init__", "RuntimeError: no seat left"),
    ),
    Mistake(
        "on_start raises",
        PLAIN_USER + "\n    def on_start(self):\n        raise RuntimeError('cannot begin')\n",
        "",
        1,
        ("Traceback (most recent call last):", "in on_start", "RuntimeError: cannot begin"),
    ),
]


@pytest.mark.parametrize("mistake", IN_THE_RUN, ids=lambda mistake: mistake.id)
def test_in_the_run(mistake: Mistake, tester: Tester) -> None:
    done = tester(mistake.text, f"{mistake.options} --headless -t 1s --only-summary")
    assert done.exit_code == mistake.exit_code, done.stderr
    for text in mistake.says:
        assert text in done.stderr, done.stderr
    assert f"Shutting down (exit code {mistake.exit_code})" in done.stderr
    assert_readable(done, lines=2 * SCREEN_LINES)


# The address asked, and how its failure reads in the error report.
HOSTS = {
    "unresolved": ("http://nonexistent.invalid", "gaierror(-2, 'Name or service not known')"),
    "refused": ("http://127.0.0.1:9", "ConnectionRefusedError(111, 'Connection refused')"),
    "garbage": ("{plain}/garbage", "BadStatusLine('"),
    "closes early": ("{plain}/close", "RemoteDisconnected('Remote end closed connection without response')"),
    "resets": ("{plain}/reset", "ConnectionResetError(104, 'Connection reset by peer')"),
    "lies about its length": ("{plain}/short", "IncompleteRead(10 bytes read, 90 more expected)"),
    "self-signed": ("{self_signed}", "certificate verify failed: self-signed certificate"),
    "unknown authority": ("{tls}", "certificate verify failed: unable to get local issuer certificate"),
    "is no TLS": ("https://{plain_address}", "WRONG_VERSION_NUMBER"),
}


@pytest.mark.parametrize("host", HOSTS)
def test_hosts_that_cannot_answer(host: str, tester: Tester, server: TestServer) -> None:
    url, error = HOSTS[host]
    url = url.format(
        plain=server.plain,
        tls=server.tls,
        self_signed=server.self_signed,
        plain_address=server.plain.removeprefix("http://"),
    )
    done = tester(GOOD, f"-H {url} --headless -t 1s --only-summary")
    assert done.exit_code == 1
    report = done.stderr.split("Error report")[1]
    assert re.search(r"^1 +GET .*: ", report, re.MULTILINE), report
    assert error in report
    assert_readable(done, lines=30)


def test_a_host_that_is_too_slow(tester: Tester, server: TestServer) -> None:
    text = GOOD.replace('get("/status/200")', 'get("/delay/5000", timeout=0.2)')
    done = tester(text, f"-H {server.plain} --headless -t 1s --only-summary")
    assert done.exit_code == 1
    assert "Read timed out. (read timeout=0.2)" in done.stderr.split("Error report")[1]


def test_too_low_a_file_limit_is_said_before_the_run(tester: Tester, server: TestServer) -> None:
    limited = ("bash", "-c", 'ulimit -n 64; exec "$@"', "limited")
    done = tester(GOOD, f"-H {server.plain} --headless -t 1s -u 200 -r 200 --only-summary", prefix=limited)
    before = done.stderr.split("Ramping")[0]
    assert re.search(r"open files|file limit|ulimit", before), done.stderr
    assert "64" in before
    assert "200" in before
