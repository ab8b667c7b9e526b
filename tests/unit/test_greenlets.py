"""Greenlets and threads round the engine: few of them, nothing lost by kills, clear errors where they cannot wait."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent.event import Event
from gevent.monkey import get_original

from gregaria import HttpUser, TaskSet, User, constant, task
from gregaria._engine import engine_stats
from gregaria.clients import HttpSession
from gregaria.event import EventHook
from gregaria.exception import StopUser
from support.population import population, run_to_end, run_until, wait_for
from support.server import TestServer


@pytest.fixture
def stats() -> Callable[[], dict[str, float]]:
    """What the engine has counted since the test began."""
    before = engine_stats()
    return lambda: {key: value - before[key] for key, value in engine_stats().items()}


def session(base: str) -> HttpSession:
    return HttpSession(base, EventHook(), None)


def script(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", text, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


MANY_USERS = """
import json, sys
from gevent.event import Event
from gregaria import HttpUser, constant, task
from gregaria._engine import engine_stats
from gregaria.env import Environment

inside, most_inside, visits, enough = 0, 0, 0, Event()

class Visitor(HttpUser):
    host = sys.argv[1]
    wait_time = constant(0.2)

    @task
    def work(self):
        global inside, most_inside, visits
        inside += 1
        most_inside = max(most_inside, inside)
        self.client.get("/bytes/1")
        inside -= 1
        visits += 1
        if visits == wanted:
            enough.set()

runner = Environment(user_classes=[Visitor]).create_local_runner()
for batch in range(1, 11):
    wanted = visits + 200 * batch
    enough.clear()
    runner.spawn_users({"Visitor": 200})
    enough.wait(40)
