"""People in a shop: most look around, some buy. For the bundled demo API; `make demo` runs it.

Runs unmodified under Locust too.
"""

import random

from locust import HttpUser, between, tag, task

PRODUCTS = 200


class Visitor(HttpUser):
    """Looks around without logging in."""

    weight = 3
    wait_time = between(0.5, 2)

    @tag("browse")
    @task(3)
    def home(self) -> None:
        self.client.get("/")

    @tag("browse")
    @task(5)
    def browse(self) -> None:
        """A page of the catalogue, then one of the products on it."""
        page = random.randint(1, 10)
        answer = self.client.get("/products", params={"page": page}, name="/products?page=[n]")
        if answer.ok:
            product = random.choice(answer.json()["items"])
            self.client.get(f"/products/{product['id']}", name="/products/[id]")

    @tag("search")
    @task(2)
    def search(self) -> None:
        """An answer without results is a failure here, though its status says 200."""
        word = random.choice(["lamp", "mug", "clock", "red chair"])
        with self.client.get("/search", params={"q": word}, name="/search", catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"search answered {answer.status_code}")
            elif not answer.json()["results"]:
                answer.failure("nothing found")


class Customer(HttpUser):
    """Logs in once, then fills a cart and pays, again and again."""

    weight = 1
    wait_time = between(1, 3)

    def on_start(self) -> None:
        answer = self.client.post("/login", json={"email": "customer@example.com", "password": "secret"})
        self.client.headers["Authorization"] = f"Bearer {answer.json()['token']}"

    @tag("browse")
    @task(3)
    def look_at_product(self) -> None:
        self.client.get(f"/products/{random.randint(1, PRODUCTS)}", name="/products/[id]")

    @tag("buy")
    @task(1)
    def buy(self) -> None:
        for _ in range(random.randint(1, 3)):
            self.client.post("/cart", json={"product_id": random.randint(1, PRODUCTS), "quantity": 1})
        with self.client.post("/orders", catch_response=True) as answer:
            if answer.status_code != 201:
                answer.failure("the order was refused")
                return
        order = answer.json()["id"]
        self.client.get(f"/orders/{order}", name="/orders/[id]")
