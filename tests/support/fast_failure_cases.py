"""Every way a request of FastHttpUser can fail, as data; see `failure_cases` for what the braces stand for.

`settings` are attributes of the user class: FastHttpUser has its timeouts and its trust there. Knows no load tester.
"""

from dataclasses import dataclass, field
from typing import Any

_IMPATIENT = {"network_timeout": 0.2, "connection_timeout": 0.2}


@dataclass(frozen=True)
class Case:
    id: str
    url: str
    host: str = "{plain}"
    method: str = "GET"
    arguments: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


def _of_server(path: str, **arguments: Any) -> Case:
    return Case(path.strip("/").replace("/", "-"), path, arguments=arguments)


_CONNECTING = [
    Case("refused", "http://127.0.0.1:9/x"),
    Case("refused-as-host", "/x", host="http://127.0.0.1:9"),
    Case("refused-post-named", "http://127.0.0.1:9/x", method="POST", arguments={"json": {"a": 1}, "name": "pay"}),
    Case("refused-query", "http://127.0.0.1:9/x?a=1", arguments={"params": {"b": "c d"}}),
    Case("refused-lower-case-method", "http://127.0.0.1:9/x", method="get"),
    Case("refused-tls", "https://127.0.0.1:9/x"),
    Case("unresolved", "http://nonexistent.invalid/x"),
    Case("unresolved-tls", "https://nonexistent.invalid:8443/x"),
    Case("connect-timeout", "http://{full}/x", settings=_IMPATIENT),
    Case("connect-timeout-post", "http://{full}/x", method="POST", settings=_IMPATIENT),
    Case("connect-timeout-retried", "http://{full}/x", settings={**_IMPATIENT, "max_retries": 2}),
    Case("connect-timeout-named", "http://{full}/x", arguments={"name": "slow door"}, settings=_IMPATIENT),
    Case("connect-timeout-tls", "https://{full}/x", settings=_IMPATIENT),
]

_TIMEOUTS = [
    Case("read-timeout", "/delay/1000", settings=_IMPATIENT),
    Case("read-timeout-post", "/delay/1000", method="POST", arguments={"data": "x"}, settings=_IMPATIENT),
    Case("read-timeout-retries", "/delay/1000", arguments={"max_retries": 1}, settings=_IMPATIENT),
    Case("read-timeout-tls", "{tls}/delay/1000", settings=_IMPATIENT),
    Case("read-timeout-bracket", "/delay/1000?a=)b", settings=_IMPATIENT),
    Case("read-timeout-in-body", "/stall-in-body?ms=1000", settings=_IMPATIENT),
    Case("slow-head-within-timeout", "/slow-head?ms=5", settings=_IMPATIENT),
    Case("trickle-within-timeout", "/trickle?bytes=10&ms=50", settings=_IMPATIENT),
]

_MISBEHAVIOUR = [
    *(_of_server(path) for path in ("/close", "/close-in-head", "/reset", "/reset-in-body", "/garbage")),
    *(_of_server(path) for path in ("/bad-status-line", "/bad-header", "/lf-only", "/bad-length", "/two-lengths")),
    *(_of_server(path) for path in ("/bad-chunk", "/short-chunk", "/truncated-gzip", "/corrupt/gzip")),
    *(_of_server(path) for path in ("/corrupt/deflate", "/corrupt/br", "/corrupt/zstd", "/corrupt/identity")),
    *(_of_server(path) for path in ("/connection-close", "/early-hints", "/bytes/0", "/chunked/3000")),
    *(_of_server(path) for path in ("/huge-header", "/many-headers", "/no-length", "/http10", "/100-continue")),
    *(_of_server(path) for path in ("/gzip/500", "/deflate/500", "/raw-deflate/500", "/br/500", "/zstd/500")),
    *(_of_server(path) for path in ("/negative-length", "/huge-chunk", "/garbage-after", "/zip-bomb?mb=2")),
    *(_of_server(path) for path in ("/zip-bomb?mb=2&kind=deflate", "/zip-bomb?mb=2&kind=br", "/close-after")),
    *(_of_server(path) for path in ("/zip-bomb?mb=2&kind=zstd", "/interim-flood?count=900")),
    _of_server("/reset-at/85?kind=chunked"),
    # Locust reads endless heads and interim answers for ever, so they are not in its record.
    Case("close-named", "/close", arguments={"name": "closing"}),
    Case("close-post", "/close", method="POST", arguments={"data": "abc"}),
    Case("reset-post", "/reset", method="POST", arguments={"data": "abc"}),
    Case("short", "/short?length=100&send=10"),
    Case("short-post", "/short?length=100&send=10", method="POST"),
    Case("long", "/long?length=5&send=20"),
    Case("gzip-head", "/gzip/500", method="HEAD"),
]

