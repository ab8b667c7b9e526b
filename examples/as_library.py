"""Without the command: `python as_library.py http://host` runs a test and prints what came of it."""

import sys

import gevent

from gregaria import HttpUser, constant, task
from gregaria.env import Environment
from gregaria.stats import print_stats, stats_history


class Visitor(HttpUser):
    wait_time = constant(0.01)

    @task
    def home(self) -> None:
        self.client.get("/")


def main(host: str) -> int:
    environment = Environment(user_classes=[Visitor], host=host)
    runner = environment.create_local_runner()
    gevent.spawn(stats_history, runner)
    runner.start(5, spawn_rate=5)
    gevent.spawn_later(2, runner.quit)
    runner.greenlet.join()
    print_stats(environment.stats, current=False)
    print(f"{environment.stats.total.num_requests} requests")
    return 1 if environment.stats.total.fail_ratio > 0.1 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
