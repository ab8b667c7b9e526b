"""What `HttpUser`'s client sends, gets and reports, for hundreds of shapes of requests; the server keeps the bytes."""

import locust  # noqa: F401  (before requests, because it patches what that imports)

# isort: split
import io
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from decimal import Decimal
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import requests
from answers import (
    ANSWERS,
    BROKEN_BODIES,
    BROKEN_CODINGS,
    CHARSETS,
    CONNECTIONS,
    ENCODINGS,
    LOCATIONS,
    SET_COOKIES,
    STATUS_LINES,
    WHOLE,
)
from recording import (
    FIRST,
    HERE,
    OTHER_HOST,
    OTHER_PORT,
    SECOND,
    Made,
    add_shapes,
    answer,
    redirect,
    sequence,
    several,
    shape,
)
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth, HTTPProxyAuth
from requests.structures import CaseInsensitiveDict
from scenario import main

from locust import HttpUser

NAMED = Path(tempfile.mkdtemp()) / "nämed.txt"
NAMED.write_text("content of a file\n", encoding="utf-8")


def pieces() -> Iterator[bytes]:
    yield b"one"
    yield b""
    yield b"two" * 10


def texts() -> Iterator[str]:
    yield "text "
    yield "pieces"


def halfway() -> Any:
    stream = io.BytesIO(b"0123456789")
    stream.seek(4)
    return stream


class Sized:
    """Iterable, with a length."""

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"abc", b"de"])

    def __len__(self) -> int:
        return 5


class Unreadable:
    """A file that gives an error."""

    def read(self, size: int = -1) -> bytes:
        raise OSError(5, "unreadable")

    def __iter__(self) -> Iterator[bytes]:
        raise OSError(5, "unreadable")


def broken() -> Iterator[bytes]:
    yield b"one"
    raise ValueError("broken generator")


# --- methods with bodies ---------------------------------------------------------------------------------------------

BODIES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a dict": {"data": {"a": "b c", "ü": ["1", "2"]}},
    "pairs": {"data": [("a", 1), ("a", "2")]},
    "bytes": {"data": b"\x00\xff"},
    "text": {"data": "tëxt"},
    "json": {"json": {"a": [1, None, "ü"]}},
    "a file": {"data": Made(lambda: NAMED.open("rb"))},
    "a generator": {"data": Made(pieces)},
    "files": {"files": {"f": ("n.txt", b"content")}},
    "a form with files": {"data": {"a": "1", "b": ["2", "3"]}, "files": {"f": b"content"}},
}
for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "PURGE"):
    for kind, arguments in BODIES.items():
        shape(f"{method} with {kind}", method, **arguments)

