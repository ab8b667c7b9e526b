"""What `FastHttpUser`'s client sends, gets and reports, for hundreds of shapes of requests; bytes are kept."""

import locust  # noqa: F401  (before requests, because it patches what that imports)

# isort: split
import gzip
import io
import zlib
from typing import Any

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
    Call,
    Made,
    add_shapes,
    answer,
    redirect,
    sequence,
    several,
    shape,
)
from scenario import main

from locust import FastHttpUser

# --- methods with bodies ---------------------------------------------------------------------------------------------

BODIES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a dict": {"data": {"a": "b c", "l": ["1", "2"]}},
    "bytes": {"data": b"\x00\xff"},
    "text": {"data": "t\u00ebxt"},
    "json": {"json": {"a": [1, None, "\u00fc"]}},
    "files": {"files": {"f": ("n.txt", b"content")}},
    "a file": {"data": Made(lambda: io.BytesIO(b"file object"))},
}
for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "PURGE"):
    for kind, arguments in BODIES.items():
        shape(f"{method} with {kind}", method, **arguments)
several(
    "data",
    {
        "pairs": [("a", 1), ("a", 2)],
        "unicode": {"\u00fc": "\u20ac"},
        "numbers": {"i": 1, "f": 1.5, "b": True, "n": None},
        "bytes in a dict": {b"k": b"v\xff"},
        "empty dict": {},
        "empty text": "",
        "bytearray": bytearray(b"array"),
        "long text": "x" * 70_000,
        "text file": Made(lambda: io.StringIO("text")),
        "generator": Made(lambda: iter([b"a", b"b"])),
        "a number": 5,
        "tuple": (1, 2),
    },
    "POST",
    "data",
)
several(
    "json",
    {"none": None, "zero": 0, "false": False, "empty": {}, "nan": float("nan"), "set": {1}, "list": [1, "a"]},
    "POST",
    "json",
)
several(
    "files",
    {
        "bytes": {"f": b"content"},
        "text": {"f": "c\u00f6ntent"},
        "BytesIO": Made(lambda: {"f": io.BytesIO(b"io")}),
        "pair": {"f": ("name.txt", "content")},
        "three": {"f": ("name.html", b"<a>", "text/html")},
        "four": {"f": ("name.bin", b"x", "application/x", {"X-Part": "1"})},
        "no file name": {"f": (None, "field")},
        "unicode file name": {"f": ("n\u00e4m\u00e9.txt", "x")},
        "several": [("f", ("a.txt", "1")), ("f", ("b.txt", "2"))],
        "empty": {},
        "number": {"f": 5},
    },
    "POST",
    "files",
)
shape("files with fields", "POST", files={"f": "x"}, data={"a": "1", "b": ["2", "3"]})
shape("files with text", "POST", files={"f": "x"}, data="text")
several(
    "params",
    {
        "dict": {"a": "1", "b": "x y"},
        "values": {"i": 1, "n": None, "t": True},
        "lists": {"a": [1, 2]},
        "pairs": [("b", 1), ("a", 2)],
        "text": "a=1&b=x y",
        "bytes": b"a=1",
        "unicode": {"\u00fc": "\u20ac"},
        "reserved": {"a": "/?#[]@!$&'()*+,;=%"},
        "a number": 5,
    },
    "GET",
    "params",
)
for number, path in enumerate(
    (
        "/a b/\u00fc?q=\u00f6&r=%20+x",
        "/%7e%2F%zz",
        "/a/../b/./c/",
        "//double//slashes",
        "/x?",
        "/x?#",
        "/x#part",
        "/'quotes'\"<>`{}|^\\",
        "/;p=1;q,r:s@t",
        "?only=query",
        "",
        "/tab\there",
        "/new\nline",
        "HTTP://127.0.0.1:" + str(FIRST) + "/upper",
        HERE + "?q",
        HERE,
        OTHER_PORT + "/other",
        OTHER_HOST + "/named",
        f"http://LOCALHOST:{FIRST}/case",
        f"http://user:pass@127.0.0.1:{FIRST}/secret",
        f"http://127.0.0.1:0{FIRST}/zero",
        "/[brackets]?a[]=1",
    )
):
    shape(f"path {number}", "GET", path)
for name, method in (("lower case", "get"), ("mixed", "PaTcH"), ("with a dash", "M-SEARCH")):
    shape(f"method {name}", method)
several(
    "headers",
    {
        "own": {"X-Own": "1", "x-lower": "two"},
        "none": {"Accept": None},
        "no encoding": {"Accept-Encoding": None},
        "bytes": {"X-Bytes": b"bytes"},
        "latin": {"X-Latin": "\u00fc"},
        "beyond latin": {"X-Euro": "\u20ac"},
        "number": {"X-Number": 5},
        "empty": {"X-Empty": ""},
        "list": {"X-L": ["a", "b"]},
        "newline": {"X-Break": "a\r\nb: c"},
        "host": {"Host": "own.example:80"},
        "two cases": {"X-A": "1", "x-a": "2"},
        "connection close": {"Connection": "close"},
        "encoding": {"accept-encoding": "identity"},
        "cookie": {"Cookie": "by=hand"},
        "authorization": {"Authorization": "Bearer x"},
        "content length": {"Content-Length": "0"},
        "user agent": {"User-Agent": "own"},
        "pairs": [("X-A", "1")],
    },
    "GET",
    "headers",
)
several(
    "auth",
    {
        "pair": ("user", "pass"),
        "unicode": ("\u00fc", "\u00df"),
        "bytes": (b"u\xff", b"p"),
        "beyond latin": ("\u20ac", "p"),
        "numbers": (1, 2),
        "empty": ("", ""),
        "three": ("a", "b", "c"),
    },
    "POST",
    "auth",
    data={"a": 1},
)
shape("auth and a header", "GET", auth=("u", "p"), headers={"Authorization": "own"})
several("unknown", {"timeout": 5, "verify": False, "cookies": {"a": "1"}}, "GET", "unknown")
shape("timeout", "GET", timeout=5)
shape("cookies", "GET", cookies={"a": "1"})
shape("name", "GET", "/x?q=1", name="grouped")
shape("context", "GET", context={"a": 1})
shape("proxies", "GET", proxies={"http": OTHER_PORT})

