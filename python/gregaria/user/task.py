"""Tasks: the decorators that mark them, how classes collect them, and `TaskSet`.

The loop over a set's tasks is the engine's; `TaskSet.run` enters it for a direct call.
"""

from __future__ import annotations

import logging
import random
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

import gevent

from .. import _engine
from ..exception import (
    InterruptTaskSet,
    MissingWaitTimeError,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopTest,
    StopUser,
)

if TYPE_CHECKING:
    from ..clients import HttpSession
    from .users import User

__all__ = [
    "LOCUST_STATE_RUNNING",
    "LOCUST_STATE_STOPPING",
    "LOCUST_STATE_WAITING",
    "DefaultTaskSet",
    "InterruptTaskSet",
    "MissingWaitTimeError",
    "RescheduleTask",
    "RescheduleTaskImmediately",
    "StopTest",
    "StopUser",
    "TaskHolder",
    "TaskSet",
    "TaskSetMeta",
    "filter_tasks_by_tags",
    "get_tasks_from_base_classes",
    "is_markov_taskset",
    "tag",
    "task",
]

logger = logging.getLogger(__name__.replace("gregaria", "locust", 1))

LOCUST_STATE_RUNNING, LOCUST_STATE_WAITING, LOCUST_STATE_STOPPING = "running", "waiting", "stopping"

Task = TypeVar("Task", bound=Callable[..., Any])
Held = TypeVar("Held")


class TaskHolder(Protocol[Held]):
    """A class with tasks: a `User` or a `TaskSet`."""

    tasks: list[Held]


@overload
def task(weight: Task) -> Task: ...
@overload
def task(weight: int = 1) -> Callable[[Task], Task]: ...
def task(weight: Any = 1) -> Any:
    """Mark a method or a nested `TaskSet` as a task; ``weight`` says how often it is chosen beside the others."""

    def decorate(func: Any) -> Any:
        if func.__name__ in ("on_stop", "on_start"):
            logging.warning(
                "%s is decorated with @task: it will also run as an ordinary task, which is rarely meant.",
                func.__name__,
            )
        if func.__name__ == "run":
            raise Exception("A task cannot be named run: User and TaskSet have a method of that name. Rename it.")
        func.locust_task_weight = weight
        return func

    if callable(weight):
        func, weight = weight, 1
        return decorate(func)
    return decorate


def tag(*tags: str) -> Callable[[Task], Task]:
    """Tag a task, or all tasks of a class, for ``--tags`` and ``--exclude-tags``."""

    def decorate(decorated: Any) -> Any:
        if hasattr(decorated, "tasks"):
            decorated.tasks = [tag(*tags)(task) for task in decorated.tasks]
        else:
            decorated.locust_tag_set = getattr(decorated, "locust_tag_set", set()) | set(tags)
        return decorated

    if not tags or callable(tags[0]):
        raise ValueError("@tag needs at least one name, as in @tag('checkout')")
    return decorate


def expanded(tasks: Any) -> list[Any]:
    """A ``tasks`` attribute as a flat list: dict values and second items of pairs say how often each task is in it."""
    if isinstance(tasks, dict):
        tasks = list(tasks.items())
    flat: list[Any] = []
    for item in tasks or []:
        if isinstance(item, tuple):
            task, count = item
            flat.extend([task] * count)
        else:
            flat.append(item)
    return flat


def get_tasks_from_base_classes(bases: Iterable[type], class_dict: dict[str, Any]) -> list[Any]:
    """All tasks of a class: its bases', those of its ``tasks`` attribute, and those that are marked in its body."""
    tasks: list[Any] = []
    for base in bases:
        tasks.extend(getattr(base, "tasks", None) or [])
    tasks.extend(expanded(class_dict.get("tasks")))
    for item in class_dict.values():
        # Also where it is inherited, by a set of a set that is a task; asking `hasattr` would run `__getattr__`.
        if "locust_task_weight" in dir(item):
            tasks.extend([item] * item.locust_task_weight)
    return tasks