several(
    "data",
    {
        "tuple of pairs": (("a", "1"), ("b", "2")),
        "ordered dict": OrderedDict([("z", 1), ("a", 2)]),
        "numbers": {"i": 1, "f": 1.5, "d": Decimal("1.10"), "b": True, "n": None},
        "bytes in a dict": {b"k": b"v\xff"},
        "nested list": {"a": [1, [2, 3]]},
        "generator of a dict": {"a": (str(n) for n in range(2))},
        "empty value": {"a": "", "b": []},
        "special characters": {"&=": "+ %&=~!*'()"},
        "bytearray": bytearray(b"array"),
        "memoryview": memoryview(b"view"),
        "empty text": "",
        "zero": 0,
        "false": False,
        "long text": "x" * 70_000,
        "many fields": {f"k{n}": n for n in range(50)},
        "a list of three": [("a", 1, 2)],
        "a list of text": ["ab", "cd"],
        "surrogate": "\ud800",
        "file half read": Made(halfway),
        "text file": Made(lambda: NAMED.open(encoding="utf-8")),
        "BytesIO": Made(lambda: io.BytesIO(b"file object")),
        "empty BytesIO": Made(lambda: io.BytesIO(b"")),
        "StringIO": Made(lambda: io.StringIO("text füle")),
        "large file": Made(lambda: io.BytesIO(b"y" * 100_000)),
        "text generator": Made(texts),
        "empty generator": Made(lambda: iter(())),
        "generator of numbers": Made(lambda: iter([1, 2])),
        "broken generator": Made(broken),
        "sized iterable": Made(Sized),
        "unreadable": Made(Unreadable),
        "CaseInsensitiveDict": CaseInsensitiveDict({"A": "1"}),
        "a set": {1},
    },
    "POST",
    "data",
)
several(
    "json",
    {
        "numbers": [1, -0.0, 1e100, 123456789012345678901234567890, True],
        "strings": ["ü", "\u2028", "\U0001f600", '"\\/\b\f\n\r\t\x00'],
        "nested": {"a": {"b": {"c": [{}, []]}}},
        "keys": {1: 1, 1.5: 2, False: 3, None: 4},
        "tuple": (1, (2, 3)),
        "nan": float("nan"),
        "decimal": Decimal("1.1"),
        "set": {1},
        "lone surrogate": "\ud800",
        "empty": {},
        "zero": 0,
        "generator": Made(lambda: iter([1])),
    },
    "POST",
    "json",
)
several(
    "files",
    {
        "bytes": {"f": b"content"},
        "text": {"f": "cöntent"},
        "bytearray": {"f": bytearray(b"array")},
        "BytesIO": {"f": Made(lambda: io.BytesIO(b"io")).by()},
        "pair": {"f": ("name.txt", "content")},
        "pair with bytes": {"f": ("name.txt", b"\x00\xff")},
        "three": {"f": ("name.html", b"<a>", "text/html")},
        "four": {"f": ("name.bin", b"x", "application/x", {"X-Part": "1", "Expires": "0"})},
        "no file name": {"f": (None, "just a field")},
        "no file name, a type": {"f": (None, '{"a": 1}', "application/json")},
        "empty file name": {"f": ("", "content")},
        "odd file name": {"f": ('q"uo\\te\r\n.txt', "x")},
        "unicode file name": {"f": ("nämé €.txt", "x")},
        "unicode field": {"fëld": ("n", "x")},
        "several": [("f", ("a.txt", "1")), ("f", ("b.txt", "2")), ("g", "3")],
        "nothing inside": {"f": None},
        "empty content": {"f": ("n", b"")},
        "no type": {"f": ("n.unknown-extension", b"x", None)},
        "list for a tuple": {"f": ["n.txt", "content", "text/plain"]},
        "tuple of one": {"f": ("n",)},
        "number": {"f": 5},
        "empty dict": {},
        "empty list": [],
    },
    "POST",
    "files",
)
shape("files: opened", "POST", files=Made(lambda: {"f": NAMED.open("rb")}))
shape("files: opened as text", "POST", files=Made(lambda: {"f": NAMED.open(encoding="utf-8")}))
shape("files: opened, named", "POST", files=Made(lambda: {"f": ("other", NAMED.open("rb"), "text/x")}))
shape("files: a generator", "POST", files=Made(lambda: {"f": ("n", pieces())}))
shape("files: half read", "POST", files=Made(lambda: {"f": ("n", halfway())}))
shape("files: with pairs", "POST", files={"f": "x"}, data=[("a", "1"), ("a", "2"), ("b", None)])
shape("files: with bytes and numbers", "POST", files={"f": "x"}, data={"a": b"\xff", "b": 5, "c": None})
shape("files: with text", "POST", files={"f": "x"}, data="text")
shape("files: with json", "POST", files={"f": "x"}, json={"a": 1})
shape("files: with own type", "POST", files={"f": "x"}, headers={"Content-Type": "multipart/own"})
shape("files: by GET", "GET", files={"f": "x"}, params={"q": 1})
shape("own type of a form", "POST", data={"a": 1}, headers={"content-type": "text/own"})
shape("no type of a form", "POST", data={"a": 1}, headers={"Content-Type": None})
shape("own type of json", "POST", json={"a": 1}, headers={"Content-Type": "application/own+json"})
shape("own length", "POST", data="four", headers={"Content-Length": "4"})
shape("own transfer encoding", "POST", data=Made(pieces), headers={"Transfer-Encoding": "chunked"})

# --- addresses and parameters ----------------------------------------------------------------------------------------

