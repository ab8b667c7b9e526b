"""What a request looks like on the wire, argument by argument: the test server echoes it."""

import locust  # noqa: F401  (before requests, because it patches what that imports)

# isort: split
import io
from collections.abc import Callable
from typing import Any

import requests
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth
from scenario import environment, log, main, said, scenario, server
from urllib3 import PoolManager

from locust import User
from locust.clients import HttpSession
from locust.event import EventHook
from locust.exception import LocustError


def session(base: str = server) -> HttpSession:
    made = HttpSession(base, EventHook(), None)
    made.trust_env = False
    return made


def show(response: Any, *, order: bool = False) -> None:
    """The echoed request. The order of headers is compared only where it can matter."""
    try:
        echoed = response.json()
    except ValueError:
        log("no echo but", response.status_code, response.text[:60])
        return
    headers = [(name, value) for name, value in echoed["headers"] if name.lower() != "host"]
    boundary = next((v.partition("boundary=")[2] for n, v in headers if n.lower() == "content-type"), "")
    shown = [f"{name}: {value}" for name, value in (headers if order else sorted(headers))]
    text = " | ".join([echoed["method"], echoed["target"], *shown, repr(echoed["body"])])
    log(text.replace(boundary, "<boundary>") if boundary else text)


def tried(call: Callable[[], Any], *, order: bool = False) -> None:
    try:
        show(call(), order=order)
    except Exception as error:
        log("raised", said(error))


@scenario
def plain_requests() -> None:
    client = session()
    for method in ("get", "options", "delete", "post", "put", "patch"):
        tried(lambda method=method: getattr(client, method)("/echo"), order=True)
    for method in ("GET", "get", "PROPFIND", "Mixed", b"POST"):
        tried(lambda method=method: client.request(method, "/echo"))
    tried(lambda: client.request(method="POST", url="/echo", data="x"))
    tried(lambda: client.request("POST", "/echo", None, data="x"))
    log(client.head("/echo").request.method, client.head("/echo").status_code)


@scenario
def queries() -> None:
    client = session()
    for params in (
        {"a": 1, "b": 2.5, "c": True, "d": None, "e": "x y&z=ü/~"},
        {"list": [1, "two", None]},
        {"tuple": (1, 2)},
        {"set": {1}},
        {"": "empty key", "k": ""},
        {},
        [("a", 1), ("a", 2)],
        (("a", 1), ("b", 2)),
        "raw=1&b=ü x",
        b"raw=bytes",
        {1: 2},
        {b"k": b"v"},
        {"nested": {"a": 1}},
        {"object": ValueError("x")},
    ):
        tried(lambda params=params: client.get("/echo", params=params))
    tried(lambda: client.get("/echo?x=1", params={"a": 1}))
    tried(lambda: client.get("/echo?x=1#part", params={"a": 1}))
    client.params = {"own": "s", "over": 1}
    tried(lambda: client.get("/echo"))
    tried(lambda: client.get("/echo", params={"over": 2, "b": 3}))
    tried(lambda: client.get("/echo", params={"own": None}))


@scenario
def paths() -> None:
    client = session()
    for path in (
        "/echo/a b",
        "/echo/ü",
        "/echo/%7Etilde",
        "/echo/%2f",
        "/echo/%zz",
        "/echo/../echo/x",
        "/echo/./x",
        "//echo",
        "/echo/a//b",
        "/echo?q=a b+c",
        '/echo/[x]|{y}^`"<>\\',
        "/echo/;a=b,c!$&'()*+:@",
        "/echo/x#fragment",
        "/echo/\t",
        server + "/echo/absolute",
        server.upper() + "/echo",
        "?x=1",
        "#y",
    ):
        tried(lambda path=path: client.get(path))
    for url in (b"/echo", 5, None):
        try:
            client.get(url)  # type: ignore[arg-type]
        except TypeError:
            log("TypeError for", url)
    tried(lambda: session(server + "/echo").get(""))
    tried(lambda: session(server + "/echo").get("/x"))
    tried(lambda: session(server + "/echo/").get("/x"))
    tried(lambda: session(server + "/echo").get("?a=1"))
    tried(lambda: session().get(url=server.replace("127.0.0.1", "localhost") + "/echo"))
    tried(lambda: session().get(server.replace("http://", "http://me:secret@") + "/echo"))


