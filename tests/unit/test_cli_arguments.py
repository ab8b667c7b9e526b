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
    for name in [name for name in os.environ if name.startswith(("LOCUST_", "GREGARIA_"))]:
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
        ("-r 0", "argument -r/--spawn-rate: '0' is not a finite number above 0"),
        ("-r nan", "argument -r/--spawn-rate: 'nan' is not a finite number above 0"),
        ("-u abc", "argument -u/--users: 'abc' is not a whole number from 0"),
        ("--users=-1", "argument -u/--users: '-1' is not a whole number from 0"),
        ("-t 1x", "argument -t/--run-time: '1x' is not a time such as 20, 20s, 3m, 2h, 1h20m or 3h30m10s"),
        ("-L loud", "argument --loglevel/-L: 'loud' is not one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ("--web-port 70000", "argument --web-port/-P: '70000' is not a port from 0 to 65535"),
        ("--warm-up x", "argument --warm-up: 'x' is not a time such as 20, 20s, 3m, 2h, 1h20m or 3h30m10s"),
        ("-u", "argument -u/--users: expected one argument"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, *line.split()) == f"gregaria: error: {message} (given on the command line)\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--hots x", "unrecognized arguments: --hots\nDid you mean '--host'?"),
        ("--zzz", "unrecognized arguments: --zzz"),
        ("--stric", "unrecognized arguments: --stric\nDid you mean '--strict'?"),
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


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--web-credentials secretword", "--web-credentials needs a user and a password with a colon between them"),
        ("--web-credentials :secretword", "--web-credentials needs a user and a password with a colon between them"),
        ("--web-credentials secretword:", "--web-credentials needs a user and a password with a colon between them"),
        ("--web-credentials=", "--web-credentials needs a user and a password with a colon between them"),
        ("--headless --web-credentials secretword", "--web-credentials needs a user and a password"),
        ("--web-read-only secretword", "--web-read-only needs --web-credentials user:password as well"),
        ("--web-credentials a:b --web-read-only=", "--web-read-only needs a token"),
        ("--tls-cert a.pem", "--tls-cert needs --tls-key as well"),
        ("--tls-key a.pem", "--tls-key needs --tls-cert as well"),
        ("--headless --headful --tls-key a.pem", "--tls-key needs --tls-cert as well"),
    ],
)
def test_a_web_ui_that_would_be_less_safe_than_it_looks(
    line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = get_parser()
    with pytest.raises(SystemExit) as end:
        check_combinations(parser, parser.parse_args(line.split()))
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"gregaria: error: {message}")
    assert "secretword" not in said and said.count("\n") == 1


@pytest.mark.parametrize(
    "line",
    ["", "--web-credentials a:b:c", "--web-credentials a:b --web-read-only word", "--headless --tls-cert a.pem"],
)
def test_a_web_ui_as_safe_as_it_looks(line: str) -> None:
    parser = get_parser()
    check_combinations(parser, parser.parse_args(line.split()))


def test_secrets_come_from_the_environment_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GREGARIA_WEB_CREDENTIALS", "nocolon")
    parser = get_parser()
    with pytest.raises(SystemExit) as end:
        check_combinations(parser, parser.parse_args([]))
    assert end.value.code == 2
    assert "nocolon" not in capsys.readouterr().err


def test_a_bad_value_says_where_it_came_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCUST_USERS", "many")
    assert refused(capsys).endswith("'many' is not a whole number from 0 (from environment variable LOCUST_USERS)\n")
    monkeypatch.setenv("GREGARIA_USERS", "few")
    assert refused(capsys).endswith("'few' is not a whole number from 0 (from environment variable GREGARIA_USERS)\n")
    monkeypatch.delenv("LOCUST_USERS")
    monkeypatch.delenv("GREGARIA_USERS")
    Path("locust.conf").write_text("slave = true\n")
    assert "--slave (from configuration file locust.conf, line 1) does not exist any more" in refused(capsys)


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


