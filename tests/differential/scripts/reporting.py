"""How requests are reported: names, metadata, verdicts in `with` blocks, listeners and what they raise."""

import locust  # noqa: F401  (before requests, because it patches what that imports)

# isort: split
from collections.abc import Callable
from typing import Any

import requests
from scenario import add, environment, log, main, run, said, scenario, server

from locust import HttpUser, TaskSet, constant, task
from locust.clients import HttpSession, ResponseContextManager
from locust.event import EventHook
from locust.exception import (
    CatchResponseError,
    InterruptTaskSet,
    LocustError,
    RescheduleTask,
    RescheduleTaskImmediately,
    ResponseError,
    StopTest,
    StopUser,
)

REFUSED = "http://127.0.0.1:9"


class Caller(HttpUser):
    """Runs `calls()` once, with every report logged."""

    abstract = True
    host = server
    wait_time = constant(0)

    def calls(self) -> None:
        raise NotImplementedError

    def on_start(self) -> None:
        self.environment.events.request.add_listener(heard)

    @task
    def once(self) -> None:
        try:
            self.calls()
        except Exception as error:
            log("raised", said(error))
        raise StopUser


def heard(**event: Any) -> None:
    took, response = event["response_time"], event["response"]
    log(
        "event:",
        event["request_type"],
        event["name"],
        event["url"],
        event["response_length"],
        said(event["exception"]),
        event["context"],
        type(response).__name__,
        took is None or took >= 0,
        isinstance(event["start_time"], float),
        sorted(set(event) - set(KNOWN)),
    )


KNOWN = (
    *("request_type", "response_time", "name", "context", "response", "exception", "start_time", "url"),
    "response_length",
)


def calls(function: Callable[[Any], None]) -> Callable[[Any], None]:
    """A scenario of one user that makes these calls."""

    def entry() -> None:
        made = run(type("Visitor", (Caller,), {"calls": function}))
        stats = [(e.method, e.name, e.num_requests, e.num_failures) for e in made.stats.entries.values()]
        log("statistics:", *sorted(stats))
        errors = made.stats.errors.values()
        log("errors:", *sorted((e.method, e.name, e.to_dict()["error"], e.occurrences) for e in errors))

    add(function.__name__, entry)
    return function


@calls
def names(user: Any) -> None:
    client = user.client
    client.get("/")
    client.get("/?a=1")
    client.get("/", params={"q": "x y", "r": ["1", "2"], "s": None})
    client.get("/bytes/5", name="five")
    client.get("/bytes/5", name="")
    client.get(server + "/bytes/6?x=1")
    client.get(server.upper().replace("HTTP", "http") + "/bytes/6")
    client.request("get", "/lower")
    client.request("PURGE", "/bytes/1")
    client.get("/redirect/2")
    client.get("/redirect/2", name="redirected")
    try:
        client.get("bytes/2")
    except requests.exceptions.InvalidURL:
        log("invalid")
    client.get("")
    client.get("/bytes/2#part")
    client.get("/a b/ü?ö=ß")
    client.get("/status/404")
    client.get("/status/500", name="broken")


@calls
def renaming(user: Any) -> None:
    client = user.client
    log(client.request_name)
    client.request_name = "kept"
    client.get("/")
    client.get("/", name="own")
    with client.rename_request("inside"):
        client.get("/")
        client.post("/", name="own inside")
        with client.rename_request("deeper"):
            client.get("/")
        log(client.request_name)
        client.get("/")
    log(client.request_name)
    try:
        with client.rename_request("failing"):
            raise KeyError("x")
    except KeyError:
        log(client.request_name)
    client.request_name = ""
    client.get("/")


@calls
def contexts(user: Any) -> None:
    given = {"a": 1, "b": 2}
    user.client.get("/", context=given)
    user.context = lambda: {"b": 0, "user": "u"}
    user.client.get("/", context=given)
    user.client.get("/")
    log(given)
    with user.client.get("/", context={"x": 1}, catch_response=True) as response:
        log(response.request_meta["context"])
        response.request_meta["context"]["y"] = 2
    user.client.user = None
    user.client.get("/", context=given)
    user.client.get("/")