@scenario
def bodies() -> None:
    client = session()

    def generator() -> Any:
        yield b"one"
        yield b"two"

    for data in (
        "text",
        "tüxt",
        b"bytes",
        bytearray(b"array"),
        {"a": 1, "b": [1, 2], "c": None, "d": "x y&ü", "e": True},
        {"tuple": (1, 2)},
        [("a", 1), ("a", 2)],
        (("a", 1),),
        {},
        "",
        b"",
        [],
        None,
        {1: 2},
        io.BytesIO(b"file object"),
        io.StringIO("text file"),
        generator(),
        iter([b"a", b"b"]),
        5,
        ["not pairs"],
    ):
        tried(lambda data=data: client.post("/echo", data=data))
    tried(lambda: client.post("/echo", "positional"))
    tried(lambda: client.post("/echo", None, {"json": "positional"}))
    tried(lambda: client.put("/echo", "positional"))
    tried(lambda: client.get("/echo", data="body of a get"))
    tried(lambda: client.delete("/echo", json={"a": 1}))
    tried(lambda: client.post("/echo", data="x", json={"ignored": 1}))
    tried(lambda: client.post("/echo", data={}, json={"used": 1}))
    tried(lambda: client.post("/echo", data="x", headers={"Content-Type": "text/csv"}))
    tried(lambda: client.post("/echo", data={"a": 1}, headers={"content-type": "own"}))
    tried(lambda: client.post("/echo", data=b"", headers={"Content-Length": "0"}))


@scenario
def json_bodies() -> None:
    client = session()
    for body in (
        {"a": [1, 2.5, None, True, "ü\u2028\U0001f600"]},
        [],
        {},
        0,
        False,
        "",
        None,
        "text",
        3.0,
        1e400,
        float("nan"),
        {1, 2},
        {"a": b"bytes"},
        {1: "number key", None: "none key"},
        ("tuple",),
        ValueError("x"),
    ):
        tried(lambda body=body: client.post("/echo", json=body))
    tried(lambda: client.post("/echo", json={"a": 1}, headers={"Content-Type": "application/vnd.own+json"}))


@scenario
def headers() -> None:
    client = session()
    log(
        sorted((k, v) for k, v in client.headers.items() if k != "User-Agent"),
        type(client.headers).__mro__[-3].__name__,
    )
    tried(lambda: client.get("/echo", headers={"X-Own": "1", "accept": "text/html"}), order=True)
    tried(lambda: client.get("/echo", headers={"Accept": None, "user-agent": None, "Connection": "close"}), order=True)
    client.headers["X-Session"] = "s"
    client.headers.update({"user-agent": "own", "x-b": "2"})
    tried(lambda: client.get("/echo"), order=True)
    tried(lambda: client.get("/echo", headers={"x-session": "over", "X-B": None}))
    del client.headers["x-b"]
    tried(lambda: client.get("/echo"))
    client.headers.setdefault("X-Default", "d")
    log(client.headers.pop("x-session"), client.headers.get("X-SESSION"), "x-default" in client.headers)
    tried(lambda: client.get("/echo"))
    client.headers = {"Only": "this"}
    tried(lambda: client.get("/echo"))
    client.headers["More"] = "that"
    tried(lambda: client.get("/echo"))
    client.headers.clear()
    tried(lambda: client.get("/echo"))
    for wrong in (
        {"X": 5},
        {"X": "a\r\nb"},
        {"X": " leading"},
        {"X": b"bytes"},
        {b"X-Bytes": "x"},
        {"X": "ü"},
        {"X": "\u20ac"},
        {"X Y": "space in name"},
        {"": "no name"},
        [("X", "pairs")],
        {"Host": "own.example"},
    ):
        tried(lambda wrong=wrong: client.get("/echo", headers=wrong))


