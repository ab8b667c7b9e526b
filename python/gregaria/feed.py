"""`feed`: rows of a data file, handed out to users so that no row is used twice, also over many workers.

    accounts = feed("accounts.csv")           # at the top of the locustfile
    row = accounts.next()                     # in a task: a dict, e.g. {"name": "ann", "password": "x"}

In a distributed test the master cuts the file into blocks and gives them to workers ahead of need, so a row costs no
round trip. A block is given once: when a worker is lost, what is left of its blocks is lost too, and never given again.

    worker: next ─ row ─ row ─ (half of the block is used) ask ┄┄┄┄┄> master: the next block
                   └ waits only if the answer has not come when the block is used up
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
import random
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args
from weakref import WeakKeyDictionary, WeakSet

from gevent.event import Event as GeventEvent

from .event import Events
from .exception import StopUser

if TYPE_CHECKING:
    from .env import Environment

logger = logging.getLogger("locust.feed")

Mode = Literal["unique", "sequential", "random", "per_user"]
OnEnd = Literal["loop", "stop"]
Row = dict[str, Any]

BLOCK_ROWS = 500
ANSWER_WITHIN_S = 10.0


_FEEDS: WeakSet[Feed] = WeakSet()


def all_feeds() -> list[Feed]:
    """The feeds of this process."""
    return list(_FEEDS)


class EndOfFeed(StopUser):
    """There are no more rows; where nobody catches it, the user stops."""


class Blocks:
    """Who gets which rows: ranges of row numbers, each given once, or round and round. Knows no files, no messages."""

    def __init__(self, rows: int, loop: bool) -> None:
        self._rows = rows
        self._loop = loop
        self._next = 0

    def take(self, most: int) -> range:
        """The next rows, at most so many; empty at the end."""
        if self._next >= self._rows and self._loop:
            self._next = 0
        block = range(self._next, min(self._next + most, self._rows))
        self._next = block.stop
        return block

    def reset(self) -> None:
        """From the beginning, for a new test."""
        self._next = 0


class Feed:
    """Rows of one file. Made by `feed`."""

    def __init__(self, path: Path, mode: Mode, on_end: OnEnd, events: Events) -> None:
        self.path = path
        self.mode = mode
        self.on_end = on_end
        self.rows, self._digest = _read(path)
        self._blocks = Blocks(len(self.rows), loop=on_end == "loop")
        self._ready: deque[int] = deque()
        self._block_rows = 0
        self._asked = 0
        self._answered = 0
        self._ended = False
        self._refused: str | None = None
        self._news = GeventEvent()
        self._runner: Any = None
        self._own_rows: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        _FEEDS.add(self)
        events.init.add_listener(self._on_init)
        events.test_start.add_listener(self._on_test_start)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        """All rows that are left; the loop ends with them."""
        while True:
            try:
                yield self.next()
            except EndOfFeed:
                return

    def __next__(self) -> Row:
        return self.next()

    def next(self, user: Any = None) -> Row:
        """A row. In the mode "per_user" give the user: it gets the same row each time.

        Raises `EndOfFeed`, which stops a user that does not catch it, when there are no more.
        """
        if self.mode == "random":
            return dict(random.choice(self.rows))
        if self.mode == "per_user":
            if user is None:
                raise TypeError(
                    "a feed of the mode 'per_user' has to know the user: rows.next(self) or next(self.user)"
                )
            if user not in self._own_rows:
                self._own_rows[user] = self._number()
            return dict(self.rows[self._own_rows[user]])
        return dict(self.rows[self._number()])

    def _number(self) -> int:
        if not self._is_worker():
            block = self._blocks.take(1)
            if not block:
                raise EndOfFeed(f"{self.path.name} has no more rows")
            return block.start
        while not self._ready:
            self._ask_ahead()
            if self._refused is not None:
                raise RuntimeError(self._refused)
            if self._ended:
                raise EndOfFeed(f"{self.path.name} has no more rows")
            self._news.clear()
            if not self._news.wait(timeout=ANSWER_WITHIN_S):
                raise RuntimeError(
                    f"the master hands out no rows of {self.path.name}; it has to be Gregaria, with the same locustfile"
                )
        number = self._ready.popleft()
        self._ask_ahead()
        return number

    def _is_worker(self) -> bool:
        from .runners import WorkerRunner

        return isinstance(self._runner, WorkerRunner)

    def _ask_ahead(self) -> None:
        """Ask for the next block when half of the present one is used, once."""
        if self._asked == self._answered and not self._ended and len(self._ready) <= self._block_rows // 2:
            self._asked += 1
            self._runner.send_message(f"feed {self.path.name}", {"number": self._asked, "digest": self._digest})

    def _on_init(self, environment: Environment, runner: Any, **_kwargs: Any) -> None:
        from .runners import MasterRunner, WorkerRunner

        self._runner = runner
        if isinstance(runner, MasterRunner):
            runner.register_message(f"feed {self.path.name}", self._on_asked)
        elif isinstance(runner, WorkerRunner):
            runner.register_message(f"rows {self.path.name}", self._on_rows)

    def _on_test_start(self, **_kwargs: Any) -> None:
        self._blocks.reset()
        self._ready.clear()
        self._own_rows.clear()
        self._answered = self._asked
        self._ended = False
        self._refused = None

    def _on_asked(self, environment: Environment, msg: Any, **_kwargs: Any) -> None:
        """On the master: a worker wants rows."""
        answer: dict[str, Any] = {"number": msg.data["number"]}
        if msg.data["digest"] != self._digest:
            answer["refused"] = f"{self.path.name} is not the same file on this worker as on the master"
            logger.error("Worker %s has another %s than the master", msg.node_id, self.path.name)
        else:
            block = self._blocks.take(self._share(environment))
            answer.update(start=block.start, stop=block.stop)
        environment.runner.send_message(f"rows {self.path.name}", answer, msg.node_id)  # type: ignore[union-attr]

    def _share(self, environment: Environment) -> int:
        """Rows of a block: small enough that every worker gets several."""
        workers: int = max(getattr(environment.runner, "worker_count", 1), 1)
        return max(1, min(BLOCK_ROWS, len(self.rows) // (4 * workers)))

    def _on_rows(self, environment: Environment, msg: Any, **_kwargs: Any) -> None:
        """On a worker: the master's answer."""
        data = msg.data
        if data["number"] != self._asked or self._answered == self._asked:
            return  # of an earlier test
        self._answered = data["number"]
        self._refused = data.get("refused")
        rows = range(data.get("start", 0), data.get("stop", 0))
        self._block_rows = len(rows)
        self._ready.extend(rows)
        self._ended = not rows
        self._news.set()


