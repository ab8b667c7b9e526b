"""`MarkovTaskSet`: each task says which tasks may follow it, and how probable each is.

The graph is checked when the class is made, not when a user walks it. What chooses and runs tasks is the engine, as for
any other set.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from ..exception import LocustError
from .task import TaskSet, TaskSetMeta

MarkovTask = TypeVar("MarkovTask", bound=Callable[..., Any])


class NoMarkovTasksError(LocustError):
    """A MarkovTaskSet has no task with transitions."""


class InvalidTransitionError(LocustError):
    """A transition leads to something that the class does not have."""


class NonMarkovTaskTransitionError(LocustError):
    """A transition leads to something that has no transitions itself."""


class MarkovTaskTagError(LocustError):
    """A task with transitions is tagged: leaving tasks out would break the graph."""


def transition(func_name: str, weight: int = 1) -> Callable[[MarkovTask], MarkovTask]:
    """The task ``func_name`` may follow the decorated one; ``weight`` says how often. May be repeated."""
    return transitions({func_name: weight})


def transitions(weights: Mapping[str, int] | Iterable[str | tuple[str, int]]) -> Callable[[MarkovTask], MarkovTask]:
    """The tasks that may follow the decorated one: weights by name, or a list of names and (name, weight) pairs."""
    if isinstance(weights, Mapping):
        added = dict(weights)
    else:
        added = dict((item, 1) if isinstance(item, str) else item for item in weights)

    def decorate(func: MarkovTask) -> MarkovTask:
        known: dict[str, int] = func.__dict__.setdefault("transitions", {})
        known.update(added)
        return func

    return decorate


def _is_markov_task(item: Any) -> bool:
    return "transitions" in getattr(item, "__dict__", {})


def _check_names(class_name: str, tasks: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    for name, task in tasks.items():
        if name == "run":
            raise Exception("A task cannot be named run: TaskSet has a method of that name. Rename it.")
        if name in ("on_start", "on_stop"):
            logging.warning("%s.%s has transitions: it will also run as an ordinary task.", class_name, name)
        if "locust_tag_set" in task.__dict__:
            raise MarkovTaskTagError(
                f"{class_name}.{name} is tagged, but tasks of a MarkovTaskSet cannot be left out; "
                "tag the set as a whole where it is a task"
            )
        for target in task.transitions:
            where = f"The transition from {class_name}.{name} to '{target}'"
            if target not in body:
                raise InvalidTransitionError(f"{where} leads nowhere: the class body has nothing of that name")
            if target not in tasks:
                raise NonMarkovTaskTransitionError(f"{where} is a dead end: '{target}' needs @transition itself")


def _reachable(tasks: Mapping[str, Any], first: str) -> set[str]:
    seen, unexplored = {first}, [first]
    while unexplored:
        new = set(tasks[unexplored.pop()].transitions) - seen
        seen |= new
        unexplored.extend(new)
    return seen


class MarkovTaskSetMeta(TaskSetMeta):
    """Checks the graph of a class and prepares its tasks for drawing lots."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> MarkovTaskSetMeta:
        if not body.get("abstract"):
            tasks = {key: item for key, item in body.items() if _is_markov_task(item)}
            if not tasks:
                raise NoMarkovTasksError(f"{name} has no tasks: decorate its methods with @transition or @transitions")
            _check_names(name, tasks, body)
            first = next(iter(tasks))
            if unreachable := tasks.keys() - _reachable(tasks, first):
                logging.warning("Tasks of %s that are never reached: %s", name, ", ".join(sorted(unreachable)))
            for task in tasks.values():
                task.transitions = [target for target, weight in task.transitions.items() for _ in range(weight)]
            body["current"] = tasks[first]
            body["abstract"] = False
        return type.__new__(mcs, name, bases, body)


class MarkovTaskSet(TaskSet, metaclass=MarkovTaskSetMeta):
    """Walks a graph of tasks at random, from the first one declared. Has no use for ``tasks``, ``@task`` and tags."""

    abstract = True
    current: Any
    """The task that is next."""

    def get_next_task(self) -> Any:
        """The task that is next; draws the one after it."""
        task = self.current
        self.current = getattr(type(self), random.choice(task.transitions))
        return task
