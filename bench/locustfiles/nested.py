"""Task sets two deep, each left by interrupt() after three requests and entered anew."""

from common import Base, wait_time

from locust import SequentialTaskSet, TaskSet, task


class Visitor(Base):
    wait_time = wait_time()

    @task
    class Outer(TaskSet):
        def on_start(self):
            self.client.get("/")

        @task
        class Inner(SequentialTaskSet):
            @task
            def first(self):
                self.client.get("/")

            @task
            def second(self):
                self.client.get("/")

            @task
            def leave(self):
                self.interrupt()

        @task
        def leave(self):
            self.interrupt()