@calls
def metadata(user: Any) -> None:
    response = user.client.post("/bytes/3", json={"a": 1})
    meta = response.request_meta
    log(sorted(meta), meta["name"], meta["exception"], meta["response"] is response, meta["request_type"])
    log(response.error, type(response).__name__, isinstance(response, requests.Response))
    log(isinstance(response, ResponseContextManager))
    with user.client.get("/bytes/10", catch_response=True) as response:
        log(response.request_meta["response_length"], response.request_meta["response"] is response)
        response.request_meta["name"] = "renamed"
        response.request_meta["response_time"] = 12345
        response.request_meta["response_length"] = 99
        response.request_meta["request_type"] = "OWN"
        response.request_meta["extra"] = "added"
    with user.client.get("/status/404", catch_response=True) as response:
        response.request_meta["name"] = "renamed failure"
    with user.client.get("/status/404", catch_response=True) as response:
        response.request_meta["exception"] = ValueError("overwritten")
    entry = user.environment.stats.get("renamed", "OWN")
    log(round(entry.max_response_time), entry.total_content_length)


@calls
def verdicts(user: Any) -> None:
    get = user.client.get
    with get("/", catch_response=True) as response:
        response.failure("no good")
    with get("/", catch_response=True) as response:
        response.failure(ValueError("an exception"))
    with get("/", catch_response=True) as response:
        response.failure({"a": "dict"})
    with get("/", catch_response=True) as response:
        response.failure(None)
    with get("/", catch_response=True) as response:
        response.failure("")
    with get("/", catch_response=True) as response:
        response.failure(StopUser("as a verdict"))
    with get("/status/500", catch_response=True) as response:
        response.success()
    with get("/", catch_response=True) as response:
        response.failure("first")
        response.success()
    with get("/", catch_response=True) as response:
        response.success()
        response.failure("last")
    with get("/", catch_response=True) as response:
        pass
    with get("/status/404", catch_response=True) as response:
        pass
    with get("/status/404", catch_response=True) as response:
        response.failure(f"got {response.status_code}")
    with get(REFUSED + "/x", catch_response=True) as response:
        log(response.status_code, response.error is not None)
        response.success()
    with get(REFUSED + "/x", catch_response=True) as response:
        response.failure("down")


@calls
def raising_inside_blocks(user: Any) -> None:
    def block(error: BaseException, path: str = "/", verdict: str = "") -> None:
        try:
            with user.client.get(path, name=f"{type(error).__name__} {verdict}", catch_response=True) as response:
                if verdict == "failure":
                    response.failure("judged")
                elif verdict == "success":
                    response.success()
                raise error
        except BaseException as raised:
            log("out of the block:", said(raised))
        else:
            log("swallowed")

    class Own(ResponseError):
        pass

    errors = [ResponseError("bad"), Own("own"), CatchResponseError("caught"), AssertionError("assert"), ValueError("v")]
    for error in (*errors, RescheduleTask(), StopUser(), KeyboardInterrupt()):
        block(error)
        block(error, verdict="failure")
    block(ResponseError("bad"), "/status/500")
    block(ResponseError("bad"), verdict="success")
    block(ResponseError("bad"), REFUSED)


@calls
def without_catching(user: Any) -> None:
    for name in ("success", "failure"):
        try:
            getattr(user.client.get("/"), name)(*(["x"] if name == "failure" else []))
        except LocustError as error:
            log(name, type(error).__name__)
    try:
        with user.client.get("/"):
            log("never here")
    except LocustError as error:
        log(type(error).__name__)
    response = user.client.get("/", catch_response=True)
    log("not reported", user.environment.stats.total.num_requests)
    for name in ("success", "failure"):
        try:
            getattr(response, name)(*(["x"] if name == "failure" else []))
        except LocustError as error:
            log(name, "before with", type(error).__name__)
    with response:
        pass
    log("reported", user.environment.stats.total.num_requests)
    response.failure("too late")
    log(response._manual_result, response._entered)
    with response:
        log("again")
    log("twice", user.environment.stats.total.num_requests)


