"""Markov chains: how they are declared, which mistakes are refused, and the walk under a seed."""

import random
from typing import Any

from scenario import log, main, run, scenario

from locust import MarkovTaskSet, TaskSet, User, constant, tag, task, transition, transitions
from locust.exception import LocustError, StopUser
from locust.user import markov_taskset


@scenario
def walk() -> None:
    class Walk(MarkovTaskSet):
        turns = 0

        def on_start(self) -> None:
            log("on_start", self.current.__name__, type(self).current.__name__)

        def on_stop(self) -> None:
            log("on_stop", self.current.__name__)

        def step(self, name: str) -> None:
            log(name)
            self.turns += 1
            if self.turns == 40:
                self.interrupt(False)

        @transition("b", 3)
        @transition("a")
        def a(self) -> None:
            self.step("a")

        @transitions({"c": 1, "a": 2})
        def b(self) -> None:
            self.step("b")

        @transitions([("a", 2), "b", "c"])
        def c(self) -> None:
            self.step("c")
            if self.turns == 20:
                raise ValueError("does not rewind")

    class Caller(User):
        wait_time = constant(0)
        turns = 0

        @task
        class Outer(TaskSet):
            tasks = [Walk]

            def on_start(self) -> None:
                random.seed(5)

            def wait_time(self) -> float:
                log("outer waits")
                raise StopUser

    for each in (Walk.a, Walk.b, Walk.c):
        log(each.__name__, each.transitions)  # type: ignore[attr-defined]
    log(Walk.tasks, Walk.abstract, MarkovTaskSet.abstract)
    run(Caller)


@scenario
def an_own_choice() -> None:
    class Walk(MarkovTaskSet):
        @transition("b")
        def a(self) -> None:
            log("a")

        @transition("a")
        def b(self) -> None:
            log("b")

        def get_next_task(self) -> Any:
            log("choosing")
            return super().get_next_task()

        def execute_task(self, task: Any) -> None:
            log("executing", task.__name__)
            super().execute_task(task)
            if task.__name__ == "b":
                self.schedule_task(self.over)

        def over(self) -> None:
            raise StopUser

    class Caller(User):
        wait_time = constant(0)
        tasks = [Walk]

    run(Caller)


@scenario
def mistakes() -> None:
    def plain() -> Any:
        def each(self: Any) -> None: ...

        return each

    def to(*targets: Any) -> Any:
        return transitions(list(targets))(plain())

    def made(title: str, *bases: type, **body: Any) -> None:
        for name, each in body.items():
            if callable(each):
                each.__name__ = name
        try:
            kind = type("Walk", bases or (MarkovTaskSet,), body)
            log(title, "is accepted,", getattr(kind, "current", None) and kind.current.__name__)
        except Exception as error:
            log(title, "gives", type(error).__name__, isinstance(error, LocustError), type(error).__module__[-20:])

    class Good(MarkovTaskSet):
        @transition("a")
        def a(self) -> None: ...

    made("nothing")
    made("only plain methods", a=plain())
    made("abstract", abstract=True)
    made("abstract that is false", abstract=False)
    made("target missing", a=to("b"))
    made("target without transitions", a=to("b"), b=plain())
    made("target that is no function", a=to("b"), b=3)
    made("unreachable", a=to("a"), b=to("a"))
    made("named run", run=to("run"))
    made("named on_start", on_start=to("on_start"))
    made("tagged", a=tag("x")(to("a")))
    made("tagged, not a task", a=to("a"), b=tag("x")(plain()))
    made("inherited target", Good, b=to("a"))
    made("inherited only", Good)
    made("abstract child of a good one", Good, abstract=True)
    made("weight zero only", a=transitions({"a": 0})(plain()))
    made("empty transitions", a=to())
    made("decorated as task too", a=task(to("a")))
    for name in ("NoMarkovTasksError", "InvalidTransitionError", "NonMarkovTaskTransitionError", "MarkovTaskTagError"):
        log(name, issubclass(getattr(markov_taskset, name), LocustError))


@scenario
def wrong_decorations() -> None:
    def step(self: Any) -> None: ...

    def tried(title: str, make: Any) -> None:
        try:
            log(title, make().transitions)
        except Exception as error:
            log(title, type(error).__name__)

    tried("twice the same", lambda: transition("a", 2)(transition("a")(lambda self: None)))
    tried("number", lambda: transitions(3)(lambda self: None))  # type: ignore[arg-type]
    tried("triple", lambda: transitions([("a", 1, 2)])(lambda self: None))  # type: ignore[list-item]
    tried("single", lambda: transitions([("a",)])(lambda self: None))  # type: ignore[list-item]
    tried("generator", lambda: transitions(name for name in "ab")(lambda self: None))
    tried("tuple", lambda: transitions(("a", "b"))(lambda self: None))


@scenario
def tags_leave_it_alone() -> None:
    class Walk(MarkovTaskSet):
        @transition("a")
        def a(self) -> None:
            log("a")
            raise StopUser

    class Caller(User):
        wait_time = constant(0)
        tasks = [Walk]

        @task
        def plain(self) -> None:
            log("never")

    made = run(Caller, tags=["wanted"])
    log([each.__name__ for each in made.user_classes[0].tasks])


if __name__ == "__main__":
    main()
