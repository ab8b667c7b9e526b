"""Requests through proxies: what the proxy is asked, and what becomes of it when the proxy is not willing."""

import locust  # noqa: F401  (before requests, because it patches what that imports)

# isort: split
import os
import re
from collections.abc import Callable
from contextlib import contextmanager, suppress
from typing import Any

import gevent
from gevent.server import StreamServer
from gevent.socket import create_connection
from scenario import log, main, said, scenario, server

from locust.clients import HttpSession
from locust.event import EventHook

AUTHORITY = os.environ.get("TESTKIT_AUTHORITY", "")
TLS = os.environ.get("TESTKIT_TLS", "")


class Proxy:
    """Notes what it is asked and does it, or says `answer` instead."""

    def __init__(self, answer: bytes = b"", wants: bytes = b"") -> None:
        self.answer, self.wants = answer, wants
        self.server = StreamServer(("127.0.0.1", 0), self.serve)
        self.server.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def serve(self, connection: Any, _address: Any) -> None:
        with suppress(OSError), connection:
            while head := read_head(connection):
                self.note(head)
                if self.answer or self.wants not in head:
                    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
                    connection.sendall(self.answer if self.answer != b"close" else b"")
                    if not self.answer:
                        connection.sendall(refusal)
                    return
                first, _, rest = head.partition(b"\r\n")
                method, target, version = first.split(b" ")
                if method == b"CONNECT":
                    host, _, port = target.rpartition(b":")
                    connection.sendall(b"HTTP/1.1 200 Connection established\r\nX-Proxy: yes\r\n\r\n")
                    relay(connection, create_connection((host.decode(), int(port))))
                    return
                host, path = re.match(rb"http://([^/]+)(.*)", target).groups()  # type: ignore[union-attr]
                upstream = create_connection((host.decode().split(":")[0], int(host.split(b":")[1])))
                upstream.sendall(
                    b" ".join((method, path or b"/", version)) + b"\r\n" + rest.replace(b"keep-alive", b"close")
                )
                body = gevent.spawn(pass_on, connection, upstream)
                pass_on(upstream, connection)
                body.kill()
                return

    def note(self, head: bytes) -> None:
        text = head.decode("latin-1").replace(TLS.rpartition(":")[2] or "\0", "<tls port>")
        lines = text.strip().split("\r\n")
        wanted = "proxy-auth" if lines[0].startswith("CONNECT") else ("host", "proxy")
        kept = sorted(line for line in lines[1:] if line.lower().startswith(wanted))
        # Pythons differ in the version that they ask for a tunnel with.
        first = re.sub(r"^(CONNECT .*) HTTP/1\.[01]$", r"\1", lines[0])
        log(
            "proxy asked:",
            first.replace(server, "<server>"),
            "|",
            *(line.replace(server[7:], "<host>") for line in kept),
        )


def read_head(connection: Any) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            return b""
        head += byte
    return head


def relay(one: Any, other: Any) -> None:
    back = gevent.spawn(pass_on, other, one)
    pass_on(one, other)
    back.join()
    other.close()


def pass_on(source: Any, sink: Any) -> None:
    with suppress(OSError):
        while block := source.recv(65536):
            sink.sendall(block)
        sink.shutdown(1)


@contextmanager
def proxy(**settings: Any) -> Any:
    made = Proxy(**settings)
    yield made
    made.server.stop()


def session(base: str = server) -> HttpSession:
    events = EventHook()
    events.add_listener(heard)
    made = HttpSession(base, events, None)
    made.trust_env = False
    return made


def heard(name: str, request_type: str, exception: Any, response_length: int, url: str, **_: Any) -> None:
    text = re.sub(r" at 0x[0-9a-f.]+>", ">", said(exception))
    log("event:", request_type, name, masked(text), response_length, masked(url))


def masked(text: str) -> str:
    for known in (TLS.rpartition(":")[2], *ports):
        text = text.replace(known or "\0", "<port>")
    return text


ports: list[str] = []


def tried(call: Callable[[], Any]) -> None:
    try:
        response = call()
        log(response.status_code, response.text[:40] if response.status_code else type(response.error).__name__)
    except Exception as error:
        log("raised", masked(said(error)))


@scenario
def plain_requests() -> None:
    with proxy() as through:
        for path in ("/bytes/5", "/bytes/5?x=1", "/status/404", "/redirect/1", "/bytes/3#part"):
            tried(lambda path=path: session().get(path, proxies={"http": through.url}))
        tried(lambda: session().post("/bytes/5", data={"a": 1}, proxies={"all": through.url}))
        tried(lambda: session().get("/bytes/5", proxies={"http": through.url.replace("http://", "")}))
        tried(lambda: session().get("/bytes/5", proxies={"http://127.0.0.1": through.url}))
        tried(lambda: session().get("/bytes/5", proxies={"http://example.com": through.url, "https": through.url}))
        client = session()
        client.proxies = {"http": through.url}
        tried(lambda: client.get("/bytes/4"))
        tried(lambda: client.get("/bytes/4", proxies={"http": ""}))
        tried(lambda: client.get("/bytes/4", stream=True))


@scenario
def credentials() -> None:
    with proxy(wants=b"Proxy-Authorization: Basic bWU6c2VjcmV0") as through:
        client = session()
        tried(lambda: client.get("/bytes/5", proxies={"http": through.url}))
        tried(lambda: client.get("/bytes/5", proxies={"http": through.url.replace("//", "//me:secret@")}))
        tried(lambda: client.get("/bytes/5", proxies={"http": through.url.replace("//", "//me:s%65cret@")}))
        if TLS:
            tunnel = {"https": through.url.replace("//", "//me:secret@")}
            tried(lambda: client.get(TLS + "/bytes/5", proxies=tunnel, verify=AUTHORITY))


@scenario
def tunnels() -> None:
    if not TLS:
        return
    with proxy() as through:
        client = session(TLS)
        client.verify = AUTHORITY
        for _ in range(2):
            tried(lambda: client.get("/bytes/5", proxies={"https": through.url}))
        tried(lambda: client.post("/bytes/5", data=b"x" * 1000, proxies={"https": through.url}))
        tried(lambda: client.get("/bytes/70000", proxies={"https": through.url}, stream=True))


@scenario
def proxies_that_are_not_willing() -> None:
    ports.clear()
    answers = (
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 502\r\n\r\n",
        b"close",
        b"rubbish\r\n\r\n",
    )
    for answer in answers:
        with proxy(answer=answer) as through:
            ports.append(through.url.rpartition(":")[2])
            log("---", answer[:20])
            tried(lambda: session().get("/bytes/5", proxies={"http": through.url}))
            if TLS:
                tried(lambda: session(TLS).get("/bytes/5", proxies={"https": through.url}))
    log("--- nobody")
    for url in (server, TLS):
        tried(lambda url=url: session(url or server).get("/bytes/5", proxies={"all": "http://127.0.0.1:9"}))
    for odd in ("http://", "ftp://127.0.0.1:9", "http://127.0.0.1:port", "//127.0.0.1:9", "x y"):
        tried(lambda odd=odd: session().get("/bytes/5", proxies={"http": odd}))


@scenario
def the_environment() -> None:
    with proxy() as through:
        os.environ["http_proxy"] = through.url
        try:
            client = session()
            tried(lambda: client.get("/bytes/5"))
            client.trust_env = True
            tried(lambda: client.get("/bytes/5"))
            os.environ["no_proxy"] = "127.0.0.1"
            tried(lambda: client.get("/bytes/5"))
        finally:
            for name in ("http_proxy", "no_proxy"):
                os.environ.pop(name, None)


if __name__ == "__main__":
    main()
