"""What locustfiles do with FastHttpUser, each thing once; runs unmodified under Locust and under Gregaria.

Writes to $FAST_OUT what each step gave and every request event, without what differs from run to run.
"""

import io
import json
import os
import re
from collections.abc import Callable
from typing import Any

from locust import FastHttpUser, HttpUser, events, task
from locust.contrib.fasthttp import FastHttpSession, FastResponse, LocustBadStatusCode, ResponseContextManager
from locust.exception import ResponseError

HOST = os.environ["FAST_HOST"]
LEFT_OUT = ("accept-encoding", "user-agent", "host", "connection")

fired: list[dict[str, Any]] = []


@events.request.add_listener
def heard(**event: Any) -> None:
    kept = {key: event[key] for key in ("request_type", "name", "url", "response_length", "context")}
    if "/echo" in kept["url"]:
        kept["response_length"] = 0  # an echo tells the number of its connection
    kept["exception"] = repr(event["exception"])
    kept["status"] = event["response"].status_code
    kept["times"] = isinstance(event["response_time"], float) and isinstance(event["start_time"], float)
    fired.append(kept)


def echoed(response: Any) -> dict[str, Any]:
    echo = response.json()
    headers = {name.lower(): value for name, value in echo["headers"] if name.lower() not in LEFT_OUT}
    sent = {"method": echo["method"], "target": echo["target"], "headers": headers, "body": echo["body"]}
    boundary = re.search(r"boundary=(\w+)", headers.get("content-type", ""))
    return json.loads(json.dumps(sent).replace(boundary[1], "BOUNDARY")) if boundary else sent


def shown(response: Any) -> dict[str, Any]:
    request = response.request
    return {
        "is": [isinstance(response, kind) for kind in (FastResponse, ResponseContextManager)],
        "status": response.status_code,
        "ok": response.ok,
        "url": response.url,
        "text": response.text,
        "content": repr(response.content),
        "encoding": response.encoding,
        "header": response.headers.get("content-type"),
        "in": "CONTENT-type" in response.headers,
        "request": [request.url, request.method, repr(request.payload), repr(request.body)],
        "history": [hop.status_code for hop in response.history],
    }


class Everything(FastHttpUser):
    host = HOST + "/echo"
    default_headers = {"X-Default": "d", "X-Both": "class"}

    def context(self) -> dict[str, Any]:
        return {"user": "u", "both": "user"}

    @task
    def everything(self) -> None:
        found: dict[str, Any] = {}
        for name, step in STEPS.items():
            start = len(fired)
            try:
                outcome = step(self)
            except Exception as error:
                outcome = f"RAISED {error!r}"
            found[name] = {"outcome": outcome, "events": fired[start:]}
        text = json.dumps(found, indent=1).replace(HOST, "HOST").replace(HOST.rpartition("/")[2], "ADDRESS")
        text = re.sub(r"--[0-9a-f]{32}", "--BOUNDARY", text)
        with open(os.environ["FAST_OUT"], "w", encoding="utf-8") as file:
            file.write(text)
        self.environment.runner.quit()


class Plain(HttpUser):
    abstract = True
    host = HOST


STEPS: dict[str, Callable[[Everything], Any]] = {}


def step(function: Callable[[Everything], Any]) -> Callable[[Everything], Any]:
    STEPS[function.__name__] = function
    return function


