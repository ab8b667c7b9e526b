"""Every exception that means something, raised at every place where user code runs."""

from collections.abc import Callable
from typing import Any

import gevent
from gevent import GreenletExit
from scenario import add, log, main, run

from locust import TaskSet, User, constant, task
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser

KINDS: dict[str, Callable[[], BaseException]] = {
    "StopUser": StopUser,
    "StopTest": lambda: StopTest("enough"),
    "Interrupt": InterruptTaskSet,
    "InterruptLater": lambda: InterruptTaskSet(reschedule=False),
    "Reschedule": RescheduleTask,
    "RescheduleNow": RescheduleTaskImmediately,
    "Error": lambda: ValueError("broken"),
    "Exit": GreenletExit,
}

PLACES = (
    "user.task",
    "user.on_start",
    "user.on_stop",
    "user.wait_time",
    "outer.on_start",
    "outer.on_stop",
    "outer.task",
    "outer.get_next_task",
    "outer.wait_time",
    "inner.on_start",
    "inner.on_stop",
    "inner.task",
    "inner.wait_time",
    "inner.init",
    "user_error listener",
)


class Raiser:
    """Logs each place that is passed and raises once at the one it is for; ends the user after enough steps."""

    def __init__(self, place: str, make: Callable[[], BaseException], steps: int = 14) -> None:
        self.place, self.make, self.steps = place, make, steps
        self.armed = True

    def __call__(self, place: str, *, may_end: bool = False) -> None:
        log(place)
        if place == self.place and self.armed:
            self.armed = False
            raise self.make()
        self.steps -= 1
        if may_end and self.steps <= 0:
            self.steps = 1000
            raise StopUser


def user_class(at: Raiser) -> type[User]:
    class Inner(TaskSet):
        def __init__(self, parent: Any) -> None:
            super().__init__(parent)
            at("inner.init")
            self.turns = 0

        def on_start(self) -> None:
            at("inner.on_start")

        def on_stop(self) -> None:
            at("inner.on_stop")

        def wait_time(self) -> float:
            at("inner.wait_time")
            return 0.001

        @task
        def work(self) -> None:
            at("inner.task", may_end=True)
            self.turns += 1
            if self.turns == 2:
                self.interrupt(reschedule=False)

    class Outer(TaskSet):
        tasks = [Inner]

        def __init__(self, parent: Any) -> None:
            super().__init__(parent)
            self.turns = 0

        def on_start(self) -> None:
            at("outer.on_start")

        def on_stop(self) -> None:
            at("outer.on_stop")

        def get_next_task(self) -> Any:
            at("outer.get_next_task")
            self.turns += 1
            return [Outer.work, Inner, Outer.leave][self.turns % 3]

        def wait_time(self) -> float:
            at("outer.wait_time")
            return 0.001

        def work(self) -> None:
            at("outer.task", may_end=True)

        def leave(self) -> None:
            log("outer leaves")
            self.interrupt()

    class Caller(User):
        def on_start(self) -> None:
            at("user.on_start")

        def on_stop(self) -> None:
            at("user.on_stop")

        def wait_time(self) -> float:
            at("user.wait_time")
            return 0.001

        @task
        def work(self) -> None:
            at("user.task", may_end=True)
            # The second task is the nested set, without drawing lots.
            self._taskset_instance.schedule_task(Outer)

    return Caller


def table_entry(place: str, kind: str, **settings: Any) -> Callable[[], None]:
    def scenario() -> None:
        at = Raiser(place, KINDS[kind])
        caller = user_class(at)
        if place != "user_error listener":
            run(caller, **settings)
            return

        class Failing(caller):  # type: ignore[valid-type, misc]
            @task
            def broken(self) -> None:
                raise KeyError("first")

        Failing.tasks = [Failing.broken]
        from scenario import environment

        made = environment(Failing, **settings)
        made.events.user_error.add_listener(lambda **_: at("user_error listener", may_end=True))
        runner = made.create_local_runner()
        runner.start(1, 10)
        runner.spawning_greenlet.join()
        runner.user_greenlets.join(timeout=10)
        log("over", runner.user_count)
        runner.quit()

    return scenario


for each_place in PLACES:
    for each_kind in KINDS:
        add(f"{each_kind} in {each_place}", table_entry(each_place, each_kind))

for each_place in ("user.task", "inner.task", "inner.wait_time", "user.on_start", "inner.on_stop"):
    for each_kind in ("Error", "StopUser", "Interrupt"):
        entry = table_entry(each_place, each_kind, catch_exceptions=False)
        add(f"{each_kind} in {each_place}, not caught", entry)


def twice_in_a_row() -> None:
    """The wait after an error raises as well."""

    class Unlucky(User):
        count = 0

        def wait_time(self) -> float:
            Unlucky.count += 1
            log("wait_time", Unlucky.count)
            if Unlucky.count < 4:
                raise ValueError("no wait")
            return 0.0

        @task
        def work(self) -> None:
            log("work")

        def on_stop(self) -> None:
            log("on_stop")

    run(Unlucky)


def base_exception_subclasses() -> None:
    class Own(GreenletExit):
        pass

    class Exiting(User):
        wait_time = constant(0)

        @task
        def work(self) -> None:
            log("work")
            raise Own("bye")

        def on_stop(self) -> None:
            log("on_stop")

    run(Exiting)


def raised_classes_and_subclasses() -> None:
    class Enough(StopUser):
        pass

    class Away(InterruptTaskSet):
        pass

    class Caller(User):
        wait_time = constant(0)
        turns = 0

        @task
        class Nested(TaskSet):
            @task
            def work(self) -> None:
                log("nested")
                raise Away(False)

            def on_stop(self) -> None:
                log("nested on_stop")

        @task
        def work(self) -> None:
            log("work")

        def on_stop(self) -> None:
            log("on_stop")

        def wait(self) -> None:
            log("never called by the engine")

    class Sequence(Caller):
        def on_start(self) -> None:
            for each in (Caller.Nested, Caller.work, self.enough):
                self._taskset_instance.schedule_task(each)

        def enough(self, *_: Any) -> None:
            log("enough")
            raise Enough

    run(Sequence)


def errors_swallowed_by_the_task() -> None:
    """`except Exception` must not see a kill."""

    class Catching(User):
        wait_time = constant(0)

        @task
        def work(self) -> None:
            try:
                gevent.sleep(0)
                raise StopUser
            except Exception as error:
                log("caught", type(error).__name__)
            raise GreenletExit

        def on_stop(self) -> None:
            log("on_stop")

    run(Catching)


for made in (
    twice_in_a_row,
    base_exception_subclasses,
    raised_classes_and_subclasses,
    errors_swallowed_by_the_task,
):
    add(made.__name__, made)

if __name__ == "__main__":
    main()