def test_our_own_names_win(monkeypatch: pytest.MonkeyPatch) -> None:
    """At each place, and a place that is nearer still wins over one that is farther."""

    def users(*arguments: str) -> object:
        return get_parser().parse_args(list(arguments)).num_users

    Path("home/.locust.conf").write_text("users = 1\n")
    Path("home/.gregaria.conf").write_text("users = 2\n")
    seen = [users()]
    Path("locust.conf").write_text("users = 3\n")
    seen.append(users())
    Path("gregaria.conf").write_text("users = 4\n")
    seen.append(users())
    Path("pyproject.toml").write_text("[tool.locust]\nusers = 5\nheadless = true\n")
    seen.append(users())
    Path("pyproject.toml").write_text("[tool.locust]\nusers = 5\nheadless = true\n[tool.gregaria]\nusers = 6\n")
    seen.append(users())
    assert get_parser().parse_args([]).headless is True
    Path("more.toml").write_text("[tool.gregaria]\nusers = 7\n")
    seen.append(users("--config", "more.toml"))
    monkeypatch.setenv("LOCUST_USERS", "8")
    seen.append(users("--config", "more.toml"))
    monkeypatch.setenv("GREGARIA_USERS", "9")
    seen.append(users("--config", "more.toml"))
    seen.append(users("-u", "10"))
    assert seen == [2, 3, 4, 5, 6, 7, 8, 9, 10]
    monkeypatch.setenv("LOCUST_USER_CLASSES", "A")
    monkeypatch.setenv("GREGARIA_USER_CLASSES", "B C")
    assert get_parser().parse_args([]).user_classes == ["B", "C"]


def test_options_that_only_we_have(monkeypatch: pytest.MonkeyPatch) -> None:
    options = get_parser().parse_args(["--fail-if", "p9 > 1", "--fail-if", "p8 > 1", "--strict", "--warm-up", "1m"])
    assert (options.gregaria_fail_if, options.gregaria_strict, options.gregaria_warm_up) == (
        ["p9 > 1", "p8 > 1"],
        True,
        60,
    )
    Path("gregaria.conf").write_text('fail-if = ["p9 > 1", "p8(/a, b) > 1"]\n')
    assert get_parser().parse_args([]).gregaria_fail_if == ["p9 > 1", "p8(/a, b) > 1"]
    monkeypatch.setenv("GREGARIA_FAIL_IF", "p95 > 1s")
    monkeypatch.setenv("GREGARIA_JSON", "yes")
    options = get_parser().parse_args([])
    assert (options.gregaria_fail_if, options.json) == (["p95 > 1s"], True)


def test_a_locustfile_may_have_an_option_called_like_one_of_ours() -> None:
    def add(parser: LocustArgumentParser) -> None:
        parser.add_argument("--strict", type=int)
        parser.add_argument_group("mine").add_argument("--junit", default="x")

    hook = gregaria.events.init_command_line_parser
    hook.add_listener(add)
    try:
        options = get_parser().parse_args(["--strict", "5", "--gregaria-strict", "--gregaria-junit", "f"])
    finally:
        hook.remove_listener(add)
    assert (options.strict, options.gregaria_strict) == (5, True)
    assert (options.junit, options.gregaria_junit_file) == ("x", "f")


def test_abbreviations_never_mean_our_own_options() -> None:
    options = get_parser().parse_args(["--st", "3"])
    assert (options.stop_timeout, options.gregaria_strict) == (3, False)


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
    assert refused(capsys, "--config", "odd.conf") == (
        "gregaria: error: unrecognized arguments: --foo=bar\n"
        "There is no option 'foo' (from configuration file odd.conf, line 1).\n"
    )
    Path("gregaria.conf").write_text("# mine\n\nuesrs: 3\n")
    assert refused(capsys) == (
        "gregaria: error: unrecognized arguments: --uesrs=3\n"
        "There is no option 'uesrs' (from configuration file gregaria.conf, line 3). Did you mean 'users'?\n"
    )
    Path("gregaria.conf").unlink()
    Path("gregaria.conf").mkdir()
    assert "cannot read configuration file 'gregaria.conf': Is a directory" in refused(capsys)
    Path("gregaria.conf").rmdir()
    Path("gregaria.conf").write_bytes(b"users = \xff\n")
    assert "gregaria.conf is not UTF-8 text" in refused(capsys)


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
