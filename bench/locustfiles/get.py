"""One task with one GET of BENCH_PATH ("/" if it is not set)."""

import os

from common import Base, wait_time

from locust import task

PATH = os.environ.get("BENCH_PATH", "/")


class Getter(Base):
    wait_time = wait_time()

    @task
    def get(self):
        self.client.get(PATH)