REQUESTS: dict[str, tuple[Any, ...]] = {
    "get": ("GET", "/a"),
    "get_params": ("GET", "/a?x=1", {"params": {"b": "c d", "l": [1, 2], "n": None, "t": True}}),
    "get_params_list": ("GET", "/a", {"params": [("a", 1), ("a", "é")]}),
    "get_params_text": ("GET", "/a", {"params": "raw=1&x"}),
    "get_params_empty": ("GET", "/a?x=1", {"params": {}}),
    "get_unknown": ("GET", "/a", {"timeout": 5, "verify": False}),
    "get_unknown_with_params": ("GET", "/a", {"timeout": 5, "params": {"q": 1}}),
    "get_fragment": ("GET", "/a?b=1#part"),
    "get_odd_path": ("GET", "/a b/ü/%7e;p=1?q=a b&r=[1]"),
    "get_dots": ("GET", "/a/../b/./c"),
    "get_absolute": ("GET", HOST + "/echo/absolute"),
    "get_named": ("GET", "/a", {"name": "named"}),
    "get_context": ("GET", "/a", {"context": {"both": "request", "own": 1}}),
    "get_headers": ("GET", "/a", {"headers": {"x-both": "request", "X-Own": "1", "X-Number": 1}}),
    "get_data": ("GET", "/a", {"data": "body"}),
    "get_auth": ("GET", "/a", {"auth": ("user", "pässword")}),
    "lower_case": ("get", "/a"),
    "purge": ("PURGE", "/a"),
    "delete": ("DELETE", "/a"),
    "delete_json": ("DELETE", "/a", {"json": {"a": 1}}),
    "options": ("OPTIONS", "/a"),
    "put_nothing": ("PUT", "/a"),
    "patch_json": ("PATCH", "/a", {"json": [1, "é"]}),
    "post_nothing": ("POST", "/a"),
    "post_json": ("POST", "/a", {"json": {"a": 1, "b": None}}),
    "post_json_empty": ("POST", "/a", {"json": {}}),
    "post_json_own_type": ("POST", "/a", {"json": {"a": 1}, "headers": {"content-type": "application/vnd+json"}}),
    "post_json_and_data": ("POST", "/a", {"json": {"a": 1}, "data": "wins"}),
    "post_json_and_empty_data": ("POST", "/a", {"json": {"a": 1}, "data": ""}),
    "post_form": ("POST", "/a", {"data": {"a": "b c", "l": [1, 2], "n": None, "i": 1}}),
    "post_form_own_type": ("POST", "/a", {"data": {"a": "b"}, "headers": {"Content-Type": "text/x"}}),
    "post_text": ("POST", "/a", {"data": "é"}),
    "post_text_own_type": ("POST", "/a", {"data": "é", "headers": {"Content-Type": "text/x"}}),
    "post_bytes": ("POST", "/a", {"data": b"\x01\x02"}),
    "post_unknown": ("POST", "/a", {"field": "value", "other": 1}),
    "post_unknown_with_form": ("POST", "/a", {"data": {"a": 1}, "field": "value"}),
    "post_unknown_with_text": ("POST", "/a", {"data": "text", "field": "value"}),
    "post_files": (
        "POST",
        "/a",
        {"files": {"f": ("n.txt", "content", "text/x")}, "data": {"a": ["1", "2"], "b": b"x"}},
    ),
    "post_files_plain": ("POST", "/a", {"files": {"f": "content", "g": b"\x01"}}),
    "post_files_headers": ("POST", "/a", {"files": [("f", ('q".txt', io.BytesIO(b"c"), "text/x", {"X-P": "1"}))]}),
    "post_redirected": ("POST", HOST + "/redirect-to?url=/echo/there&code=302", {"data": "body"}),
    "post_redirected_307": ("POST", HOST + "/redirect-to?url=/echo/there&code=307", {"data": "body"}),
    "auth_redirected": ("GET", HOST + "/redirect-to?url=/echo/there", {"auth": ("u", "p")}),
    "cookie_header": ("GET", "/a", {"headers": {"Cookie": "own=1"}}),
    "positional": ("POST", "/a", {}, "name given", "data given"),
}


def _requesting(method: str, url: str, arguments: dict[str, Any] | None = None, *positional: Any) -> Callable[..., Any]:
    def request(user: Everything) -> Any:
        copied = {key: dict(value) if isinstance(value, dict) else value for key, value in (arguments or {}).items()}
        before = repr(copied.get("headers"))
        response = user.client.request(method, url, *positional, **copied)
        assert repr(copied.get("headers")) == before
        return {**shown(response), "text": None, "content": None, "echo": echoed(response)}

    return request


for _name, _request in REQUESTS.items():
    STEPS[f"request_{_name}"] = _requesting(*_request)


RESPONSES = {
    "latin1": "/content?type=text/plain&hex=e9",
    "utf8": "/content?type=text/plain;charset=utf-8&body=%C3%A9",
    "json_without_charset": "/content?type=application/json&body=%22%C3%A9%22",
    "html_ascii": "/content?type=text/html&body=%3Ca%3E",
    "binary_guessed": "/content?type=application/x&body=plain",
    "empty": "/bytes/0",
    "head_of_two": "/headers?X-Two=1&X-Two=2",
    "redirected": "/redirect/2",
    "status_404": "/status/404",
    "status_300": "/status/300",
    "gzip": "/gzip/50",
}
for _name, _path in RESPONSES.items():
    STEPS[f"response_{_name}"] = lambda user, path=_path: shown(user.client.get(HOST + path))


@step
def verbs(user: Everything) -> Any:
    client = user.client
    return [
        echoed(client.get("/v")),
        echoed(client.post("/v", "data", None)),
        echoed(client.put("/v", "data")),
        echoed(client.patch("/v", data="data")),
        echoed(client.delete("/v", name="deleted")),
        echoed(client.options("/v")),
        client.head(HOST + "/redirect/2").status_code,
    ]


@step
def cookies_are_kept(user: Everything) -> Any:
    redirected = user.client.get(HOST + "/cookies/set?a=1&b=2").json()
    again = user.client.get(HOST + "/cookies").json()
    found = sorted((cookie.name, cookie.value) for cookie in user.client.cookiejar)
    user.client.cookiejar.clear()
    return [redirected, again, found, user.client.get(HOST + "/cookies").json()]


