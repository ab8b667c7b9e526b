"""`Environment`: everything that belongs to one test, in one place."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from . import runners
from .cluster_runners import on_demand
from .dispatch import UsersDispatcher
from .event import Events
from .exception import RunnerAlreadyExistsError
from .runners import LocalRunner, Runner
from .shape import LoadTestShape
from .stats import RequestStats

if TYPE_CHECKING:
    from .cli.thresholds import Thresholds
    from .runners import MasterRunner, WorkerRunner
    from .user import User
    from .user.task import TaskSet
    from .web import WebUI

RunnerType = TypeVar("RunnerType", bound=Runner)


class Environment:
    """User classes, events, statistics, options and, once made, the runner of a test."""

    def __init__(
        self,
        *,
        user_classes: list[type[User]] | None = None,
        shape_class: LoadTestShape | None = None,
        tags: list[str] | None = None,
        locustfile: str | None = None,
        exclude_tags: list[str] | None = None,
        events: Events | None = None,
        host: str | None = None,
        reset_stats: bool = False,
        stop_timeout: float | None = None,
        catch_exceptions: bool = True,
        parsed_options: Namespace | None = None,
        parsed_locustfiles: list[str] | None = None,
        available_user_classes: dict[str, type[User]] | None = None,
        available_shape_classes: dict[str, LoadTestShape] | None = None,
        available_user_tasks: dict[str, list[type[TaskSet] | Callable[..., Any]]] | None = None,
        dispatcher_class: type[UsersDispatcher] = UsersDispatcher,
        profile: str | None = None,
    ) -> None:
        self.runner: Runner | None = None
        self.web_ui: Any = None
        self.process_exit_code: int | None = None
        """If set, the process exits with it."""
        self.events = events or Events()
        self.locustfile = locustfile
        self.user_classes: list[type[User]] = user_classes or []
        self.shape_class = shape_class
        """The load shape: an instance, in spite of the name."""
        self.tags = tags
        """Only tasks with one of these tags run (None: as the options say)."""
        self.exclude_tags = exclude_tags
        """Tasks with one of these tags do not run (None: as the options say)."""
        self.stats = RequestStats()
        self.host = host
        """Base URL of what is tested; overrides the classes' own."""
        self.reset_stats = reset_stats
        """Clear the statistics when the ramp is complete."""
        self.stop_timeout = _stop_timeout(stop_timeout, parsed_options)
        """Seconds that users inside a task get to finish it when they are stopped."""
        self.catch_exceptions = catch_exceptions
        """Exceptions in tasks are reported; if False, they end the user."""
        self.parsed_options = parsed_options
        self.parsed_locustfiles = parsed_locustfiles
        self.available_user_classes = available_user_classes
        self.available_shape_classes = available_shape_classes
        self.available_user_tasks = available_user_tasks
        self.dispatcher_class = dispatcher_class
        self.profile = profile
        self.worker_logs: dict[str, list[str]] = {}
        self._tasks_filtered = False
        self._remove_user_classes_with_weight_zero()
        self._validate_user_class_name_uniqueness()
        self._validate_shape_class_instance()

    def _create_runner(self, runner_class: type[RunnerType], *args: Any, **kwargs: Any) -> RunnerType:
        if self.runner is not None:
            raise RunnerAlreadyExistsError(f"Environment.runner already exists ({self.runner})")
        runner = runner_class(self, *args, **kwargs)
        self.runner = runner
        if self.shape_class:
            self.shape_class.runner = runner
        return runner

    def create_local_runner(self) -> LocalRunner:
        """Make the runner for a test in this process."""
        return self._create_runner(LocalRunner)

    def create_master_runner(self, master_bind_host: str = "*", master_bind_port: int = 5557) -> MasterRunner:
        """Make the runner that controls workers, and listen for them; port 0 is any that is free."""
        return self._create_runner(
            runners.MasterRunner, master_bind_host=master_bind_host, master_bind_port=master_bind_port
        )

    def create_worker_runner(self, master_host: str, master_port: int) -> WorkerRunner:
        """Make a runner that a master controls; returns when the master knows it, else raises ConnectionError."""
        return self._create_runner(runners.WorkerRunner, master_host=master_host, master_port=master_port)

    def fail_if(self, *conditions: str, warm_up: int = 0, abort: bool = False) -> Thresholds:
        """Judge the tests of this environment as --fail-if does; call it before a test starts. What is returned says by
        `verdicts()` how the last test did, and by `failed` whether it failed. ValueError says what is wrong with a
        condition. `warm_up` are seconds that are left out; with `abort` a failure ends the test."""
        from .cli.thresholds import Thresholds

        options = Namespace(gregaria_abort_on_fail=abort, gregaria_warm_up=warm_up)
        return Thresholds(self, options, conditions)

    def create_web_ui(
        self,
        host: str = "",
        port: int = 8089,
        web_base_path: str | None = None,
        web_login: bool = False,
        tls_cert: str | None = None,
        tls_key: str | None = None,
        stats_csv_writer: Any = None,
        delayed_start: bool = False,
        userclass_picker_is_active: bool = False,
        build_path: str | None = None,
    ) -> WebUI:
        """Make the web UI and, unless `delayed_start`, serve it. An empty host is this machine only."""
        arguments = {name: value for name, value in locals().items() if name != "self"}
        from .web import WebUI

        return WebUI(self, **arguments)

    @property
    def user_classes_by_name(self) -> dict[str, type[User]]:
        """The user classes by name."""
        return {user_class.__name__: user_class for user_class in self.user_classes}

    def update_user_class(self, user_settings: dict[str, Any]) -> None:
        """Change attributes of the available user class `user_settings["user_class_name"]`; `tasks` gives names."""
        name = user_settings["user_class_name"]
        if isinstance(self.runner, runners.MasterRunner):
            self.runner.send_message("update_user_class", user_settings)
        user_class = (self.available_user_classes or {})[name]
        tasks = (self.available_user_tasks or {})[name]
        for key, value in user_settings.items():
            if key == "tasks":
                user_class.tasks = [task for task in tasks if task.__name__ in value]
            elif key != "user_class_name":
                setattr(user_class, key, value)

    def update_worker_logs(self, worker_log_report: dict[str, Any]) -> None:
        """Keep the log lines that a worker has sent."""
        if worker := worker_log_report.get("worker_id"):
            self.worker_logs[worker] = worker_log_report.get("logs", [])

    def _filter_tasks_by_tags(self) -> None:
        from .user.task import filter_tasks_by_tags

        if self._tasks_filtered:
            return
        self._tasks_filtered = True
        tags = self._tags(self.tags, "tags")
        exclude_tags = self._tags(self.exclude_tags, "exclude_tags")
        for user_class in self.user_classes:
            filter_tasks_by_tags(user_class, tags, exclude_tags)

    def _tags(self, own: Iterable[str] | None, option: str) -> set[str] | None:
        if own is not None:
            return set(own)
        return set(getattr(self.parsed_options, option, None) or []) or None

    def assign_equal_weights(self) -> None:
        """Give all classes the same weight, and each of a class's tasks, nested ones included, the same chance."""
        for user_class in self.user_classes:
            user_class.weight = 1
            open_tasks = list(user_class.tasks)
            tasks: list[Any] = []
            while open_tasks:
                task = open_tasks.pop()
                if hasattr(task, "tasks"):
                    open_tasks.extend(task.tasks)
                elif not callable(task):
                    raise ValueError(f"{user_class.__name__} has a task that cannot be called: {task!r}")
                elif task not in tasks:
                    tasks.append(task)
            user_class.tasks = tasks

    def _remove_user_classes_with_weight_zero(self) -> None:
        if not self.user_classes:
            return
        wanted = [each for each in self.user_classes if each.weight > 0 or each.fixed_count > 0]
        if not wanted:
            raise ValueError("There are no users with weight > 0.")
        self.user_classes[:] = wanted

    def _validate_user_class_name_uniqueness(self) -> None:
        if len(self.user_classes_by_name) != len(self.user_classes):
            counted = Counter(user_class.__name__ for user_class in self.user_classes)
            alike = [each.fullname() for each in self.user_classes if counted[each.__name__] > 1]
            raise ValueError(f"user classes need names of their own, and these share one: {', '.join(alike)}")

    def _validate_shape_class_instance(self) -> None:
        if self.shape_class is not None and not isinstance(self.shape_class, LoadTestShape):
            raise ValueError(
                f"shape_class must be an instance of a subclass of LoadTestShape, but is {self.shape_class}"
            )


def _stop_timeout(explicit: float | None, options: Namespace | None) -> float:
    if explicit is not None:
        return explicit
    return float(getattr(options, "stop_timeout", 0.0) or 0.0)


__dir__, __getattr__ = on_demand(globals())
