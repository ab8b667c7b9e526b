"""A load that follows a plan instead of -u and -r: steps up, then down, then the end."""

from locust import HttpUser, LoadTestShape, constant, task

STAGES = [(1, 2, 10), (2, 5, 10), (3, 1, 10)]  # until second, users, users per second


class Steps(LoadTestShape):
    def tick(self) -> tuple[int, float] | None:
        for until, users, rate in STAGES:
            if self.get_run_time() < until:
                return users, rate
        return None


class Visitor(HttpUser):
    wait_time = constant(0.1)

    @task
    def home(self) -> None:
        self.client.get("/")
