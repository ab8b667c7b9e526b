"""What a response has to offer, whatever the server sent, and how redirects are followed."""

import locust  # noqa: F401  (before requests, because it patches what that imports)

# isort: split
import copy
import datetime
import pickle
from collections.abc import Callable
from typing import Any

import requests
from scenario import log, main, said, scenario, server

from locust.clients import HttpSession, ResponseContextManager
from locust.event import EventHook

REFUSED = "http://127.0.0.1:9"


def session(base: str = server) -> HttpSession:
    made = HttpSession(base, EventHook(), None)
    made.trust_env = False
    return made


def tried(title: str, look: Callable[[], Any]) -> None:
    try:
        log(title, repr(look()))
    except Exception as error:
        log(title, "raises", said(error))


ATTRIBUTES = (
    *("status_code", "ok", "reason", "text", "content", "url", "encoding", "apparent_encoding", "links", "history"),
    *("is_redirect", "is_permanent_redirect", "next", "error", "headers"),
)


def look(response: Any) -> None:
    for name in ATTRIBUTES:
        if name == "headers":
            tried(name, lambda: sorted((k, v) for k, v in response.headers.items() if k.lower() != "date"))
        elif name == "history":
            tried(name, lambda: [(hop.status_code, hop.url, type(hop).__name__) for hop in response.history])
        elif name == "next":
            tried(name, lambda: response.next and (response.next.method, response.next.url))
        else:
            tried(name, lambda name=name: getattr(response, name))  # type: ignore[misc]
    tried("json", lambda: response.json())
    tried("bool", lambda: bool(response))
    tried("repr", lambda: response)
    tried("cookies", lambda: sorted(response.cookies.items()))
    tried("elapsed", lambda: (type(response.elapsed).__name__, response.elapsed >= datetime.timedelta(0)))
    tried("request", lambda: (response.request.method, response.request.url, response.request.body))
    tried("iter_content", lambda: list(response.iter_content(7))[:3])
    tried("iter_lines", lambda: list(response.iter_lines())[:3])


@scenario
def ordinary_answers() -> None:
    client = session()
    for path in (
        "/bytes/20",
        "/chunked/30",
        "/status/404",
        "/status/500?reason=Out%20of%20Order",
        "/status/204",
        "/echo",
    ):
        log("---", path)
        response = (
            client.get(path)
            if path != "/echo"
            else client.post("/content?type=application/json&body=[1]", json={"a": 1})
        )
        look(response)


@scenario
def failed_requests() -> None:
    client = session()
    for url in (REFUSED + "/x?y=1", "/close", "/garbage"):
        log("---", url)
        look(client.get(url))
    response = client.get("/delay/1000", timeout=0.05)
    tried("error", lambda: type(response.error).__name__)
    tried("request", lambda: response.request.path_url)


@scenario
def compressed_answers() -> None:
    client = session()
    for kind in ("gzip", "deflate", "raw-deflate"):
        response = client.get(f"/{kind}/5000")
        log(kind, len(response.content), len(response.text), response.headers["Content-Encoding"])


def content(client: HttpSession, kind: str, body: str = "", hexed: str = "") -> Any:
    return client.get("/content", params={"type": kind, "body": body, "hex": hexed})


@scenario
def texts_and_encodings() -> None:
    client = session()
    utf8, latin = "grüße €".encode().hex(), "grüße".encode("latin-1").hex()
    for kind, hexed in (
        ("text/plain", utf8),
        ("text/plain", latin),
        ("text/plain; charset=utf-8", utf8),
        ("text/plain; charset=utf-8", latin),
        ('text/plain; charset="UTF-8"', utf8),
        ("text/plain;charset=ISO-8859-1", latin),
        ("text/html; charset=windows-1252", "80"),
        ("application/json", utf8),
        ("application/json", latin),
        ("application/octet-stream", utf8),
        ("application/octet-stream", latin),
        ("", utf8),
        ("text/plain; charset=utf-16", "grüße".encode("utf-16").hex()),
        ("text/plain; charset=nonsense", utf8),
        ("text/plain; charset=", utf8),
        ("text/plain; charset=utf-8; x=y", utf8),
        ("TEXT/PLAIN; CHARSET=UTF-8", utf8),
        ("text/plain; charset=utf-8", "efbbbf" + utf8),
        ("text/plain; charset=ascii", utf8),
        ("text/plain; charset=utf-7", b"+AOQ-".hex()),
        ("text/plain", "61620063"),
        ("application/xml", utf8),
    ):
        response = content(client, kind, hexed=hexed)
        tried(kind, lambda response=response: (response.encoding, response.text))  # type: ignore[misc]
    response = content(client, "text/plain", hexed=utf8)
    before = response.text
    response.encoding = "utf-8"
    tried("set", lambda: (before, response.text, response.encoding))
    response.encoding = None
    tried("none", lambda: (response.text, response.apparent_encoding))
    response.encoding = "no such"
    tried("wrong", lambda: response.text)


