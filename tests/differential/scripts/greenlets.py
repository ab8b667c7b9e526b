"""Greenlets, threads, timeouts and context inside tasks."""

import contextvars
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import AsyncResult, Event
from gevent.local import local
from gevent.lock import Semaphore
from gevent.pool import Group, Pool
from scenario import add, environment, log, main, run, said, scenario, server

from locust import HttpUser, TaskSet, User, constant, task
from locust.clients import HttpSession
from locust.exception import StopUser


class Once(HttpUser):
    """Runs `act()` once."""

    abstract = True
    host = server
    wait_time = constant(0)

    def act(self) -> None:
        raise NotImplementedError

    @task
    def once(self) -> None:
        self.act()
        raise StopUser

    def on_stop(self) -> None:
        log("on_stop")


def acts(function: Callable[[Any], None]) -> Callable[[Any], None]:
    def entry() -> None:
        made = run(type("Caller", (Once,), {"act": function}))
        total = made.stats.total
        log("requests", total.num_requests, "failures", total.num_failures)

    add(function.__name__, entry)
    return function


@acts
def concurrent_requests(user: Any) -> None:
    def get(number: int) -> tuple[int, int, int]:
        response = user.client.get(f"/delay/{100 + number}", name=f"delay {number}")
        return number, response.status_code, len(response.content)

    began = time.perf_counter()
    group = Group()
    log(sorted(group.map(get, range(5))))
    pool = Pool(2)
    for number in range(4):
        pool.spawn(get, number)
    pool.join()
    greenlets = [gevent.spawn(get, number) for number in range(3)]
    gevent.joinall(greenlets)
    log([greenlet.value for greenlet in greenlets])
    log("concurrently", time.perf_counter() - began < 1.2)


@acts
def a_greenlet_that_fails(user: Any) -> None:
    def fail() -> None:
        user.client.get("/status/500")
        raise KeyError("in a greenlet")

    greenlet = gevent.spawn(fail)
    greenlet.join()
    log(said(greenlet.exception))
    try:
        greenlet.get()
    except KeyError as error:
        log("got", said(error))


@acts
def stop_user_in_a_greenlet(user: Any) -> None:
    def stop() -> None:
        raise StopUser

    greenlet = gevent.spawn(stop)
    greenlet.join()
    log("still here", said(greenlet.exception))


@acts
def timeouts(user: Any) -> None:
    try:
        with gevent.Timeout(0.1):
            user.client.get("/delay/30000")
    except gevent.Timeout as timeout:
        log("timeout", timeout.seconds)
    with gevent.Timeout(0.1, False):
        time.sleep(30)
    log("slept")
    with gevent.Timeout(0.1, False):
        gevent.sleep(30)
    log("slept again")
    try:
        with gevent.Timeout(0.1, ValueError("own")):
            user.client.post("/delay/30000", data="x")
    except ValueError as error:
        log(said(error))
    timeout = gevent.Timeout.start_new(0.1)
    try:
        user.client.get("/delay/30000")
    except gevent.Timeout as raised:
        log("it is mine", raised is timeout)
    finally:
        timeout.cancel()
    log(user.client.get("/bytes/3").content)
    with gevent.Timeout(5, False):
        log(user.client.get("/bytes/4").content)
    try:
        with gevent.Timeout(0.1):
            user.wait_time = lambda: 30
            user.wait()
    except gevent.Timeout:
        log("waited")


@acts
def a_killed_greenlet(user: Any) -> None:
    begun = Event()

    def get() -> None:
        try:
            begun.set()
            user.client.get("/delay/30000")
        except BaseException as error:
            log("in the greenlet", type(error).__name__)
            raise
        finally:
            log("finally")

    greenlet = gevent.spawn(get)
    begun.wait()
    gevent.sleep(0.05)
    greenlet.kill()
    log(greenlet.dead, said(greenlet.value))
    log(user.client.get("/bytes/3").status_code)


