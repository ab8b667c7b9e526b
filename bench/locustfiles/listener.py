"""One task with one GET, and a listener of the request event that counts by name, as scripts have them."""

from collections import Counter

from common import Base, wait_time

from locust import events, task

seen = Counter()


@events.request.add_listener
def count(request_type, name, response_time, response_length, exception, **_):
    seen[name] += 1


class Getter(Base):
    wait_time = wait_time()

    @task
    def get(self):
        self.client.get("/")
