"""Feeds in one process, and the law of the blocks; over workers in tests/e2e/test_cluster.py."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gregaria import feed
from gregaria.event import Events
from gregaria.exception import StopUser
from gregaria.feed import Blocks, EndOfFeed


@pytest.fixture
def accounts(tmp_path: Path) -> Path:
    path = tmp_path / "accounts.csv"
    path.write_text("name,secret\nann,a\nbob,b\ncleo,c\n", encoding="utf-8")
    return path


class Someone:
    pass


def names(rows: object, count: int) -> list[str]:
    return [rows.next()["name"] for _ in range(count)]


def test_every_row_once_and_then_the_user_stops(accounts: Path) -> None:
    rows = feed(accounts, events=Events())
    assert len(rows) == 3 and rows.next() == {"name": "ann", "secret": "a"}
    assert [row["name"] for row in (next(rows), next(rows))] == ["bob", "cleo"]
    with pytest.raises(EndOfFeed, match=r"accounts\.csv has no more rows"):
        rows.next()
    assert issubclass(EndOfFeed, StopUser)


def test_round_and_round(accounts: Path) -> None:
    assert names(feed(accounts, "sequential", events=Events()), 7) == [
        "ann",
        "bob",
        "cleo",
        "ann",
        "bob",
        "cleo",
        "ann",
    ]
    assert names(feed(accounts, on_end="loop", events=Events()), 4)[-1] == "ann"


def test_a_row_of_its_own_for_every_user(accounts: Path) -> None:
    rows = feed(accounts, "per_user", events=Events())
    ann, bob = Someone(), Someone()
    with pytest.raises(TypeError, match="has to know the user"):
        rows.next()
    assert [rows.next(user)["name"] for user in (ann, bob, ann, bob)] == ["ann", "bob", "ann", "bob"]


def test_any_row(accounts: Path) -> None:
    assert set(names(feed(accounts, "random", events=Events()), 100)) == {"ann", "bob", "cleo"}


def test_rows_are_copies(accounts: Path) -> None:
    rows = feed(accounts, "sequential", events=Events())
    rows.next()["name"] = "changed"
    assert names(rows, 3) == ["bob", "cleo", "ann"]


def test_a_new_test_begins_at_the_first_row(accounts: Path) -> None:
    events = Events()
    rows = feed(accounts, events=events)
    assert names(rows, 2) == ["ann", "bob"]
    events.test_start.fire(environment=None)
    assert names(rows, 3) == ["ann", "bob", "cleo"]


def test_lines_of_json(tmp_path: Path) -> None:
    path = tmp_path / "things.jsonl"
    path.write_text('{"id": 1, "tags": ["a"]}\n\n{"id": 2, "tags": []}\n', encoding="utf-8")
    assert [row["id"] for row in feed(path, events=Events())] == [1, 2]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "", "has no rows"),
        ("a.csv", "name\n", "has no rows"),
        ("a.csv", "name,secret\nann\n", "line 2: not as many columns"),
        ("a.csv", "name\nann,a\n", "line 2: not as many columns"),
        ("a.csv", 'name\n"ann\n', "unexpected end of data"),
        ("a.jsonl", '{"a": 1}\n{\n', "line 2:"),
        ("a.jsonl", "[1]\n", "line 1: an object was expected"),
        ("a.csv", b"name\n\xff\xfe\n", "is not UTF-8"),
    ],
)
def test_a_file_that_is_none_is_named_with_the_line(tmp_path: Path, name: str, content: str | bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=says):
        feed(path, events=Events())


def test_what_cannot_be_asked_for(accounts: Path) -> None:
    with pytest.raises(ValueError, match="there is no mode 'shuffled'"):
        feed(accounts, "shuffled", events=Events())
    with pytest.raises(ValueError, match="'loop' or 'stop'"):
        feed(accounts, on_end="explode", events=Events())
    with pytest.raises(FileNotFoundError):
        feed(accounts.parent / "missing.csv", events=Events())


@given(st.integers(1, 200), st.lists(st.integers(1, 60), min_size=1, max_size=50))
def test_blocks_never_overlap_and_leave_nothing_out(rows: int, wishes: list[int]) -> None:
    blocks = Blocks(rows, loop=False)
    given_out = [number for most in wishes for number in blocks.take(most)]
    assert given_out == list(range(min(rows, sum(wishes))))
    looping = Blocks(rows, loop=True)
    taken = [number for most in wishes for number in looping.take(most)]
    assert taken == [number % rows for number in range(len(taken))] and len(taken) >= min(sum(wishes), rows)
