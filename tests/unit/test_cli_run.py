"""Whole runs of the command without a server: order of events and log lines, exit codes, signals."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

PLAIN = """
from locust import User, constant, events, task

class Plain(User):
    wait_time = constant(0.01)

    @task
    def work(self):
        self.environment.events.request.fire(
            request_type="GET", name="/", response_time=5, response_length=7, exception={exception}, context={{}})
"""
IDLE = """
from locust import User, constant, task

class Idle(User):
    wait_time = constant(1000)

    @task
    def work(self):
        {task}

    def on_stop(self):
        print("on_stop", flush=True)
"""
LISTENERS = """
from locust import events
import logging

def note(name):
    getattr(events, name).add_listener(lambda **kw: logging.info("EVENT %s %s", name, sorted(kw)))

for name in ("init_command_line_parser", "init", "test_start", "spawning_complete", "test_stopping", "test_stop",
             "quitting", "quit"):
    note(name)
"""


def command(*arguments: str) -> list[str]:
    """The command line of a run."""
    return [sys.executable, "-m", "gregaria", *arguments]


def environment() -> dict[str, str]:
    """The environment of a run: none of our own settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}


def run(directory: Path, source: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a locustfile to its end."""
    (directory / "locustfile.py").write_text(source)
    return subprocess.run(
        command(*arguments), cwd=directory, env=environment(), capture_output=True, text=True, check=False, timeout=60
    )


def start(directory: Path, source: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a run, and wait until all its users have been started."""
    (directory / "locustfile.py").write_text(source)
    process = subprocess.Popen(
        command("--headless", "--only-summary", *arguments),
        cwd=directory,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "IN TASK" in line:
            return process
    raise AssertionError("the run ended before a user was inside its task")


def said(text: str) -> list[str]:
    """The messages of the log lines, without time, host and logger."""
    return re.findall(r"^\[[^]]*\] \S+?/\w+/\S+: (.*)$", text, re.MULTILINE)


def test_a_good_run(tmp_path: Path) -> None:
    done = run(tmp_path, LISTENERS + PLAIN.format(exception=None), "--headless", "-u", "2", "-r", "10", "-t", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    messages = said(done.stderr)
    first, *rest = messages
    assert re.fullmatch(r"Starting Gregaria \d+\.\d+\.\d+", first)
    assert rest == [
        "EVENT init ['environment', 'runner', 'web_ui']",
        "Run time limit set to 1 seconds",
        "EVENT test_start ['environment']",
        "Ramping to 2 users at a rate of 10.00 per second",
        'All users spawned: {"Plain": 2} (2 total users)',
        "EVENT spawning_complete ['user_count']",
        "--run-time limit reached, shutting down",
        "EVENT test_stopping ['environment']",
        "EVENT test_stop ['environment']",
        "EVENT quitting ['environment']",
        "Shutting down (exit code 0)",
        "EVENT quit ['exit_code']",
    ]
    assert done.stderr.count("Response time percentiles (approximated)") == 1
    assert re.search(r"^GET +/ +\d+ +0\(0\.00%\) \|", done.stderr, re.MULTILINE)


@pytest.mark.parametrize(("options", "code"), [([], 1), (["--exit-code-on-error", "7"], 7)])
def test_failed_requests_make_the_exit_code(tmp_path: Path, options: list[str], code: int) -> None:
    done = run(
        tmp_path, PLAIN.format(exception="ValueError('no')"), "--headless", "-t", "1", "--only-summary", *options
    )
    assert done.returncode == code, done.stderr
    assert f"Shutting down (exit code {code})" in done.stderr
    assert "GET /: ValueError('no')" in done.stderr


def test_an_exit_code_of_its_own(tmp_path: Path) -> None:
    source = PLAIN.format(exception="ValueError()") + (
        "@events.quitting.add_listener\ndef _(environment, **kw):\n    environment.process_exit_code = 42\n"
    )
    assert run(tmp_path, source, "--headless", "-t", "1").returncode == 42


def test_a_listener_that_fails(tmp_path: Path) -> None:
    source = PLAIN.format(exception=None) + "@events.HOOK.add_listener\ndef _(**kw):\n    raise ValueError('broken')\n"
    done = run(tmp_path, source.replace("HOOK", "init"), "--headless", "-t", "1")
    assert done.returncode == 1
    assert "Run time limit" not in done.stderr
    done = run(tmp_path, source.replace("HOOK", "test_start"), "--headless", "-t", "1")
    assert done.returncode == 2, done.stderr
    assert "ValueError: broken" in done.stderr


def test_quit_from_a_task_ends_the_run(tmp_path: Path) -> None:
    done = run(tmp_path, IDLE.format(task="self.environment.runner.quit()"), "--headless")
    assert done.returncode == 0, done.stderr
    assert "No run time limit set, use CTRL+C to interrupt" in said(done.stderr)
    assert said(done.stderr)[-1] == "Shutting down (exit code 0)"
    assert done.stdout == "on_stop\n"


def test_a_shape_ends_the_run(tmp_path: Path) -> None:
    source = PLAIN.format(exception=None) + (
        "from locust import LoadTestShape\nclass Short(LoadTestShape):\n    def tick(self):\n"
        "        return (1, 1) if self.get_run_time() < 1 else None\n"
    )
    done = run(tmp_path, source, "--headless", "-u", "9", "--only-summary")
    assert done.returncode == 0, done.stderr
    messages = said(done.stderr)
    assert "The following option(s) will be ignored: --users" in messages
    assert messages[-3:-1] == ["Shape test stopping", "Shape test completed, shutting down"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_prints_the_results(tmp_path: Path, number: signal.Signals) -> None:
    task = 'import time; print("IN TASK", flush=True); time.sleep(1000)'
    process = start(tmp_path, LISTENERS + IDLE.format(task=task))
    process.send_signal(number)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, output
    messages = said(output)
    assert messages[0].startswith(f"Got {number.name} signal")
    assert [message.split()[1] for message in messages if message.startswith("EVENT")] == [
        "quitting",
        "test_stopping",
        "test_stop",
        "quit",
    ]
    assert "on_stop" in output
    assert "Response time percentiles (approximated)" in output


def test_a_signal_leaves_a_task_its_stop_timeout(tmp_path: Path) -> None:
    task = 'import gevent; print("IN TASK", flush=True); gevent.sleep(0.5); print("FINISHED", flush=True)'
    process = start(tmp_path, IDLE.format(task=task), "--stop-timeout", "30")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 0, output
    assert output.index("FINISHED") < output.index("on_stop")


@pytest.mark.parametrize("task", ["import time; time.sleep(1000)", "while True: pass"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_ends_at_once(tmp_path: Path, task: str, number: signal.Signals) -> None:
    separator = "\n        "
    process = start(
        tmp_path, IDLE.format(task=f'print("IN TASK", flush=True){separator}{task}'), "--stop-timeout", "60"
    )
    process.send_signal(number)
    if "time" in task:
        assert process.stdout is not None
        assert any("Shutting down" in line for line in process.stdout)
    while process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    assert process.returncode == 128 + number
    assert process.stdout is not None
    assert "Response time percentiles (approximated)" in process.stdout.read()


def test_classes_by_name(tmp_path: Path) -> None:
    source = PLAIN.format(exception=None) + "class Other(Plain): pass\n"
    done = run(tmp_path, source, "--headless", "-u", "2", "-r", "2", "-t", "1", "--only-summary", "Other")
    assert 'All users spawned: {"Other": 2} (2 total users)' in said(done.stderr)
    done = run(tmp_path, source, "--headless", "Nobody", "Plain")
    assert done.returncode == 1
    assert said(done.stderr)[-1] == "Unknown User(s): Nobody (there are: Plain, Other)"


def test_list_and_ratios_need_no_headless(tmp_path: Path) -> None:
    source = PLAIN.format(exception=None) + "class Other(Plain):\n    weight = 3\n    @task\n    def more(self): pass\n"
    assert run(tmp_path, source, "--list").stdout == "Available Users:\n    Plain\n    Other\n"
    ratios = json.loads(run(tmp_path, source, "--show-task-ratio-json").stdout)
    assert ratios["per_class"]["Other"] == {"ratio": 0.75, "tasks": {"work": {"ratio": 0.5}, "more": {"ratio": 0.5}}}
    assert ratios["total"]["Other"]["tasks"]["more"] == {"ratio": 0.375}
    table = run(tmp_path, source, "--show-task-ratio").stdout
    assert table.startswith(
        f"\n Task ratio per User class\n{'-' * 80}\n 25.0       Plain" + " " * 45 + "\n   100.0      work"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--headless", "--csv", "file/run"], 1, "cannot write the CSV file '"),
        (["--headless", "--logfile", "file/run.log"], 1, "cannot write the log file 'file/run.log': "),
        (["-f", "nope.py"], 1, "Could not find 'nope.py'. "),
    ],
)
def test_what_cannot_be_run(tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    (tmp_path / "file").touch()
    done = run(tmp_path, PLAIN.format(exception=None), *arguments)
    assert done.returncode == code
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_no_user_class(tmp_path: Path) -> None:
    done = run(tmp_path, "import locust\n", "--headless")
    assert (done.returncode, said(done.stderr)[-1]) == (1, "No User class found!")


def test_too_few_open_files_for_the_users(tmp_path: Path) -> None:
    (tmp_path / "locustfile.py").write_text(PLAIN.format(exception=None))
    code = (
        "import resource, runpy, sys\nresource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))\n"
        "resource.setrlimit = lambda *_: (_ for _ in ()).throw(ValueError)\n"
        "sys.argv = ['gregaria', '--headless', '-u', '500', '-r', '500', '-t', '1', '--only-summary']\n"
        "runpy.run_module('gregaria', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    lines = said(done.stderr)
    warning = next(line for line in lines if line.startswith("At most 256 files can be open"))
    assert "too few for 500 users" in warning
    assert lines.index(warning) < lines.index("Run time limit set to 1 seconds")


def test_own_options_reach_the_test(tmp_path: Path) -> None:
    source = PLAIN.format(exception=None) + (
        "@events.init_command_line_parser.add_listener\ndef _(parser):\n    parser.add_argument('--mine', type=int)\n"
        "@events.test_start.add_listener\ndef _(environment, **kw):\n"
        "    print('mine', environment.parsed_options.mine + 1)\n"
    )
    done = run(tmp_path, source, "--headless", "-t", "1", "--mine", "4")
    assert done.stdout == "mine 5\n", done.stderr


def test_user_classes_are_configured_from_json(tmp_path: Path) -> None:
    source = PLAIN.format(exception=None) + "class Other(Plain):\n    @task\n    def more(self): pass\n"
    settings = json.dumps([{"user_class_name": "Other", "weight": 3, "tasks": ["more"]}])
    done = run(tmp_path, source, "--show-task-ratio-json", "--config-users", settings)
    assert json.loads(done.stdout)["total"]["Other"] == {"ratio": 0.75, "tasks": {"more": {"ratio": 0.75}}}
    done = run(tmp_path, source, "--show-task-ratio-json", "--config-users", '{"user_class_name": "Nobody"}')
    assert (done.returncode, said(done.stderr)[-1]) == (
        255,
        "--config-users: there is no User class 'Nobody' in the locustfile",
    )
    done = run(tmp_path, source, "--headless", "--config-users", "{}")
    assert (done.returncode, done.stderr) == (
        2,
        "gregaria: error: argument --config-users: {} does not name its user_class_name (given on the command line)\n",
    )


def test_keys_change_the_number_of_users(tmp_path: Path) -> None:
    (tmp_path / "locustfile.py").write_text(PLAIN.format(exception=None))
    keyboard, terminal = pty.openpty()
    process = subprocess.Popen(
        command("--headless", "--only-summary"),
        cwd=tmp_path,
        env=environment(),
        stdin=terminal,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen += list(re.findall(r"All users spawned: .* \((\d+) total users\)", line))
        if "All users spawned" in line and len(seen) < 4:
            os.write(keyboard, (b"w", b"W", b"s")[len(seen) - 1])
        elif len(seen) == 4:
            process.send_signal(signal.SIGINT)
            break
    process.communicate(timeout=30)
    os.close(keyboard)
    os.close(terminal)
    assert seen == ["1", "2", "12", "11"]
    assert process.returncode == 0


@pytest.mark.parametrize(("host", "code"), [("localhost:8080", 1), ("http://[", 2), ("ftp://example.com", 1)])
def test_a_host_that_is_no_base_url_is_said_before_the_run(tmp_path: Path, host: str, code: int) -> None:
    source = "from locust import HttpUser, constant, task\nclass Web(HttpUser):\n    wait_time = constant(9)\n" + (
        "    @task\n    def t(self): self.client.get('/')\n"
    )
    done = run(tmp_path, source, "--headless", "-t", "1", "-H", host)
    assert done.returncode == code
    lines = said(done.stderr)
    warning = f"The host '{host}' is no base URL like https://www.example.com: requests for a path will fail"
    assert lines.index(warning) < lines.index("Run time limit set to 1 seconds")


def test_requests_cut_off_by_the_end_are_counted(tmp_path: Path) -> None:
    """A server that accepts and says nothing: the request is neither a success nor a failure."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = "from locust import HttpUser, task\nclass Web(HttpUser):\n    @task\n" + (
            "    def t(self): self.client.get('/')\n"
        )
        host = f"http://127.0.0.1:{silent.getsockname()[1]}"
        done = run(tmp_path, source, "--headless", "-u", "2", "-r", "2", "-t", "1", "-H", host)
    assert done.returncode == 0, done.stderr
    line = "Not in these tables: 2 requests aborted before the answer came, as the user was stopped or gave up"
    assert line in done.stderr.splitlines()