def feed(path: str | Path, mode: Mode = "unique", on_end: OnEnd | None = None, *, events: Events | None = None) -> Feed:
    """The rows of a .csv file (with a header line) or a .jsonl file (an object a line), for the users of a test.

    `mode`: "unique" and "sequential" give every row to one caller, in the file's order; "random" any row to anybody;
    "per_user" a row of its own to every user. `on_end`: "stop" raises `EndOfFeed`, "loop" starts anew (the default
    of "sequential"). `events`: of the environment, where that is not the command's. `ValueError` for what cannot be.
    """
    import gregaria

    if mode not in get_args(Mode):
        raise ValueError(f"feed: there is no mode {mode!r}; there are {', '.join(get_args(Mode))}")
    if on_end is not None and on_end not in get_args(OnEnd):
        raise ValueError(f"feed: on_end is 'loop' or 'stop', and not {on_end!r}")
    if on_end is None:
        on_end = "loop" if mode == "sequential" else "stop"
    return Feed(Path(path), mode, on_end, events if events is not None else gregaria.events)


def _read(path: Path) -> tuple[Sequence[Row], str]:
    """All rows, and a digest of the file."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"feed: {path} is not UTF-8 text: {error}") from None
    if path.suffix in (".jsonl", ".ndjson"):
        rows = [_json_row(path, number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    else:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        try:
            rows = [_csv_row(path, reader.line_num, row) for row in reader]
        except csv.Error as error:
            raise ValueError(f"feed: {path}, line {reader.line_num}: {error}") from None
    if not rows:
        raise ValueError(f"feed: {path} has no rows (a .csv file begins with a line of column names)")
    return rows, hashlib.sha256(content).hexdigest()


def _csv_row(path: Path, line: int, row: dict[Any, Any]) -> Row:
    if None in row or None in row.values():
        raise ValueError(f"feed: {path}, line {line}: not as many columns as the first line names")
    return row


def _json_row(path: Path, number: int, line: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(f"feed: {path}, line {number}: {error}") from None
    if not isinstance(row, dict):
        raise ValueError(f"feed: {path}, line {number}: an object was expected")
    return row