several(
    "params",
    {
        "dict": {"a": "1", "b": "x y"},
        "numbers and none": {"i": 1, "f": 0.5, "t": True, "n": None},
        "lists": {"a": [1, 2], "b": (), "c": ("x",), "n": [None, 1]},
        "pairs": [("b", 1), ("a", 2), ("b", 3)],
        "text": "a=1&b=x y&ü",
        "text with a question mark": "?a=1",
        "bytes": b"a=%20b",
        "empty text": "",
        "unicode": {"ü": "€", "emoji": "\U0001f600"},
        "reserved": {"a": "/?#[]@!$&'()*+,;=%", "b": "~-._"},
        "percent": {"a": "%41%zz"},
        "nested": {"a": {"b": "c"}},
        "bytes inside": {b"a": b"\xff"},
        "a number": 5,
        "newline": {"a": "x\r\ny"},
    },
    "GET",
    "params",
)
for number, path in enumerate(
    (
        "/a b/ü?q=ö&r=%20+x",
        "/%7e%2F%zz%C3",
        "/a/../b/./c/",
        "//double//slashes",
        "/x?",
        "/x?#",
        "/x#part",
        "/x?a=1?b=2",
        "/'quotes'\"<>`{}|^\\",
        "/;p=1;q,r:s@t",
        "?only=query",
        "",
        " /leading",
        "/trailing ",
        "/tab\there",
        "/nul\0l",
        "/new\nline",
        "/" + "long/" * 500,
        "/x?" + "&".join(f"k{n}=v{n}" for n in range(100)),
        "HTTP://127.0.0.1:" + str(FIRST) + "/upper",
        HERE + "?q",
        HERE,
        OTHER_PORT + "/other",
        OTHER_HOST + "/named",
        f"http://LOCALHOST:{FIRST}/case",
        f"http://user:pass%20word@127.0.0.1:{FIRST}/secret",
        f"http://user@127.0.0.1:{FIRST}/secret",
        f"http://127.0.0.1:{FIRST}\\@x/y",
        f"http://127.0.0.1:0{FIRST}/zero",
        f"http://127.1:{FIRST}/short",
        "/[brackets]?a[]=1&b[c]=2",
    )
):
    shape(f"path {number}", "GET", path)
shape("path with params", "GET", "/x?a=1#part", params={"b": 2})
shape("path with empty params", "GET", "/x?a=1", params={})
for name, method in (("lower case", "get"), ("mixed", "PaTcH"), ("with a dash", "M-SEARCH"), ("with a space", "A B")):
    shape(f"method {name}", method)

# --- headers and cookies ---------------------------------------------------------------------------------------------

several(
    "headers",
    {
        "own": {"X-Own": "1", "x-lower": "two"},
        "none removes": {"Accept": None, "Accept-Encoding": None, "Connection": None},
        "no user agent": {"User-Agent": None},
        "unknown none": {"X-None": None},
        "bytes": {"X-Bytes": b"bytes\xff"},
        "bytes name": {b"X-Bytes": b"v"},
        "latin": {"X-Latin": "ü"},
        "beyond latin": {"X-Euro": "€"},
        "number": {"X-Number": 5},
        "empty": {"X-Empty": ""},
        "leading space": {"X-Space": " a"},
        "trailing space": {"X-Space": "a "},
        "newline": {"X-Break": "a\r\nb: c"},
        "folded": {"X-Fold": "a\r\n b"},
        "colon in name": {"X:Y": "a"},
        "space in name": {"X Y": "a"},
        "unicode name": {"Xü": "a"},
        "host": {"Host": "own.example:80"},
        "two cases": CaseInsensitiveDict({"X-A": "1", "x-a": "2"}),
        "same name in two cases": {"X-A": "1", "x-a": "2"},
        "connection close": {"Connection": "close"},
        "encoding": {"Accept-Encoding": "identity"},
        "cookie": {"Cookie": "by=hand"},
        "authorization": {"Authorization": "Bearer x"},
        "content length": {"Content-Length": "0"},
        "pairs": [("X-A", "1")],
        "expect": {"Expect": "nothing"},
        "subclass of str": {"X-S": type("S", (str,), {})("sub")},
        "long": {"X-Long": "l" * 9000},
        "tab": {"X-Tab": "a\tb"},
        "control": {"X-Nul": "a\0b"},
        "text": "X-A: 1",
        "a list value": {"X-L": ["a", "b"]},
    },
    "GET",
    "headers",
)
sequence(
    "headers of the session",
    [("GET", "/1", {}), ("GET", "/2", {"headers": {"x-session": None, "X-More": "m"}}), ("GET", "/3", {})],
    settings=lambda session: session.headers.update({"X-Session": "s", "User-Agent": "own", "X-B": b"b"}),
)
sequence("no headers", [("GET", "/", {}), ("POST", "/", {"json": 1})], settings=lambda session: session.headers.clear())

