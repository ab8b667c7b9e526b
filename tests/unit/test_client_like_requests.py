"""Random URLs and cookies through `requests` and through our session: what goes out must be the same. A recording
server is the proxy of `requests`, so that every name of a host leads there. `SEED` begins elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from gregaria._engine import resolve
from gregaria.clients import HttpSession
from gregaria.event import EventHook

SEED = int(os.environ.get("SEED", "1"))
URLS, JARS = 800, 250

HOSTS = [
    "example.com",
    "a.example.com",
    "127.0.0.1",
    "h",
    "H.example",
    "a-b.c",
    "-a",
    "[::1]",
    "ü.example",
    "a_b",
    "1.2",
]
PORTS = ["", "", "", ":80", ":8080", ":0", ":080", ":", ":99999", ":x", ":+1"]
AUTHORITIES = ["", "", "", "", "u:p@", "u@", ":@", "a%40b:c@"]
PATHS = [
    *(
        "/",
        "/",
        "/",
        "//",
        "a",
        "b.c",
        "/.",
        "/..",
        "/./",
        "/../",
        "..",
        "~",
        "-_",
        "%7E",
        "%2F",
        "%2f",
        "%25",
        "%",
        "%zz",
        "%0",
        "%E4",
    ),
    *(
        "?",
        "?",
        "#",
        "&",
        "=",
        "a=1",
        "b[]=2",
        ";",
        "+",
        "%20",
        " ",
        "\\",
        "[",
        "]",
        "|",
        "^",
        "{}",
        "<>",
        '"',
        "'",
        "`",
        "$",
        "!",
        "(*)",
        ",",
    ),
    *(":", "@", "ü", "\u20ac", "\t", "\x7f", "http://", "0"),
]


class Server:
    """A recorder, and what it has to say."""

    def __init__(self, port: int, steering: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self.proxies = {"http": self.url}
        self.connection = socket.create_connection(("127.0.0.1", steering))
        self.lines = self.connection.makefile("rw", encoding="utf-8")

    def ask(self, what: object) -> Any:
        self.lines.write(json.dumps(what) + "\n")
        self.lines.flush()
        return json.loads(self.lines.readline())

    def sent(self) -> dict[str, str]:
        """First line, host and cookies of what came, by the value of `X-Case`."""
        heads = [each["head"].split("\r\n") for each in self.ask(None)]
        found = {}
        for first, *lines in heads:
            fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            found[fields["x-case"]] = f"{first} | {fields['host']} | {fields.get('cookie')}"
        return found


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    recorder = Path(__file__).parents[1] / "support/recorder.py"
    command = [sys.executable, str(recorder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        _, port, _, steering = process.stdout.readline().split()
        made = Server(int(port), int(steering))
        yield made
        made.connection.close()
        process.stdin.close()


def ours(base: str = "") -> HttpSession:
    return HttpSession(base, EventHook(), None)


def outcome(session: requests.Session, url: str, case: str, **settings: Any) -> tuple[str, str | None]:
    """Which exception, if any, and the URL that the request was for in the end."""
    try:
        response = session.get(url, headers={"X-Case": case}, allow_redirects=False, **settings)
        response.raise_for_status()
    except (requests.RequestException, ValueError) as error:
        return f"{type(error).__name__}: {error}".replace(hex(id(error)), ""), None
    return "", response.request.url


@pytest.mark.parametrize("road", ["direct", "proxy"])
def test_what_a_url_becomes(server: Server, road: str) -> None:
    chance = random.Random(SEED)
    server.ask([])
    made = {}
    with requests.Session() as theirs, contextlib.closing(ours()) as mine:
        for case in range(URLS):
            path = "".join(chance.choices(PATHS, k=chance.randint(0, 6)))
            if road == "proxy":
                # Python's own HTTP client stumbles over hosts with an escape in them; a path that ends in `;` it cuts.
                path = f"/{path.replace(';', '')}"
                parts = [chance.choice(["http://", "http://", "HTTP://"]), chance.choice(AUTHORITIES)]
                url = "".join([*parts, chance.choice(HOSTS), chance.choice(PORTS), path])
                settings: dict[str, Any] = {"proxies": server.proxies}
            else:
                path = path if chance.random() < 0.2 else f"/{path}"
                url, settings = server.url + path, {}
            made[case] = (url, outcome(theirs, url, f"{case}r", **settings), outcome(mine, url, f"{case}g", **settings))
    sent = server.sent()
    differ = [
        (url, expected, got, sent.get(f"{case}r"), sent.get(f"{case}g"))
        for case, (url, expected, got) in made.items()
        if (expected, sent.get(f"{case}r")) != (got, sent.get(f"{case}g"))
    ]
    assert not differ, f"{len(differ)} of {URLS}, the first: {differ[:15]}"
    assert len(sent) > URLS / 2


NAMES = ["a", "b", "sid", "A", "__Host-x", "__Secure-y"]
VALUES = ["1", "x=y", '"q"', '"a b"', "", "a b", "%20", "a,b", " padded ", "ü", "a/b:c"]
ATTRIBUTES = [
    *("Path=/", "path=/a", "Path=/a/", "Path=/a/b", "Path=a", 'Path="/a"', "Path", "Path=", "Path=/A"),
    *(
        "Domain=example.com",
        "domain=.example.com",
        "Domain=a.example.com",
        "Domain=EXAMPLE.com",
        "Domain=com",
        "Domain=other.org",
        "Domain=",
    ),
    *("Domain=.a.example.com", "Domain=ple.com", "Domain=example.com.", "Domain=127.0.0.1"),
    *("Max-Age=0", "Max-Age=100", "Max-Age=-1", "max-age=1e3", "Max-Age=99999999999999999999", "Max-Age"),
    *(
        "Expires=Fri, 01-Jan-2100 00:00:00 GMT",
        "expires=Fri, 01 Jan 2100 00:00:00 GMT",
        "Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    ),
    *(
        "Expires=Fri, 01 Jan 99 00:00:00 GMT",
        "Expires=Friday, 01-Jan-38 00:00:00 GMT",
        "Expires=0",
        "Expires=soon",
        "Expires",
        "Expires=Fri Jan 1 00:00:00 2100",
    ),
    *(
        "Expires=Thu, 01 Jan 1970 00:00:00",
        "Expires=2100-01-01",
        "Expires=Fri, 31 Feb 2100 00:00:00 GMT",
        "Expires=01 Jan 2100",
        "Expires=Fri, 01-Jan-1990 00:00:00 UTC",
    ),
    *(
        "Secure",
        "secure=1",
        "HttpOnly",
        "SameSite=None",
        "samesite=strict",
        "Priority=High",
        "Partitioned",
        "",
        "Version=1",
        "Port",
        "Comment=x",
        "Unknown",
    ),
]
SITES = ["example.com", "a.example.com", "b.a.example.com", "127.0.0.1", "localhost", "other.org"]
PLACES = ["/", "/a", "/a/", "/a/b", "/a/b/c", "/A", "/ab", "/b?x=/a/b"]


def set_cookie(chance: random.Random) -> str:
    pair = (
        f"{chance.choice(NAMES)}={chance.choice(VALUES)}" if chance.random() < 0.97 else chance.choice(["a", "=b", ""])
    )
    return "; ".join([pair, *chance.choices(ATTRIBUTES, k=chance.choice([0, 1, 1, 2, 3]))])


def cookies_of(sent: str | None) -> tuple[str, list[str]]:
    """The host, and the cookies: those of one path in any order."""
    _, host, cookies = (sent or "||").split("|", 2)
    return host, sorted(cookies.strip().split("; "))


@pytest.mark.filterwarnings("ignore:http.cookiejar bug")
def test_which_cookies_go_back(server: Server) -> None:
    chance = random.Random(SEED)
    for site in SITES:
        resolve(site, server.port, ["127.0.0.1"])
    cases = []
    for case in range(JARS):
        steps = []
        for step in range(chance.randint(2, 5)):
            lines = [set_cookie(chance) for _ in range(chance.choice([0, 1, 1, 2, 3]))]
            site, place = chance.choice(SITES), chance.choice(PLACES)
            steps.append((f"{case}.{step}", f"http://{site}:{server.port}{place}", lines))
        cases.append(steps)
    for who, new in (("r", requests.Session), ("g", ours)):
        fields = ["".join(f"Set-Cookie: {line}\r\n" for line in lines) for steps in cases for _, _, lines in steps]
        server.ask([[f"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{each}\r\n"] for each in fields])
        for steps in cases:
            with contextlib.closing(new()) as session:
                for step, url, _ in steps:
                    settings: dict[str, Any] = {"proxies": server.proxies} if who == "r" else {}
                    session.get(url, headers={"X-Case": step}, **settings)
        if who == "r":
            theirs = server.sent()
    mine = server.sent()
    differ = [
        (steps, step, theirs.get(step), mine.get(step))
        for steps in cases
        for step, _, _ in steps
        if cookies_of(theirs.get(step)) != cookies_of(mine.get(step))
    ]
    assert not differ, f"{len(differ)}, the first: {differ[:10]}"
    assert sum("| None" not in each for each in theirs.values()) > JARS / 3
