"""Record what Locust's own dispatcher does, as golden vectors for crates/users.

Run with a Python that has Locust 2.47.0:  python tests/golden/make_dispatch.py
Time is virtual: the dispatcher's clock and sleep are replaced, so the files come out the same on every run.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import locust.dispatch
from locust import User
from locust.runners import WorkerNode

OUT = Path(__file__).parent / "dispatch"


class Clock:
    """Stands in for the modules `time` and `gevent` inside the dispatcher."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Scenario:
    """Drives one dispatcher and writes down every operation with what came of it."""

    def __init__(self, classes: dict[str, tuple[float, int]], workers: list[str]) -> None:
        self.clock = Clock()
        self.classes = {
            name: type(name, (User,), {"weight": weight, "fixed_count": fixed})
            for name, (weight, fixed) in classes.items()
        }
        self.names = sorted(classes)
        self.nodes = {worker: WorkerNode(worker) for worker in workers}
        self.record: dict[str, Any] = {"classes": classes, "workers": workers, "steps": []}
        self.patch()
        self.dispatcher = locust.dispatch.UsersDispatcher(list(self.nodes.values()), list(self.classes.values()))

    def patch(self) -> None:
        locust.dispatch.time = self.clock
        locust.dispatch.gevent = self.clock

    def new_dispatch(self, target: int, rate: float, chosen: list[str] | None = None) -> Scenario:
        self.patch()
        classes = None if chosen is None else [self.classes[name] for name in chosen]
        self.dispatcher.new_dispatch(target, rate, classes)
        self.record["steps"].append({"new": [target, rate, chosen]})
        return self

    def take(self, limit: int | None = None) -> Scenario:
        self.patch()
        self.clock.now = 0.0
        seen: list[Any] = []
        ended = False
        while limit is None or len(seen) < limit:
            try:
                users = next(self.dispatcher)
            except StopIteration:
                ended = True
                break
            rows = {worker: [row[name] for name in self.names] for worker, row in users.items()}
            seen.append([round(self.clock.now, 9), rows])
        step = {"take": limit, "seen": seen, "ended": ended, "busy": self.dispatcher.dispatch_in_progress}
        self.record["steps"].append(step)
        return self

    def run(self, target: int, rate: float, chosen: list[str] | None = None) -> Scenario:
        return self.new_dispatch(target, rate, chosen).take()

    def add(self, worker: str) -> Scenario:
        self.nodes[worker] = WorkerNode(worker)
        self.dispatcher.add_worker(self.nodes[worker])
        self.record["steps"].append({"add": worker})
        return self

    def remove(self, worker: str) -> Scenario:
        self.dispatcher.remove_worker(self.nodes.pop(worker))
        self.record["steps"].append({"remove": worker})
        return self


def weights() -> list[Scenario]:
    mixes: list[dict[str, tuple[float, int]]] = [
        {"A": (1, 0)},
        {"A": (1, 0), "B": (1, 0), "C": (1, 0)},
        {"A": (5, 0), "B": (1, 0)},
        {"B": (3, 0), "A": (1, 0)},
        {"A": (3, 0), "B": (2, 0), "C": (1, 0)},
        {"A": (10, 0), "B": (1, 0), "C": (1, 0)},
        {"A": (0.5, 0), "B": (1.5, 0)},
        {"Visitor": (7, 0), "buyer": (3, 0), "Ábel": (1, 0), "Zed": (0.1, 0)},
        {"A": (1000, 0), "B": (1, 0)},
    ]
    rates = [(30, 7), (24, 2.4), (5, 0.5), (150, 120)]
    return [Scenario(mix, ["local"]).run(*rate) for mix in mixes for rate in rates]


def fixed() -> list[Scenario]:
    mixes: list[dict[str, tuple[float, int]]] = [
        {"A": (1, 0), "B": (3, 0), "F": (1, 2)},
        {"F": (1, 4), "G": (1, 2), "A": (2, 0)},
        {"F": (1, 3)},
        {"F": (0, 3), "G": (5, 1)},
        {"A": (2, 0), "F": (1, 50)},
    ]
    out = []
    for mix in mixes:
        for workers in (["local"], ["h1_a", "h1_b", "h2_c"]):
            out.append(Scenario(mix, workers).run(8, 3).run(4, 2).run(0, 1).run(9, 2).run(3, 10).run(20, 4))
    return out


