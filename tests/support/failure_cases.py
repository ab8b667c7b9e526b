"""Every way a request can fail, as data: who is asked for what, with which arguments.

`{plain}`, `{tls}` and the like stand for addresses that are known when the test server runs. Knows no load tester.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    id: str
    url: str
    host: str = "{plain}"
    method: str = "GET"
    arguments: dict[str, Any] = field(default_factory=dict)


def _of_server(path: str, **arguments: Any) -> Case:
    return Case(path.strip("/").replace("/", "-"), path, arguments=arguments)


_CONNECTING = [
    Case("refused", "http://127.0.0.1:9/x"),
    Case("refused-as-host", "/x", host="http://127.0.0.1:9"),
    Case("refused-post-named", "http://127.0.0.1:9/x", method="POST", arguments={"json": {"a": 1}, "name": "pay"}),
    Case("refused-localhost", "http://localhost:9/x"),
    Case("refused-query", "http://127.0.0.1:9/x?a=1", arguments={"params": {"b": "c d"}}),
    Case("refused-lower-case-method", "http://127.0.0.1:9/x", method="get"),
    Case("refused-tls", "https://127.0.0.1:9/x"),
    Case("unresolved", "http://nonexistent.invalid/x"),
    Case("unresolved-port", "http://nonexistent.invalid:8080/x"),
    Case("unresolved-tls", "https://nonexistent.invalid/x"),
    Case("connect-timeout", "http://{full}/x", arguments={"timeout": 0.2}),
    Case("connect-timeout-tuple", "http://{full}/x", arguments={"timeout": (0.2, 5)}),
    Case("connect-timeout-named", "http://{full}/x", arguments={"timeout": 0.2, "name": "slow door"}),
    Case("connect-timeout-tls", "https://{full}/x", arguments={"timeout": 0.2}),
]

_TIMEOUTS = [
    Case("read-timeout", "/delay/1000", arguments={"timeout": 0.2}),
    Case("read-timeout-whole", "/delay/1500", arguments={"timeout": 1}),
    Case("read-timeout-tuple", "/delay/1000", arguments={"timeout": (3, 0.2)}),
    Case("read-timeout-tuple-none", "/delay/1000", arguments={"timeout": (None, 0.2)}),
    Case("read-timeout-named", "/delay/1000", arguments={"timeout": 0.2, "name": "slow"}),
    Case("read-timeout-tls", "{tls}/delay/1000", arguments={"timeout": 0.2, "verify": "{authority}"}),
    Case("read-timeout-in-body", "/stall-in-body?ms=1000", arguments={"timeout": 0.2}),
    Case("read-timeout-zero", "/delay/1000", arguments={"timeout": 0}),
    Case("read-timeout-negative", "/delay/1000", arguments={"timeout": -1}),
    Case("read-timeout-text", "/delay/1000", arguments={"timeout": "soon"}),
    Case("read-timeout-triple", "/delay/1000", arguments={"timeout": (1, 2, 3)}),
    Case("slow-head-within-timeout", "/slow-head?ms=5", arguments={"timeout": 0.2}),
    Case("trickle-within-timeout", "/trickle?bytes=10&ms=50", arguments={"timeout": 0.2}),
]

_MISBEHAVIOUR = [
    *(_of_server(path) for path in ("/close", "/close-in-head", "/reset", "/reset-in-body", "/garbage")),
    *(_of_server(path) for path in ("/bad-status-line", "/bad-header", "/lf-only", "/bad-length", "/two-lengths")),
    *(_of_server(path) for path in ("/bad-chunk", "/short-chunk", "/truncated-gzip", "/corrupt/gzip")),
    *(_of_server(path) for path in ("/corrupt/deflate", "/corrupt/br", "/corrupt/zstd", "/corrupt/identity")),
    *(_of_server(path) for path in ("/connection-close", "/early-hints", "/bytes/0", "/chunked/3000")),
    *(_of_server(path) for path in ("/huge-header", "/many-headers", "/no-length", "/http10", "/100-continue")),
    *(_of_server(path) for path in ("/endless-head", "/endless-line", "/endless-interim", "/interim-flood?count=900")),
    *(_of_server(path) for path in ("/negative-length", "/huge-chunk", "/garbage-after", "/zip-bomb?mb=2")),
    *(_of_server(path) for path in ("/zip-bomb?mb=2&kind=deflate", "/zip-bomb?mb=2&kind=br")),
    *(_of_server(path) for path in ("/zip-bomb?mb=2&kind=zstd", "/close-after", "/reset-at/85?kind=chunked")),
    Case("close-named", "/close", arguments={"name": "closing"}),
    Case("close-post", "/close", method="POST", arguments={"data": "abc"}),
    Case("short", "/short?length=100&send=10"),
    Case("short-absolute", "{plain}/short?length=100&send=10"),
    Case("short-with-params", "/short?length=100", arguments={"params": {"send": "10"}}),
    Case("short-named", "/short?length=100&send=10", arguments={"name": "cut"}),
    Case("long", "/long?length=5&send=20"),
    Case("empty-reason", "/status/500?reason="),
]

_REDIRECTS = [
    Case("too-many-redirects", "/redirect/40"),
    Case("too-many-redirects-named", "/redirect/40", arguments={"name": "round and round"}),
    Case("redirect-to-refused", "/redirect-to?url=http://127.0.0.1:9/there"),
    Case("redirect-to-unresolved", "/redirect-to?url=http://nonexistent.invalid/there"),
    Case("redirect-to-ftp", "/redirect-to?url=ftp://127.0.0.1/there"),
    Case("redirect-to-no-host", "/redirect-to?url=http://"),
    Case("redirect-to-bad-port", "/redirect-to?url=http://127.0.0.1:abc/"),
    Case("redirect-to-404", "/redirect-to?url=/status/404"),
    Case("redirect-to-close", "/redirect-to?url=/close"),
    Case("redirect-without-location", "/redirect-to"),
]

_TLS = [
    Case("tls-good", "{tls}/status/200", arguments={"verify": "{authority}"}),
    Case("tls-unverified", "{self_signed}/status/200", arguments={"verify": False}),
    Case("tls-unknown-authority", "{tls}/x"),
    Case("tls-self-signed", "{self_signed}/x"),
    Case("tls-self-signed-named", "{self_signed}/x", arguments={"name": "secret"}),
    Case("tls-self-signed-other-authority", "{self_signed}/x", arguments={"verify": "{authority}"}),
    Case("tls-expired", "{expired}/x", arguments={"verify": "{authority}"}),
    Case("tls-wrong-host", "{wrong_host}/x", arguments={"verify": "{authority}"}),
    Case("tls-wrong-host-name", "{wrong_host_by_name}/x", arguments={"verify": "{authority}"}),
    Case("tls-missing-authority-file", "{tls}/x", arguments={"verify": "/no/such/file.pem"}),
    *(
        Case(f"tls-{path}", f"{{tls}}/{path}", arguments={"verify": "{authority}"})
        for path in ("close", "reset", "short")
    ),
    *(Case(f"tls-{path}", f"{{tls}}/{path}", arguments={"verify": "{authority}"}) for path in ("garbage", "no-length")),
    Case("tls-to-plain-port", "https://{plain_address}/x"),
    Case("plain-to-tls-port", "http://{tls_address}/x"),
]

_STATUS = [
    *(Case(f"status-{status}", f"/status/{status}") for status in (400, 401, 404, 429, 499, 500, 503, 599)),
    *(Case(f"status-{status}", f"/status/{status}") for status in (204, 304, 600)),
    Case("status-404-named", "/status/404", arguments={"name": "gone"}),
    Case("status-404-query", "/status/404?a=1&b=x", arguments={"params": {"c": "d e"}}),
    Case("status-503-reason", "/status/503?reason=Out%20To%20Lunch"),
    Case("status-500-latin1-reason", "/status/500?reason=%C3%A9t%C3%A9", arguments={"name": "summer"}),
    Case("status-500-named-with-quotes", "/status/500", arguments={"name": 'it\'s "quoted"'}),
    Case("status-500-post", "/status/500", method="POST", arguments={"json": {}}),
    Case("status-404-head", "/status/404", method="HEAD"),
    Case("status-404-absolute", "{plain}/status/404"),
]

_BAD_HOSTS = {
    "no-scheme": "127.0.0.1:9",
    "no-scheme-name": "example.invalid",
    "empty": "",
    "only-scheme": "http://",
    "only-slashes": "http:///",
    "no-slashes": "http:127.0.0.1:9",
    "unknown-scheme": "ftp://127.0.0.1:9",
    "misspelt-scheme": "htp://127.0.0.1:9",
    "no-host-with-port": "http://:9",
    "port-text": "http://127.0.0.1:abc",
    "port-too-large": "http://127.0.0.1:99999",
    "port-negative": "http://127.0.0.1:-1",
    "space": "http://exam ple.invalid",
    "leading-dot": "http://.example.invalid",
    "two-dots": "http://example..invalid",
    "star": "http://*.example.invalid",
    "long-label": "http://" + "a" * 70 + ".invalid",
    "bracket": "http://[::1",
    "bad-address": "http://[12345::1]",
    "idn": "http://\u00e9t\u00e9.invalid",
    "question-mark": "http://?x",
}

_ADDRESSES = [
    *(Case(f"url-{name}", "/x", host=host) for name, host in _BAD_HOSTS.items()),
    Case("url-absolute-only-scheme", "http://"),
    Case("url-absolute-port-text", "http://127.0.0.1:abc/x"),
    Case("url-path-space", "/status/404?a b=c d"),
    Case("url-path-percent", "/status/404?a=%zz&b=%20"),
    Case("url-path-unicode", "/status/404?a=\u00e9"),
    Case("url-fragment", "/status/404#part"),
    Case("url-no-leading-slash", "x"),
    Case("url-header-newline", "/status/200", arguments={"headers": {"X-A": "a\nb"}}),
    Case("url-header-number", "/status/200", arguments={"headers": {"X-A": 1}}),
    Case("url-method-space", "/status/200", method="GE T"),
]

CASES: list[Case] = [*_CONNECTING, *_TIMEOUTS, *_MISBEHAVIOUR, *_REDIRECTS, *_TLS, *_STATUS, *_ADDRESSES]