def is_markov_taskset(task: Any) -> bool:
    """Whether this is a `MarkovTaskSet` class, whose tasks are not in ``tasks``."""
    return type(task).__name__ == "MarkovTaskSetMeta"


def filter_tasks_by_tags(
    task_holder: Any,
    tags: set[str] | None = None,
    exclude_tags: set[str] | None = None,
    checked: dict[Any, bool] | None = None,
) -> None:
    """Keep only the tasks of a class that the tags leave, in the class and in the sets nested in it, for good.

    ``checked`` holds what is known of tasks already; a task in it is not looked at again.
    """
    if getattr(task_holder, "functions", False):
        # A user made of pytest's functions has those instead of tasks.
        return
    filtered = []
    checked = {} if checked is None else checked
    for task in task_holder.tasks:
        if task not in checked:
            checked[task] = _passes(task, tags, exclude_tags, checked)
        if checked[task]:
            filtered.append(task)
    task_holder.tasks = filtered
    if not filtered and not is_markov_taskset(task_holder):
        logging.warning("The tags leave no task of %s; users of it cannot be made", task_holder.__name__)


def _passes(task: Any, tags: set[str] | None, exclude_tags: set[str] | None, checked: dict[Any, bool]) -> bool:
    if hasattr(task, "tasks"):
        filter_tasks_by_tags(task, tags, exclude_tags, checked)
        return bool(task.tasks) or is_markov_taskset(task)
    own: set[str] = getattr(task, "locust_tag_set", set())
    return (tags is None or bool(own & tags)) and not (exclude_tags and own & exclude_tags)


class TaskSetMeta(type):
    """Collects a class's tasks."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> TaskSetMeta:
        body["tasks"] = get_tasks_from_base_classes(bases, body)
        return super().__new__(mcs, name, bases, body)


class TaskSet(metaclass=TaskSetMeta):
    """A set of tasks that a user, or a set above, enters as one of its own tasks and leaves by `interrupt`."""

    tasks: Any = []
    """Functions and TaskSet classes: a list, or a dict with weights."""
    min_wait: float | None = None
    max_wait: float | None = None
    wait_function: Callable[[], float] | None = None

    def __init__(self, parent: TaskSet | User) -> None:
        self._task_queue: deque[Any] = deque()
        self._parent = parent
        self._user: Any = parent._user if isinstance(parent, TaskSet) else parent
        self._cp_last_run = perf_counter()
        self._cp_last_wait_time = 0.0
        for old in ("min_wait", "max_wait", "wait_function"):
            if not getattr(self, old):
                setattr(self, old, getattr(self._user, old, None))

    @property
    def user(self) -> Any:
        """The user that this set belongs to."""
        return self._user

    @property
    def parent(self) -> Any:
        """The set above, or the user."""
        return self._parent

    @property
    def client(self) -> HttpSession:
        """The user's client."""
        return self._user.client  # type: ignore[no-any-return]

    def on_start(self) -> Any:
        """Called when the set is entered."""

    def on_stop(self) -> Any:
        """Called when the set is left."""

    def run(self) -> None:
        """Run tasks until something leaves the set."""
        _engine.run_task_set(self)

    def get_next_task(self) -> Any:
        """Choose the next task at random."""
        return random_task(self, self.tasks)

    def schedule_task(self, task_callable: Any, first: bool = False) -> None:
        """Queue a task before the next random one; ``first`` puts it at the head of the queue."""
        if first:
            self._task_queue.appendleft(task_callable)
        else:
            self._task_queue.append(task_callable)

    def execute_next_task(self) -> Any:
        """Run the task at the head of the queue."""
        return self.execute_task(self._task_queue.popleft())

    def execute_task(self, task: Any) -> Any:
        """Run a task: a bound method of this set, a TaskSet class, or a function of the set. A coroutine is awaited."""
        _engine.task_begins(self._user, self, task)
        if isinstance(task, type) and issubclass(task, TaskSet):
            task(self).run()
            return
        returned = task() if getattr(task, "__self__", None) is self else task(self)
        if returned is not None:
            _engine.complete(self._user, returned)

    def wait_time(self) -> float:
        """Seconds until the next task: the user's, unless a subclass has its own."""
        if self._user.wait_time:
            return self._user.wait_time()  # type: ignore[no-any-return]
        if self.min_wait is not None and self.max_wait is not None:
            return random.randint(int(self.min_wait), int(self.max_wait)) / 1000.0
        raise MissingWaitTimeError(
            f"neither {type(self._user).__name__} nor {type(self).__name__} has a wait_time; "
            "set one, such as wait_time = between(1, 3)"
        )

    def wait(self) -> None:
        """Wait as `wait_time` says. A user that is to stop is stopped here."""
        if self._user._state == LOCUST_STATE_STOPPING:
            raise StopUser()
        self._user._state = LOCUST_STATE_WAITING
        try:
            self._sleep(self.wait_time())
        finally:
            # What was told in the meantime stays.
            if self._user._state == LOCUST_STATE_WAITING:
                self._user._state = LOCUST_STATE_RUNNING
        if self._user._state == LOCUST_STATE_STOPPING:
            raise StopUser()

    async def async_wait(self) -> None:
        """As `wait`, for coroutines."""
        if self._user._state == LOCUST_STATE_STOPPING:
            raise StopUser()
        self._user._state = LOCUST_STATE_WAITING
        try:
            # Only who has coroutines loads it: they have by now.
            from asyncio import sleep

            await sleep(max(self.wait_time(), 0))
        finally:
            self._user._state = LOCUST_STATE_RUNNING
        if self._user._state == LOCUST_STATE_STOPPING:
            raise StopUser()

    def _sleep(self, seconds: float) -> None:
        gevent.sleep(max(seconds, 0))

    def interrupt(self, reschedule: bool = True) -> None:
        """Leave this set. The set above goes on at once, or after its wait if not ``reschedule``."""
        raise InterruptTaskSet(reschedule)


