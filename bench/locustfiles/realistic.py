"""Three tasks, 3:2:1, as people write them: a page, a list that is parsed and checked, and a POST of JSON."""

from common import Base, wait_time

from locust import task


class Shopper(Base):
    wait_time = wait_time()

    @task(3)
    def home(self):
        self.client.get("/")

    @task(2)
    def list_items(self):
        with self.client.get("/api/items", catch_response=True) as response:
            if len(response.json()["items"]) == 3:
                response.success()
            else:
                response.failure("wrong items")

    @task(1)
    def create_item(self):
        self.client.post("/api/items", json={"name": "widget", "price": 12.5, "tags": ["a", "b"]})
