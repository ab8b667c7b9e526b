"""Users as objects: state, handles, starting, stopping and misuse. What they do is compared with Locust elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent.event import Event

from gregaria import User, _engine, constant, task
from gregaria.env import Environment
from gregaria.exception import StopUser
from gregaria.user_group import UserGroup
from support.population import population, run_to_end, wait_for


class Idle(User):
    wait_time = constant(60)
    stopped = 0

    @task
    def work(self) -> None: ...

    def on_stop(self) -> None:
        type(self).stopped += 1


@pytest.fixture(autouse=True)
def fresh() -> None:
    Idle.stopped = 0


def new(user_class: type[User] = Idle) -> Any:
    return user_class(Environment(user_classes=[user_class]))


def started(user: Any) -> tuple[Any, UserGroup]:
    group = UserGroup()
    return user.start(group), group


def test_the_life_of_a_user() -> None:
    user = new()
    assert (user._state, user.greenlet, user._greenlet, user.group, user._taskset_instance) == (None,) * 5
    handle, group = started(user)
    assert handle.args == (user,) and user.greenlet is handle is user._greenlet and user.group is group
    assert handle.started and handle and not handle.dead and not handle.ready() and list(group) == [handle]
    wait_for(lambda: user._state == "waiting")
    assert user._taskset_instance.user is user
    assert user.stop() is True
    assert handle.dead and handle.ready() and handle.successful() and not handle and handle.exception is None
    assert handle.get() is None and list(group) == [] and Idle.stopped == 1


def test_a_running_user_is_asked_and_a_forced_one_killed() -> None:
    inside, go_on = Event(), Event()

    class Busy(Idle):
        wait_time = constant(0)

        @task
        def work(self) -> None:
            inside.set()
            go_on.wait()

    user = new(Busy)
    handle, _ = started(user)
    inside.wait()
    assert user._state == "running" and user.stop(force=False) is False and user._state == "stopping"
    assert user.stop(force=False) is False, "asked twice"
    go_on.set()
    handle.join(20)
    assert handle.dead and Busy.stopped == 1
    inside.clear()
    go_on.clear()
    other = new(Busy)
    handle, _ = started(other)
    inside.wait()
    assert other.stop(force=True) is True and handle.dead and Busy.stopped == 2


def test_stopping_before_the_first_turn() -> None:
    user = new()
    handle, group = started(user)
    assert user._state is None and user.stop(force=True) is True
    assert handle.dead and not len(group) and Idle.stopped == 0, "it never ran, so it has nothing to stop"
    gevent.sleep(0)
    assert user._state is None


def test_stopping_what_was_never_started_or_is_over() -> None:
    user = new()
    assert user.stop(force=True) is True
    handle, _ = started(user)
    wait_for(lambda: user._state == "waiting")
    handle.kill()
    handle.kill()
    assert user.stop(force=True) is True and Idle.stopped == 1


def test_starting_and_running_twice() -> None:
    user = new()
    handle, group = started(user)
    with pytest.raises(RuntimeError, match="started before"):
        user.start(group)
    handle.kill()

    class Short(User):
        @task
        def work(self) -> None:
            raise StopUser

    short = new(Short)
    short.run()
    with pytest.raises(RuntimeError, match="run before"):
        short.run()


def test_handles_tell_of_the_end() -> None:
    told: list[tuple[str, bool]] = []
    user = new()
    handle, _ = started(user)
    handle.link(lambda it: told.append(("link", it.dead)))
    handle.rawlink(lambda it: told.append(("rawlink", it.dead)))
    handle.join(timeout=0.01)
    assert told == [] and not handle.dead
    with pytest.raises(gevent.Timeout):
        handle.get(timeout=0.01)
    with pytest.raises(gevent.Timeout):
        handle.get(block=False)
    waiters = [gevent.spawn(handle.join) for _ in range(3)]
    handle.kill(block=False)
    gevent.joinall(waiters, timeout=20)
    assert handle.dead and all(waiter.ready() for waiter in waiters)
    assert sorted(told) == [("link", True), ("rawlink", True)]
    handle.link(lambda it: told.append(("late", it.dead)))
    assert told[-1] == ("late", True)


def test_handles_keep_what_ended_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[Any] = []
    monkeypatch.setattr(gevent.get_hub(), "handle_error", lambda _context, kind, *_: printed.append(kind))

    class Failing(User):
        def on_start(self) -> None:
            raise KeyError("start")

        @task
        def work(self) -> None: ...

    handle, group = started(new(Failing))
    handle.join(20)
    assert type(handle.exception) is KeyError and not handle.successful() and not len(group) and printed == [KeyError]
    with pytest.raises(KeyError, match="start"):
        handle.get()


def test_groups_need_only_two_methods() -> None:
    class Minimal:
        def __init__(self) -> None:
            self.seen: list[str] = []

        def add(self, handle: Any) -> None:
            self.seen.append("add")

        def discard(self, handle: Any) -> None:
            self.seen.append("discard")

    group = Minimal()
    user = new()
    user.start(group)
    wait_for(lambda: user._state == "waiting")
    user.stop()
    assert group.seen == ["add", "discard"]


def test_states_that_can_be_set() -> None:
    user = new()
    handle, _ = started(user)
    wait_for(lambda: user._state == "waiting")
    with pytest.raises(ValueError, match="bogus"):
        user._state = "bogus"
    with pytest.raises((ValueError, TypeError)):
        user._state = 5
    handle.kill()


def of_a_handle(misuse: Callable[[Any], Any]) -> None:
    """Misuse the handle of a user that runs."""
    handle, _user = started(new())
    try:
        misuse(handle)
    finally:
        handle.kill()


MISUSE: dict[str, Callable[[], Any]] = {
    "start without a group": lambda: new().start(None),
    "start without arguments": lambda: new().start(),
    "group that refuses": lambda: new().start(object()),
    "join for a text": lambda: of_a_handle(lambda handle: handle.join("long")),
    "run a number": lambda: _engine.run_task_set(5),  # type: ignore[arg-type]
    "register classes again": lambda: _engine.register_classes(User, User, User),
    "register no classes": lambda: _engine.register_classes(1, 2, 3),  # type: ignore[arg-type]
    "wait of a text": lambda: constant("soon"),  # type: ignore[arg-type]
    "wait between texts": lambda: _engine.Between("a", "b"),  # type: ignore[arg-type]
    "pace nobody": lambda: _engine.ConstantPacing(1)(None),
    "pace not a number": lambda: _engine.ConstantPacing(float("nan")),
    "user without an environment": lambda: Idle(),  # type: ignore[call-arg]
    "link of nothing": lambda: of_a_handle(lambda handle: handle.link()),
}


@pytest.mark.parametrize("call", MISUSE.values(), ids=MISUSE)
def test_misuse_is_an_ordinary_error(call: Callable[[], Any]) -> None:
    with pytest.raises((TypeError, ValueError, AttributeError, RuntimeError)):
        call()
    gevent.sleep(0)


def test_the_engine_goes_on_after_misuse() -> None:
    class Visitor(User):
        wait_time = constant(0)

        @task
        def work(self) -> None:
            raise StopUser

    run_to_end(Visitor, users=5)


def test_users_of_several_environments_in_one_process() -> None:
    class Other(Idle):
        pass

    with population(Idle, users=3) as first, population(Other, users=2) as second:
        assert (first.user_count, second.user_count) == (3, 2)
        second.stop()
        assert (first.user_count, second.user_count) == (3, 0)
        assert first.environment.stats is not second.environment.stats