@acts
def requests_in_a_real_thread(user: Any) -> None:
    def get(path: str) -> tuple[int, int]:
        response = user.client.get(path)
        return response.status_code, len(response.content)

    threads = gevent.get_hub().threadpool
    log(threads.spawn(get, "/bytes/7").get(), threads.apply(get, ("/status/404",)))


@acts
def patched_threads(user: Any) -> None:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(user.client.get("/bytes/3").content))
    thread.start()
    thread.join()
    log(results)
    event = threading.Event()
    threading.Timer(0.01, event.set).start()
    log("set", event.wait(10))
    lines: queue.Queue[int] = queue.Queue()
    gevent.spawn(lambda: lines.put(user.client.get("/bytes/3").status_code))
    log(lines.get(timeout=10))


@acts
def asynchronous_results(user: Any) -> None:
    result: AsyncResult[Any] = AsyncResult()
    gevent.spawn(lambda: result.set(user.client.get("/bytes/3").status_code))
    log(result.get(timeout=10))
    gevent.spawn_later(0.01, log, "later").join()
    greenlet = gevent.spawn(lambda: user.client.get("/bytes/3"))
    greenlet.link(lambda it: log("linked", it.value.status_code))
    greenlet.join()
    gevent.sleep(0)


@acts
def greenlets_that_outlive_their_task(user: Any) -> None:
    over = Event()

    def later() -> None:
        gevent.sleep(0.01)
        log("a request after the task", user.client.get("/bytes/3").status_code)
        over.set()

    gevent.spawn(later)
    user.environment.over = over


@scenario
def after_the_user() -> None:
    """A greenlet of a user that has ended still has its client."""
    over = Event()

    class Caller(Once):
        def act(self) -> None:
            def later() -> None:
                gevent.sleep(0.05)
                log("after the user", self.client.get("/bytes/3").status_code, self._state is not None)
                over.set()

            gevent.spawn(later)

    made = environment(Caller)
    runner = made.create_local_runner()
    runner.start(1, 10)
    runner.spawning_greenlet.join()
    runner.user_greenlets.join()
    log("user over", over.wait(10))
    log(made.stats.total.num_requests)
    runner.quit()


number = contextvars.ContextVar("number", default="unset")


@scenario
def context_variables() -> None:
    """Set in on_start, seen by this user's later tasks and greenlets, by nobody else."""
    at_work = Semaphore(1)

    class Caller(User):
        wait_time = constant(0.001)
        made = 0
        turns = 0

        def on_start(self) -> None:
            Caller.made += 1
            self.number = Caller.made
            self.seen = [number.get()]
            number.set(f"user {self.number}")

        @task
        def work(self) -> None:
            self.turns += 1
            self.seen.append(number.get())
            gevent.sleep(0)
            self.seen.append(number.get())
            if self.turns == 2:
                number.set(f"changed {self.number}")
                self.seen.append(gevent.spawn(number.get).get())
            if self.turns == 4:
                with at_work:
                    log(self.number, self.seen)
                raise StopUser

        def on_stop(self) -> None:
            log(self.number, "on_stop", number.get())

    run(Caller, users=3)
    log("outside", number.get())


@scenario
def context_of_the_creator() -> None:
    number.set("creator")

    class Caller(Once):
        def act(self) -> None:
            log("seen", number.get())
            number.set("user")

    run(Caller)
    log("outside", number.get())
    number.set("unset")


@scenario
def locals_within_a_task() -> None:
    """Both kinds of locals belong to the running greenlet: users inside a task at the same time do not meet."""
    threads, greenlets = threading.local(), local()
    inside = [0]
    everyone = Event()

    class Caller(User):
        wait_time = constant(0)
        made = 0

        def on_start(self) -> None:
            Caller.made += 1
            self.number = Caller.made

        @task
        def work(self) -> None:
            threads.value = greenlets.value = self.number
            inside[0] += 1
            if inside[0] == 3:
                everyone.set()
            everyone.wait()
            log(self.number, threads.value == self.number, greenlets.value == self.number)
            other = gevent.spawn(lambda: (hasattr(threads, "value"), hasattr(greenlets, "value")))
            log(self.number, other.get())
            raise StopUser

    run(Caller, users=3)
    log(hasattr(threads, "value"), hasattr(greenlets, "value"))