several(
    "cookies",
    {
        "dict": {"a": "1", "b": "2"},
        "special": {"a": "x y", "b": 'q"q', "c": "s;c", "d": "k,k", "e": "é"},
        "empty value": {"a": ""},
        "number": {"a": 5},
        "none": {"a": None},
        "jar": requests.cookies.cookiejar_from_dict({"j": "1"}),
        "empty jar": CookieJar(),
        "text": "a=1",
        "pairs": [("a", "1")],
    },
    "GET",
    "cookies",
)
shape("cookies and a header", "GET", cookies={"a": "1"}, headers={"Cookie": "by=hand"})
sequence(
    "cookies of session and request",
    [("GET", "/", {"cookies": {"own": "r", "both": "r"}}), ("GET", "/", {})],
    settings=lambda session: session.cookies.update({"both": "s", "kept": "s"}),
)

for name, lines in SET_COOKIES.items():
    sequence(
        f"Set-Cookie: {name}",
        [("GET", "/deep/first", {}), ("GET", "/deep/second", {}), ("GET", "/", {}), ("GET", OTHER_HOST + "/deep/", {})],
        [answer(200, *(f"Set-Cookie: {line}" for line in lines))],
    )
sequence(
    "cookies of a redirect",
    [("GET", "/first", {}), ("GET", "/second", {})],
    redirect(302, "/there", "Set-Cookie: hop=1"),
    [answer(200, "Set-Cookie: end=2")],
)
sequence(
    "cookies set for a name",
    [("GET", f"http://localhost:{FIRST}/a/b", {}), ("GET", f"http://localhost:{FIRST}/a/", {}), ("GET", "/a/", {})],
    [answer(200, "Set-Cookie: a=1", "Set-Cookie: d=2; Domain=localhost", "Set-Cookie: l=3; Domain=.localhost")],
)

# --- authentication --------------------------------------------------------------------------------------------------


class Token(AuthBase):
    """An authentication of one's own."""

    def __call__(self, request: Any) -> Any:
        request.headers["X-Token"] = f"{request.method} {len(request.body or '')}"
        return request


def challenge(*parts: str) -> list[Any]:
    said = ", ".join(['realm="r"', 'nonce="0123456789abcdef0123456789abcdef"', *parts])
    return [answer(401, f"WWW-Authenticate: Digest {said}", body=b"who?")]


several(
    "auth",
    {
        "pair": ("user", "pass"),
        "list": ["user", "pass"],
        "unicode": ("ü", "ß"),
        "bytes": (b"u\xff", b"p"),
        "beyond latin": ("€", "p"),
        "numbers": (1, 2),
        "colon": ("a:b", "c:d"),
        "empty": ("", ""),
        "basic": HTTPBasicAuth("u", "p"),
        "proxy": HTTPProxyAuth("u", "p"),
        "own": Token(),
        "function": lambda request: request.headers.__setitem__("X-By", "function") or request,
        "three": ("a", "b", "c"),
    },
    "POST",
    "auth",
    data={"a": 1},
)
shape("auth and a header", "GET", auth=("u", "p"), headers={"Authorization": "own"})
shape("auth over the URL's", "GET", f"http://in:url@127.0.0.1:{FIRST}/", auth=("u", "p"))
for name, parts in {
    "plain": [],
    "qop": ['qop="auth"', 'opaque="o"'],
    "two qops": ['qop="auth,auth-int"'],
    "auth-int": ['qop="auth-int"'],
    "sha-256": ["algorithm=SHA-256", 'qop="auth"'],
    "sess": ["algorithm=MD5-SESS", 'qop="auth"'],
    "unknown": ["algorithm=ROT13"],
}.items():
    shape(f"digest: {name}", "GET", "/x?q=1", challenge(*parts), auth=Made(lambda: HTTPDigestAuth("u", "p")))
