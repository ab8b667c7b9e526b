"""Every method that a class may override, alone and together, and those that plugins replace on the base classes."""

from typing import Any

from scenario import add, log, main, run, scenario

from locust import TaskSet, User, constant, task
from locust.exception import RescheduleTaskImmediately, StopUser
from locust.user.task import DefaultTaskSet


class Quick(User):
    abstract = True
    wait_time = constant(0)

    def on_stop(self) -> None:
        log("user on_stop")


def queue(user: User, *tasks: Any) -> None:
    """Have these run before anything else."""
    for each in tasks:
        user._taskset_instance.schedule_task(each)


def enough(_: Any) -> None:
    log("enough")
    raise StopUser


@scenario
def overriding_what_a_set_does() -> None:
    class Set(TaskSet):
        turns = 0

        def run(self) -> None:
            log("run")
            super().run()

        def get_next_task(self) -> Any:
            self.turns += 1
            log("get_next_task", self.turns)
            return [None, Set.a, Set.b, Set.b, Set.a, Set.out][self.turns]

        def schedule_task(self, task_callable: Any, first: bool = False) -> None:
            log("schedule_task", task_callable.__name__, first)
            super().schedule_task(task_callable, first)

        def execute_next_task(self) -> None:
            log("execute_next_task", len(self._task_queue))
            super().execute_next_task()

        def execute_task(self, task: Any) -> None:
            log("execute_task", task.__name__)
            super().execute_task(task)

        def wait(self) -> None:
            log("wait", self.user._state)
            super().wait()
            log("waited", self.user._state)

        def wait_time(self) -> float:
            log("wait_time")
            return super().wait_time()

        def _sleep(self, seconds: float) -> None:
            log("_sleep", seconds, self.user._state)
            super()._sleep(seconds)

        def a(self) -> None:
            log("a", self.user._state)
            if self.turns == 4:
                raise RescheduleTaskImmediately

        def b(self) -> None:
            log("b")
            if self.turns == 2:
                raise ValueError("b is broken")

        def out(self) -> None:
            self.interrupt()

    class Caller(User):
        wait_time = constant(0.001)

        def on_start(self) -> None:
            queue(self, Set)

        def run(self) -> None:
            log("user run", self._state)
            super().run()
            log("user run is over")

        def wait(self) -> None:
            log("wait of the user")
            super().wait()

        tasks = [enough]

    run(Caller)


def overridden(name: str) -> None:
    """One method alone."""

    class Set(TaskSet):
        turns = 0

        @task
        def work(self) -> None:
            self.turns += 1
            log("work", self.turns)
            if self.turns == 3:
                self.interrupt(False)

    def logged(self: Any, *args: Any, **kwargs: Any) -> Any:
        log(name, len(args), sorted(kwargs))
        return getattr(TaskSet, name)(self, *args, **kwargs)

    Set = type("Set", (Set,), {name: logged})  # type: ignore[misc]

    class Caller(Quick):
        def on_start(self) -> None:
            queue(self, Set)

        tasks = [enough]

    run(Caller)


OVERRIDABLE = (
    "run",
    "get_next_task",
    "schedule_task",
    "execute_next_task",
    "execute_task",
    "wait",
    "wait_time",
    "_sleep",
)
for each_name in (*OVERRIDABLE, "on_start", "on_stop"):
    add(f"overriding {each_name} alone", lambda name=each_name: overridden(name))


@scenario
def set_with_a_loop_of_its_own() -> None:
    class Looping(TaskSet):
        def run(self) -> None:
            self.on_start()
            for number in range(3):
                log("turn", number, self.user._state)
                self.wait()
            raise RescheduleTaskImmediately

        def on_start(self) -> None:
            log("on_start")

        def on_stop(self) -> None:
            log("on_stop is its own business")

    class Caller(Quick):
        def on_start(self) -> None:
            queue(self, Looping)

        tasks = [enough]

    run(Caller)


@scenario
def user_with_a_loop_of_its_own() -> None:
    class Looping(User):
        def run(self) -> None:
            log("run", self._state, self._taskset_instance)
            for number in range(3):
                log("turn", number)
            raise StopUser("out of run")

        def on_stop(self) -> None:
            log("on_stop is its own business")

    class Returning(Looping):
        def run(self) -> None:
            log("run and return")

    class Failing(Looping):
        def run(self) -> None:
            raise KeyError("in run")

    for each in (Looping, Returning, Failing):
        run(each)


def plugin(which: type[TaskSet], limit: int) -> Any:
    """Limits iterations by wrapping `execute_task`, as locust-plugins does; returns what undoes it."""
    original = which.execute_task

    def limited(self: Any, task: Any) -> None:
        runner = self.user.environment.runner
        count = runner.iterations_started = getattr(runner, "iterations_started", 0) + 1
        log("iteration", count, type(self).__name__)
        if count > limit:
            if runner.user_count == 1:
                log("the last user")
            raise StopUser
        original(self, task)

    which.execute_task = limited  # type: ignore[method-assign]
    return lambda: setattr(which, "execute_task", original)


@scenario
def plugins_that_replace_methods_of_base_classes() -> None:
    class Set(TaskSet):
        turns = 0

        @task
        def inside(self) -> None:
            self.turns += 1
            log("inside")
            if self.turns == 2:
                self.interrupt()

    class Caller(Quick):
        @task
        def outside(self) -> None:
            log("outside")
            queue(self, Set)

    for which in (TaskSet, DefaultTaskSet):
        undo = plugin(which, 5)
        run(Caller)
        undo()
    undo_both = [plugin(TaskSet, 4), plugin(DefaultTaskSet, 4)]
    run(Caller)
    for undo in undo_both:
        undo()


@scenario
def plugins_that_replace_other_hooks() -> None:
    class Caller(Quick):
        turns = 0

        @task
        def work(self) -> None:
            self.turns += 1
            log("work")
            if self.turns == 2:
                raise StopUser

    for which, name in (
        (TaskSet, "wait"),
        (DefaultTaskSet, "get_next_task"),
        (TaskSet, "wait_time"),
        (User, "on_start"),
    ):
        original = getattr(which, name)
        inherited = name not in vars(which)

        def replaced(self: Any, original: Any = original, name: str = name) -> Any:
            log("replaced", name)
            return original(self)

        setattr(which, name, replaced)
        run(Caller)
        if inherited:
            delattr(which, name)
        else:
            setattr(which, name, original)


if __name__ == "__main__":
    main()
