"""Sets within sets, sequences, queued tasks, and what else a user is made of."""

from typing import Any

from scenario import log, main, run, scenario

from locust import SequentialTaskSet, TaskSet, User, constant, task
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopUser


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
def who_is_whose_parent() -> None:
    class Innermost(TaskSet):
        @task
        def look(self) -> None:
            log(type(self.parent).__name__, type(self.parent.parent).__name__, type(self.user).__name__)
            log(self.parent.parent is self.user, self.parent.user is self.user, self.user.environment is not None)
            for name in ("parent", "user"):
                try:
                    setattr(self, name, None)
                except AttributeError:
                    log(name, "cannot be set")
            log(self._user is self.user, self._parent is self.parent)
            raise StopUser

    class Middle(TaskSet):
        tasks = [Innermost]

    class Caller(Quick):
        tasks = {Middle: 2}

    run(Caller)


@scenario
def interrupts_of_inline_sets() -> None:
    class Caller(User):
        turns = 0

        def wait_time(self) -> float:
            log("user waits")
            return 0

        @task
        class Shop(TaskSet):
            def on_start(self) -> None:
                log("shop on_start")

            def on_stop(self) -> None:
                log("shop on_stop")

            @task
            class Basket(TaskSet):
                turns = 0

                def on_start(self) -> None:
                    log("basket on_start, a new one:", self.turns == 0)

                def on_stop(self) -> None:
                    log("basket on_stop")

                @task
                def look(self) -> None:
                    self.turns += 1
                    log("look", self.turns)
                    if self.turns == 2:
                        self.user.turns += 1
                        if self.user.turns == 4:
                            raise InterruptTaskSet(reschedule=True)
                        self.interrupt(reschedule=bool(self.user.turns % 2))

            @task(0)
            def never(self) -> None:
                log("never")

            def wait_time(self) -> float:
                log("shop waits")
                if self.user.turns > 4:
                    raise StopUser
                return 0

    run(Caller)


@scenario
def sequence_of_tasks() -> None:
    def plain(owner: Any) -> None:
        log("plain", type(owner).__name__)

    class Base(SequentialTaskSet):
        @task
        def base(self) -> None:
            log("base")

    class Steps(Base):
        turns = 0

        def on_start(self) -> None:
            log("on_start")

        @task
        def first(self) -> None:
            log("first")

        @task(2)
        def twice(self) -> None:
            log("twice")
            self.schedule_task(self.extra)

        def extra(self) -> None:
            log("extra")

        tasks = [plain]

        @task
        class Deeper(SequentialTaskSet):
            @task
            def one(self) -> None:
                log("one")
                raise RescheduleTask

            @task
            def two(self) -> None:
                log("two")
                self.interrupt(False)

            @task
            def three(self) -> None:
                log("never three")

        @task
        def last(self) -> None:
            log("last")
            self.turns += 1
            if self.turns == 2:
                self.interrupt()

    class Caller(Quick):
        rounds = 0

        @task
        def outside(self) -> None:
            self.rounds += 1
            log("outside")
            if self.rounds == 3:
                raise StopUser
            queue(self, Steps)

    log([getattr(each, "__name__", each) for each in Steps.tasks])
    run(Caller)


@scenario
def sequence_shapes() -> None:
    def a(_: Any) -> None: ...
    def b(_: Any) -> None: ...

    class OfDict(SequentialTaskSet):
        tasks = {a: 2, b: 1}

        @task
        def c(self) -> None: ...

    class Both(OfDict):
        @task
        def d(self) -> None: ...

        tasks = [b, a]

    for each in (OfDict, Both):
        log(each.__name__, [item.__name__ for item in each.tasks])
    for wrong in ((a, b), "ab", 7):
        try:
            type("Wrong", (SequentialTaskSet,), {"tasks": wrong})
            log("accepted", type(wrong).__name__)
        except Exception as error:
            log(type(wrong).__name__, type(error).__name__)

    class Empty(SequentialTaskSet):
        pass

    class Caller(Quick):
        turns = 0
        tasks = [Empty]

        def wait_time(self) -> float:
            self.turns += 1
            if self.turns == 3:
                raise StopUser
            return 0

    made = run(Caller)
    log([type(error).__name__ for error in made.runner.exceptions])


@scenario
def queued_tasks() -> None:
    class Set(TaskSet):
        def on_start(self) -> None:
            self.schedule_task(self.bound)
            self.schedule_task(Set.unbound)
            self.schedule_task(free)
            self.schedule_task(self.jump, first=True)
            self.schedule_task(Nested)
            self.schedule_task(self.leave)

        def bound(self) -> None:
            log("bound")

        def unbound(self) -> None:
            log("unbound")

        def jump(self) -> None:
            log("jump", len(self._task_queue))

        def leave(self) -> None:
            log("leave", len(self._task_queue))
            self.interrupt()

        @task
        def drawn(self) -> None:
            log("drawn")

    class Nested(TaskSet):
        @task
        def inside(self) -> None:
            log("inside", type(self.parent).__name__)
            self.interrupt()

    def free(owner: Any) -> None:
        log("free", type(owner).__name__)

    class Caller(Quick):
        def on_start(self) -> None:
            queue(self, Set, self.own, free)

        def own(self, *given: Any) -> None:
            log("own", len(given))

        tasks = [enough]

    run(Caller)


