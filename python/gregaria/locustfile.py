"""Locustfiles: find them, import them, and list the user and shape classes they define.

What is wrong with a locustfile ends the program here, with the message its author needs; nothing is run.
"""

from __future__ import annotations

import ast
import atexit
import importlib.machinery
import importlib.util
import inspect
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlparse

from gregaria.locustfile_alias import own_name
from gregaria.shape import LoadTestShape
from gregaria.user import User
from gregaria.util.directory import get_abspaths_in
from gregaria.util.url import is_url

if TYPE_CHECKING:
    from types import ModuleType, TracebackType

EXIT_LOCUSTFILE = 1
EXIT_USAGE = 2


def complain(message: str, exit_code: int = EXIT_LOCUSTFILE) -> NoReturn:
    """Say on standard error what is wrong, and exit."""
    sys.stderr.write(message.rstrip("\n") + "\n")
    sys.exit(exit_code)


def locate(name: str) -> list[str]:
    """The absolute paths of the locustfiles that one item of `-f` stands for."""
    if name == "-":
        complain("gregaria: error: '-f -' gets the locustfile from a master; no other can stand beside it", EXIT_USAGE)
    if is_url(name):
        return [download(name)]
    path = Path(os.path.normpath(Path.cwd() / name))
    if path.is_dir():
        found = get_abspaths_in(name, extension=".py")
        return found or complain(f"The directory '{name}' holds no locustfile")
    if path.exists() and name.endswith(".py"):
        return [str(path)]
    complain(
        f"Could not find '{name}'. A locustfile ends with '.py'; a directory of such files or a URL will do "
        "too. --help lists the options."
    )


def download(url: str) -> str:
    """Fetch a locustfile into a file that goes when the process ends; exits with a message if that fails."""
    import requests

    try:
        source = requests.get(url, timeout=60).text
    except requests.exceptions.RequestException as error:
        complain(f"Failed to get locustfile from: {url}. Exception: {error}")
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        complain(f"Failed to get locustfile from: {url}. What it sends is no Python: '{source[:100]}'")
    path = Path(tempfile.gettempdir(), urlparse(url).path.split("/")[-1] or "locustfile.py")
    path.write_text(source, encoding="utf-8")
    atexit.register(path.unlink, missing_ok=True)
    return str(path)


def is_user_class(item: object) -> bool:
    """Whether this is a user class that can be run."""
    return inspect.isclass(item) and issubclass(item, User) and item.abstract is False


def is_shape_class(item: object) -> bool:
    """Whether this is a shape class that can be used."""
    return inspect.isclass(item) and issubclass(item, LoadTestShape) and item.abstract is False


def load_locustfile(path: str) -> tuple[dict[str, type[User]], list[LoadTestShape]]:
    """Import the file; its user classes by variable name, and an instance of each of its shape classes."""
    content = vars(import_file(path))
    users = {name: value for name, value in content.items() if is_user_class(value)}
    return users, [value() for value in content.values() if is_shape_class(value)]


def import_file(path: str) -> ModuleType:
    """Import a file as a module named like it. The working directory stays first in `sys.path` afterwards."""
    name = Path(path).stem
    if name in ("locust", "gregaria"):
        name = "locustfile"
    loader = importlib.machinery.SourceFileLoader(name, path)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None:
        complain(f"Unable to get module spec for {name} in {path}")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(Path.cwd()))
    sys.modules[name] = module
    with _first_in_search_path(str(Path(path).parent)):
        loader.exec_module(module)
    return module


@contextmanager
def _first_in_search_path(directory: str) -> Iterator[None]:
    sys.path.insert(0, directory)
    try:
        yield
    finally:
        with suppress(ValueError):
            sys.path.remove(directory)


@dataclass
class Locustfiles:
    """What all locustfiles of a run define together."""

    paths: list[str]
    user_classes: dict[str, type[User]] = field(default_factory=dict)
    shape_classes: dict[str, LoadTestShape] = field(default_factory=dict)
    user_tasks: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def shape(self) -> LoadTestShape | None:
        """The shape that is used: the first one found."""
        return next(iter(self.shape_classes.values()), None)


def load_all(paths: list[str]) -> Locustfiles:
    """Import every locustfile; exits with a message or a traceback if one cannot be imported or clashes."""
    files = Locustfiles(paths)
    for path in paths:
        users, shapes = _load_or_exit(path)
        for name, user_class in users.items():
            _add_user_class(files, name, user_class)
        for shape in shapes:
            _add_shape(files, shape)
    if not files.user_classes:
        for path in paths:
            for name, user_class in _load_pytest_or_exit(path).items():
                _add_user_class(files, name, user_class)
    return files


def _load_pytest_or_exit(path: str) -> dict[str, type[User]]:
    """The user classes that test functions stand for; none if there are none, or no pytest."""
    if not any(name.startswith(("test", "Test")) for name in vars(sys.modules.get(Path(path).stem, object))):
        return {}
    from gregaria.pytest_locustfile import load_locustfile_pytest

    try:
        return load_locustfile_pytest(path)
    except ModuleNotFoundError as error:
        if error.name not in ("pytest", "_pytest"):
            raise
        complain(f"{path} has no user class but tests: to run those as users, pip install 'gregaria[pytest]'")
    except ValueError as error:
        complain(f"gregaria: error: the tests in '{path}' cannot be users: {error}")


def _load_or_exit(path: str) -> tuple[dict[str, type[User]], list[LoadTestShape]]:
    try:
        return load_locustfile(path)
    except Exception as error:
        if isinstance(error, OSError) and error.filename == path:
            complain(f"gregaria: error: cannot read locustfile '{path}': {error.strerror}")
        if isinstance(error, ModuleNotFoundError) and own_name(error.name or ""):
            error.add_note(f"Gregaria has no module {error.name} yet.")
        error.__traceback__ = _own_frames(error.__traceback__)
        traceback.print_exception(error)
        complain(f"gregaria: error: locustfile '{path}' could not be loaded, for the reason above")


def _own_frames(tb: TracebackType | None) -> TracebackType | None:
    """The part of a traceback that begins outside this file and the import machinery."""
    while tb is not None:
        file = tb.tb_frame.f_code.co_filename
        if file != __file__ and not file.startswith("<frozen importlib"):
            return tb
        tb = tb.tb_next
    return None


def _add_user_class(files: Locustfiles, name: str, user_class: type[User]) -> None:
    known = files.user_classes.get(name)
    if known is not None:
        here, there = inspect.getsourcefile(user_class), inspect.getsourcefile(known)
        if here != there:
            complain(f"Duplicate user class names: {name} is defined in both {there} and {here}")
        return
    files.user_classes[name] = user_class
    files.user_tasks[name] = user_class.tasks or []


def _add_shape(files: Locustfiles, shape: LoadTestShape) -> None:
    name = type(shape).__name__
    known = files.shape_classes.get(name)
    if known is None:
        files.shape_classes[name] = shape
    elif inspect.getsourcefile(type(known)) != inspect.getsourcefile(type(shape)):
        complain(f"Duplicate shape classes: {name}")