shape("digest: refused", "GET", "/x", challenge(), challenge(), auth=Made(lambda: HTTPDigestAuth("u", "p")))
shape("digest: body", "POST", "/x", challenge(), data="body", auth=Made(lambda: HTTPDigestAuth("u", "p")))
shape("digest: basic asked", "GET", "/x", [answer(401, "WWW-Authenticate: Basic")], auth=HTTPDigestAuth("u", "p"))
sequence(
    "digest of the session",
    [("GET", "/1", {}), ("POST", "/2", {"json": 1})],
    challenge('qop="auth"'),
    settings=lambda session: setattr(session, "auth", HTTPDigestAuth("u", "p")),
)
sequence(
    "auth of the session",
    [("GET", "/1", {}), ("GET", "/2", {"auth": ("over", "ruled")}), ("GET", OTHER_HOST, {})],
    settings=lambda session: setattr(session, "auth", ("of", "session")),
)

# --- redirects -------------------------------------------------------------------------------------------------------

REDIRECTED: dict[str, tuple[str, dict[str, Any]]] = {
    "GET": ("GET", {}),
    "HEAD": ("HEAD", {"allow_redirects": True}),
    "POST text": ("POST", {"data": "body"}),
    "POST form": ("POST", {"data": {"a": 1}}),
    "PUT json": ("PUT", {"json": {"a": 1}}),
    "DELETE": ("DELETE", {}),
    "POST a file": ("POST", {"data": Made(lambda: io.BytesIO(b"file"))}),
    "POST files": ("POST", {"files": {"f": "content"}}),
    "POST a generator": ("POST", {"data": Made(pieces)}),
}
for code in (300, 301, 302, 303, 307, 308):
    for kind, (method, arguments) in REDIRECTED.items():
        answers = redirect(code, "/there") if method != "HEAD" else [answer(code, "Location: /there", body=b"")]
        shape(f"{code} of {kind}", method, "/x", answers, **arguments)
for name, location in LOCATIONS.items():
    shape(f"Location: {name}", "GET", "/x/start?q=1", redirect(302, location))
sequence("fragments over redirects", [("GET", "/x#first", {})], redirect(302, "/y"), redirect(302, "/z#second"))
for title, target in (("path", "/there"), ("port", OTHER_PORT), ("host", OTHER_HOST)):
    for kind, arguments in {
        "auth": {"auth": ("u", "p")},
        "header": {"headers": {"Authorization": "own", "X-Own": "1", "Cookie": "by=hand"}},
        "cookies": {"cookies": {"c": "1"}},
        "own auth": {"auth": Token()},
        "digest": {"auth": HTTPDigestAuth("u", "p")},
    }.items():
        shape(f"redirect to another {title} with {kind}", "GET", "/x", redirect(302, target), **arguments)
shape("redirects mixed", "POST", "/x", redirect(307, "/y"), redirect(303, "/z"), redirect(308, "/end"), json=[1])
shape("redirects not followed", "GET", "/x", redirect(302, "/there?a=1"), allow_redirects=False)
shape("redirects not followed by POST", "POST", "/x", redirect(303, "/there"), allow_redirects=False, data="x")
shape("redirect without Location", "GET", "/x", [answer(302)])
shape("two Locations", "GET", "/x", [answer(302, "Location: /a", "Location: /b")])
shape("redirect to an error", "GET", "/x", redirect(302, "/y"), [answer(500)])
shape("redirect that closes", "GET", "/x", redirect(302, "/y", "Connection: close"))
shape("redirect to nobody", "GET", "/x", redirect(302, "http://127.0.0.1:9/"))
shape("redirect with a closed answer", "GET", "/x", redirect(302, "/y"), ["close"])
shape("redirect of a large body", "GET", "/x", [answer(302, "Location: /y", body=b"z" * 50_000)])
sequence(
    "too many redirects",
    [("GET", "/x", {})],
    *[redirect(302, f"/{n}") for n in range(6)],
    settings=lambda session: setattr(session, "max_redirects", 3),
)
sequence(
    "no redirects at all",
    [("GET", "/x", {})],
    redirect(302, "/y"),
    settings=lambda session: setattr(session, "max_redirects", 0),
)
shape("redirect by name", "GET", "/x", redirect(302, "/y"), name="grouped")

# --- answers ---------------------------------------------------------------------------------------------------------

for status in (200, 201, 202, 206, 226, 299, 304, 399, 400, 401, 404, 410, 418, 429, 499, 500, 503, 599, 600, 999):
    shape(f"status {status}", "GET", "/x", [answer(status)])
for status in (204, 205, 304):
    shape(f"status {status} without a body", "GET", "/x", [answer(status, body=b"", length=False)])
for name, line in STATUS_LINES.items():
    sequence(f"status line: {name}", [("GET", "/x", {}), ("GET", "/y", {})], [answer(line)])
