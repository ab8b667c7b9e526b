"""Every option of the table, with values that it cannot take, from each place a value can come from."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gregaria.argument_parser import get_parser
from gregaria.cli.options import ALLOWED, OPTIONS, Option

BAD: dict[str, tuple[str, ...]] = {
    "flag": ("maybe", "2", ""),
    "integer": ("x", "1.5", ""),
    "port": ("x", "-1", "65536", "80.5", ""),
    "delay": ("x", "-2", "1s", ""),
    "exit code": ("x", "256", "-256", ""),
    "count": ("x", "-1", "1.5", "nan", ""),
    "positive integer": ("x", "0", "-3", ""),
    "positive number": ("x", "0", "-1", "nan", "inf", ""),
    "timespan": ("x", "1.5", "-1", "1h30", "3m2h", "1d", ""),
    "log level": ("loud", ""),
    "shell": ("dos",),
    "loss policy": ("panic", ""),
    "http version": ("3", "2.0", ""),
    "resolutions": ("", "a.b", "a.b:80", "a.b:x:127.0.0.1", "a.b:80:c.d"),
    "conditions": ("p95", "q1 > 2", "p95 > 1 parsec", "fail_ratio > 200%"),
    "user settings": ("{", "[1]", "{}", "missing.json"),
}
FREE = {"text", "path", "words", "help", "version", "removed", "user classes", "config file"}
CASES = [
    (option, value)
    for option in OPTIONS
    if not option.is_removed and option.kind not in FREE
    for value in BAD[option.kind]
]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("LOCUST_", "GREGARIA_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as end:
        get_parser().parse_args(list(arguments))
    assert end.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


def check(text: str, option: Option, value: str, origin: str) -> None:
    assert text.startswith(f"gregaria: error: argument {'/'.join(option.flags)}: ")
    assert text.endswith(f"({origin})\n"), text
    assert text.count("\n") == 1
    if option.kind == "flag":
        assert f"{value!r} is not one of true, yes, on, 1, false, no, off, 0" in text
    elif option.kind == "conditions":
        assert f"of {value!r} (" in text
    elif option.kind != "user settings":
        assert f"{value!r} is not {ALLOWED[option.kind]}" in text


def test_every_kind_is_covered() -> None:
    assert set(BAD) | FREE == {option.kind for option in OPTIONS} | {"integer"}


@pytest.mark.parametrize(("option", "value"), CASES, ids=[f"{option.name}={value}" for option, value in CASES])
def test_a_bad_value_from_everywhere(
    option: Option, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if option.kind != "flag":
        check(complaint(capsys, f"{option.name}={value}"), option, value, "given on the command line")
    if value == "" and option.kind == "user settings":
        return
    for variable in option.variables:
        monkeypatch.setenv(variable, value)
        check(complaint(capsys), option, value, f"from environment variable {variable}")
        monkeypatch.delenv(variable)
    if option.config_key is None or value.startswith(("[", "{")):
        return
    Path("gregaria.conf").write_text(f"# settings\n[a section]\n\n{option.config_key} = {value}\n")
    check(complaint(capsys), option, value, "from configuration file gregaria.conf, line 4")
    Path("gregaria.conf").unlink()
    Path("pyproject.toml").write_text(
        f'[tool.x]\n{option.config_key} = 1\n[tool.locust]\n{option.config_key} = "{value}"\n'
    )
    check(complaint(capsys), option, value, "from configuration file pyproject.toml, line 4")


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.config_key], ids=lambda option: option.name)
def test_a_misspelt_key_suggests_the_right_one(option: Option, capsys: pytest.CaptureFixture[str]) -> None:
    key = option.config_key
    assert key is not None
    Path("locust.conf").write_text(f"x{key} = 1\n")
    text = complaint(capsys)
    assert f"There is no option 'x{key}' (from configuration file locust.conf, line 1). Did you mean '" in text


def test_lists_and_tables_where_one_value_is_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    Path("pyproject.toml").write_text("[tool.gregaria]\nusers = [1, 2]\n")
    assert complaint(capsys) == (
        "gregaria: error: argument -u/--users: [1, 2] is a list, and one value is allowed "
        "(from configuration file pyproject.toml, line 2)\n"
    )
    Path("pyproject.toml").write_text("[tool.gregaria.users]\na = 1\n")
    assert "pyproject.toml: 'users' in [tool.gregaria] is a table" in complaint(capsys)


@settings(max_examples=200, deadline=None)
@given(
    option=st.sampled_from([option for option in OPTIONS if not option.is_removed and option.flags]),
    value=st.text(max_size=12),
)
def test_no_value_gives_a_traceback(option: Option, value: str) -> None:
    """Anything is either taken or answered with exit code 2."""
    if option.kind in ("help", "version", "config file", "flag"):
        return
    parser = get_parser(default_config_files=())
    with contextlib.suppress(SystemExit), contextlib.redirect_stderr(io.StringIO()) as said:
        parser.parse_args([f"{option.name}={value}"])
    assert said.getvalue() == "" or said.getvalue().startswith(f"{parser.prog}: error: argument ")
