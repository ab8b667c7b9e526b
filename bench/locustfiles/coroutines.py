"""One task with one GET: awaited in a coroutine where there are such tasks, called under Locust."""

from common import Base, wait_time

from locust import task

if hasattr(Base, "arest"):

    class Getter(Base):
        wait_time = wait_time()

        @task
        async def get(self):
            await self.client.aget("/")

else:

    class Getter(Base):
        wait_time = wait_time()

        @task
        def get(self):
            self.client.get("/")
