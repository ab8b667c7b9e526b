"""A program with a web UI of its own, without the command: `create_web_ui`, routes, starting and stopping over HTTP."""

import json
import socket
from typing import Any
from urllib.parse import urlencode

import gevent
from gevent.event import Event
from scenario import environment, log, main, scenario

from locust import User, constant, task


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def asked(port: int, path: str, fields: dict[str, Any] | None = None) -> tuple[str, str]:
    """Status line and body of one request, by a socket that waits for the server to be there."""
    body = urlencode(fields or {})
    method = "POST" if fields is not None else "GET"
    head = [f"{method} {path} HTTP/1.0", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(body)}"]
    head.append("Content-Type: application/x-www-form-urlencoded")
    with gevent.Timeout(20):
        while True:
            try:
                connection = socket.create_connection(("127.0.0.1", port))
                break
            except OSError:
                gevent.sleep(0.02)
        with connection:
            connection.sendall(("\r\n".join(head) + "\r\n\r\n" + body).encode())
            got = b""
            while piece := connection.recv(65536):
                got += piece
    start, _, rest = got.decode().partition("\r\n")
    return start.split(" ", 1)[1], rest.partition("\r\n\r\n")[2]


@scenario
def a_web_ui_in_a_program() -> None:
    worked = Event()

    class Visitor(User):
        wait_time = constant(0.01)
        host = "http://shop"

        @task
        def work(self) -> None:
            self.environment.events.request.fire(
                request_type="GET", name="/", response_time=5, response_length=3, exception=None, context={}
            )
            worked.set()

    made = environment(Visitor)
    runner = made.create_local_runner()
    port = free_port()
    web_ui = made.create_web_ui("127.0.0.1", port)
    log(made.web_ui is web_ui, web_ui.environment is made, web_ui.host, web_ui.port == port)
    made.events.init.fire(environment=made, runner=runner, web_ui=web_ui)

    @web_ui.app.route("/own")
    def own() -> str:
        return f"users: {runner.user_count > 0}"

    log("own route", *asked(port, "/own"))
    status, body = asked(port, "/swarm", {"user_count": 2, "spawn_rate": 100, "host": "http://shop"})
    told = json.loads(body)
    log("swarm", status, told["success"], told["message"], told["host"])
    log("worked", worked.wait(20), *asked(port, "/own"))
    runner.spawning_greenlet.join(20)
    figures = json.loads(asked(port, "/stats/requests")[1])
    log("running", figures["state"], figures["user_count"], [each["name"] for each in figures["stats"]])
    log("csv", asked(port, "/stats/requests/csv")[1].splitlines()[0][:40])
    status, body = asked(port, "/stop", {})
    log("stop", status, json.loads(body)["success"], runner.user_count, runner.state)
    runner.quit()
    web_ui.stop()
    runner.greenlet.join(10)
    log("over", runner.greenlet.ready())


if __name__ == "__main__":
    main()