# --- cookies and redirects -------------------------------------------------------------------------------------------

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
REDIRECTED: dict[str, tuple[str, dict[str, Any]]] = {
    "GET": ("GET", {}),
    "POST text": ("POST", {"data": "body"}),
    "POST form": ("POST", {"data": {"a": 1}}),
    "PUT json": ("PUT", {"json": {"a": 1}}),
    "DELETE": ("DELETE", {}),
    "POST files": ("POST", {"files": {"f": "content"}}),
}
for code in (300, 301, 302, 303, 307, 308):
    for kind, (method, arguments) in REDIRECTED.items():
        shape(f"{code} of {kind}", method, "/x", redirect(code, "/there"), **arguments)
for name, location in LOCATIONS.items():
    shape(f"Location: {name}", "GET", "/x/start?q=1", redirect(302, location))
for title, target in (("path", "/there"), ("port", OTHER_PORT + "/there"), ("host", OTHER_HOST + "/there")):
    for kind, arguments in {
        "auth": {"auth": ("u", "p")},
        "header": {"headers": {"Authorization": "own", "X-Own": "1", "Cookie": "by=hand"}},
    }.items():
        shape(f"redirect to another {title} with {kind}", "GET", "/x", redirect(302, target), **arguments)
shape("redirects mixed", "POST", "/x", redirect(307, "/y"), redirect(303, "/z"), redirect(308, "/end"), json=[1])
shape("redirects not followed", "GET", "/x", redirect(302, "/there?a=1"), allow_redirects=False)
shape("redirect without Location", "GET", "/x", [answer(302)])
shape("two Locations", "GET", "/x", [answer(302, "Location: /a", "Location: /b")])
shape("redirect to an error", "GET", "/x", redirect(302, "/y"), [answer(500)])
shape("redirect that closes", "GET", "/x", redirect(302, "/y", "Connection: close"))
shape("redirect to nobody", "GET", "/x", redirect(302, "http://127.0.0.1:9/"))
shape("redirect with a closed answer", "GET", "/x", redirect(302, "/y"), ["close"])
shape("too many redirects", "GET", "/x", *[redirect(302, f"/{number}") for number in range(40)])

# --- answers ---------------------------------------------------------------------------------------------------------

for status in (200, 201, 202, 206, 208, 209, 226, 299, 300, 304, 305, 399, 400, 401, 404, 418, 429, 500, 503, 600, 999):
    shape(f"status {status}", "GET", "/x", [answer(status)])
for status in (204, 205, 304):
    shape(f"status {status} without a body", "GET", "/x", [answer(status, body=b"", length=False)])
for name, line in STATUS_LINES.items():
    sequence(f"status line: {name}", [("GET", "/x", {}), ("GET", "/y", {})], [answer(line)])
for name, (coding, body) in ENCODINGS.items():
    shape(f"Content-Encoding: {name}", "GET", "/x", [answer(200, f"Content-Encoding: {coding}", body=body)])
for name, steps in ANSWERS.items():
    shape(f"answer: {name}", "GET", "/x", steps)
    shape(f"streamed answer: {name}", "GET", "/x", steps, stream=True)
for name, kind, body in CHARSETS:
    shape(f"content: {name}", "GET", "/x", [answer(200, f"Content-Type: {kind}", body=body)])
GZIPPED, DEFLATED = gzip.compress(b"compressed " * 30, mtime=0), zlib.compress(b"compressed " * 30)
for name, (coding, body) in {
    "gzip": ("gzip", GZIPPED[:30]),
    "deflate": ("deflate", DEFLATED[:15]),
    "corrupt gzip": ("gzip", GZIPPED[:15] + b"\xff\xff\xff" + GZIPPED[18:]),
}.items():
    shape(f"broken in the body: {name}", "GET", "/x", [answer(200, f"Content-Encoding: {coding}", body=body)])
    shape(
        f"broken and streamed: {name}",
        "GET",
        "/x",
        [answer(200, f"Content-Encoding: {coding}", body=body)],
        stream=True,
    )
    shape(f"broken, an error: {name}", "GET", "/x", [answer(500, f"Content-Encoding: {coding}", body=body)])
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
    sequence(
        f"timeout of the {name}",
        [("GET", "/x", {}), ("GET", "/y", {})],
        steps,
        settings=lambda session: setattr(session.client.clientpool, "network_timeout", 0.2),
    )
for name, steps in CONNECTIONS.items():
    for method in ("GET", "POST"):
        arguments = {"data": "x"} if method == "POST" else {}
        sequence(f"connection {name}, then {method}", [(method, "/1", arguments), (method, "/2", arguments)], steps)
for method in ("GET", "PUT", "POST"):
    for end in ("close", "reset"):
        calls: list[Call] = [(method, "/1", {}), (method, "/2", {})]
        sequence(f"kept connection dies ({end}) under {method}", calls, [answer(200)], [end])
sequence("connections to two ports", [("GET", "/1", {}), ("GET", OTHER_PORT, {}), ("GET", "/3", {})])

if __name__ == "__main__":
    add_shapes(FastHttpUser)
    main()
