"""Users that only exist: an empty task, then a wait that outlives the run. For the cost of starting them."""

from common import Base

from locust import constant, task


class Idler(Base):
    wait_time = constant(3600)

    @task
    def nothing(self):
        pass