found = {"users": runner.user_count, "most_inside": most_inside, "greenlets": engine_stats()["greenlets_peak"]}
runner.quit()
print(json.dumps({**found, **engine_stats()}))
"""


def test_thousands_of_users_need_as_many_greenlets_as_are_inside_a_task(server: TestServer) -> None:
    done = script(MANY_USERS, server.plain)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["users"] == 2000 and found["in_flight"] == 0
    assert found["greenlets"] <= found["most_inside"] + 1, "one may be between two users"


def test_users_without_requests_share_one_greenlet() -> None:
    done = script(
        "import json\n"
        "from gregaria import User, constant, task\n"
        "from gregaria._engine import engine_stats\n"
        "from gregaria.env import Environment\n"
        "class Idle(User):\n"
        "    wait_time = constant(60)\n"
        "    @task\n"
        "    def work(self): pass\n"
        "runner = Environment(user_classes=[Idle]).create_local_runner()\n"
        "runner.spawn_users({'Idle': 5000})\n"
        "import gevent\n"
        "while any(handle.args[0]._state != 'waiting' for handle in runner.user_greenlets): gevent.sleep(0.01)\n"
        "print(engine_stats()['greenlets_peak'])\n"
    )
    assert done.stdout == "1\n", done.stderr


def test_users_that_log_give_their_greenlets_back() -> None:
    """Logging asks for the current thread, for which gevent keeps something by greenlet; that is no local of a user."""
    done = script(
        "import logging\n"
        "from gregaria import User, constant, task\n"
        "from gregaria._engine import engine_stats\n"
        "from gregaria.env import Environment\n"
        "class Idle(User):\n"
        "    wait_time = constant(60)\n"
        "    @task\n"
        "    def work(self): logging.warning('here')\n"
        "runner = Environment(user_classes=[Idle]).create_local_runner()\n"
        "runner.spawn_users({'Idle': 500})\n"
        "import gevent\n"
        "while any(handle.args[0]._state != 'waiting' for handle in runner.user_greenlets): gevent.sleep(0.01)\n"
        "print(engine_stats()['greenlets_peak'])\n"
    )
    assert done.stdout == "1\n", done.stderr


def test_users_with_locals_keep_their_greenlets_and_are_stopped_like_others() -> None:
    locals_of_users = threading.local()
    ready = Event()
    stopped: list[bool] = []

    class Keeper(User):
        wait_time = constant(60)

        def on_start(self) -> None:
            locals_of_users.user = self

        @task
        def work(self) -> None:
            if len(self.environment.runner.user_greenlets) == 20:
                ready.set()

        def on_stop(self) -> None:
            stopped.append(locals_of_users.user is self)

    for stop_timeout in (0, 5):
        ready.clear()
        run_until(ready, Keeper, users=20, stop_timeout=stop_timeout)
    assert stopped == [True] * 40
    assert not hasattr(locals_of_users, "user")


def test_locals_are_seen_in_the_place_of_another_reference() -> None:
    """A greenlet that somebody referred to before has locals although there are as many references as there were."""
    locals_of_users = threading.local()
    references: dict[int, Any] = {}
    ready = Event()
    found: list[bool] = []

    class Swapper(User):
        wait_time = constant(0.001)
        has_locals = False

        @task
        def work(self) -> None:
            current = gevent.getcurrent()
            if self.has_locals:
                found.append(getattr(locals_of_users, "user", None) is self)
                if len(found) == 100:
                    ready.set()
            elif references.pop(id(current), None) is None:
                references[id(current)] = weakref.ref(current)
            else:
                locals_of_users.user = self
                self.has_locals = True

    run_until(ready, Swapper, users=10)
    assert all(found)


def test_a_kill_that_comes_too_late_hurts_nobody() -> None:
    """A raw greenlet of the pool that is killed while it has no user is not used again."""
    pooled: list[Any] = []

    class Visitor(User):
        wait_time = constant(0)

        @task
        def work(self) -> None:
            pooled.append(gevent.getcurrent())
            raise StopUser

    run_to_end(Visitor)
    gevent.kill(pooled[0])
    gevent.sleep(0)
    assert pooled[0].dead
    run_to_end(Visitor, users=3)
    assert pooled[0] not in pooled[1:]


def test_accounts_balance_when_users_are_killed_in_their_requests(
    own_server: TestServer, stats: Callable[[], dict[str, float]]
) -> None:
    everyone = Event()
    begun: list[User] = []

    class Visitor(HttpUser):
        host = own_server.plain
        wait_time = constant(0)

        @task
        def work(self) -> None:
            self.client.get("/bytes/1")
            begun.append(self)
            if len(begun) == 50:
                everyone.set()
            self.client.get("/delay/60000")

    environment = run_until(everyone, Visitor, users=50)
    wait_for(lambda: stats()["in_flight"] == 0)
    found = stats()
    assert found["started"] == found["completed"] + found["aborted"]
    assert found["completed"] == 50 == environment.stats.total.num_requests
    assert found["aborted"] <= 50 and environment.stats.total.num_failures == 0


@pytest.mark.parametrize("ending", ["Timeout", "kill"])
def test_abandoned_requests_count_as_aborted(
    server: TestServer, stats: Callable[[], dict[str, float]], ending: str
) -> None:
    client = session(server.plain)
    if ending == "Timeout":
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.05):
            client.get("/delay/60000")
    else:
        greenlet = gevent.spawn(client.get, "/delay/60000")
        wait_for(lambda: stats()["started"] == 1)
        greenlet.kill()
    found = stats()
    assert (found["started"], found["completed"], found["aborted"], found["in_flight"]) == (1, 0, 1, 0)
    assert client.get("/bytes/2").content == b"01", "the session goes on with another connection"


def test_one_session_in_many_threads_at_once(server: TestServer, stats: Callable[[], dict[str, float]]) -> None:
    client = session(server.plain)

    def get(number: int) -> int:
        return sum(len(client.get(f"/bytes/{number}").content) for _ in range(20))

    pool = gevent.get_hub().threadpool
    results = [pool.spawn(get, number) for number in range(8)]
    assert [result.get() for result in results] == [20 * number for number in range(8)]
    assert stats()["completed"] == 160 and stats()["in_flight"] == 0


def test_a_thread_blocks_only_itself(server: TestServer) -> None:
    client = session(server.plain)
    threaded = gevent.get_hub().threadpool.spawn(client.get, "/delay/200")
    others = 0
    while not threaded.ready():
        client.get("/bytes/1")
        others += 1
    assert threaded.get().status_code == 200 and others > 3


def test_a_session_may_live_and_die_in_a_thread(server: TestServer) -> None:
    results: list[Any] = []
    over = Event()
    wake = gevent.get_hub().loop.async_()
    wake.start(over.set)

    def work() -> None:
        try:
            client = session(server.plain)
            results.append(client.get("/cookies/set?a=1").json())
            del client
        except BaseException as error:
            results.append(error)
        wake.send()

    get_original("_thread", "start_new_thread")(work, ())
    assert over.wait(20)
    wake.stop()
    assert results == [{"cookies": {"a": "1"}}]


FIRST_IN_A_THREAD = """
import sys, gevent
from gregaria.clients import HttpSession
from gregaria.event import EventHook

