"""What a script can get wrong: each mistake is answered with the same kind of exception, at the same moment."""

from collections.abc import Callable
from typing import Any

import gevent
from scenario import add, log, main, ramps, run

from locust import (
    HttpUser,
    LoadTestShape,
    MarkovTaskSet,
    SequentialTaskSet,
    TaskSet,
    User,
    constant,
    constant_pacing,
    constant_throughput,
    poisson,
    tag,
    task,
    transition,
    transitions,
)
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.event import EventHook
from locust.exception import StopUser
from locust.runners import WorkerNode
from locust.stats import RequestStats, StatsEntry, StatsError
from locust.user.task import filter_tasks_by_tags
from locust.util.timespan import parse_timespan

Case = Callable[[], Any]


def idle(_: Any) -> None: ...


def user(**body: Any) -> Any:
    return type("Visitor", (User,), {"tasks": [idle], **body})


def markov(**body: Any) -> Any:
    return type("Walk", (MarkovTaskSet,), body)


def named(name: str) -> Any:
    def function(_: Any) -> None: ...

    function.__name__ = name
    return function


def with_runner(action: Callable[[Any], Any], **settings: Any) -> Case:
    def case() -> Any:
        runner = Environment(user_classes=[user(wait_time=constant(5))], **settings).create_local_runner()
        try:
            return action(runner)
        finally:
            runner.quit()

    return case


def dispatched(target: Any, rate: Any, classes: Any = None) -> Any:
    dispatcher = UsersDispatcher([WorkerNode("w")], [user()])
    dispatcher.new_dispatch(target, rate, classes)
    return next(dispatcher)


def aliased() -> Any:
    first = user()
    return Environment(user_classes=[first, first])


DEFINITIONS: dict[str, Case] = {
    "a tag without a name": lambda: tag(),
    "a bare tag": lambda: tag(idle),
    "a task named run": lambda: task(named("run")),
    "a task named on_start": lambda: task(named("on_start")).__name__,
    "a weight that is no number": lambda: user(work=task("often")(named("work"))),
    "a weight that is a fraction": lambda: user(work=task(1.5)(named("work"))),
    "tasks that are a number": lambda: user(tasks=5),
    "tasks in order that are a number": lambda: type("Steps", (SequentialTaskSet,), {"tasks": 5}),
    "an empty graph": lambda: markov(),
    "a way to nowhere": lambda: markov(a=transition("b")(named("a"))),
    "a way to no task": lambda: markov(a=transition("b")(named("a")), b=named("b")),
    "a tagged step": lambda: markov(a=tag("x")(transition("a")(named("a")))),
    "a step named run": lambda: markov(run=transition("run")(named("run"))),
    "transitions of numbers": lambda: markov(a=transitions([1])(named("a"))),
    "throughput of nothing": lambda: constant_throughput(0),
    "poisson of less than nothing": lambda: poisson(-1),
    "a pace that is text": lambda: constant_pacing("1")(user()(Environment())),
    "an old class": lambda: __import__("locust").HttpLocust.__class__("X", (__import__("locust").HttpLocust,), {}),
    "a set without a parent": lambda: TaskSet(),
    "a user without an environment": lambda: User(),
    "an abstract shape": lambda: LoadTestShape(),
    "tags for what has no tasks": lambda: filter_tasks_by_tags(5, {"a"}),
    "a span of nonsense": lambda: parse_timespan("soon"),
    "a span of nothing": lambda: parse_timespan(""),
    "interrupting a user": lambda: user()(Environment()).interrupt(),
}
LIBRARY: dict[str, Case] = {
    "two classes of one name": lambda: Environment(user_classes=[user(), user()]),
    "an aliased class": aliased,
    "a shape that is a class": lambda: Environment(shape_class=LoadTestShape),
    "positional arguments": lambda: Environment([user()]),
    "an unknown setting": lambda: Environment(users=3),
    "a stop timeout of nonsense": lambda: Environment(parsed_options=type("O", (), {"stop_timeout": "soon"})()),
    "a shape without a runner": lambda: type("S", (LoadTestShape,), {"tick": idle})().get_current_user_count(),
    "spawning an unknown class": with_runner(lambda runner: runner.spawn_users({"Nobody": 1})),
    "stopping an unknown class": with_runner(lambda runner: runner.stop_users({"Nobody": 1})),
    "a negative number of users": lambda: dispatched(-1, 1),
    "a rate of nothing": lambda: dispatched(1, 0),
    "a rate that is no number": lambda: dispatched(1, float("nan")),
    "a class unknown to the dispatcher": lambda: dispatched(1, 1, [type("Other", (User,), {})]),
    "an empty dispatcher": lambda: UsersDispatcher([WorkerNode("w")], []),
    "a message twice": with_runner(lambda runner: [runner.register_message("a", idle) for _ in range(2)]),
    "a listener for messages that takes nothing": with_runner(
        lambda runner: (runner.register_message("a", lambda: None), runner.send_message("a"))
    ),
    "an event with positional arguments": lambda: EventHook().fire(1),
    "measuring without a name": lambda: EventHook().measure("a").__enter__(),
    "removing a stranger": lambda: EventHook().remove_listener(idle),
    "a percentile that is text": lambda: RequestStats().total.get_response_time_percentile("a"),
    "a time that is text": lambda: RequestStats().log_request("GET", "/", "slow", 1),
    "entries of nobody": lambda: StatsEntry.unserialize({}, RequestStats()),
    "failures of nobody": lambda: StatsError.unserialize({}),
    "percentiles of nothing": lambda: RequestStats().total.percentile(),
    "adding up with a stranger": lambda: RequestStats().total.extend(5),
}