@scenario
def cookies() -> None:
    client = session()
    tried(lambda: client.get("/echo", cookies={"a": "1", "b": "x y", "c": 'q"u;'}))
    tried(lambda: client.get("/echo"))
    client.get("/cookies/set?first=1&second=2")
    tried(lambda: client.get("/echo"))
    tried(lambda: client.get("/echo", cookies={"first": "over", "third": "3"}))
    tried(lambda: client.get("/echo"))
    log(sorted(client.cookies.get_dict().items()), client.cookies.get("first"), client.cookies["second"])
    client.cookies.set("own", "set")
    client.cookies["item"] = "by item"
    tried(lambda: client.get("/echo"))
    client.get(
        "/set-cookie?a=late%3D1&b=gone%3Dx;Max-Age=0&c=sub%3D2;Path=/echo/deep&d=sec%3D3;Secure&e=http%3D4;HttpOnly"
    )
    tried(lambda: client.get("/echo"))
    tried(lambda: client.get("/echo/deep/er"))
    log(sorted((c.name, c.value, c.path, c.secure, c.has_nonstandard_attr("HttpOnly")) for c in client.cookies))
    client.get("/set-cookie?a=late%3D;Expires=Thu,%2001%20Jan%201970%2000:00:00%20GMT")
    tried(lambda: client.get("/echo"))
    tried(lambda: client.get("/echo", headers={"Cookie": "by=hand"}))
    client.cookies.clear()
    tried(lambda: client.get("/echo"))
    client.cookies = requests.cookies.cookiejar_from_dict({"from": "dict"})
    tried(lambda: client.get("/echo"))
    jar = requests.cookies.RequestsCookieJar()
    jar.set("in", "jar", path="/echo")
    tried(lambda: client.get("/echo", cookies=jar))


@scenario
def cookies_of_the_native_store() -> None:
    """Without a look at the jar in between."""
    client = session()
    client.get("/set-cookie?a=one%3D1&b=two%3D2;Path=/echo&d=other%3D4;Domain=example.com")
    tried(lambda: client.get("/echo"))
    client.get("/set-cookie?a=one%3D&b=two%3Dnew;Path=/echo&c=gone%3D1;Max-Age=-1&d=quoted%3D%22a%20b%22")
    tried(lambda: client.get("/echo"))
    client.get("/set-cookie?a=one%3D9;Max-Age=0&f=short%3D1;Max-Age=1000")
    tried(lambda: client.get("/echo"))
    tried(lambda: client.get("/echo", cookies={"two": "over"}))
    tried(lambda: client.get(server.replace("127.0.0.1", "localhost") + "/echo"))
    log(sorted((c.name, c.value, c.path, c.domain_specified) for c in client.cookies))
    fresh = session()
    fresh.get("/set-cookie?a=dom%3D3;Domain=127.0.0.1")
    tried(lambda: fresh.get("/echo"))
    response = client.get("/set-cookie?a=x%3D1&b=y%3D2")
    log(sorted(response.cookies.items()), response.headers.get("set-cookie"))
    redirected = client.get("/cookies/set?r=1")
    log(redirected.json(), sorted(redirected.cookies.items()), sorted(redirected.history[0].cookies.items()))


class Token(AuthBase):
    def __call__(self, request: Any) -> Any:
        request.headers["X-Token"] = f"for {request.method} {request.path_url}"
        return request


