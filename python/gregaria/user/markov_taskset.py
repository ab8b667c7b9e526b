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
        added = dict(item if isinstance(item, tuple) else (item, 1) for item in weights)

    def decorate(func: MarkovTask) -> MarkovTask:
        known: dict[str, int] = func.__dict__.setdefault("transitions", {})
        known.update(added)
        return func

    return decorate


def is_markov_task(task: Any) -> bool:
    """Whether something has transitions."""
    return "transitions" in dir(task)


def get_markov_tasks(class_dict: Mapping[str, Any]) -> list[Any]:
    """The tasks of a class body, in the order of their definition."""
    return [item for item in class_dict.values() if is_markov_task(item)]


def to_weighted_list(transitions: Mapping[str, int]) -> list[str]:
    """Each target as often as its weight says, for drawing lots."""
    return [target for target, weight in transitions.items() for _ in range(weight)]


def _name_in(class_dict: Mapping[str, Any], task: Any) -> str:
    """What a task is called where it stands, which need not be what it was defined as."""
    names = (name for name, item in class_dict.items() if item is task)
    return next(names, task.__name__)


def validate_has_markov_tasks(tasks: list[Any], classname: str) -> None:
    """A set needs at least one task."""
    if not tasks:
        raise NoMarkovTasksError(f"{classname} has no tasks: decorate its methods with @transition or @transitions")


def validate_transitions(tasks: list[Any], class_dict: Mapping[str, Any], classname: str) -> None:
    """Each transition leads to a task of the same class body."""
    for task in tasks:
        for target in task.transitions:
            where = f"The transition from {classname}.{_name_in(class_dict, task)} to '{target}'"
            if not class_dict.get(target):
                raise InvalidTransitionError(f"{where} leads nowhere: the class body has nothing of that name")
            if not is_markov_task(class_dict[target]):
                raise NonMarkovTaskTransitionError(f"{where} is a dead end: '{target}' needs @transition itself")


def validate_no_unreachable_tasks(tasks: list[Any], class_dict: Mapping[str, Any], classname: str) -> list[Any]:
    """Warn of tasks to which no way leads from the first one."""
    first = _name_in(class_dict, tasks[0])
    seen, unexplored = {first}, [first]
    while unexplored:
        new = set(to_weighted_list(class_dict[unexplored.pop()].transitions)) - seen
        seen |= new
        unexplored.extend(new)
    if unreachable := {_name_in(class_dict, task) for task in tasks} - seen:
        logging.warning("Tasks of %s that are never reached: %s", classname, ", ".join(sorted(unreachable)))
    return tasks


def validate_no_tags(task: Any, classname: str) -> None:
    """A task of a graph cannot be left out, so it cannot be tagged."""
    if "locust_tag_set" in dir(task):
        tags = ", ".join(sorted(task.locust_tag_set))
        raise MarkovTaskTagError(
            f"{classname}.{task.__name__} is tagged ({tags}), but tasks of a MarkovTaskSet cannot be left out; "
            "tag the set as a whole where it is a task"
        )


def validate_task_name(decorated_func: Any) -> None:
    """Some names are the set's own."""
    name = decorated_func.__name__
    if name == "run":
        raise Exception("A task cannot be named run: TaskSet has a method of that name. Rename it.")
    if name in ("on_start", "on_stop"):
        logging.warning("%s has transitions: it will also run as an ordinary task, which is rarely meant.", name)


def validate_markov_chain(tasks: list[Any], class_dict: Mapping[str, Any], classname: str) -> None:
    """Everything that can be told about a graph before a user walks it."""
    validate_has_markov_tasks(tasks, classname)
    validate_transitions(tasks, class_dict, classname)
    validate_no_unreachable_tasks(tasks, class_dict, classname)
    for task in tasks:
        validate_task_name(task)
        validate_no_tags(task, classname)


class MarkovTaskSetMeta(TaskSetMeta):
    """Checks the graph of a class and prepares its tasks for drawing lots."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> MarkovTaskSetMeta:
        if not body.get("abstract"):
            body["abstract"] = False
            tasks = get_markov_tasks(body)
            validate_markov_chain(tasks, body, name)
            body["current"] = tasks[0]
            for task in tasks:
                task.transitions = to_weighted_list(task.transitions)
        return type.__new__(mcs, name, bases, body)


class MarkovTaskSet(TaskSet, metaclass=MarkovTaskSetMeta):
    """Walks a graph of tasks at random, from the first one declared. Has no use for ``tasks``, ``@task`` and tags."""

    abstract = True
    current: Any
    """The task that is next."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)

    def get_next_task(self) -> Any:
        """The task that is next; draws the one after it."""
        task = self.current
        self.current = getattr(self, random.choice(task.transitions))
        return task
