"""What type checkers make of the clients; `make lint` checks it in strict mode, nothing runs it."""

from typing import assert_type

from locust import FastHttpUser, HttpUser
from locust.clients import ResponseContextManager
from locust.contrib.fasthttp import FastResponse


class A(HttpUser):
    def work(self) -> None:
        assert_type(self.client.post("/", json={"a": 1}).status_code, int)
        with self.client.get("/", catch_response=True) as r:
            assert_type(r, ResponseContextManager)
            r.failure("x")
            print(r.timings, r.elapsed.total_seconds())
        with self.rest("GET", "/") as rr:
            print(rr.js["x"])
        self.client.headers["a"] = "b"
        self.client.cookies.clear()

    async def co(self) -> None:
        a = await self.client.aget("/")
        assert_type(a, ResponseContextManager)
        async with self.client.apost("/", catch_response=True) as r:
            r.success()


class B(FastHttpUser):
    def work(self) -> None:
        r: FastResponse = self.client.get("/", headers={"a": "b"}, name="x")
        print(r.json())
