"""Rows of a file, one to each user: users take turns, so no lock is needed."""

import csv
from collections.abc import Iterator
from itertools import cycle
from typing import Any

from locust import HttpUser, constant, task
from locust.exception import StopUser

ROWS = "email,password\nann@example.com,secret\nbob@example.com,secret\n"
people: Iterator[dict[str, Any]] = cycle(csv.DictReader(ROWS.splitlines()))


class Customer(HttpUser):
    wait_time = constant(0.05)

    def on_start(self) -> None:
        answer = self.client.post("/login", json=next(people))
        if not answer.ok:
            raise StopUser
        self.client.headers["Authorization"] = f"Bearer {answer.json()['token']}"

    @task
    def cart(self) -> None:
        self.client.post("/cart", json={"product_id": 1, "quantity": 1})