def log_owner(word: str, owner: Any) -> None:
    log(word, type(owner).__name__)


@scenario
def what_a_task_may_be() -> None:
    from functools import partial

    class Callable:
        def __call__(self, owner: Any) -> None:
            log("callable object", type(owner).__name__)

    class NotASet:
        tasks: list[Any] = []

        def __init__(self, owner: Any) -> None:
            log("class that is no set", type(owner).__name__)

    class Caller(Quick):
        def on_start(self) -> None:
            queue(self, Callable(), partial(log_owner, "partial"), lambda it: log("lambda", type(it).__name__), NotASet)
            queue(self, "not callable", None, Caller.static, Caller.of_class, enough)

        @staticmethod
        def static(owner: Any) -> None:
            log("static", type(owner).__name__)

        @classmethod
        def of_class(cls, owner: Any) -> None:
            log("of class", cls.__name__, type(owner).__name__)

        tasks = [enough]

    run(Caller)


@scenario
def sets_that_a_task_runs_itself() -> None:
    class Part(TaskSet):
        turns = 0

        def on_start(self) -> None:
            log("part on_start", type(self.parent).__name__)

        def on_stop(self) -> None:
            log("part on_stop")

        @task
        def work(self) -> None:
            self.turns += 1
            log("part work", self.turns, self.user._state)
            if self.turns == 2:
                self.interrupt(reschedule=False)

    class Stopping(Part):
        @task
        def work(self) -> None:
            raise StopUser

    class Caller(Quick):
        turns = 0

        @task
        def by_hand(self) -> None:
            self.turns += 1
            try:
                (Stopping if self.turns == 2 else Part)(self).run()
            except Exception as error:
                log("the set raised", type(error).__name__, error.args)
            if self.turns == 3:
                Stopping(self).run()

    Stopping.tasks = [Stopping.work]
    run(Caller)


@scenario
def tasks_that_change_while_running() -> None:
    class Caller(Quick):
        def first(self) -> None:
            log("first")
            self.tasks = [Caller.second]

        def second(self) -> None:
            log("second")
            del self.tasks
            Caller.tasks = [Caller.third]

        def third(self) -> None:
            log("third")
            Caller.tasks = []
            self.turns = 0

        def wait_time(self) -> float:
            if hasattr(self, "turns"):
                self.turns += 1
                if self.turns == 4:
                    raise StopUser
            return 0

        tasks = [first]

    run(Caller)


@scenario
def waiting_inside_tasks() -> None:
    class Set(TaskSet):
        def wait_time(self) -> float:
            log("set wait_time", self.user._state)
            return 0.001

        @task
        def work(self) -> None:
            log("before", self.user._state)
            self.wait()
            log("between", self.user._state)
            self.user.wait()
            log("after", self.user._state)
            raise StopUser

    class Caller(User):
        def wait_time(self) -> float:
            log("user wait_time", self._state)
            return 0.001

        tasks = [Set]

    run(Caller)


@scenario
def facts_about_users() -> None:
    class Caller(Quick):
        weight = 3
        fixed_count = 2
        host = "http://example.invalid"

        @task
        def one(self) -> None: ...

        @task(2)
        class Two(TaskSet):
            @task
            def three(self) -> None:
                raise StopUser

        def context(self) -> dict[str, Any]:
            return {"name": "x"}

    class Lone(Quick):
        pass

    log(Caller.json(), Caller.fullname(), Caller.abstract, Quick.abstract)
    log(Lone.json(), Lone.abstract)
    log(User.weight, User.fixed_count, User.host, User.tasks, User.abstract, User.min_wait, User.wait_function)
    log(TaskSet.tasks, TaskSet.min_wait, TaskSet.max_wait, TaskSet.wait_function)
    from scenario import environment

    user = Caller(environment(Caller))
    log(user._state, user._greenlet, user._taskset_instance, user.greenlet, user.context())
    log(user._cp_last_wait_time == 0, isinstance(user._cp_last_run, float), hasattr(user, "client"))


@scenario
def constructors() -> None:
    class Forgetful(User):
        def __init__(self, *args: Any) -> None:
            log("no super")

        @task
        def work(self) -> None: ...

    class Own(Quick):
        def __init__(self, environment: Any) -> None:
            super().__init__(environment)
            log("own constructor", self._state, self.environment is environment)

        tasks = [enough]

    class Broken(Quick):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            raise KeyError("constructor")

        tasks = [enough]

    for each in (Forgetful, Own, Broken):
        run(each)


@scenario
def a_set_with_a_bad_constructor() -> None:
    class Bad(TaskSet):
        def __init__(self, parent: Any) -> None:
            log("Bad")
            if parent.turns == 1:
                raise ValueError("bad set")
            if parent.turns == 2:
                raise RescheduleTaskImmediately
            raise StopUser

        tasks = [enough]

    class Caller(Quick):
        turns = 0

        def on_start(self) -> None:
            queue(self, Bad)

        @task
        def work(self) -> None:
            log("work")
            queue(self, Bad)
            self.turns += 1

    run(Caller)


if __name__ == "__main__":
    main()