@scenario
def authentication() -> None:
    client = session()
    for auth in (
        ("user", "password"),
        ("ü", "ß"),
        ("a", 5),
        ["list", "pair"],
        HTTPBasicAuth("user", "password"),
        HTTPBasicAuth("ü", b"bytes"),
        Token(),
        HTTPDigestAuth("u", "p"),
        lambda request: request,
        None,
        (),
        "text",
        ("one",),
    ):
        tried(lambda auth=auth: client.get("/echo", auth=auth))
    client.auth = ("of", "session")
    tried(lambda: client.get("/echo"))
    tried(lambda: client.get("/echo", auth=("over", "ruled")))
    tried(lambda: client.get("/echo", headers={"Authorization": "by hand"}))
    client.auth = Token()
    tried(lambda: client.get("/echo"))
    client.auth = None
    client.headers["Authorization"] = "Bearer x"
    tried(lambda: client.get("/echo"))
    tried(lambda: client.get("/echo", auth=("over", "header")))
    log(client.get("/basic-auth/a/b", auth=("a", "b")).status_code, client.get("/basic-auth/a/b").status_code)
    tried(lambda: session(server.replace("//", "//in:url@")).get("/echo"))


@scenario
def files() -> None:
    client = session()
    tried(lambda: client.post("/echo", files={"f": ("name.txt", b"content", "text/plain", {"X-Part": "1"})}))
    tried(lambda: client.post("/echo", files={"f": io.BytesIO(b"bare")}, data={"field": "v"}))
    tried(lambda: client.post("/echo", files=[("f", ("a", "1")), ("f", ("b", "2"))]))
    tried(lambda: client.post("/echo", files={}))
    tried(lambda: client.post("/echo", files={"f": "text"}, catch_response=False, name="upload"))


@scenario
def other_arguments() -> None:
    client = session()
    seen: list[str] = []
    tried(lambda: client.get("/echo", hooks={"response": lambda r, **_: seen.append(f"hook {r.status_code}")}))
    log(seen)
    tried(lambda: client.get("/echo", proxies={"http": server}))
    tried(lambda: client.get("/echo", proxies={"http": "http://127.0.0.1:9"}))
    tried(lambda: client.get("/echo", proxies={}))
    tried(lambda: client.get("/echo", stream=False, verify=False, cert=None, timeout=None, proxies=None, hooks=None))
    for timeout in (5, 5.0, (5, 5), (None, 5), True, "5", (1, 2, 3), -1, 0, [5, 5]):
        tried(lambda timeout=timeout: client.get("/echo", timeout=timeout))
    tried(lambda: client.get("/redirect-to?url=/echo", allow_redirects=False))
    tried(lambda: client.get("/redirect-to?url=/echo", allow_redirects=None))
    tried(lambda: client.get("/redirect-to?url=/echo", allow_redirects=0))
    tried(lambda: client.head("/redirect-to?url=/echo"))
    for arguments in ({"nonsense": 1}, {"url": "x"}, {"method": "x"}):
        try:
            client.get("/echo", **arguments)
        except TypeError:
            log("TypeError for", *arguments)
    try:
        with client.get("/stream/3", stream=True):
            log("never")
    except LocustError:
        log("no with-block without catch_response")


@scenario
def settings_that_need_requests() -> None:
    client = session()
    client.hooks["response"].append(lambda response, **_: log("session hook", response.status_code))
    tried(lambda: client.get("/echo"))
    client = session()
    client.stream = True
    tried(lambda: client.get("/echo"))
    client = session()
    client.proxies["http"] = server
    tried(lambda: client.get("/echo"))
    client.proxies = {}
    tried(lambda: client.get("/echo"))
    client = session()

    class Adapter(requests.adapters.HTTPAdapter):
        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            request.headers["X-Adapter"] = "yes"
            return super().send(request, *args, **kwargs)

    client.mount("http://", Adapter())
    tried(lambda: client.get("/echo"))
    tried(lambda: client.post("/echo", json={"a": 1}))
    log(type(client.get_adapter(server)).__name__, sorted(client.adapters))
    pooled = HttpSession(server, EventHook(), None, pool_manager=PoolManager(maxsize=1, block=True))
    tried(lambda: pooled.get("/echo"))
    client = session()
    client.max_redirects = 1
    log(said(client.get("/redirect/2").error), client.get("/redirect/1").status_code)
    client.max_redirects = 0
    log(said(client.get("/redirect/1").error))


