"""Users that make a known number of requests, some of which fail, and custom messages both ways."""

import os
import sys

from locust import HttpUser, constant, events, task
from locust.runners import MasterRunner, WorkerRunner

REQUESTS_PER_USER = int(os.environ.get("REQUESTS_PER_USER", "20"))
greetings = []


class Counter(HttpUser):
    wait_time = constant(0.05)
    made = 0

    @task
    def count(self):
        if self.made >= REQUESTS_PER_USER:
            return
        self.made += 1
        self.client.get("/status/500" if self.made % 10 == 0 else "/delay/2", name=f"/part/{self.made % 5}")


@events.init.add_listener
def register(environment, runner, **_kwargs):
    def greeted(environment, msg, **_kwargs):
        greetings.append(msg.data)
        environment.runner.send_message("thanks", {"for": msg.data["text"], "bytes": b"\x00\xff", "index": 7})

    def thanked(environment, msg, **_kwargs):
        greetings.append((msg.data["for"], msg.data["bytes"], msg.data["index"]))

    if isinstance(runner, WorkerRunner):
        runner.register_message("greet", greeted)
    if isinstance(runner, MasterRunner):
        runner.register_message("thanks", thanked)


@events.test_start.add_listener
def greet(environment, **_kwargs):
    if isinstance(environment.runner, MasterRunner):
        environment.runner.send_message("greet", {"text": "hello"})


@events.quitting.add_listener
def tell(environment, **_kwargs):
    if isinstance(environment.runner, MasterRunner):
        print("greetings:", greetings, file=sys.stderr)