@calls
def raise_for_status(user: Any) -> None:
    def tried(response: Any) -> None:
        try:
            response.raise_for_status()
            log("fine")
        except Exception as error:
            log(said(error), error.response is response if isinstance(error, requests.HTTPError) else "")

    tried(user.client.get("/"))
    tried(user.client.get("/status/404"))
    tried(user.client.get("/status/304"))
    tried(user.client.get("/status/503?reason=Out"))
    with user.client.get("/status/500", catch_response=True) as response:
        tried(response)
        response.success()
        tried(response)
        response.failure("own")
        tried(response)
        log(said(response._manual_result))
    tried(response)


@calls
def truth_of_responses(user: Any) -> None:
    for path in ("/", "/status/404", "/status/500", "/status/304", REFUSED):
        response = user.client.get(path)
        for name, look in (("ok", lambda it: it.ok), ("bool", bool), ("not", lambda it: not it)):
            try:
                log(path, name, look(response))
            except Exception as error:
                log(path, name, type(error).__name__)


@calls
def what_is_not_reported(user: Any) -> None:
    for url in ("ftp://x/", "no-scheme", "http://", "http://h:port/"):
        try:
            HttpSession("", user.client.request_event, user).get(url)
            log(url, "returned")
        except Exception as error:
            log(url, type(error).__name__)
    for wrong in ({"bogus": 1}, {"json": {1, 2}}, {"params": 5}, {"headers": "x"}, {"data": 5}, {"headers": {"a": 5}}):
        try:
            user.client.get("/", **wrong)
            log(sorted(wrong), "returned")
        except Exception as error:
            log(sorted(wrong), type(error).__name__)
    requests.get(server + "/bytes/1")
    session = requests.Session()
    user.client.send(session.prepare_request(requests.Request("GET", server + "/bytes/2")))
    user.client.get("/")
    user.client.send(user.client.prepare_request(requests.Request("GET", server + "/bytes/2")))


@calls
def sessions_made_by_hand(user: Any) -> None:
    class Event:
        def fire(self, **event: Any) -> None:
            log("own event", event["name"], event["url"], event["context"], said(event["exception"]))

    for base in (server, server + "/", server + "/bytes", "", server + "/x?y="):
        session = HttpSession(base, Event(), None)
        log(session.base_url, session.user, session.trust_env, session.request_name)
        session.get("/1" if base else server + "/2", context={"c": 1})
    hook = EventHook()
    hook.add_listener(lambda **event: log("hook", event["name"], event["request_type"]))
    named = HttpSession(base_url=server, request_event=hook, user=user)
    named.put("/bytes/1", data="x")
    named.patch("/bytes/1", "x", json=None)
    named.delete("/bytes/1")
    named.head("/redirect/1")
    named.options("/redirect/1")
    secret = HttpSession(server.replace("http://", "http://user%40x:pa%3Ass@"), hook, user)
    log(secret.base_url, secret.auth.username, secret.auth.password)
    log(secret.get("/basic-auth/user@x/pa:ss").status_code)
    half = HttpSession(server.replace("http://", "http://only@"), hook, user)
    log(half.base_url, half.auth)


@calls
def lengths(user: Any) -> None:
    user.client.get("/bytes/100")
    user.client.get("/gzip/5000")
    user.client.get("/chunked/3000")
    user.client.head("/bytes/100")
    user.client.get("/status/204")
    user.client.get("/no-length")
    user.client.get("/redirect/2")
    user.client.get("/bytes/100", stream=True)
    user.client.get("/chunked/3000", stream=True)
    user.client.get("/gzip/5000", stream=True)


