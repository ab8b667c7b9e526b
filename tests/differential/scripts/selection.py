"""Which tasks a class has and in which order they are drawn, and what the tags leave of them."""

import random
from typing import Any

from scenario import log, main, run, scenario

from locust import SequentialTaskSet, TaskSet, User, between, constant, tag, task
from locust.env import Environment
from locust.exception import StopUser
from locust.user import wait_time as waits
from locust.user.task import filter_tasks_by_tags


def names(owner: Any) -> list[str]:
    return [getattr(each, "__name__", repr(each)) for each in owner.tasks]


class Drawing(User):
    """Logs the tasks that are drawn, forty of them."""

    abstract = True
    wait_time = constant(0)
    turns = 0

    def on_start(self) -> None:
        random.seed(1234)

    def drew(self, name: str) -> None:
        log(name)
        self.turns += 1
        if self.turns == 40:
            log("then", random.random())
            raise StopUser


@scenario
def weights() -> None:
    class Caller(Drawing):
        @task
        def one(self) -> None:
            self.drew("one")

        @task(3)
        def three(self) -> None:
            self.drew("three")

        @task(0)
        def none(self) -> None:
            self.drew("none")

        @task()
        def bare(self) -> None:
            self.drew("bare")

    log(names(Caller))
    run(Caller)


@scenario
def lists_and_dicts() -> None:
    def a(user: Any) -> None:
        user.drew("a")

    def b(user: Any) -> None:
        user.drew("b")

    class OfList(Drawing):
        tasks = [a, (b, 3), a]

    class OfDict(Drawing):
        tasks = {a: 5, b: 2}

    class Both(Drawing):
        tasks = {b: 2}

        @task(2)
        def c(self) -> None:
            self.drew("c")

    class OfNone(Drawing):
        tasks = None

        @task
        def c(self) -> None:
            self.drew("c")

    for each in (OfList, OfDict, Both, OfNone):
        log(names(each))
        run(each)


@scenario
def nested_draws() -> None:
    class Caller(Drawing):
        @task(2)
        class Shop(TaskSet):
            @task
            def look(self) -> None:
                self.user.drew("look")

            @task(3)
            def buy(self) -> None:
                self.user.drew("buy")

            @task
            def leave(self) -> None:
                self.user.drew("leave")
                self.interrupt()

        @task
        def idle(self) -> None:
            self.drew("idle")

        @task
        class Steps(SequentialTaskSet):
            @task(2)
            def first(self) -> None:
                self.user.drew("first")

            @task
            def last(self) -> None:
                self.user.drew("last")
                self.interrupt(random.random() < 0.5)

    run(Caller)


@scenario
def waits_draw_from_the_same_generator() -> None:
    class Caller(Drawing):
        wait_time = between(0.0001, 0.0002)

        @task
        def a(self) -> None:
            self.drew("a")

        @task
        def b(self) -> None:
            self.drew(f"b {random.randint(1, 100)}")

    run(Caller)


@scenario
def values_of_wait_functions() -> None:
    random.seed(7)
    for function in (waits.between(1, 3), waits.between(2.5, 1), waits.constant(4), waits.poisson(3)):
        try:
            log([function(None) for _ in range(3)])
        except Exception as error:
            log(type(error).__name__)
    for made in (
        lambda: waits.poisson(0),
        lambda: waits.poisson(-1),
        lambda: waits.constant_throughput(0),
        lambda: waits.constant_throughput(-2),
        lambda: waits.between("a", 2)(None),
    ):
        try:
            log(type(made()).__name__)
        except Exception as error:
            log(type(error).__name__)


@scenario
def shuffled_lengths() -> None:
    """Lists of all small lengths: the generator gives different numbers of bits."""
    for length in range(1, 18):

        class Caller(Drawing):
            tasks = [lambda user, number=number: user.drew(number) for number in range(length)]  # type: ignore[misc]

        run(Caller)


@scenario
def inherited_tasks() -> None:
    class Base(User):
        abstract = True

        @task
        def a(self) -> None: ...

        @task(2)
        def b(self) -> None: ...

    class Undecorated(Base):
        def a(self) -> None: ...

    class Redecorated(Base):
        @task
        def a(self) -> None: ...

    class Left(Base):
        @task
        def left(self) -> None: ...

    class Right(Base):
        tasks = [Base.a]

    class Both(Left, Right): ...

    class Emptied(Base):
        tasks: list[Any] = []

    class WithNone(Base):
        tasks = None

    class Mixin:
        @task
        def mixed(self) -> None: ...

    class Mixed(Mixin, Base): ...

    class MixinWithTasks:
        tasks = [Base.a]

    class MixedTasks(MixinWithTasks, Base): ...

    for each in (Base, Undecorated, Redecorated, Left, Right, Both, Emptied, WithNone, Mixed, MixedTasks):
        log(each.__name__, names(each), [task is vars(each).get("a") for task in each.tasks])