def edits() -> list[Scenario]:
    mix: dict[str, tuple[float, int]] = {"A": (1, 0), "B": (3, 0), "C": (2, 0)}
    out = [
        Scenario(mix, ["local"]).run(10, 3).run(10, 3).run(4, 2).run(7, 0.7).run(0, 5).run(3, 3),
        Scenario(mix, ["local"]).new_dispatch(20, 3).take(2).run(9, 4),
        Scenario(mix, ["local"]).new_dispatch(20, 3).take(4).run(2, 4),
        Scenario(mix, ["local"]).new_dispatch(20, 3).take(2).take(2).take(),
        Scenario(mix, ["local"]).run(0, 1),
        Scenario(mix, ["w2", "w1", "w3"]).run(11, 2).run(5, 1).run(11, 2.5),
    ]
    return out


def subsets() -> list[Scenario]:
    mix: dict[str, tuple[float, int]] = {"A": (1, 0), "B": (3, 0), "C": (2, 0), "F": (1, 2)}
    return [
        Scenario(mix, ["local"]).run(6, 3, ["A", "B"]).run(12, 3).run(20, 5, ["C", "F"]).run(5, 5).run(9, 2, ["F"]),
        Scenario(mix, ["x_1", "x_2", "y_1"]).run(6, 3, ["B", "A"]).run(12, 3, ["A", "B"]).run(20, 5, ["F", "C"]),
        Scenario(mix, ["local"]).new_dispatch(9, 1, ["F", "A"]).take(1).run(9, 3, ["A", "B"]).run(12, 3, ["F", "B"]),
    ]


def churn() -> list[Scenario]:
    mix: dict[str, tuple[float, int]] = {"A": (1, 0), "B": (3, 0), "F": (1, 2)}
    return [
        Scenario(mix, ["h1_a"]).run(9, 3).add("h1_b").run(9, 3).run(12, 3),
        Scenario(mix, ["h1_a"]).new_dispatch(12, 3).take(2).add("h2_b").take(),
        Scenario(mix, ["h1_a", "h2_b"]).new_dispatch(12, 3).take(2).remove("h1_a").take().run(4, 3),
        Scenario(mix, ["a", "b", "c"]).run(12, 4).new_dispatch(3, 4).take(1).remove("b").take(),
        Scenario(mix, ["a", "b"]).run(6, 6).remove("a").remove("b").run(8, 1).add("c").run(10, 2),
        Scenario(mix, ["a", "b"]).run(6, 6).add("c").remove("a").run(6, 6).run(6, 6),
    ]


def drawn() -> list[Scenario]:
    rng = random.Random(2470)
    return [random_scenario(rng) for _ in range(250)]


def random_scenario(rng: random.Random) -> Scenario:
    names = rng.sample(["Api", "Browse", "Cart", "Deal", "Edit", "Find"], rng.randint(1, 5))
    mix = {n: (rng.choice([1, 1, 2, 3, 5, 10, 0.3, 2.5]), rng.choice([0, 0, 0, 0, 1, 3, 7])) for n in names}
    free = [f"host{h}_{w:02}" for h in range(3) for w in range(4)]
    rng.shuffle(free)
    scenario = Scenario(mix, [free.pop() for _ in range(rng.choice([1, 1, 2, 3, 5]))])
    satisfiable = any(fixed_count == 0 for _, fixed_count in mix.values())
    busy = False
    for _ in range(rng.randint(2, 7)):
        action = rng.random()
        if busy and action < 0.15 and free:
            scenario.add(free.pop())
        elif busy and action < 0.25 and len(scenario.nodes) > 1:
            scenario.remove(rng.choice(sorted(scenario.nodes)))
        else:
            # Too few users at a later rebalance make Locust's ramp-down spin for ever: then all classes stay.
            chosen = rng.sample(names, rng.randint(1, len(names))) if satisfiable and rng.random() < 0.2 else None
            if chosen and all(mix[name][1] for name in chosen):
                chosen = None
            scenario.new_dispatch(rng.randint(0, 40), rng.choice([0.4, 1, 2, 2.4, 5, 7.5, 20, 120]), chosen)
            busy = True
        scenario.take(rng.choice([None, None, 1, 3]))
    return scenario


def main() -> None:
    OUT.mkdir(exist_ok=True)
    for make in (weights, fixed, edits, subsets, churn, drawn):
        lines = [json.dumps(scenario.record, ensure_ascii=False, separators=(",", ":")) for scenario in make()]
        (OUT / f"{make.__name__}.json").write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
        print(f"{make.__name__}: {len(lines)} scenarios")


if __name__ == "__main__":
    main()
