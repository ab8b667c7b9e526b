"""Events: an option of one's own, a look at every request, and an exit code that says whether the test was passed."""

import logging
from argparse import ArgumentParser
from typing import Any

from locust import HttpUser, constant, events, task
from locust.env import Environment

slow: list[str] = []


@events.init_command_line_parser.add_listener
def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--slow-ms", type=float, default=1000, help="what counts as slow")


@events.request.add_listener
def look(name: str, response_time: float, exception: BaseException | None, context: dict[str, Any], **_: Any) -> None:
    if not exception and response_time > context["slow_ms"]:
        slow.append(name)


@events.quitting.add_listener
def judge(environment: Environment, **_: Any) -> None:
    total = environment.stats.total
    logging.info("%d slow requests, p95 %.0f ms", len(slow), total.get_response_time_percentile(0.95))
    environment.process_exit_code = 1 if total.fail_ratio > 0.5 else 0


class Visitor(HttpUser):
    wait_time = constant(0.05)

    def context(self) -> dict[str, Any]:
        options = self.environment.parsed_options
        return {"slow_ms": options.slow_ms if options else 1000}

    @task
    def home(self) -> None:
        self.client.get("/")
