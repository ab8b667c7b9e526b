"""What the recording server answers to the shapes of `http_shapes.py` and `fast_shapes.py`. Tables only."""

import gzip
import zlib
from typing import Any

from recording import FIRST, HERE, OTHER_HOST, OTHER_PORT, answer

SET_COOKIES: dict[str, list[str]] = {
    "plain": ["a=1"],
    "two": ["a=1", "b=2"],
    "replaced": ["a=1", "a=2"],
    "quoted": ['a="x y"'],
    "comma": ["a=x,y"],
    "equals": ["a=b=c=="],
    "empty": ["a="],
    "no equals": ["novalue"],
    "no name": ["=value"],
    "spaces": ["  a =  1  "],
    "path": ["a=1; Path=/deep"],
    "path above": ["a=1; Path=/deep/er"],
    "path elsewhere": ["a=1; Path=/elsewhere"],
    "path without slash": ["a=1; Path=deep"],
    "root": ["a=1; path=/"],
    "same name, two paths": ["a=root; Path=/", "a=deep; Path=/deep"],
    "domain": ["a=1; Domain=127.0.0.1"],
    "foreign domain": ["a=1; Domain=example.com"],
    "secure": ["a=1; Secure"],
    "http only": ["a=1; HttpOnly; SameSite=Lax"],
    "max age": ["a=1; Max-Age=3600"],
    "max age zero": ["a=1", "a=2; Max-Age=0"],
    "max age negative": ["a=1; Max-Age=-1"],
    "max age bad": ["a=1; Max-Age=soon"],
    "expired": ["a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
    "expires later": ["a=1; Expires=Fri, 01-Jan-2100 00:00:00 GMT"],
    "expires bad": ["a=1; Expires=never"],
    "max age before expires": ["a=1; Max-Age=100; Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
    "version": ["a=1; Version=1"],
    "unicode": ["a=\xc3\xa9"],
    "odd name": ["a[b]=1", "x/y=2"],
    "semicolons": ["a=1;;; ;b"],
    "upper case attributes": ["a=1; PATH=/; MAX-AGE=10"],
    "joined by a comma": ["a=1, b=2"],
    "port": ['a=1; Port="80"'],
    "comment": ["a=1; Comment=hello; CommentURL=x; Discard"],
}

LOCATIONS = {
    "relative": "there",
    "up": "../there",
    "query": "?a=1",
    "fragment": "#part",
    "absolute": HERE + "/there",
    "no scheme": f"//127.0.0.1:{FIRST}/there",
    "upper case": f"HTTP://127.0.0.1:{FIRST}/there",
    "other port": OTHER_PORT + "/there",
    "other host": OTHER_HOST + "/there",
    "space": "/a b c",
    "utf-8": "/\xc3\xbc",
    "latin": "/\xfc",
    "percent": "/%7e%zz",
    "dots": "/a/../b/./c",
    "credentials": f"http://u:p@127.0.0.1:{FIRST}/there",
    "empty": "",
    "bad port": "http://127.0.0.1:port/",
    "bad host": "http://",
    "no host": "http:///path",
    "other scheme": "ftp://127.0.0.1/x",
    "javascript": "javascript:alert(1)",
    "spaces around": "  /there  ",
    "backslash": "\\\\there",
    "own": "/x/start",
}

STATUS_LINES = {
    "no reason": "HTTP/1.1 200",
    "empty reason": "HTTP/1.1 200 ",
    "spaces in the reason": "HTTP/1.1 404 Not  Here ",
    "bytes in the reason": "HTTP/1.1 500 \xc3\xbc\xff",
    "HTTP/1.0": "HTTP/1.0 200 OK",
    "HTTP/1.0, kept": "HTTP/1.0 200 OK\r\nConnection: keep-alive",
    "below 100": "HTTP/1.1 099 Low",
    "above 999": "HTTP/1.1 1000 High",
    "no number": "HTTP/1.1 abc Text",
    "HTTP/2.0": "HTTP/2.0 200 Two",
    "ICY": "ICY 200 OK",
    "late": "\r\nHTTP/1.1 200 Late",
}

PLAIN = b"compressed content " * 30
DEFLATED = zlib.compress(PLAIN)
ENCODINGS = {
    "gzip": ("gzip", gzip.compress(PLAIN, mtime=0)),
    "x-gzip": ("x-gzip", gzip.compress(PLAIN, mtime=0)),
    "upper case": ("GZIP", gzip.compress(PLAIN, mtime=0)),
    "deflate": ("deflate", DEFLATED),
    "raw deflate": ("deflate", DEFLATED[2:-4]),
    "br": ("br", bytes.fromhex("1b390288a441c6dade64219d30569c5d5e50703802")),
    "twice": ("gzip, deflate", zlib.compress(gzip.compress(PLAIN, mtime=0))),
    "two members": ("gzip", gzip.compress(b"one", mtime=0) + gzip.compress(b"two", mtime=0)),
    "identity": ("identity", PLAIN),
    "unknown": ("rot13", PLAIN),
    "empty": ("gzip", b""),
    "not gzip": ("gzip", b"plain text"),
    "not deflate": ("deflate", b"plain text"),
    "not br": ("br", b"plain text"),
    "garbage after": ("gzip", gzip.compress(PLAIN, mtime=0) + b"garbage"),
}

CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ANSWERS: dict[str, list[Any]] = {
    "chunks": [CHUNKED + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"],
    "chunks with extensions and trailers": [CHUNKED + "3;x=y\r\nabc\r\n0\r\nX-Trailer: t\r\n\r\n"],
    "chunks in pieces": [CHUNKED + "a\r", "\n01234", "56789\r\n", "0\r\n\r\n"],
    "until the end": [answer(200, length=False, body=b"until the end"), "close"],
    "nothing until the end": [answer(200, length=False, body=b""), "close"],
    "100 first": ["HTTP/1.1 100 Continue\r\n\r\n" + answer(200)],
    "length and chunks": [CHUNKED.replace("\r\n\r\n", "\r\nContent-Length: 3\r\n\r\n") + "3\r\nabc\r\n0\r\n\r\n"],
    "length before chunks": [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    ],
    "head in pieces": ["HTTP/1.1 2", "00 OK\r\nContent-Le", "ngth: 2\r\n\r", "\nok"],
    "folded header": ["HTTP/1.1 200 OK\r\nX-Fold: a\r\n b\r\nContent-Length: 2\r\n\r\nok"],
    "only line feeds": ["HTTP/1.1 200 OK\nContent-Length: 2\n\nok"],
    "same length twice": ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok"],
    "headers twice": [answer(200, "X-A: 1", "x-a: 2", "X-L: \xfc\xc3\xbc", "X-Empty:", "X-Space:   s  ")],
    "links": [answer(200, 'Link: <http://a/>; rel="next", </b?c=1>; rel=last; title="t"')],
    "closes in the head": ["HTTP/1.1 200 OK\r\nX-A", "close"],
    "closes at once": ["close"],
    "resets at once": ["reset"],
    "short body": [answer(200)[:-1], "close"],
    "reset in the body": [answer(200)[:-1], "reset"],
    "bad chunk": [CHUNKED + "zz\r\nabc\r\n", "close"],
    "ends between chunks": [CHUNKED + "3\r\nabc\r\n", "close"],
    "ends in a chunk": [CHUNKED + "9\r\nabc", "close"],
    "garbage": ["this is no response at all\r\n\r\n", "close"],
    "nothing but line ends": ["\r\n\r\n", "close"],
    "negative length": ["HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", "close"],
    "bad length": ["HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok", "close"],
    "two lengths": ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "close"],
}

CORRUPT_GZIP = bytearray(gzip.compress(bytes(range(256)) * 100, mtime=0))
CORRUPT_GZIP[20:24] = b"\xff\xff\xff\xff"
BROKEN_CODINGS = {
    "not gzip": ("gzip", b"plain text"),
    "corrupt gzip": ("gzip", bytes(CORRUPT_GZIP)),
    "wrong checksum": ("gzip", gzip.compress(PLAIN, mtime=0)[:-8] + b"12345678"),
    "not deflate": ("deflate", b"plain text"),
    "corrupt deflate": ("deflate", DEFLATED[:9] + b"\xff\xff\xff" + DEFLATED[12:]),
    "corrupt late": ("deflate", zlib.compress(bytes(range(256)) * 100, 0)[:20_000] + b"\xff" * 9000),
}
BROKEN_BODIES: dict[str, list[Any]] = {
    "short": [answer(302, "Location: /there", body=b"go")[:-1], "close"],
    "reset": [answer(302, "Location: /there", body=b"go")[:-1], "reset"],
    "bad chunk": ["HTTP/1.1 302 Said\r\nLocation: /there\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "close"],
    "short chunk": ["HTTP/1.1 302 Said\r\nLocation: /there\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nab", "close"],
    "not gzip": [answer(302, "Location: /there", "Content-Encoding: gzip", body=b"plain text")],
}
WHOLE = {
    "length": answer(200, body=b"hello you"),
    "chunks": CHUNKED + "5\r\nhello\r\n4\r\n you\r\n0\r\n\r\n",
    "gzip": answer(200, "Content-Encoding: gzip", body=gzip.compress(b"hello you", mtime=0)),
}

CHARSETS = (
    ("utf-8", "text/html; charset=utf-8", "ü€".encode()),
    ("latin", "text/html", b"\xfc"),
    ("utf-16", "text/plain; charset=UTF-16", "ü".encode("utf-16")),
    ("bad charset", "text/plain; charset=bogus", "ü".encode()),
    ("json in utf-8", "application/json", '{"a": "ü"}'.encode()),
    ("json in utf-16", "application/json", '{"a": "ü"}'.encode("utf-16")),
    ("bad json", "application/json", b"{"),
    ("binary", "application/octet-stream", bytes(range(256))),
    ("no type", "", "grüße".encode()),
)

CONNECTIONS: dict[str, list[Any]] = {
    "kept": [answer(200)],
    "closed without a word": [answer(200), "close"],
    "closed as announced": [answer(200, "Connection: close"), "close"],
    "reset": [answer(200), "reset"],
    "kept, over HTTP/1.0": [answer("HTTP/1.0 200 OK", "Connection: keep-alive")],
    "ended by HTTP/1.0": [answer("HTTP/1.0 200 OK")],
    "garbage after the body": [answer(200) + "garbage"],
    "another answer after the body": [answer(200) + answer(200)],
}
