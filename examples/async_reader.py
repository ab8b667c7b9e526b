"""Coroutines as tasks: a reader whose browser fetches a product's details at once, with a time limit for all of them.

gregaria -f examples/async_reader.py --headless -u 50 -r 10 -t 30s -H http://127.0.0.1:8080
"""

import asyncio

from gregaria import HttpUser, between, events, task


class AsyncReader(HttpUser):
    wait_time = between(0.5, 2)

    async def on_start(self) -> None:
        answer = await self.client.apost("/login", json={"email": "reader@example.com", "password": "secret"})
        self.client.headers["Authorization"] = f"Bearer {answer.json()['token']}"

    @task(3)
    async def browse(self) -> None:
        listing = await self.client.aget("/products")
        products = listing.json()["items"][:3]
        async with asyncio.timeout(5):
            await asyncio.gather(
                *(self.client.aget(f"/products/{product['id']}", name="/products/[id]") for product in products)
            )

    @task
    async def search(self) -> None:
        async with self.client.aget("/search?q=lamp", name="/search", catch_response=True) as response:
            if response.status_code == 200 and "results" not in response.json():
                response.failure("no results")

    @task
    async def pause(self) -> None:
        """Any asyncio library can be measured like this."""
        with events.request.measure("ASYNC", "pause"):
            await asyncio.sleep(0.01)

    @task
    def plain(self) -> None:
        self.client.get("/")