@scenario
def sessions_as_objects() -> None:
    client = session()
    log(isinstance(client, requests.Session), isinstance(client, HttpSession), client.verify, client.cert, client.auth)
    log(client.stream, client.max_redirects, client.params, client.proxies, client.hooks, client.trust_env)
    with client as same:
        log(same is client)
    client.get("/")
    prepared = client.prepare_request(requests.Request("POST", server + "/echo", json={"a": 1}, headers={"X": "1"}))
    tried(lambda: client.send(prepared))
    log(sorted(client.merge_environment_settings(server, {}, None, None, None)))
    client.close()
    tried(lambda: client.get("/echo"))
    client.own_attribute = 5  # type: ignore[attr-defined]
    log(client.own_attribute)  # type: ignore[attr-defined]


@scenario
def subclasses_and_replaced_methods() -> None:
    class Own(HttpSession):
        def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
            log("own request", method, url, len(args), sorted((k, v) for k, v in kwargs.items() if v is not None))
            kwargs.setdefault("headers", {})["X-Own"] = "1"
            return super().request(method, url, *args, **kwargs)

    client = Own(server, EventHook(), None)
    client.trust_env = False
    tried(lambda: client.get("/echo", params={"a": 1}))
    tried(lambda: client.post("/echo", "data"))
    tried(lambda: client.put("/echo", json=[1]))
    tried(lambda: client.head("/status/200"))
    tried(lambda: client.request("DELETE", "/echo"))

    class OwnGet(HttpSession):
        def get(self, url: Any, **kwargs: Any) -> Any:  # type: ignore[override]
            log("own get", url)
            return super().get(url + "?own=1", **kwargs)

    tried(lambda: OwnGet(server, EventHook(), None).get("/echo"))

    patched = session()
    original = patched.request

    def replaced(method: Any, url: Any, **kwargs: Any) -> Any:
        log("replaced", method, url)
        return original(method, url, **{**kwargs, "params": {"patched": 1}})

    patched.request = replaced  # type: ignore[method-assign]
    tried(lambda: patched.get("/echo"))
    tried(lambda: patched.post("/echo", data="x"))
    patched.get = lambda url, **kwargs: log("replaced get", url)  # type: ignore[method-assign]
    patched.get("/echo")

    original_of_class = HttpSession.request

    def of_class(self: Any, method: Any, url: Any, **kwargs: Any) -> Any:
        log("patched class", method, url)
        return original_of_class(self, method, url, **kwargs)

    HttpSession.request = of_class  # type: ignore[method-assign, assignment]
    fresh = session()
    tried(lambda: fresh.get("/echo"))
    tried(lambda: fresh.post("/echo", json=1))
    HttpSession.request = original_of_class  # type: ignore[method-assign]
    tried(lambda: fresh.get("/echo"))


@scenario
def patching_send() -> None:
    """As the examples for SDKs do."""
    client = session()
    send = client.send

    def signed(request: Any, **kwargs: Any) -> Any:
        request.headers["X-Signed"] = f"{request.method} {request.path_url}"
        log("send", sorted(kwargs))
        return send(request, **kwargs)

    client.send = signed  # type: ignore[method-assign]
    tried(lambda: client.get("/echo", params={"a": 1}))
    tried(lambda: client.post("/echo", json={"a": 1}, name="x"))


@scenario
def an_sdk_with_the_client_as_its_session() -> None:
    def sdk(http: requests.Session) -> None:
        log(http.get(server + "/bytes/3").content)
        prepared = requests.Request("GET", server + "/echo", headers={"X-Sdk": "1"}).prepare()
        tried(lambda: http.send(prepared, timeout=5))
        tried(lambda: http.request("POST", server + "/echo", data={"a": 1}, timeout=(1, 5), allow_redirects=True))

    class Caller(User):
        abstract = True

    sdk(HttpSession("http://example.invalid", EventHook(), Caller(environment(Caller))))


if __name__ == "__main__":
    main()