for name, (coding, body) in ENCODINGS.items():
    shape(f"Content-Encoding: {name}", "GET", "/x", [answer(200, f"Content-Encoding: {coding}", body=body)])
shape(
    "HEAD with an encoding", "HEAD", "/x", ["HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 99\r\n\r\n"]
)
for name, steps in ANSWERS.items():
    shape(f"answer: {name}", "GET", "/x", steps)
    if not name.endswith(("at once", "first")):
        shape(f"streamed answer: {name}", "GET", "/x", steps, stream=True)
for name, (coding, body) in BROKEN_CODINGS.items():
    shape(f"broken coding: {name}", "GET", "/x", [answer(200, f"Content-Encoding: {coding}", body=body)])
for name, steps in BROKEN_BODIES.items():
    shape(f"redirect with a broken body: {name}", "GET", "/x", steps)
for name, whole in WHOLE.items():
    positions = range(1, len(whole))
    sequence(
        f"reset after each byte: {name}",
        [("GET", f"/{position}", {}) for position in positions],
        *[[whole[:position], "reset"] for position in positions],
    )
for name, steps in {
    "head": ["hang"],
    "half a head": ["HTTP/1.1 200", "hang"],
    "body": [answer(200)[:-1], "hang"],
}.items():
    shape(f"timeout of the {name}", "GET", "/x", steps, timeout=0.2)
    shape(f"timeout of the {name} by a pair", "POST", "/x", steps, timeout=(5, 0.2), data="x")
for name, kind, body in CHARSETS:
    shape(f"content: {name}", "GET", "/x", [answer(200, f"Content-Type: {kind}", body=body)])

# --- connections -----------------------------------------------------------------------------------------------------

for name, steps in CONNECTIONS.items():
    for method in ("GET", "POST"):
        body = {"data": "x"} if method == "POST" else {}
        sequence(f"connection {name}, then {method}", [(method, "/1", body), (method, "/2", body)], steps)
for method in ("GET", "PUT", "POST"):
    sequence(f"kept connection dies under {method}", [(method, "/1", {}), (method, "/2", {})], [answer(200)], ["close"])
    sequence(
        f"kept connection is reset under {method}", [(method, "/1", {}), (method, "/2", {})], [answer(200)], ["reset"]
    )
sequence("connection after a 500", [("GET", "/1", {}), ("GET", "/2", {})], [answer(500)])
sequence(
    "connection after HEAD", [("HEAD", "/1", {}), ("GET", "/2", {})], ["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"]
)
sequence("connection: client closes", [("GET", "/1", {"headers": {"Connection": "close"}}), ("GET", "/2", {})])
sequence("connection of a stream", [("GET", "/1", {"stream": True}), ("GET", "/2", {})])
sequence("connections to two ports", [("GET", "/1", {}), ("GET", OTHER_PORT, {}), ("GET", "/3", {})])

# --- other arguments -------------------------------------------------------------------------------------------------

shape("name", "GET", "/x?q=1", name="grouped")
shape("context", "GET", "/x", context={"a": 1})
shape("stream", "GET", "/x", stream=True)
shape("hook", "GET", "/x", hooks={"response": lambda response, **_: setattr(response, "reason", "hooked")})
shape("hooks", "GET", "/x", hooks={"response": [lambda response, **_: None, lambda response, **_: response]})
shape("verify and cert", "GET", "/x", verify=False, cert=None)
shape("proxy", "GET", HERE + "/x?q=1", proxies={"http": f"http://127.0.0.1:{SECOND}"})
shape("proxy with credentials", "POST", "/x", proxies={"http": f"http://u:p@127.0.0.1:{SECOND}"}, data="x")
shape("proxy for another host", "GET", "/x", proxies={"http://other": f"http://127.0.0.1:{SECOND}"})
shape("proxy for this host", "GET", "/x", proxies={"http://127.0.0.1": f"http://127.0.0.1:{SECOND}"})
shape("proxy redirects", "GET", "/x", redirect(302, "/y"), proxies={"all": f"http://127.0.0.1:{SECOND}"})
shape("proxy for a name", "GET", "http://no.such.host/x", proxies={"http": f"http://127.0.0.1:{SECOND}"})

if __name__ == "__main__":
    add_shapes(HttpUser)
    main()