@step
def renamed(user: Everything) -> Any:
    with user.client.rename_request("grouped"):
        user.client.get("/a")
        user.client.get("/a", name="own")
    user.client.get("/a")
    user.client.request_name = "set"
    user.client.get("/b")
    user.client.request_name = None


@step
def caught(user: Everything) -> Any:
    bad = HOST + "/status/500"
    notes: list[Any] = []
    with user.client.get(bad, catch_response=True) as response:
        notes.append([isinstance(response, ResponseContextManager), repr(response.error)])
        response.success()
        notes.append(response.raise_for_status())
    with user.client.get("/a", catch_response=True) as response:
        response.failure("text")
        response.failure({"last": "wins"})
    with user.client.get("/a", catch_response=True) as response:
        response.failure(ValueError("own"))
    with user.client.get(bad, catch_response=True):
        pass
    with user.client.get("/a", catch_response=True) as response:
        response.request_meta["name"] = "changed"
        response.request_meta["response_length"] = 7
    with user.client.get("/a", catch_response=True):
        raise ResponseError("expected")
    return notes


@step
def caught_other_exception(user: Everything) -> Any:
    with user.client.get("/a", catch_response=True):
        raise ValueError("not reported")


@step
def caught_exception_after_verdict(user: Everything) -> Any:
    with user.client.get("/a", catch_response=True) as response:
        response.success()
        raise ValueError("reported all the same")


@step
def not_caught(user: Everything) -> Any:
    with user.client.get("/a") as response:
        try:
            response.success()
        except Exception as error:
            return type(error).__name__


@step
def verdict_outside_of_block(user: Everything) -> Any:
    try:
        user.client.get("/a", catch_response=True).failure("x")
    except Exception as error:
        return type(error).__name__


@step
def bad_status_exception(user: Everything) -> Any:
    try:
        user.client.get(HOST + "/status/418").raise_for_status()
    except LocustBadStatusCode as error:
        return [str(error), error.code, error.url, error.response.status_code]


@step
def rest(user: Everything) -> Any:
    notes: list[Any] = []
    with user.rest("POST", "/r", json={"a": 1}) as response:
        notes.append([response.js["method"], echoed(response)])
    with user.rest("GET", HOST + "/content?type=text/plain&body=nojson") as response:
        notes.append(response.js)
    with user.rest("GET", HOST + "/bytes/0") as response:
        notes.append(response.js)
    with user.rest("GET", "/r", headers={"accept": "own"}, name="r"):
        raise AssertionError("message")
    with user.rest("GET", HOST + "/content?type=application/json&body=1"):
        raise AssertionError("with response,")
    with user.rest("GET", "/r"):
        raise AssertionError
    with user.rest("GET", "http://127.0.0.1:9/refused") as response:
        notes.append(response.js)
    with user.rest_("GET", "/r"):
        pass
    with user.rest_("GET", "/r?a=1", name="given"):
        pass
    for event in fired:
        event["url"] = re.sub(r"_=\d+", "_=NOW", event["url"])
    return json.loads(re.sub(r"_=\d+", "_=NOW", json.dumps(notes)))


@step
def rest_of_http_user(user: Everything) -> Any:
    plain = Plain(user.environment)
    with plain.rest("GET", "/status/404", name="gone") as response:
        js = response.js
    with plain.rest("PUT", "/echo", json={"a": 1}) as response:
        assert response.js["body"] == "other", "no"
    return js


@step
def streamed(user: Everything) -> Any:
    lines = list(user.client.iter_lines(HOST + "/stream/3"))
    response = user.client.get(HOST + "/bytes/20", stream=True)
    parts = [repr(response.read(5)), repr(response.read())]
    pieces = "".join(user.client.get(HOST + "/bytes/3000", stream=True).iter_content())
    content = user.client.get(HOST + "/gzip/40", stream=True).content
    with user.client.get(HOST + "/chunked/40", stream=True, catch_response=True) as caught:
        length = len(caught.content)
    refused = user.client.get("http://127.0.0.1:9/x", stream=True).status_code
    return [lines, parts, len(pieces), repr(content), length, refused]


@step
def iter_lines_of_bad_status(user: Everything) -> Any:
    return list(user.client.iter_lines(HOST + "/status/500"))


@step
def sessions_by_hand(user: Everything) -> Any:
    session = FastHttpSession(HOST.replace("http://", "http://us%40er:pass@"), user.environment.events.request, None)
    first = echoed(session.get("/echo"))
    return [session.base_url, session.auth_header, first, session.get("/redirect/9").status_code]


@step
def the_agent(user: Everything) -> Any:
    agent = user.client.client
    agent.default_headers["X-Later"] = "1"
    later = echoed(user.client.get("/a"))
    del agent.default_headers["x-later"]
    agent.clientpool.close()
    return [later, agent.max_redirects, agent.max_retries, sorted(agent.valid_response_codes)]