@scenario
def json_answers() -> None:
    client = session()
    for body in (
        '{"a": [1, 2.50, -0, 1e5, true, null, "ü\\u00e9\\n"], "a": 2}',
        "[]",
        '"text"',
        "12345678901234567890123",
        "1.0e400",
        "NaN",
        "-Infinity",
        "[1 2]",
        "{'a': 1}",
        '{"a": 1} trailing',
        "",
        " ",
        " \t\r\n[1] ",
        "<html>",
        '{"a"',
        '"\\ud800"',
        '"tab\there"',
        '"\\ud83d\\ude00"',
        "01",
        "[" * 200 + "]" * 200,
        '{"big": 123456789012345678, "neg": -9223372036854775809, "small": 0.1}',
        "0.30000000000000004",
        "1E5",
        "-0.0",
        "true",
        "\u2028",
    ):
        tried(body[:30], lambda body=body: content(client, "application/json", body).json())  # type: ignore[misc]
    for hexed in ("efbbbf5b315d", '{"ü": 1}'.encode("utf-16").hex(), '{"ü": 1}'.encode("latin-1").hex(), "ff"):
        tried(hexed[:10], lambda hexed=hexed: content(client, "application/json", hexed=hexed).json())  # type: ignore[misc]
    from decimal import Decimal

    response = content(client, "application/json", '{"a": 1.10, "b": [2]}')
    tried("decimal", lambda: response.json(parse_float=Decimal))
    tried("hook", lambda: response.json(object_hook=lambda it: sorted(it)))
    tried("twice", lambda: (response.json() == response.json(), response.json() is response.json()))
    try:
        content(client, "application/json", "{bad").json()
    except requests.exceptions.JSONDecodeError as error:
        log(type(error).__mro__[1:4], error.msg, error.pos, error.lineno, error.doc)
    try:
        content(client, "application/json", "{bad").json()
    except ValueError as error:
        log("a ValueError", isinstance(error, requests.RequestException))


@scenario
def headers_of_answers() -> None:
    client = session()
    response = client.get("/headers?X-A=1&X-A=2&x-b=%C3%BC&X-Empty=&Link=%3Chttp://x/%3E;%20rel=next")
    headers = response.headers
    log(
        headers["x-a"],
        headers.get("X-B"),
        headers["X-EMPTY"],
        "x-a" in headers,
        headers.get("nope"),
        type(headers).__name__,
    )
    log(sorted((k, v) for k, v in headers.items() if k.startswith(("X", "x"))), response.links)
    headers["Own"] = "set"
    log(response.headers["own"])
    log(len(client.get("/many-headers?count=90").headers))


@scenario
def what_scripts_do_to_responses() -> None:
    client = session()
    response = client.get("/bytes/5")
    log(isinstance(response, requests.Response), isinstance(response, ResponseContextManager), type(response).__name__)
    response.own = {"any": "thing"}  # type: ignore[attr-defined]
    response.js = 5  # type: ignore[attr-defined]
    log(response.own, response.js, hasattr(response, "nope"))  # type: ignore[attr-defined]
    for name, value in (("status_code", 299), ("reason", "Own"), ("url", "http://own"), ("encoding", "ascii")):
        setattr(response, name, value)
        log(name, getattr(response, name))
    response._content = b"replaced"
    log(response.content, response.text)
    tried("missing", lambda: response.nope)  # type: ignore[attr-defined]
    try:
        response.nope  # type: ignore[attr-defined]  # noqa: B018
    except AttributeError as error:
        log(str(error))
    log(response.close(), len({response, response}), response == response, response != client.get("/bytes/5"))
    plain = client.get("/bytes/6")
    tried(
        "pickled",
        lambda: (lambda it: (it.status_code, it.content, type(it).__name__))(pickle.loads(pickle.dumps(plain))),
    )
    tried("copied", lambda: copy.copy(plain).content)
    log([name for name in ("raw", "connection", "_content_consumed", "_next") if hasattr(plain, name)])
    tried("raw", lambda: plain.raw.status)
    log(sorted(name for name in dir(requests.Response) if not name.startswith("_") and not hasattr(plain, name)))
    with client.get("/bytes/7", catch_response=True) as caught:
        caught.text_upper = caught.text.upper()
        log(caught.text_upper)
        caught.failure = lambda text: log("own failure", text)
        caught.failure("x")


