"""How often tasks were begun, as workers say it: added up by what the master knows, whatever they say."""

from typing import Any

import pytest

from gregaria import TaskSet, User, task
from gregaria.tasks_begun import BegunOnWorkers, of_this_process


class Basket(TaskSet):
    """A set with a task."""

    @task
    def add(self) -> None:
        pass


class Buyer(User):
    """Has a set and a task."""

    tasks = [Basket]

    @task
    def look(self) -> None:
        pass


NOTHING = {"Buyer": [0, {"look": [0, {}], "Basket": [0, {"add": [0, {}]}]}]}


def test_workers_are_added_up_and_forgotten() -> None:
    begun = BegunOnWorkers()
    assert begun.all([Buyer]) == of_this_process([Buyer]) == NOTHING
    begun.take("one", {"Buyer": [0, {"look": [3, {}], "Basket": [1, {"add": [7, {}]}]}]})
    begun.take("two", {"Buyer": [0, {"look": [9, {}]}], "Unknown": [1, {}]})
    begun.take("two", {"Buyer": [0, {"look": [10, {}], "other": [1, {}]}], "Unknown": [1, {}]})
    assert begun.all([Buyer]) == {"Buyer": [0, {"look": [13, {}], "Basket": [1, {"add": [7, {}]}]}]}
    begun.forget()
    assert begun.all([Buyer]) == NOTHING


@pytest.mark.parametrize(
    "said",
    [None, 1, [], {}, {"Buyer": None}, {"Buyer": [0, []]}, {"Buyer": ["x", {}]}, {"Buyer": [0, {"look": [-1, {}]}]},
     {"Buyer": [0, {"look": [1]}]}, {1: [1, {}]}, {"Buyer": [0, {"look": [float("nan"), {}]}]}],
)  # fmt: skip
def test_what_is_no_answer_is_passed_over(said: Any) -> None:
    begun = BegunOnWorkers()
    begun.take("stranger", said)
    assert begun.all([Buyer]) == NOTHING


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 120])
def test_everybody_is_asked_in_turn(count: int) -> None:
    begun, workers = BegunOnWorkers(), [str(number) for number in range(count)]
    asked = [begun.to_ask(workers) for _ in range(max(1, -(-count // 50)))]
    assert {worker for some in asked for worker in some} == set(workers)
    assert all(len(some) == len(set(some)) == min(count, 50) for some in asked)
