"""The parser: values, where they come from, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import gregaria
from gregaria.argument_parser import (
    LocustArgumentParser,
    check_combinations,
    default_args_dict,
    get_parser,
    parse_locustfile_option,
    ui_extra_args_dict,
)


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("LOCUST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What standard error says when these arguments are refused."""
    with pytest.raises(SystemExit) as end:
        get_parser().parse_args(list(arguments))
    assert end.value.code == 2
    return capsys.readouterr().err


def test_defaults() -> None:
    options = get_parser().parse_args([])
    assert (options.locustfile, options.num_users, options.spawn_rate, options.run_time) == ("locustfile.py",) + (
        None,
    ) * 3
    assert (options.stop_timeout, options.exit_code_on_error, options.loglevel) == (0, 1, "INFO")
    assert (options.tags, options.user_classes, options.headless) == (None, [], False)
    assert (options.web_port, options.master_bind_host, options.expect_workers, options.processes) == (
        8089,
        "*",
        1,
        None,
    )


def test_spellings() -> None:
    line = "-f a.py -u5 --run 1m30s --spawn-rate=2.5 --headl -s 10 -L debug A B --tags x y --csv out"
    options = get_parser().parse_args(line.split())
    assert (options.num_users, options.run_time, options.spawn_rate, options.stop_timeout) == (5, 90, 2.5, 10)
    assert (options.loglevel, options.user_classes, options.tags, options.headless) == (
        "DEBUG",
        ["A", "B"],
        ["x", "y"],
        True,
    )
    assert options.csv_prefix == "out"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-r 0", "argument -r/--spawn-rate: must be > 0"),
        ("-r nan", "argument -r/--spawn-rate: must be a finite number"),
        ("-r abc", "argument -r/--spawn-rate: invalid number: 'abc'"),
        ("-u abc", "argument -u/--users: invalid int value: 'abc'"),
        ("--users=-1", "argument -u/--users: must be >= 0"),
        (
            "-t 1x",
            "argument -t/--run-time: Invalid time span format. Valid formats: 20, 20s, 3m, 2h, 1h20m, 3h30m10s, etc.",
        ),
        ("--hots x", "unrecognized arguments: --hots\nDid you mean '--host'?"),
        ("--zzz", "unrecognized arguments: --zzz"),
        ("--master", "option --master is not supported yet (this version runs in one process)"),
        ("--slave", "option --slave does not exist any more: it is called --worker now"),
    ],
)
def test_what_is_refused(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, *line.split()) == f"gregaria: error: {message}\n"


def test_what_is_refused_together(capsys: pytest.CaptureFixture[str]) -> None:
    parser = get_parser()
    with pytest.raises(SystemExit):
        check_combinations(parser, parser.parse_args(["--csv-full-history"]))
    assert capsys.readouterr().err == "gregaria: error: '--csv-full-history' requires '--csv'.\n"


def test_a_bad_value_says_where_it_came_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCUST_USERS", "many")
    assert refused(capsys).endswith("invalid int value: 'many' (from environment variable LOCUST_USERS)\n")
    monkeypatch.delenv("LOCUST_USERS")
    monkeypatch.setenv("LOCUST_PROCESSES", "2")
    assert "option --processes (from environment variable LOCUST_PROCESSES) is not supported yet" in refused(capsys)
    monkeypatch.delenv("LOCUST_PROCESSES")
    Path("locust.conf").write_text("worker = true\n")
    assert "option --worker (from configuration file locust.conf) is not supported yet" in refused(capsys)


def test_a_refused_flag_may_be_false_in_a_file() -> None:
    Path("locust.conf").write_text("worker = false\nweb-login = no\n")
    assert get_parser().parse_args([]).worker is False


def test_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Command line, environment, --config, pyproject.toml, locust.conf, ~/.locust.conf: each wins over the next."""
    Path("home/.locust.conf").write_text("users = 1\n")
    seen = [get_parser().parse_args([]).num_users]
    Path("locust.conf").write_text("users = 2\n")
    seen.append(get_parser().parse_args([]).num_users)
    Path("pyproject.toml").write_text("[tool.other]\nusers = 9\n[tool.locust]\nusers = 3\n")
    seen.append(get_parser().parse_args([]).num_users)
    Path("more.conf").write_text("users: 4\n")
    seen.append(get_parser().parse_args(["--config", "more.conf"]).num_users)
    monkeypatch.setenv("LOCUST_USERS", "5")
    seen.append(get_parser().parse_args(["--config", "more.conf"]).num_users)
    seen.append(get_parser().parse_args(["--config", "more.conf", "-u", "6"]).num_users)
    assert seen == [1, 2, 3, 4, 5, 6]


def test_config_file_formats() -> None:
    Path("locust.conf").write_text(
        "# comment\n[section]\nheadless\nrun-time 1m\ntags = [a, b]\nu = 3\ncsv-full-history: off\n"
    )
    options = get_parser().parse_args([])
    assert (options.headless, options.run_time, options.tags, options.num_users) == (True, 60, ["a", "b"], 3)
    assert options.stats_history_enabled is False


def test_toml_values() -> None:
    Path("pyproject.toml").write_text('[tool.locust]\nheadless = true\nspawn-rate = 2.5\ntags = ["a", "b"]\n')
    options = get_parser().parse_args([])
    assert (options.headless, options.spawn_rate, options.tags) == (True, 2.5, ["a", "b"])


def test_lists_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCUST_TAGS", "a b")
    monkeypatch.setenv("LOCUST_EXCLUDE_TAGS", "[c, d]")
    monkeypatch.setenv("LOCUST_USER_CLASSES", "A B")
    options = get_parser().parse_args([])
    assert (options.tags, options.exclude_tags, options.user_classes) == (["a b"], ["c", "d"], ["A", "B"])


def test_broken_and_missing_config_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert "nope.conf" in refused(capsys, "--config", "nope.conf")
    Path("bad.toml").write_text("[tool.locust\n")
    assert "Couldn't parse TOML file bad.toml" in refused(capsys, "--config", "bad.toml")
    Path("odd.conf").write_text("foo = bar\n")
    assert refused(capsys, "--config", "odd.conf") == "gregaria: error: unrecognized arguments: --foo=bar\n"


def test_first_phase_ignores_everything_else() -> None:
    assert parse_locustfile_option(["-f", "a.py,b.py", "--own", "1", "--users", "x"]).locustfile == "a.py,b.py"


def test_options_of_locustfiles(monkeypatch: pytest.MonkeyPatch) -> None:
    def add(parser: LocustArgumentParser) -> None:
        parser.add_argument("--env", choices=["dev", "test"], default="dev", env_var="MY_ENV", help="which")
        parser.add_argument("--key", is_secret=True, is_required=True, default="s")
        parser.add_argument("--many", is_multiple=True, nargs="*", default=["1"])
        parser.add_argument("--hidden", include_in_web_ui=False, default="h")

    hook = gregaria.events.init_command_line_parser
    hook.add_listener(add)
    try:
        monkeypatch.setenv("MY_ENV", "test")
        assert get_parser().parse_args(["--key", "k"]).env == "test"
        shown = ui_extra_args_dict(["--key", "k"])
    finally:
        hook.remove_listener(add)
    assert list(shown) == ["env", "key", "many"]
    assert shown["env"] == {
        "default_value": "test",
        "is_secret": False,
        "is_required": False,
        "help_text": "which",
        "is_multiple": False,
        "choices": ["dev", "test"],
    }
    assert (shown["key"]["is_secret"], shown["key"]["is_required"], shown["many"]["is_multiple"]) == (True, True, True)
    assert "env" not in default_args_dict()
