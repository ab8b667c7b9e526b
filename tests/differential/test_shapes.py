"""Hundreds of shapes of requests under Locust and under Gregaria: the same bytes on the wire, responses and statistics.

Each tester has a recording server of its own (support/recorder.py). Shapes that go otherwise on purpose are listed with
what docs/differences.md says of them; one that no longer differs has to leave the list.
"""

import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.scripts import FOLDER, UNDER_GREGARIA, Logs, compared, logs_of, started
from support.server import lines_until, running

RECORDER = Path(__file__).parents[1] / "support/recorder.py"
TRAILING_SPACES = "spaces at the end of a header's value are no part of it"
LEFT_BEHIND = "a connection on which bytes follow the body, or that the request asked to close, is not used again"
SHOWN = "header values are shown as the text that was sent"
READ = "a broken head that http.client reads is read; llhttp refuses it, or reads another one"
CODINGS = "what the coding allows is decoded, and what is unknown is handed out as it came"


def both_ways(names: Iterable[str], reason: str) -> dict[str, str]:
    return {f"{kind}: {name}": reason for name in names for kind in ("answer", "streamed answer")}


DIFFERENT = {
    "http_shapes": {
        "Set-Cookie: spaces": TRAILING_SPACES,
        "Location: spaces around": TRAILING_SPACES,
        "answer: headers twice": TRAILING_SPACES,
        "streamed answer: headers twice": TRAILING_SPACES,
        "Location: latin": "a Location that is not UTF-8 is followed; Locust's task dies of it",
        "Content-Encoding: not br": "a corrupt brotli body is a failure",
        "streamed answer: negative length": "a negative length counts as 0 bytes",
        "connection garbage after the body, then GET": LEFT_BEHIND,
        "connection garbage after the body, then POST": LEFT_BEHIND,
        "connection another answer after the body, then GET": LEFT_BEHIND,
        "connection another answer after the body, then POST": LEFT_BEHIND,
        "connection: client closes": LEFT_BEHIND,
    },
    "fast_shapes": {
        "data: bytearray": "a bytearray is sent; Locust's task dies of it",
        "params: bytes": "bytes are sent; Locust's task dies of them",
        "params: a number": "another word for what cannot be sent",
        "path 3": "a path may start with two slashes",
        **dict.fromkeys(("headers: none", "headers: no encoding", "headers: bytes", "headers: number"), SHOWN),
        "headers: list": "several values of a header go in one line",
        "Set-Cookie: spaces": TRAILING_SPACES,
        "Location: spaces around": TRAILING_SPACES,
        **both_ways(["headers twice"], TRAILING_SPACES),
        "status line: HTTP/2.0": "a server that claims another protocol is not believed",
        "status line: late": READ,
        "status 304": READ,
        **both_ways(("folded header", "only line feeds", "nothing but line ends"), READ),
        **dict.fromkeys(("status line: below 100", "status line: above 999"), "one text for bad statuses"),
        **{
            f"Content-Encoding: {name}": CODINGS
            for name in ("x-gzip", "twice", "two members", "unknown", "empty", "not br")
        },
        "streamed answer: bad chunk": "a stream is reported at its head, and breaks where it is read",
        "connection garbage after the body, then GET": LEFT_BEHIND,
        "connection garbage after the body, then POST": LEFT_BEHIND,
        "connection another answer after the body, then GET": LEFT_BEHIND,
        "connection another answer after the body, then POST": LEFT_BEHIND,
    },
}
AT_LEAST = {"http_shapes": 550, "fast_shapes": 400}


@contextmanager
def recorder() -> Iterator[str]:
    """Ports of a recording server."""
    with running([sys.executable, str(RECORDER)]) as process:
        yield lines_until(process, "ready")[-1].removeprefix("ready ")


def logs(command: list[str]) -> Logs:
    with recorder() as ports:
        return logs_of(started(command, {"RECORDER": ports}))


@pytest.fixture(scope="module", params=sorted(DIFFERENT))
def both(request: pytest.FixtureRequest, locust: list[str]) -> tuple[str, Logs, Logs]:
    path = str(FOLDER / f"{request.param}.py")
    ours = [sys.executable, "-c", UNDER_GREGARIA.format(folder=str(FOLDER), path=path)]
    with ThreadPoolExecutor() as pool:
        left = pool.submit(logs, [str(Path(locust[0]).with_name("python")), path])
        right = pool.submit(logs, ours)
        return request.param, left.result(), right.result()


def test_there_are_hundreds_of_shapes(both: tuple[str, Logs, Logs]) -> None:
    script, left, right = both
    assert left.keys() == right.keys()
    assert len(left) >= AT_LEAST[script]
    assert not [name for name, log in left.items() if any(line.startswith("scenario raised") for line in log)]


def test_every_shape_goes_as_under_locust(both: tuple[str, Logs, Logs]) -> None:
    script, left, right = both
    names = left.keys() - DIFFERENT[script].keys()
    found = [line for name in sorted(names) for line in compared(name, left[name], right[name])]
    assert not found, "\n".join(found)


def test_no_difference_is_out_of_date(both: tuple[str, Logs, Logs]) -> None:
    script, left, right = both
    assert not [name for name in DIFFERENT[script] if left[name] == right[name]]