def listener_raising(error: BaseException, where: str) -> Callable[[], None]:
    """A listener of the request event raises; before or after the statistics' own."""

    def entry() -> None:
        class Visitor(HttpUser):
            host = server
            turns = 0

            def wait_time(self) -> float:
                log("wait")
                return 0

            def on_stop(self) -> None:
                log("user on_stop")

            @task
            class Set(TaskSet):
                def on_stop(self) -> None:
                    log("set on_stop")

                @task
                def work(self) -> None:
                    self.user.turns += 1
                    log("work", self.user.turns)
                    if self.user.turns == 3:
                        raise StopUser
                    self.client.get("/")
                    log("after get")
                    with self.client.get("/", catch_response=True) as response:
                        response.failure("x")
                    log("after with")

        made = environment(Visitor)

        def raising(**_: Any) -> None:
            log("listener")
            if made.runner.user_greenlets and next(iter(made.runner.user_greenlets)).args[0].turns == 1:
                raise error

        if where == "before the statistics":
            made.events.request.add_listener(raising)
        runner = made.create_local_runner()
        if where != "before the statistics":
            made.events.request.add_listener(raising)
        made.events.request.add_listener(lambda **_: log("last listener"))
        runner.start(1, 10)
        runner.spawning_greenlet.join()
        runner.user_greenlets.join(timeout=10)
        total = made.stats.total
        log("over", runner.user_count, total.num_requests, total.num_failures)
        runner.quit()

    return entry


for each_error in (
    StopUser(),
    StopTest("x"),
    RescheduleTask(),
    RescheduleTaskImmediately(),
    InterruptTaskSet(False),
    ValueError("listener"),
):
    for each_where in ("before the statistics", "after the statistics"):
        add(f"{type(each_error).__name__} {each_where}", listener_raising(each_error, each_where))


@scenario
def listeners_with_too_few_arguments() -> None:
    class Visitor(Caller):
        def calls(self) -> None:
            self.client.get("/")

    made = environment(Visitor)
    made.events.request.add_listener(lambda name: log("never", name))
    runner = made.create_local_runner()
    runner.start(1, 10)
    runner.spawning_greenlet.join()
    runner.user_greenlets.join()
    log(made.stats.total.num_requests)
    runner.quit()


@scenario
def own_clients() -> None:
    """`events.request.fire` and `measure` count as requests."""

    class Visitor(HttpUser):
        host = server

        @task
        def work(self) -> None:
            fire = self.environment.events.request.fire
            fire(request_type="OWN", name="a", response_time=5, response_length=10, exception=None, context={})
            fire(request_type="OWN", name="b", response_time=None, response_length=0, exception=None)
            fire(request_type="OWN", name="c", response_time=1.5, response_length=0, exception="text")
            fire(request_type="OWN", name="d", response_time=1.5, response_length=0, exception=ValueError("bad"))
            fire(request_type="OWN", name="e", response_time=1.5, response_length=0, exception="")
            with self.environment.events.request.measure("MEASURED", "f", response_length=3, context={"a": 1}) as meta:
                meta["extra"] = 1
                log(sorted(meta))
            with self.environment.events.request.measure("MEASURED", "g"):
                raise StopUser
            log("swallowed")
            raise StopUser

    made = environment(Visitor)
    made.events.request.add_listener(
        lambda **event: log(event["name"], event.get("context"), said(event.get("exception")), sorted(event))
    )
    runner = made.create_local_runner()
    runner.start(1, 10)
    runner.spawning_greenlet.join()
    runner.user_greenlets.join()
    for entry in made.stats.entries.values():
        log(entry.name, entry.method, entry.num_requests, entry.num_failures, entry.num_none_requests)
    for error in made.stats.errors.values():
        log(error.name, error.error if isinstance(error.error, str) else said(error.error), error.occurrences)
    runner.quit()


if __name__ == "__main__":
    main()
