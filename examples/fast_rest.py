"""FastHttpUser and its `rest`, which parses JSON and takes every exception in its block as the failure."""

from locust import FastHttpUser, constant, task


class Visitor(FastHttpUser):
    wait_time = constant(0.05)

    @task
    def search(self) -> None:
        with self.rest("GET", "/search?q=lamp", name="/search") as response:
            if "results" not in (response.js or ()):
                response.failure("no results in the answer")