_REDIRECTS = [
    Case("too-many-redirects", "/redirect/40"),
    Case("too-many-redirects-named", "/redirect/40", arguments={"name": "round and round"}),
    Case("too-many-redirects-of-call", "/redirect/40", arguments={"max_redirects": 2}),
    Case("too-many-redirects-of-class", "/redirect/40", settings={"max_redirects": 2}),
    Case("no-redirects-of-class", "/redirect/4", settings={"max_redirects": 0}),
    Case("redirects-not-allowed", "/redirect/4", arguments={"allow_redirects": False}),
    Case("redirects-head", "/redirect/4", method="HEAD"),
    Case("redirect-to-refused", "/redirect-to?url=http://127.0.0.1:9/there"),
    Case("redirect-to-unresolved", "/redirect-to?url=http://nonexistent.invalid/there"),
    Case("redirect-to-ftp", "/redirect-to?url=ftp://127.0.0.1/there"),
    Case("redirect-to-bad-port", "/redirect-to?url=http://127.0.0.1:abc/"),
    Case("redirect-to-404", "/redirect-to?url=/status/404"),
    Case("redirect-to-close", "/redirect-to?url=/close"),
    Case("redirect-to-relative", "/redirect-to?url=../status/200"),
    Case("redirect-without-location", "/redirect-to"),
]

_TLS = [
    Case("tls-good", "{tls}/status/200"),
    Case("tls-self-signed-unverified", "{self_signed}/status/200"),
    Case("tls-unknown-authority", "{tls}/x", settings={"insecure": False}),
    Case("tls-self-signed", "{self_signed}/x", settings={"insecure": False}),
    *(Case(f"tls-{path}", f"{{tls}}/{path}") for path in ("close", "reset", "short?length=100", "garbage")),
    Case("tls-to-plain-port", "https://{plain_address}/x"),
    Case("plain-to-tls-port", "http://{tls_address}/x"),
]

_STATUS = [
    *(Case(f"status-{status}", f"/status/{status}") for status in (400, 401, 404, 429, 499, 500, 503, 599)),
    *(Case(f"status-{status}", f"/status/{status}") for status in (201, 204, 209, 226, 300, 304, 305, 600)),
    Case("status-404-named", "/status/404", arguments={"name": "gone"}),
    Case("status-404-query", "/status/404?a=1&b=x", arguments={"params": {"c": "d e"}}),
    Case("status-404-bracket", "/status/404?a=(b)"),
    Case("status-503-reason", "/status/503?reason=Out%20To%20Lunch"),
    Case("status-500-post", "/status/500", method="POST", arguments={"json": {}}),
    Case("status-404-head", "/status/404", method="HEAD"),
    Case("status-404-absolute", "{plain}/status/404"),
    Case("status-404-unknown-argument", "/status/404", arguments={"timeout": 5, "verify": False}),
]

_BAD_HOSTS = {
    "no-scheme": "127.0.0.1:9",
    "no-scheme-name": "example.invalid",
    "empty": "",
    "only-scheme": "http://",
    "no-slashes": "http:127.0.0.1:9",
    "unknown-scheme": "ftp://127.0.0.1:9",
    "no-host-with-port": "http://:9",
    "port-text": "http://127.0.0.1:abc",
    "port-too-large": "http://127.0.0.1:99999",
    "space": "http://exam ple.invalid",
    "bracket": "http://[::1",
    "upper-case": "HTTP://127.0.0.1:9",
}

_ADDRESSES = [
    *(Case(f"url-{name}", "/x", host=host) for name, host in _BAD_HOSTS.items()),
    Case("url-path-space", "/status/404?a b=c d"),
    Case("url-path-percent", "/status/404?a=%zz&b=%20"),
    Case("url-path-unicode", "/status/404?a=\u00e9"),
    Case("url-fragment", "/status/404#part"),
    Case("url-no-leading-slash", "x", host="http://127.0.0.1:9"),
    Case("url-header-newline", "/status/200", arguments={"headers": {"X-A": "a\nb"}}),
    Case("url-header-number", "/status/200", arguments={"headers": {"X-A": 1}}),
    Case("url-method-space", "/status/200", method="GE T"),
]

CASES: list[Case] = [*_CONNECTING, *_TIMEOUTS, *_MISBEHAVIOUR, *_REDIRECTS, *_TLS, *_STATUS, *_ADDRESSES]
