"""One user, in the foreground, with its requests printed: `python debugging.py`, or step through it in a debugger."""

import os

from gregaria import HttpUser, run_single_user, task
from gregaria.exception import StopUser


class Visitor(HttpUser):
    host = os.environ.get("DEMO_API", "http://127.0.0.1:8080")

    @task
    def home(self) -> None:
        answer = self.client.get("/")
        print("status", answer.status_code)
        raise StopUser


if __name__ == "__main__":
    run_single_user(Visitor)