@scenario
def locals_over_a_users_life() -> None:
    """What a user keeps in a local, it finds again in its later tasks, and nobody else does."""
    threads, greenlets = threading.local(), local()

    class Named(local):
        def __init__(self) -> None:
            log("made for a new greenlet")
            self.count = 0

    named = Named()

    class Caller(User):
        wait_time = constant(0.001)
        made = 0
        turns = 0

        def on_start(self) -> None:
            Caller.made += 1
            self.number = Caller.made
            log("found on start", getattr(threads, "value", None), getattr(greenlets, "value", None))
            threads.value = greenlets.value = self.number

        @task
        def work(self) -> None:
            self.turns += 1
            named.count += 1
            if (threads.value, greenlets.value, named.count) != (self.number, self.number, self.turns):
                log("NOT MINE", threads.value, greenlets.value, named.count, self.number, self.turns)
            if self.turns == 4:
                raise StopUser

        def on_stop(self) -> None:
            log("on_stop", threads.value == self.number, greenlets.value == self.number, named.count)

    made = environment(Caller)
    runner = made.create_local_runner()
    for _ in range(3):
        runner.spawn_users({"Caller": 3})
        runner.user_greenlets.join()
    log("here", hasattr(threads, "value"), hasattr(greenlets, "value"))
    runner.quit()


@scenario
def users_that_meet() -> None:
    """Locks, events and queues between users block nobody else."""
    lines: queue.Queue[int] = queue.Queue(maxsize=1)
    turns: list[str] = []

    class Producer(User):
        fixed_count = 1
        wait_time = constant(0)

        @task
        def work(self) -> None:
            for each in range(5):
                lines.put(each)
                turns.append(f"put {each}")
            raise StopUser

    class Consumer(User):
        fixed_count = 1
        wait_time = constant(0)

        @task
        def work(self) -> None:
            turns.append(f"got {lines.get()}")
            if turns[-1] == "got 4":
                raise StopUser

    run(Producer, Consumer, users=2)
    log([turn for turn in turns if turn.startswith("got")], len(turns))


@scenario
def no_user_at_all() -> None:
    """Requests from the main greenlet, and from greenlets and threads of no user."""
    made = environment()
    made.events.request.add_listener(lambda **event: log("event", event["name"], event["context"]))
    client = HttpSession(server, made.events.request, None)
    log(client.get("/bytes/3").content)
    log(gevent.spawn(lambda: client.get("/bytes/4").content).get())
    other = HttpSession(server, made.events.request, None)
    log(gevent.get_hub().threadpool.apply(lambda: other.get("/bytes/5").content))


@scenario
def requests_in_listeners() -> None:
    class Caller(HttpUser):
        host = server
        wait_time = constant(0)

        @task
        class Set(TaskSet):
            def on_start(self) -> None:
                log("on_start", self.client.get("/bytes/1").status_code)

            def on_stop(self) -> None:
                log("on_stop of the set", self.client.get("/bytes/2").status_code)

            @task
            def work(self) -> None:
                raise StopUser

        def on_start(self) -> None:
            log("user on_start", self.client.get("/bytes/3").status_code)

        def on_stop(self) -> None:
            log("user on_stop", self.client.get("/bytes/4").status_code)

    made = environment(Caller)
    client = HttpSession(server, made.events.request, None)
    made.events.test_start.add_listener(lambda **_: log("test_start", client.get("/bytes/5").status_code))
    made.events.test_stop.add_listener(lambda **_: log("test_stop", client.get("/bytes/7").status_code))
    runner = made.create_local_runner()
    runner.start(1, 1)
    runner.spawning_greenlet.join()
    runner.user_greenlets.join()
    runner.stop()
    log(sorted(entry.name for entry in made.stats.entries.values()))
    runner.quit()


if __name__ == "__main__":
    main()
