"""Stopping and killing: users in every kind of wait, from outside and from inside, with and without time to finish.

A user's state is compared only where Locust's is true: it calls one that was stopped in a wait "waiting" to its end.
"""

import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event
from gevent.lock import Semaphore
from scenario import add, environment, log, main, run, scenario, server

from locust import HttpUser, TaskSet, User, constant, task
from locust.exception import StopUser


class Blocking(HttpUser):
    """Blocks in `block()` at a chosen place, inside two nested sets, and says so first."""

    abstract = True
    host = server or "http://127.0.0.1:9"
    wait_time = constant(0)
    place = "task"
    ready: Event

    def block(self) -> None:
        raise NotImplementedError

    def at(self, place: str) -> None:
        log(place)
        if place == self.place and not self.ready.is_set():
            self.ready.set()
            try:
                self.block()
                log(place, "goes on", self._state)
            except BaseException as error:
                log(place, "left by", type(error).__name__)
                raise
            finally:
                log("finally")

    def on_start(self) -> None:
        self.at("on_start")

    def on_stop(self) -> None:
        self.at("on_stop")

    @task
    class Outer(TaskSet):
        def on_start(self) -> None:
            self.user.at("outer on_start")

        def on_stop(self) -> None:
            self.user.at("outer on_stop")

        @task
        class Inner(TaskSet):
            def on_start(self) -> None:
                self.user.at("inner on_start")

            def on_stop(self) -> None:
                self.user.at("inner on_stop")

            @task
            def work(self) -> None:
                self.user.at("task")


def time_sleep(_: Any) -> None:
    time.sleep(60)


def gevent_sleep(_: Any) -> None:
    gevent.sleep(60)


def own_wait(user: Any) -> None:
    user.wait_time = lambda: 60
    user.wait()


def request(user: Any) -> None:
    user.client.get("/delay/60000")


def event(_: Any) -> None:
    Event().wait()


def lock(_: Any) -> None:
    semaphore = Semaphore()
    semaphore.acquire()
    semaphore.acquire()


def joined(_: Any) -> None:
    gevent.spawn(gevent.sleep, 60).join()


BLOCKS = (time_sleep, gevent_sleep, own_wait, request, event, lock, joined)


def killed(block: Callable[[Any], None], place: str, **settings: Any) -> Callable[[], None]:
    def entry() -> None:
        ready = Event()
        caller: Any = type("Caller", (Blocking,), {"block": block, "place": place, "ready": ready})
        run(caller, stop_when=ready, **settings)

    return entry


for each_block in BLOCKS:
    add(f"killed in {each_block.__name__}", killed(each_block, "task"))
for each_place in ("on_start", "outer on_start", "inner on_start"):
    for each_block in (gevent_sleep, request):
        add(f"killed in {each_block.__name__} in {each_place}", killed(each_block, each_place))
for each_block in (gevent_sleep, own_wait, request):
    add(f"no time left in {each_block.__name__}", killed(each_block, "task", stop_timeout=0.1))


def finishing(place: str, block: Callable[[Any], None]) -> Callable[[], None]:
    """Stopped gracefully while something short is going on."""
    return killed(block, place, stop_timeout=20)


def short_sleep(_: Any) -> None:
    gevent.sleep(0.1)


def short_request(user: Any) -> None:
    user.client.get("/delay/100")


for each_place in ("on_start", "outer on_start", "inner on_start", "task"):
    for each_block in (short_sleep, short_request):
        add(f"may finish {each_block.__name__} in {each_place}", finishing(each_place, each_block))


@scenario
def waiting_users_are_stopped_at_once() -> None:
    for timeout in (0.0, 20.0):
        ready = Event()

        class Caller(User):
            def wait_time(self, ready: Event = ready) -> float:
                log("wait_time", self._state)
                ready.set()
                return 60

            @task
            class Set(TaskSet):
                @task
                def work(self) -> None:
                    log("work")

                def on_stop(self) -> None:
                    log("set on_stop")

            def on_stop(self) -> None:
                log("on_stop")

        run(Caller, stop_when=ready, stop_timeout=timeout)


@scenario
def stopped_in_the_wait_after_an_error() -> None:
    for timeout in (0.0, 20.0):
        ready = Event()

        class Caller(User):
            def wait_time(self, ready: Event = ready) -> float:
                ready.set()
                return 60

            @task
            class Outer(TaskSet):
                @task
                class Inner(TaskSet):
                    @task
                    def work(self) -> None:
                        raise ValueError("broken")

                    def on_stop(self) -> None:
                        log("inner on_stop")

                def on_stop(self) -> None:
                    log("outer on_stop")

            def on_stop(self) -> None:
                log("on_stop")

        run(Caller, stop_when=ready, stop_timeout=timeout)


