"""Responses that a script makes itself: clients on `requests` that use Locust's class for their ``with`` blocks."""

from collections.abc import Callable
from typing import Any

from scenario import log, main, said, scenario, server  # isort: skip

import requests

from locust.clients import (
    CatchResponseError,
    HttpSession,
    ResponseContextManager,
    ResponseError,
    RestResponseContextManager,
    absolute_http_url_regexp,
)
from locust.contrib import fasthttp
from locust.event import EventHook


def heard(**kwargs: Any) -> None:
    log("request:", kwargs["name"], said(kwargs["exception"]))


def attempt(what: str, step: Callable[[], Any]) -> None:
    try:
        log(what, said(step()))
    except Exception as error:
        log(what, "raised", type(error).__name__, said(error) if isinstance(error, ZeroDivisionError) else "")


def wrapped(path: str, catch_response: bool = True) -> ResponseContextManager:
    hook = EventHook()
    hook.add_listener(heard)
    meta = {"name": "named", "request_type": "GET", "response_time": 1.0, "exception": None, "response_length": 0}
    response = requests.get(f"{server}{path}", timeout=10)
    return ResponseContextManager.wrap_response(response, hook, meta, catch_response)


def judged(path: str, judge: Callable[[ResponseContextManager], Any]) -> None:
    def step() -> None:
        with wrapped(path) as response:
            log("inside", response.status_code, response.url.replace(server, "<server>"))
            judge(response)

    attempt(path, step)


@scenario
def a_response_of_requests_gets_a_with_block() -> None:
    def failing(error: BaseException) -> Callable[[Any], None]:
        def judge(_response: Any) -> None:
            raise error

        return judge

    for path in ("/", "/status/404", "/status/500"):
        judged(path, lambda _response: None)
        judged(path, lambda response: response.success())
        judged(path, lambda response: response.failure("a text"))
        judged(path, lambda response: response.failure(ValueError("an error")))
        judged(path, failing(ResponseError("raised")))
        judged(path, failing(CatchResponseError("raised")))
        judged(path, failing(ZeroDivisionError("raised")))

        def both(response: ResponseContextManager) -> None:
            response.failure("first")
            raise ZeroDivisionError("then")

        judged(path, both)


@scenario
def a_verdict_decides_what_raise_for_status_says() -> None:
    def judge(response: ResponseContextManager) -> None:
        attempt("before", response.raise_for_status)
        response.success()
        attempt("after success", response.raise_for_status)
        response.failure("no")
        attempt("after failure", response.raise_for_status)

    judged("/status/404", judge)


@scenario
def without_catch_response_or_a_block() -> None:
    response = wrapped("/", catch_response=False)
    attempt("enter", response.__enter__)
    response = wrapped("/")
    attempt("success", response.success)
    attempt("failure", lambda: response.failure("early"))
    log(response.error, isinstance(response, requests.Response), isinstance(response, RestResponseContextManager))


@scenario
def one_for_a_request_without_an_answer() -> None:
    error = requests.ConnectionError("nobody there", request=requests.Request("GET", f"{server}/").prepare())
    response = ResponseContextManager(error)
    log(response.status_code, response.ok, said(response.error), response.request.method, response.content)
    attempt("raise_for_status", response.raise_for_status)


@scenario
def names_beside_the_clients() -> None:
    for url in ("http://a/", "HTTPS://a/", "ftp://a/", "/a"):
        log(url, bool(absolute_http_url_regexp.match(url)), bool(fasthttp.absolute_http_url_regexp.match(url)))
    context = fasthttp.insecure_ssl_context_factory()
    log(context.verify_mode, context.check_hostname)
    log(issubclass(HttpSession, requests.Session), fasthttp.FastRequest.payload)


if __name__ == "__main__":
    main()
