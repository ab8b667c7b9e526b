"""The table of options, and what can be said without starting the program."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gregaria_command.help import render
from gregaria_command.options import GROUPS, OPTIONS

# Destination and environment variable of every option that Locust 2.47.0 has.
LOCUST = {
    "locustfile": "LOCUST_LOCUSTFILE",
    "config": None,
    "host": "LOCUST_HOST",
    "num_users": "LOCUST_USERS",
    "spawn_rate": "LOCUST_SPAWN_RATE",
    "run_time": "LOCUST_RUN_TIME",
    "list_commands": None,
    "config_users": "LOCUST_CONFIG_USERS",
    "web_host": "LOCUST_WEB_HOST",
    "web_host_display_name": "LOCUST_WEB_HOST_DISPLAY_NAME",
    "web_port": "LOCUST_WEB_PORT",
    "headless": "LOCUST_HEADLESS",
    "autostart": "LOCUST_AUTOSTART",
    "autoquit": "LOCUST_AUTOQUIT",
    "headful": "LOCUST_HEADFUL",
    "web_auth": "LOCUST_WEB_AUTH",
    "web_login": "LOCUST_WEB_LOGIN",
    "tls_cert": "LOCUST_TLS_CERT",
    "tls_key": "LOCUST_TLS_KEY",
    "class_picker": "LOCUST_USERCLASS_PICKER",
    "build_path": "LOCUST_BUILD_PATH",
    "legacy_ui": "LOCUST_LEGACY_UI",
    "web_base_path": "LOCUST_WEB_BASE_PATH",
    "master": "LOCUST_MODE_MASTER",
    "master_bind_host": "LOCUST_MASTER_BIND_HOST",
    "master_bind_port": "LOCUST_MASTER_BIND_PORT",
    "expect_workers": "LOCUST_EXPECT_WORKERS",
    "expect_workers_max_wait": "LOCUST_EXPECT_WORKERS_MAX_WAIT",
    "enable_rebalancing": None,
    "expect_slaves": None,
    "worker": "LOCUST_MODE_WORKER",
    "slave": None,
    "processes": "LOCUST_PROCESSES",
    "master_host": "LOCUST_MASTER_NODE_HOST",
    "master_port": "LOCUST_MASTER_NODE_PORT",
    "tags": "LOCUST_TAGS",
    "exclude_tags": "LOCUST_EXCLUDE_TAGS",
    "csv_prefix": "LOCUST_CSV",
    "stats_history_enabled": "LOCUST_CSV_FULL_HISTORY",
    "print_stats": "LOCUST_PRINT_STATS",
    "only_summary": "LOCUST_ONLY_SUMMARY",
    "reset_stats": "LOCUST_RESET_STATS",
    "html_file": "LOCUST_HTML",
    "json": None,
    "json_file": None,
    "skip_log_setup": "LOCUST_SKIP_LOG_SETUP",
    "loglevel": "LOCUST_LOGLEVEL",
    "logfile": "LOCUST_LOGFILE",
    "show_task_ratio": None,
    "show_task_ratio_json": None,
    "exit_code_on_error": "LOCUST_EXIT_CODE_ON_ERROR",
    "stop_timeout": "LOCUST_STOP_TIMEOUT",
    "equal_weights": None,
    "profile": None,
    "otel": "LOCUST_ENABLE_OPENTELEMETRY",
    "user_classes": "LOCUST_USER_CLASSES",
}


def test_every_option_of_locust_is_known() -> None:
    shared = [option for option in OPTIONS if not option.own and option.dest not in ("help", "version")]
    assert {option.dest: option.env for option in shared} == LOCUST
    assert all(option.env is None and option.dest.startswith("gregaria_") for option in OPTIONS if option.own)


def test_variables_and_keys() -> None:
    by_name = {option.name: option for option in OPTIONS}
    assert by_name["--users"].variables == ("GREGARIA_USERS", "LOCUST_USERS")
    assert by_name["--class-picker"].variables == ("GREGARIA_USERCLASS_PICKER", "LOCUST_USERCLASS_PICKER")
    assert by_name["--json-file"].variables == ("GREGARIA_JSON_FILE",)
    assert by_name["--help"].variables == () and by_name["--help"].config_key is None
    assert by_name["--csv-full-history"].config_key == "csv-full-history"
    assert by_name["--strict"].spellings == ("--gregaria-strict", "--strict")
    variables = [name for option in OPTIONS for name in option.variables]
    assert len(variables) == len(set(variables))


def test_no_spelling_means_two_things() -> None:
    flags = [flag for option in OPTIONS for flag in option.flags]
    assert len(flags) == len(set(flags))
    assert {option.group for option in OPTIONS} <= set(GROUPS)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_help_names_every_option_that_works(columns: int) -> None:
    text = render(columns, colour=False)
    for option in OPTIONS:
        if not option.is_removed and not option.hidden:
            assert all(flag in text for flag in option.flags), option
            assert option.env is None or option.env in text
    assert "\x1b[" not in text
    assert max(len(line) for line in text.splitlines() if "gregaria --headless" not in line) <= columns


def test_help_in_colour_says_the_same() -> None:
    import re

    assert re.sub(r"\x1b\[[0-9;]*m", "", render(100, colour=True)) == render(100, colour=False)


@pytest.mark.parametrize("argument", ["--help", "-h", "--version", "-V"])
def test_help_and_version_load_nothing(argument: str) -> None:
    code = (
        f"import sys; sys.argv = ['gregaria', '-f', 'missing.py', {argument!r}]; import gregaria_command\n"
        "gregaria_command.main()\n"
        "print([name for name in ('gregaria', 'gevent', 'requests', 'argparse') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert done.stdout.startswith("Usage: gregaria" if argument in ("-h", "--help") else "gregaria ")


def test_version_line() -> None:
    import gregaria
    from gregaria_command import version_line

    package = gregaria.__file__.rsplit("/", 1)[0]
    python = ".".join(map(str, sys.version_info[:3]))
    assert version_line() == f"gregaria {gregaria.__version__} from {package} (Python {python})"