def random_task(owner: Any, tasks: Any) -> Any:
    """A random one of ``tasks``, with an error that helps if there is none."""
    if tasks:
        return random.choice(tasks)
    holder = owner._user if isinstance(owner, DefaultTaskSet) else owner
    hint = ", use the @task decorator or assign a list to its 'tasks' attribute"
    if getattr(holder, "task", None):
        hint = " (it has an attribute 'task': did you mean 'tasks'?)"
    raise Exception(f"No tasks defined on {type(holder).__name__}{hint}")


class DefaultTaskSet(TaskSet):
    """The set of a user's own tasks. Its tasks get the user."""

    def get_next_task(self) -> Any:
        return random_task(self, self._user.tasks)

    def execute_task(self, task: Any) -> Any:
        _engine.task_begins(self._user, None, task)
        if isinstance(task, type) and issubclass(task, TaskSet):
            task(self._user).run()
            return
        returned = task(self._user)
        if returned is not None:
            _engine.complete(self._user, returned)


def report_task_error(owner: TaskSet, exception: BaseException) -> bool:
    """Tell about an exception out of a task. True if it ends here, False if the environment lets it through."""
    environment = owner.user.environment
    environment.events.user_error.fire(user_instance=owner, exception=exception, tb=exception.__traceback__)
    if not environment.catch_exceptions:
        return False
    logger.error("%s\n%s", exception, "".join(traceback.format_exception(exception)))
    return True


def report_start_error(user: User, exception: BaseException, stops: bool) -> None:
    """Tell about an exception out of a user's ``on_start``, which ends the user: an error unless it ``stops`` it."""
    from_users = logging.getLogger("locust.user.users")
    from_users.error("%s\n%s", exception, "".join(traceback.format_exception(exception)))
    if stops:
        return
    user.environment.events.user_error.fire(user_instance=user, exception=exception, tb=exception.__traceback__)


def log_stop_error(exception: BaseException) -> None:
    """Tell about an exception out of a set's ``on_stop``, which changes nothing."""
    logging.error("Uncaught exception in on_stop: \n%s", "".join(traceback.format_exception(exception)))