@scenario
def a_task_that_swallows_its_kill() -> None:
    ready = Event()

    class Caller(User):
        wait_time = constant(0)
        turns = 0

        @task
        def work(self) -> None:
            self.turns += 1
            log("work", self.turns)
            if self.turns == 3:
                raise StopUser
            try:
                ready.set()
                gevent.sleep(60 if self.turns == 1 else 0)
            except BaseException as error:
                log("swallowed", type(error).__name__, self._state)

        def on_stop(self) -> None:
            log("on_stop", self._state)

    run(Caller, stop_when=ready)


@scenario
def blocking_while_stopping() -> None:
    """A user may take its time in on_stop and in finally blocks."""
    ready = Event()

    class Caller(User):
        wait_time = constant(0)

        @task
        def work(self) -> None:
            try:
                ready.set()
                gevent.sleep(60)
            finally:
                log("finally begins")
                time.sleep(0.05)
                log("finally ends")

        def on_stop(self) -> None:
            log("on_stop begins")
            gevent.sleep(0.05)
            log("on_stop ends")

    run(Caller, stop_when=ready)


@scenario
def errors_while_stopping() -> None:
    ready = Event()

    class Caller(User):
        wait_time = constant(0)

        @task
        class Set(TaskSet):
            @task
            def work(self) -> None:
                try:
                    ready.set()
                    gevent.sleep(60)
                finally:
                    raise ValueError("in finally")

            def on_stop(self) -> None:
                raise KeyError("in on_stop of the set")

            def wait_time(self) -> float:
                log("goes on as usual")
                raise StopUser

        def on_stop(self) -> None:
            log("on_stop")
            raise KeyError("in on_stop of the user")

    run(Caller, stop_when=ready)


def stopping_itself(how: str) -> Callable[[], None]:
    def entry() -> None:
        class Caller(User):
            wait_time = constant(0)

            @task
            class Set(TaskSet):
                @task
                def work(self) -> None:
                    log("work", self.user._state)
                    runner = self.user.environment.runner
                    try:
                        if how == "stop":
                            log("returned", self.user.stop())
                        elif how == "stop(force=True)":
                            self.user.stop(force=True)
                        elif how == "greenlet.kill":
                            self.user.greenlet.kill()
                        elif how == "runner.quit":
                            runner.quit()
                        elif how == "spawned runner.quit":
                            gevent.spawn(runner.quit).join()
                        elif how == "stop_users":
                            runner.stop_users({"Caller": 1})
                        log("after", self.user._state)
                    except BaseException as error:
                        log("raised", type(error).__name__)
                        raise

                def on_stop(self) -> None:
                    log("set on_stop")

            def on_stop(self) -> None:
                log("on_stop")

        run(Caller)

    return entry


for each_how in ("stop", "stop(force=True)", "greenlet.kill", "spawned runner.quit", "runner.quit", "stop_users"):
    add(f"a task calls {each_how}", stopping_itself(each_how))


@scenario
def stopped_from_a_listener() -> None:
    class Caller(User):
        wait_time = constant(0)
        turns = 0

        @task
        def work(self) -> None:
            self.turns += 1
            self.environment.events.request.fire(
                request_type="X", name="y", response_time=1, response_length=0, exception=None, context={}
            )
            if self.turns <= 2:
                log("after the event", self.turns)

        def on_stop(self) -> None:
            log("on_stop")

    made = environment(Caller)
    runner = made.create_local_runner()

    def listener(**_: Any) -> None:
        if made.stats.total.num_requests == 2:
            log("stopping")
            gevent.spawn(runner.quit)

    made.events.request.add_listener(listener)
    runner.start(1, 1)
    runner.spawning_greenlet.join()
    runner.user_greenlets.join()
    log("some requests", made.stats.total.num_requests >= 2, runner.user_count)


@scenario
def user_stop_from_outside() -> None:
    ready = Event()
    go_on = Event()

    class Caller(User):
        wait_time = constant(0)

        @task
        def work(self) -> None:
            log("work")
            ready.set()
            go_on.wait()
            log("went on", self._state)

        def on_stop(self) -> None:
            log("on_stop", self._state)

    made = environment(Caller)
    runner = made.create_local_runner()
    (user,) = runner.spawn_users({"Caller": 1})
    ready.wait()
    log(user._state, user.stop(force=False), user._state)
    go_on.set()
    user.greenlet.join()
    log(user._state, user.greenlet.dead, user.greenlet.ready(), user.greenlet.exception)
    runner.quit()


@scenario
def ramping_down() -> None:
    class Caller(User):
        wait_time = constant(60)

        def on_start(self) -> None:
            log("on_start")

        def on_stop(self) -> None:
            log("on_stop")

        @task
        def work(self) -> None: ...

    made = environment(Caller)
    runner = made.create_local_runner()
    for count in (5, 2, 4, 0):
        runner.start(count, 100)
        runner.spawning_greenlet.join()
        gevent.idle()
        log("now", runner.user_count)
    runner.quit()


if __name__ == "__main__":
    main()
