"""Completion scripts and the manual page, as shells and `man` understand them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gregaria_command import completion, manual
from gregaria_command.classes import user_classes
from gregaria_command.options import OPTIONS, SHELLS

OFFERED = [option for option in OPTIONS if not option.is_removed and option.flags and not option.hidden]


def asked(*words: str) -> list[str]:
    """What bash offers for the last of these words."""
    script = completion.script("bash") + (
        f"COMP_WORDS=(gregaria {' '.join(repr(word) for word in words)}); COMP_CWORD={len(words)}\n"
        "_gregaria; printf '%s\\n' \"${COMPREPLY[@]}\"\n"
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_offers_options_choices_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("load.py").touch()
    assert asked("--csv-f") == ["--csv-full-history"]
    assert set(asked("-")) == {flag for option in OFFERED for flag in option.flags}
    assert asked("-L", "W") == ["WARNING"]
    assert asked("--completion", "") == list(SHELLS)
    assert asked("-f", "lo") == ["load.py"]
    assert asked("--users", "") == []


USERS = """
import locust
from locust import HttpUser, User, task
from nowhere import something

class Base(HttpUser):
    abstract = True

class Buyer(Base):
    raise SystemExit("nothing of it is run")

class Other(locust.FastHttpUser): ...

class Helper: ...
"""


def test_bash_offers_user_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    Path("load.py").write_text(USERS)
    assert asked("-f", "load.py", "") == ["Buyer", "Other"]
    assert asked("--locustfile", "load.py", "-u", "3", "Bu") == ["Buyer"]
    assert asked("B") == []


def test_user_classes_are_read_and_never_run(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(USERS)
    (tmp_path / "b.py").write_text("class Visitor(User): ...\nclass Buyer(User): ...")
    (tmp_path / "_c.py").write_text("class Hidden(User): ...")
    (tmp_path / "broken.py").write_text("class (")
    assert user_classes(str(tmp_path)) == ["Buyer", "Other", "Visitor"]
    assert user_classes(f"{tmp_path}/b.py,{tmp_path}/a.py") == ["Visitor", "Buyer", "Other"]
    assert user_classes(f"{tmp_path}/none.py") == user_classes(f"{tmp_path}/broken.py") == []


@pytest.mark.parametrize("shell", SHELLS)
def test_every_option_is_in_every_script(shell: str) -> None:
    text = completion.script(shell)
    for option in OFFERED:
        for flag in option.flags:
            name = flag if shell != "fish" else f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
            assert name in text, flag
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=text, text=True, check=True)


def test_the_manual_page() -> None:
    text = manual.page()
    assert text.startswith(".TH GREGARIA 1")
    for option in OFFERED:
        assert all(flag.replace("-", "\\-") in text for flag in option.flags)
    if program := shutil.which("groff"):
        done = subprocess.run(
            [program, "-man", "-Tutf8", "-ww"], input=text, capture_output=True, text=True, check=True
        )
        assert done.stderr == ""
        assert "BrowsingUser BuyingUser" in done.stdout


def test_the_command_prints_scripts_without_loading_anything() -> None:
    code = (
        "import sys; sys.argv = ['gregaria', '--completion', 'fish']; from gregaria_command import main; main()\n"
        "assert not {'gregaria', 'gevent', 'argparse'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == completion.script("fish")
    for arguments in (["--completion=dos"], ["--completion"]):
        done = subprocess.run(
            [sys.executable, "-m", "gregaria", *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "argument --completion: " in done.stderr and "is not one of bash, zsh, fish" in done.stderr
