"""Whose wait time counts, what it may give, how long a paced user waits. Times are compared in tenths of a second."""

import random
from time import perf_counter
from typing import Any

import gevent
from scenario import log, main, run, scenario

from locust import TaskSet, User, between, constant, constant_pacing, constant_throughput, task
from locust.exception import StopUser


class Thrice(User):
    """Ends after three tasks."""

    abstract = True
    turns = 0

    @task
    def work(self) -> None:
        self.turns += 1
        log("work", self.turns)
        if self.turns == 3:
            raise StopUser

    def on_stop(self) -> None:
        log("on_stop")


@scenario
def kinds_of_wait_times() -> None:
    def function(user: Any) -> float:
        log("function of", type(user).__name__)
        return 0.001

    class Returning:
        def __init__(self, value: Any) -> None:
            self.value = value

        def __call__(self, *args: Any) -> Any:
            log("asked with", len(args))
            return self.value

    values = {
        "constant": constant(0.001),
        "between": between(0.001, 0.002),
        "lambda": lambda self: 0.001,
        "function": function,
        "static": staticmethod(lambda: 0.001),
        "of_class": classmethod(lambda cls: 0.001),
        "callable object": Returning(0.001),
        "negative": constant(-1),
        "negative by function": lambda self: -5,
        "whole": lambda self: 0,
        "truth": lambda self: False,
        "nothing": None,
        "zero": 0,
    }
    for name, value in values.items():
        log("---", name)
        run(type("Caller", (Thrice,), {"wait_time": value}))


@scenario
def wrong_wait_times() -> None:
    for name, value in {
        "text": lambda self: "soon",
        "none": lambda self: None,
        "not callable": 5,
        "too many arguments": lambda self, other: 1,
    }.items():
        log("---", name)
        caller: Any = type("Caller", (Thrice,), {"wait_time": value})
        made = _quietly(caller)
        log("died of", made)


def _quietly(caller: type[User]) -> list[str]:
    """The kinds of exceptions reported; their texts are each tester's own."""
    from locust.env import Environment

    environment = Environment(user_classes=[caller])
    kinds: list[str] = []
    environment.events.user_error.add_listener(lambda exception, **_: kinds.append(type(exception).__name__))
    runner = environment.create_local_runner()
    runner.start(1, 10)
    runner.spawning_greenlet.join()
    runner.user_greenlets.join(timeout=5)
    if runner.user_count:
        runner.stop()
    runner.quit()
    return kinds


@scenario
def times_of_long_ago() -> None:
    class Caller(Thrice):
        wait_time = None
        min_wait = 1
        max_wait = 3

    class OfSet(Thrice):
        wait_time = None

        @task
        class Set(TaskSet):
            min_wait = 1
            max_wait = 2

            @task
            def inside(self) -> None:
                log("inside", self.min_wait, self.max_wait, self.wait_function)
                self.user.turns += 1
                if self.user.turns == 3:
                    raise StopUser

        tasks = [Set]

    OfSet.tasks = [OfSet.Set]
    random.seed(2)
    run(Caller)
    log(random.random())
    run(OfSet)


@scenario
def waits_of_sets_and_users() -> None:
    class Set(TaskSet):
        def wait_time(self) -> float:
            log("set", type(self).__name__)
            return 0

        @task
        def inside(self) -> None:
            log("inside")
            self.user.turns += 1
            if self.user.turns == 2:
                self.interrupt(reschedule=False)

    class Inner(TaskSet):
        @task
        def inside(self) -> None:
            log("inner")
            self.interrupt(reschedule=False)

    class Outer(Set):
        tasks = [Inner]
        turns = 0

        def get_next_task(self) -> Any:
            self.turns += 1
            return [Inner, self.interrupt][self.turns - 1]

    class OfConstant(TaskSet):
        wait_time = constant(0)

        @task
        def inside(self) -> None:
            log("constant")
            raise StopUser

    class Caller(Thrice):
        def wait_time(self) -> float:
            log("user")
            return 0

        def on_start(self) -> None:
            for each in (Set, Outer, OfConstant):
                self._taskset_instance.schedule_task(each)

    run(Caller)


def tenths(seconds: float) -> float:
    return round(float(seconds), 1)


@scenario
def paced_calls() -> None:
    """The function itself, with the times it remembers set by hand."""
    for function in (constant_pacing(2), constant_throughput(0.5)):

        class Caller(User):
            wait_time = function
            host = ""

            @task
            def work(self) -> None: ...

        from scenario import environment

        user = Caller(environment(Caller))
        for ago, waited in ((0.0, 0.0), (0.5, 0.0), (1.5, 0.0), (5.0, 0.0), (3.0, 2.0), (2.5, 2.0), (9.0, 2.0)):
            user._cp_last_run = perf_counter() - ago
            user._cp_last_wait_time = waited
            log(ago, waited, "->", tenths(user.wait_time()), tenths(user._cp_last_wait_time))
            log("asked again ->", tenths(user.wait_time()))
        log(abs(user._cp_last_run - perf_counter()) < 1)


@scenario
def paced_runs() -> None:
    """Tasks begin one period apart, however long they take; the first wait counts from the user's construction."""

    class Caller(User):
        wait_time = constant_pacing(0.4)
        began: float | None = None
        turns = 0

        def on_start(self) -> None:
            self.made = perf_counter()
            gevent.sleep(0.2)

        @task
        def work(self) -> None:
            now = perf_counter()
            log("after", tenths(now - self.made))
            gevent.sleep([0.1, 0.0, 0.6, 0.0][self.turns])
            self.turns += 1
            if self.turns == 4:
                raise StopUser

    run(Caller)


@scenario
def paced_sets_remember_for_themselves() -> None:
    class Caller(User):
        wait_time = constant_pacing(0.3)
        turns = 0

        @task
        class Set(TaskSet):
            wait_time = constant_pacing(0.2)
            turns = 0

            def on_start(self) -> None:
                self.made = perf_counter()

            @task
            def inside(self) -> None:
                log("inside after", tenths(perf_counter() - self.made))
                self.turns += 1
                if self.turns == 3:
                    self.user.turns += 1
                    if self.user.turns == 2:
                        raise StopUser
                    self.interrupt(reschedule=False)

    run(Caller)


@scenario
def waits_let_others_run() -> None:
    class Caller(User):
        wait_time = constant(0)
        made = 0
        turns = 0

        def on_start(self) -> None:
            Caller.made += 1
            self.number = Caller.made

        @task
        def work(self) -> None:
            self.turns += 1
            log("user", self.number, "turn", self.turns)
            if self.turns == 3:
                raise StopUser

    run(Caller, users=3)


if __name__ == "__main__":
    main()