client = HttpSession(sys.argv[1], EventHook(), None)
def get():
    try:
        return len(client.get("/bytes/5").content)
    except RuntimeError as error:
        return str(error)
print(gevent.get_hub().threadpool.apply(get))
print(get())
print(gevent.get_hub().threadpool.apply(get))
"""


def test_the_first_request_of_a_process_belongs_into_the_main_thread(server: TestServer) -> None:
    done = script(FIRST_IN_A_THREAD, server.plain)
    first, *rest = done.stdout.splitlines()
    assert "main thread" in first, done.stderr
    assert rest == ["5", "5"]


def test_callbacks_of_the_loop_cannot_wait_for_requests(server: TestServer) -> None:
    client = session(server.plain)
    client.get("/bytes/1")
    caught: list[BaseException] = []
    over = Event()

    def callback() -> None:
        try:
            client.get("/bytes/1")
        except BaseException as error:
            caught.append(error)
        over.set()

    gevent.get_hub().loop.run_callback(callback)
    over.wait(20)
    (error,) = caught
    assert type(error) is RuntimeError and "gevent.spawn" in str(error)
    assert client.get("/bytes/2").content == b"01"


def test_a_greenlet_outlives_the_user_that_spawned_it(server: TestServer) -> None:
    children: list[gevent.Greenlet[..., Any]] = []
    ready = Event()

    class Visitor(HttpUser):
        host = server.plain
        wait_time = constant(0)

        @task
        def work(self) -> None:
            children.append(gevent.spawn(self.client.get, "/delay/100"))
            ready.set()
            gevent.sleep(60)

    run_until(ready, Visitor)
    (child,) = children
    assert child.get(timeout=20).status_code == 200


def test_sets_may_be_nested_deeper_than_the_stack() -> None:
    """Levels are the machine's, not Python frames."""
    levels = sys.getrecursionlimit() * 2
    depth = 0
    stopped: list[int] = []

    class Deeper(TaskSet):
        def on_start(self) -> None:
            nonlocal depth
            depth += 1
            self.level = depth

        def on_stop(self) -> None:
            stopped.append(self.level)

        @task
        def work(self) -> None:
            raise StopUser

        def get_next_task(self) -> Any:
            return Deeper if depth < levels else Deeper.work

    class Visitor(User):
        wait_time = constant(0)
        tasks = [Deeper]

    run_to_end(Visitor)
    assert stopped == list(range(levels, 0, -1))


def test_users_take_turns_with_other_greenlets() -> None:
    """Users that wait for nothing do not keep a greenlet of somebody else's from running."""
    turns = {"user": 0, "other": 0}

    class Busy(User):
        wait_time = constant(0)

        @task
        def work(self) -> None:
            turns["user"] += 1

    def other() -> None:
        for _ in range(20):
            turns["other"] += 1
            gevent.sleep(0)

    with population(Busy):
        wait_for(lambda: turns["user"] > 0)
        before = turns["user"]
        gevent.spawn(other).join()
        assert turns["other"] == 20
        assert turns["user"] - before < 200


def test_exits_of_the_process_pass_through() -> None:
    text = (
        "import sys\n"
        "from gregaria import User, task\n"
        "from gregaria.env import Environment\n"
        "class Leaver(User):\n"
        "    @task\n"
        "    def work(self): sys.exit(7)\n"
        "runner = Environment(user_classes=[Leaver]).create_local_runner()\n"
        "runner.start(1, 1)\n"
        "runner.greenlet.join()\n"
    )
    assert script(text).returncode == 7


def test_a_lock_of_the_standard_library_blocks_only_its_user() -> None:
    lock = threading.Lock()
    order: list[str] = []

    class Locker(User):
        wait_time = constant(0)

        @task
        def work(self) -> None:
            with lock:
                order.append("in")
                gevent.sleep(0.001)
                order.append("out")
            raise StopUser

    run_to_end(Locker, users=10)
    assert order == ["in", "out"] * 10
