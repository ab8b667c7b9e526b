"""One GET of BENCH_PATH and then so much Python that a few users keep the interpreter busy all the time."""

import os

from common import Base, wait_time

from locust import task

PATH = os.environ.get("BENCH_PATH", "/")
ROUNDS = 5_000


class Cruncher(Base):
    wait_time = wait_time()

    @task
    def get_and_crunch(self):
        self.client.get(PATH)
        sum(number * number for number in range(ROUNDS))