def answered(case: Case) -> Callable[[], None]:
    def told() -> None:
        try:
            case()
        except Exception as error:
            # Which of these it is depends on where a value is looked at first.
            unfit = ("ValueError", "AttributeError", "AssertionError", "TypeError")
            log("unfit" if type(error).__name__ in unfit else type(error).__name__)
        else:
            log("fine")

    return told


for name, case in {**DEFINITIONS, **LIBRARY}.items():
    add(name, answered(case))


def in_a_task(mistake: Callable[[Any], Any], **body: Any) -> Callable[[], None]:
    """The user makes a mistake in its first task and stops in its second."""

    def told() -> None:
        class Visitor(User):
            wait_time = constant(0)
            turns = 0

            @task
            def work(self) -> None:
                self.turns += 1
                if self.turns > 1:
                    raise StopUser
                mistake(self)

        for name, value in body.items():
            setattr(Visitor, name, value)
        run(Visitor)

    return told


def fire(user: Any, **told: Any) -> None:
    user.environment.events.request.fire(**told)


def misuse_of(client: Callable[[Any], Any]) -> Callable[[], None]:
    def told() -> None:
        class Visitor(HttpUser):
            host = "http://127.0.0.1:9"
            wait_time = constant(0)

            @task
            def work(self) -> None:
                try:
                    client(self)
                except Exception as error:
                    log(type(error).__name__)
                raise StopUser

        run(Visitor)

    return told


def dispatcher_of(kind: Any) -> Callable[[], None]:
    """A run whose dispatcher is none, or is one that insists on names: how far it comes."""

    def told() -> None:
        runner = Environment(user_classes=[user(wait_time=constant(5))], dispatcher_class=kind).create_local_runner()
        runner.start(1, 100)
        ramps.append(runner.spawning_greenlet)
        runner.spawning_greenlet.join(20)
        log(runner.state, runner.user_count)
        runner.quit()

    return told


class ByName(UsersDispatcher):
    def __init__(self, *, user_classes: Any, worker_nodes: Any) -> None:
        super().__init__(worker_nodes, user_classes)


for name, kind in {"no class": 5, "any class": object, "by name": ByName}.items():
    add(f"a dispatcher: {name}", dispatcher_of(kind))


def deaf_listener() -> None:
    class Visitor(HttpUser):
        host = "http://127.0.0.1:9"
        wait_time = constant(0)

        @task
        def work(self) -> None:
            hook = self.environment.events.request
            hook.add_listener(lambda: log("never"))
            hook.add_listener(lambda name, **_: log("heard", name))
            self.client.get("/")
            raise StopUser

    run(Visitor)


add("a listener that takes too little", deaf_listener)

IN_TASKS: dict[str, Callable[[Any], Any]] = {
    "raising a string": lambda user: (_ for _ in ()).throw("text"),
    "scheduling a number": lambda user: user._taskset_instance.schedule_task(5),
    "an event without its arguments": lambda user: fire(user),
    "an event whose time is text": lambda user: fire(
        user, request_type="A", name="b", response_time="slow", response_length=0
    ),
    "an event whose exception is a class": lambda user: fire(
        user, request_type="A", name="b", response_time=1, response_length=0, exception=ValueError
    ),
    "an event whose name is a number": lambda user: fire(
        user, request_type=1, name=2, response_time=1, response_length=0
    ),
    "a killed stranger": lambda user: gevent.kill(5),
}
for name, mistake in IN_TASKS.items():
    add(f"in a task: {name}", in_a_task(mistake))
for name, mistake in {
    "with without catch_response": lambda user: user.client.get("/").__enter__(),
    "failure without catch_response": lambda user: user.client.get("/").failure("x"),
    "success without catch_response": lambda user: user.client.get("/").success(),
    "an unknown argument": lambda user: user.client.get("/", nonsense=1),
}.items():
    add(f"of a client: {name}", misuse_of(mistake))


main()
