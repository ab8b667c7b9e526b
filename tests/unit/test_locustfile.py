"""Finding and importing locustfiles, and what is said about broken ones."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gevent.pywsgi import WSGIServer

from gregaria import main
from gregaria.locustfile import load_all, load_locustfile, locate
from gregaria.util import load_locustfile as as_locust_names_it

USER = "from gregaria import User, task\nclass {0}(User):\n    @task\n    def t(self): pass\n"
SHAPE = "from gregaria import LoadTestShape\nclass {0}(LoadTestShape):\n    def tick(self): return None\n"


@pytest.fixture(autouse=True)
def _imports() -> Iterator[None]:
    path, modules = sys.path[:], set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if not name.startswith("gregaria"):
            del sys.modules[name]


def write(directory: Path, name: str, text: str) -> str:
    """Write a file and say its path."""
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def test_user_classes_are_found_by_variable_name(tmp_path: Path) -> None:
    text = USER.format("A") + "class Base(User):\n    abstract = True\nclass B(Base): pass\nalso = B\n"
    users, shapes = load_locustfile(write(tmp_path, "locustfile.py", text))
    assert list(users) == ["A", "B", "also"]
    assert shapes == []


def test_shapes_are_instantiated(tmp_path: Path) -> None:
    files = load_all([write(tmp_path, "s.py", USER.format("A") + SHAPE.format("One") + SHAPE.format("Two"))])
    assert list(files.shape_classes) == ["One", "Two"]
    assert type(files.shape).__name__ == "One"
    assert list(files.user_tasks) == ["A"]


@pytest.mark.parametrize("name", ["locust.py", "gregaria.py", "with.dots.py", "with-dash.py"])
def test_file_names(tmp_path: Path, name: str) -> None:
    assert list(load_locustfile(write(tmp_path, name, USER.format("A")))[0]) == ["A"]


def test_a_locustfile_imports_its_neighbours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "tests/neighbour.py", "value = 1\n")
    write(tmp_path, "from_here.py", "value = 2\n")
    path = write(tmp_path, "tests/l.py", "import neighbour, from_here\n" + USER.format("A"))
    monkeypatch.chdir(tmp_path)
    load_locustfile(path)
    assert sys.path[0] == str(tmp_path)
    assert str(tmp_path / "tests") not in sys.path


def test_names_directories_and_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "tests/l.py", "")
    write(tmp_path, "tests/_no.py", "")
    (tmp_path / "empty").mkdir()
    write(tmp_path, "noending", "")
    monkeypatch.chdir(tmp_path)
    assert locate("tests/l.py") == locate("tests") == [path]
    for name, message in (
        ("noending", "Could not find 'noending'. A locustfile ends with '.py'; a directory of such files"),
        ("nope.py", "Could not find 'nope.py'. "),
        ("empty", "The directory 'empty' holds no locustfile"),
    ):
        with pytest.raises(SystemExit) as end:
            locate(name)
        assert end.value.code == 1
        assert capsys.readouterr().err.startswith(message)
    with pytest.raises(SystemExit) as end:
        locate("-")
    assert end.value.code == 2
    assert "no other can stand beside it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        (
            "def helper():\n    raise ValueError('mine')\nhelper()\n",
            "Traceback (most recent call last):",
            "ValueError: mine",
        ),
        ("class A(:\n    pass\n", "  File ", "SyntaxError: invalid syntax"),
        ("from gregaria import Userr\n", "Traceback", "ImportError: cannot import name 'Userr' from 'gregaria'"),
    ],
)
def test_a_broken_locustfile_shows_its_own_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, first: str, last: str
) -> None:
    path = write(tmp_path, "broken.py", text)
    with pytest.raises(SystemExit) as end:
        load_all([path])
    assert end.value.code == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(first)
    assert lines[-2].startswith(last)
    assert lines[-1] == f"gregaria: error: locustfile '{path}' could not be loaded, for the reason above"
    frames = [line for line in lines if line.startswith("  File ")]
    assert frames
    assert all(f'"{path}"' in frame for frame in frames)


def test_an_unreadable_locustfile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "secret.py", "")

    def refuse(_self: object, path: str) -> bytes:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("importlib.machinery.SourceFileLoader.get_data", refuse)
    with pytest.raises(SystemExit) as end:
        load_all([path])
    assert end.value.code == 1
    assert capsys.readouterr().err == f"gregaria: error: cannot read locustfile '{path}': Permission denied\n"


def test_sys_exit_in_a_locustfile_is_respected(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as end:
        load_all([write(tmp_path, "leaves.py", "raise SystemExit(7)\n")])
    assert end.value.code == 7


def test_duplicates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = write(tmp_path, "one.py", USER.format("A"))
    two = write(tmp_path, "two.py", USER.format("A"))
    with pytest.raises(SystemExit) as end:
        load_all([one, two])
    assert end.value.code == 1
    assert capsys.readouterr().err == f"Duplicate user class names: A is defined in both {one} and {two}\n"
    shapes = [write(tmp_path, f"shape_{n}.py", SHAPE.format("S")) for n in (1, 2)]
    with pytest.raises(SystemExit):
        load_all(shapes)
    assert capsys.readouterr().err == "Duplicate shape classes: S\n"


def test_a_class_imported_from_another_locustfile_is_no_duplicate(tmp_path: Path) -> None:
    one = write(tmp_path, "first.py", USER.format("A") + SHAPE.format("S"))
    two = write(tmp_path, "second.py", "from first import A, S\n" + USER.format("B"))
    files = load_all([one, two])
    assert list(files.user_classes) == ["A", "B"]
    assert list(files.shape_classes) == ["S"]


def _files(request: dict[str, str], start_response: Callable[..., object]) -> list[bytes]:
    start_response("200 OK", [])
    return [b"class (" if "broken" in request["PATH_INFO"] else USER.format("FromUrl").encode()]


@pytest.fixture
def url() -> Iterator[str]:
    """Address of a server that has locustfiles."""
    server = WSGIServer(("127.0.0.1", 0), _files, log=None)
    server.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.stop()


def test_a_locustfile_from_a_url(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert locate(f"{url}/some/where.py?token=1") == [str(tmp_path / "where.py")]
    assert list(load_locustfile(str(tmp_path / "where.py"))[0]) == ["FromUrl"]
    with pytest.raises(SystemExit) as end:
        locate(f"{url}/broken.py")
    assert end.value.code == 1
    assert capsys.readouterr().err == (
        f"Failed to get locustfile from: {url}/broken.py. What it sends is no Python: 'class ('\n"
    )


def test_a_url_that_does_not_answer(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        locate("http://127.0.0.1:1/l.py")
    assert end.value.code == 1
    assert capsys.readouterr().err.startswith("Failed to get locustfile from: http://127.0.0.1:1/l.py. Exception: ")


def test_it_is_found_where_scripts_import_it_from() -> None:
    assert main.load_locustfile is as_locust_names_it.load_locustfile is load_locustfile