@scenario
def requests_of_responses() -> None:
    client = session()
    sent = client.post("/echo", params={"q": 1}, json={"a": 1}, headers={"X-Own": "1"}, cookies={"c": "1"}).request
    log(sent.method, sent.url, sent.path_url, sent.body, sorted(sent.headers.items()), type(sent).__name__)
    log(client.post("/echo", data={"a": 1}).request.body, client.post("/echo", data="t").request.body)
    log(
        client.post("/echo", data=b"b").request.body, client.get("/echo").request.body, client.put("/echo").request.body
    )
    log(client.request("get", "/echo").request.method, client.get("/echo").request.hooks)
    log(client.get("/redirect/1").request.url, client.get("/redirect/1").history[0].request.url)


@scenario
def redirects() -> None:
    client = session()
    for code in (300, 301, 302, 303, 304, 305, 307, 308):
        for method in ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"):
            response = client.request(
                method, f"/redirect-to?url=/echo&code={code}", data="body" if method != "HEAD" else None
            )
            echoed = response.json() if response.content and response.status_code == 200 else {}
            kept = sorted(name for name, _ in echoed.get("headers", []) if name.lower().startswith("content-"))
            log(code, method, response.status_code, response.url, echoed.get("method"), repr(echoed.get("body")), kept)
    response = client.get("/redirect/3")
    log(
        [(hop.status_code, hop.url, hop.is_redirect, hop.headers["location"]) for hop in response.history], response.url
    )
    log([len(hop.history) for hop in response.history])
    response = client.get("/redirect/3", allow_redirects=False)
    log(response.status_code, response.is_redirect, response.next and response.next.url, response.headers["Location"])
    for code in (302, 307, 308):
        response = client.post(f"/redirect-to?url=/echo&code={code}", json={"a": 1})
        log(code, response.json()["method"], response.json()["body"])


@scenario
def where_redirects_lead() -> None:
    client = session()
    for location in (
        "/echo?a=1",
        "echo",
        "../echo",
        "?x=1",
        "#part",
        server + "/echo/absolute",
        "//127.0.0.1:" + server.rpartition(":")[2] + "/echo/no-scheme",
        "/echo/a b",
        "/echo/%C3%BC%zz",
        "HTTP://127.0.0.1:" + server.rpartition(":")[2] + "/echo/upper",
        "/echo/../echo/dots",
    ):
        response = client.get("/redirect-to", params={"url": location})
        target = response.json()["target"] if "/echo" in (response.url or "") else response.text[:20]
        log(location, "->", response.status_code, response.url, target, len(response.history))
    response = client.get("/redirect-to?url=/echo#first")
    log(response.url)
    response = client.get("/redirect-to?url=/echo%23second#first")
    log(response.url)


def credentials(response: Any) -> list[tuple[str, str]]:
    return [(k, v) for k, v in response.json()["headers"] if k.lower() in ("authorization", "cookie", "x-own")]


@scenario
def what_redirects_keep() -> None:
    other = server.replace("127.0.0.1", "localhost")
    for target in ("/echo", server + "/echo", other + "/echo"):
        client = session()
        url = f"/redirect-to?url={target}"
        log(target, credentials(client.get(url, auth=("a", "b"))))
        log(target, credentials(client.get(url, headers={"Authorization": "own", "X-Own": "1", "Cookie": "by=hand"})))
        log(target, credentials(client.get(url, cookies={"c": "1"})))
        client.auth = ("of", "session")
        log(target, credentials(client.get(url)))
        client.headers["X-Own"] = "session"
        client.get("/cookies/set?k=v")
        log(target, credentials(client.get(url)))
    client = session()
    response = client.get("/cookies/set?from=hop")
    log(response.json(), len(response.history), sorted(client.cookies.get_dict().items()))


@scenario
def endless_redirects() -> None:
    client = session()
    response = client.get("/redirect/40")
    log(said(response.error), response.status_code, response.url, len(response.history))
    tried("request", lambda: response.request.url)
    client.max_redirects = 3
    log(client.get("/redirect/3").status_code, said(client.get("/redirect/4").error))


@scenario
def streamed_answers() -> None:
    client = session()
    response = client.get("/stream/5", stream=True)
    log(response.status_code, list(response.iter_lines()))
    response = client.get("/bytes/100", stream=True)
    log(len(response.raw.read(10)), len(response.content))
    response = client.get("/gzip/3000", stream=True)
    log(sum(map(len, response.iter_content(100))))
    response = client.get("/status/404", stream=True)
    log(response.status_code, response.text)
    with client.get("/bytes/50", stream=True, catch_response=True) as response:
        log(response.request_meta["response_length"])


if __name__ == "__main__":
    main()
