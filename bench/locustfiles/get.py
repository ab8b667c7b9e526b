"""One task with one GET of BENCH_PATH ("/" if it is not set).

BENCH_AUTHORITY  a file with the certificate that the server's has to be signed by
"""

import os

from common import Base, wait_time

from locust import task

PATH = os.environ.get("BENCH_PATH", "/")


class Getter(Base):
    wait_time = wait_time()
    connection_reuse = os.environ.get("BENCH_REUSE", "keep")

    def on_start(self):
        if os.environ.get("BENCH_AUTHORITY"):
            self.client.verify = os.environ["BENCH_AUTHORITY"]

    @task
    def get(self):
        self.client.get(PATH)
