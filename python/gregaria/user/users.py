"""`User` and `HttpUser`: what locustfiles subclass. The life of a user is led by the engine."""

from __future__ import annotations

import inspect
import logging
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

from requests.exceptions import RequestException

from .. import _engine, network
from ..clients import HttpSession, RestResponseContextManager
from ..exception import CatchResponseError, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser
from ..fast.errors import ConnectionError as FastConnectionError
from ..util.deprecation import check_for_deprecated_task_set_attribute
from .rest import RestMixin
from .task import (
    LOCUST_STATE_RUNNING,
    LOCUST_STATE_STOPPING,
    LOCUST_STATE_WAITING,
    DefaultTaskSet,
    TaskSet,
    get_tasks_from_base_classes,
    task,
)
from .wait_time import constant

if TYPE_CHECKING:
    from ..env import Environment

__all__ = [
    "LOCUST_STATE_RUNNING",
    "LOCUST_STATE_STOPPING",
    "LOCUST_STATE_WAITING",
    "CatchResponseError",
    "DefaultTaskSet",
    "HttpSession",
    "HttpUser",
    "PytestUser",
    "RestMixin",
    "RestResponseContextManager",
    "StopTest",
    "StopUser",
    "TaskSet",
    "User",
    "UserMeta",
    "constant",
]

logger = logging.getLogger("locust.user.users")


class UserMeta(type):
    """Collects a class's tasks and decides whether it is abstract, which is never inherited."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> UserMeta:
        check_for_deprecated_task_set_attribute(body)
        body["tasks"] = get_tasks_from_base_classes(bases, body)
        if not body.get("abstract"):
            body["abstract"] = False
        return super().__new__(mcs, name, bases, body)


class User(_engine.UserCore, metaclass=UserMeta):
    """A virtual user. Subclasses say what it does in ``tasks`` or methods decorated with ``@task``."""

    host: str | None = None
    """Base URL of the system under test; ``--host`` overrides it."""
    min_wait: ClassVar[float | None] = None
    max_wait: ClassVar[float | None] = None
    wait_function: ClassVar[Any] = None
    wait_time: Any = constant(0)
    """Seconds between tasks: an object of `wait_time`, a method or a function that takes the user."""
    tasks: Any = []
    weight: float = 1
    """How probable this class is beside the others."""
    fixed_count: int = 0
    """If positive, this many users of the class, spawned first; ``weight`` then says nothing."""
    abstract = True

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self._cp_last_run = perf_counter()
        self._cp_last_wait_time = 0.0

    def on_start(self) -> Any:
        """Called when the user starts, before its first task."""

    def on_stop(self) -> Any:
        """Called when the user stops or is killed."""

    def wait(self) -> None:
        """Wait as long as this user's ``wait_time`` says."""
        task_set: TaskSet | None = self._taskset_instance
        if task_set is not None:
            task_set.wait()

    async def async_wait(self) -> None:
        """As `wait`, for coroutines."""
        task_set: TaskSet | None = self._taskset_instance
        if task_set is not None:
            await task_set.async_wait()

    def context(self) -> dict[str, Any]:
        """Merged into the context of each request of this user."""
        return {}

    @classmethod
    def json(cls) -> dict[str, Any]:
        """What the class picker shows and lets one change."""
        return {
            "host": cls.host,
            "weight": cls.weight,
            "fixed_count": cls.fixed_count,
            "tasks": [task.__name__ for task in cls.tasks],
        }

    @classmethod
    def fullname(cls) -> str:
        """Module and qualified name."""
        return ".".join(part for part in [cls.__module__, *cls.__qualname__.split(".")] if part != "<locals>")


class HttpUser(User, RestMixin[RestResponseContextManager], network.NetworkAttributes):
    """A user with an HTTP client, `client`, that keeps connections and cookies."""

    client: HttpSession
    abstract = True
    pool_manager: Any = None
    max_body_bytes: int = 1 << 30
    """How much of a body is kept; larger ones are counted only."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.host is None:
            raise StopTest(
                "You must specify the base host: as the class attribute 'host' of the user, on the command line with "
                "--host, or in the environment as LOCUST_HOST."
            )
        self.client = HttpSession(
            base_url=self.host,
            request_event=self.environment.events.request,
            user=self,
            pool_manager=self.pool_manager,
            trust_env=False,
        )
        if self.max_body_bytes != 1 << 30:
            self.client.max_body_bytes = self.max_body_bytes
        settings = network.of(self, self.environment)
        if settings is not None:
            self.client._set_network_settings(settings)


class PytestUser(User):
    """A user made of pytest functions, which it calls over and over, without waiting.

    What ``raise_for_status()`` raises, and other failures of requests, do not end it: they are counted already.
    """

    abstract = True
    functions: list[Any]
    """Functions that pytest has collected, each with what makes its fixtures as ``user_fixtures``."""
    fixtures: list[list[Any]]
    _generators: list[Any]

    def on_start(self) -> Any:
        """Make the fixtures."""
        self._generators = []
        self.fixtures = [[self._made(make) for make in function.user_fixtures] for function in self.functions]

    def _made(self, make: Any) -> Any:
        made = make(self) if inspect.signature(make).parameters else make()
        if not inspect.isgenerator(made):
            return made
        self._generators.append(made)
        return next(made)

    @task
    def call_functions(self) -> None:
        """Call each function once."""
        for function, fixtures in zip(self.functions, self.fixtures, strict=True):
            try:
                returned = function.obj(*fixtures)
                if returned is not None:
                    _engine.complete(self, returned)
            except (RequestException, CatchResponseError, FastConnectionError) as error:
                if isinstance(error, RequestException) and isinstance(error, ValueError):
                    # An unusable URL: it will not get better.
                    raise self._ended_by(error) from error
                logger.debug("%s", error, exc_info=True)
            except Exception as error:
                if isinstance(error, (StopUser, StopTest, RescheduleTask, RescheduleTaskImmediately)):
                    raise
                raise self._ended_by(error) from error

    def _ended_by(self, error: Exception) -> StopUser:
        """Tell what ends the user."""
        self.environment.events.user_error.fire(user_instance=self, exception=error, tb=error.__traceback__)
        logger.error("%s has ended: %s", type(self).__name__, error, exc_info=error)
        return StopUser()

    def on_stop(self) -> Any:
        """Let fixtures clean up, the last one first."""
        for generator in reversed(self._generators):
            next(generator, None)


_engine.register_classes(User, TaskSet, DefaultTaskSet)
