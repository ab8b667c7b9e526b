"""`import locust` under the command, in processes of their own because the alias changes the import system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def run(code: str, path: Path | None = None) -> str:
    """What the code prints in a fresh interpreter with the alias installed (`path` first on its search path)."""
    setup = "import sys\nfrom gregaria import locustfile_alias\nlocustfile_alias.install()\n"
    if path:
        setup = f"import sys\nsys.path.insert(0, {str(path)!r})\n" + setup
    done = subprocess.run([sys.executable, "-c", setup + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("name", ["", ".stats", ".user", ".user.task", ".contrib.fasthttp", ".env", ".util.timespan"])
def test_same_module_objects(name: str) -> None:
    code = (
        f"import importlib\nours = importlib.import_module('gregaria{name}')\nspec = ours.__spec__\n"
        f"alias = importlib.import_module('locust{name}')\n"
        f"print(alias is ours, ours.__spec__ is spec, ours.__name__)"
    )
    assert run(code) == f"True True gregaria{name}"


def test_alias_first_then_our_name() -> None:
    code = "import locust.stats, locust.user.users\nimport gregaria.stats, gregaria\n"
    assert run(code + "print(locust.stats is gregaria.stats, locust.User is gregaria.user.users.User)") == "True True"


def test_missing_names_fail_as_ever() -> None:
    code = (
        "for line in ('import locust.nothere', 'from locust import nothere', 'import locust.stats.deeper'):\n"
        "    try:\n        exec(line)\n    except ImportError as error:\n        print(type(error).__name__)\n"
    )
    assert run(code).split() == ["ModuleNotFoundError", "ImportError", "ModuleNotFoundError"]


def test_an_installed_locust_stays_aside(tmp_path: Path) -> None:
    (tmp_path / "locust" / "only_there").mkdir(parents=True)
    (tmp_path / "locust" / "__init__.py").write_text("real = True\n")
    (tmp_path / "locust" / "only_there" / "__init__.py").touch()
    code = (
        "import locust\nprint(hasattr(locust, 'real'), locust.__name__)\n"
        "try:\n    import locust.only_there\nexcept ImportError:\n    print('not mixed')\n"
    )
    assert run(code, tmp_path).split("\n") == ["False gregaria", "not mixed"]
    assert run("import locust\nprint(locust.__name__)", tmp_path) == "gregaria"


def test_a_locust_imported_before_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "locust").mkdir()
    (tmp_path / "locust" / "__init__.py").write_text("real = True\n")
    code = (
        "locustfile_alias.uninstall()\nimport locust\nbefore = locust.__name__\n"
        "locustfile_alias.install()\nimport locust\nprint(before, locust.__name__)"
    )
    assert run(code, tmp_path) == "locust gregaria"


def test_relative_imports_and_reload_still_work() -> None:
    code = "import locust.util.date\nimport importlib, warnings\nwarnings.simplefilter('error')\n"
    assert run(code + "print(importlib.reload(locust.util.date).__name__)") == "gregaria.util.date"