@scenario
def inherited_sets() -> None:
    class Base(TaskSet):
        @task
        def a(self) -> None: ...

        @task
        class Inner(TaskSet):
            @task
            def x(self) -> None: ...

    class Child(Base):
        @task
        class Inner(TaskSet):
            @task
            def y(self) -> None: ...

    class Steps(SequentialTaskSet, Base):
        @task
        def s(self) -> None: ...

    for each in (Base, Child, Steps):
        log(each.__name__, [(item.__name__, names(item) if hasattr(item, "tasks") else "") for item in each.tasks])


@scenario
def wrong_weights_and_names() -> None:
    def made(title: str, make: Any) -> None:
        try:
            log(title, "gives", make())
        except Exception as error:
            log(title, "raises", type(error).__name__)

    def named(name: str) -> Any:
        def function(self: Any) -> None: ...

        function.__name__ = name
        return function

    made("task named run", lambda: task(named("run")))
    made("task(2) named run", lambda: task(2)(named("run")))
    made("on_start as task", lambda: task(named("on_start")).locust_task_weight)
    made("on_stop as task", lambda: task(3)(named("on_stop")).locust_task_weight)
    made("weight of text", lambda: names(type("U", (User,), {"a": task("2")(named("a"))})))
    made("weight of float", lambda: names(type("U", (User,), {"a": task(1.5)(named("a"))})))
    made("negative weight", lambda: names(type("U", (User,), {"a": task(-1)(named("a"))})))
    made("tag without names", lambda: tag()(named("a")))
    made("bare tag", lambda: tag(named("a")))
    made("tags", lambda: sorted(tag("x", "y")(tag("z")(named("a"))).locust_tag_set))
    made("tasks of a number", lambda: names(type("U", (User,), {"tasks": 3})))
    made("tasks of text", lambda: names(type("U", (User,), {"tasks": "ab"})))
    made("tasks of a tuple", lambda: names(type("U", (User,), {"tasks": (named("a"), (named("b"), 2))})))
    made("tasks of a set", lambda: names(type("U", (User,), {"tasks": {named("a")}})))
    made("dict with text", lambda: names(type("U", (User,), {"tasks": {named("a"): "2"}})))
    made("pair of three", lambda: names(type("U", (User,), {"tasks": [(named("a"), 2, 3)]})))
    import locust

    for old in ("Locust", "HttpLocust"):
        made(old, lambda old=old: type("Old", (getattr(locust, old),), {}))


class Tagged:
    """Makes the classes that are filtered; they are changed for good, so each filter gets its own."""

    def __init__(self) -> None:
        @tag("outer")
        class Inner(TaskSet):
            @tag("a")
            @task
            def x(self) -> None: ...

            @tag("b")
            @task(2)
            def y(self) -> None: ...

            @task
            def z(self) -> None: ...

        class Plain(TaskSet):
            @task
            def p(self) -> None: ...

        class Caller(User):
            tasks = {Inner: 2, Plain: 1}

            @tag("a", "b")
            @task(2)
            def both(self) -> None: ...

            @tag("c")
            @task
            def c(self) -> None: ...

            @task
            def bare(self) -> None: ...

        self.classes = (Caller, Inner, Plain)


@scenario
def filtered_by_tags() -> None:
    for include, exclude in (
        (None, None),
        ({"a"}, None),
        ({"a", "c"}, None),
        (None, {"a"}),
        ({"a", "b"}, {"b"}),
        ({"outer"}, None),
        ({"outer"}, {"b"}),
        (None, {"outer"}),
        ({"unknown"}, None),
        (set(), None),
        (None, set()),
    ):
        made = Tagged()
        filter_tasks_by_tags(made.classes[0], include, exclude)
        log(sorted(include or []), sorted(exclude or []), [(each.__name__, names(each)) for each in made.classes])


@scenario
def filtered_by_an_environment() -> None:
    from argparse import Namespace

    for settings in (
        {"tags": ["a"]},
        {"exclude_tags": ["a"]},
        {"parsed_options": Namespace(tags=["b"], exclude_tags=None, stop_timeout=0)},
        {"parsed_options": Namespace(tags=["b"], exclude_tags=None, stop_timeout=0), "tags": ["c"]},
        {"parsed_options": Namespace(tags=[], exclude_tags=[], stop_timeout=0)},
        {"tags": []},
    ):
        made = Tagged()
        environment = Environment(user_classes=[made.classes[0]], **settings)
        for _ in range(2):
            environment._filter_tasks_by_tags()
        log([(each.__name__, names(each)) for each in made.classes])


@scenario
def equal_weights() -> None:
    made = Tagged()
    Environment(user_classes=[made.classes[0]]).assign_equal_weights()
    log(sorted(names(made.classes[0])), made.classes[0].weight)


if __name__ == "__main__":
    main()
