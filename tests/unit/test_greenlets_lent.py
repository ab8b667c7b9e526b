"""Greenlets are lent: what one user leaves behind hits nobody else, and a kill raises what it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent.event import Event

from gregaria import User, constant, task
from gregaria.exception import StopUser
from support.population import population, run_to_end, wait_for


def test_a_timeout_of_an_ended_task_hits_nobody_else() -> None:
    """gevent throws it into the greenlet that it was started in, whoever has that by then."""
    started: list[gevent.Timeout] = []
    hit: list[BaseException] = []

    class Leaves(User):
        @task
        def work(self) -> None:
            started.append(gevent.Timeout.start_new(0.02))
            raise StopUser

    class Comes(User):
        @task
        def work(self) -> None:
            try:
                wait_for(lambda: not started[0].pending)
                gevent.sleep(0)
            except BaseException as error:
                hit.append(error)
            raise StopUser

    with population(Leaves, Comes, users=0) as runner:
        runner.spawn_users({"Leaves": 1})
        wait_for(lambda: not runner.user_count)
        users = runner.spawn_users({"Comes": 3})
        wait_for(lambda: not runner.user_count)
    assert len(users) == 3 and not started[0].pending
    assert hit == []


def test_a_greenlet_that_is_kept_is_not_lent_again() -> None:
    kept: list[Any] = []

    class Keeps(User):
        wait_time = constant(0)

        @task
        def work(self) -> None:
            kept.append(gevent.getcurrent())
            if len(kept) == 5:
                raise StopUser

    run_to_end(Keeps)
    assert len({id(greenlet) for greenlet in kept}) == 5


def test_the_greenlet_of_a_task_has_a_number_and_a_name_as_those_of_gevent() -> None:
    """Plugins key what a task waits for by it."""
    seen: dict[User, list[tuple[int, str]]] = {}

    class Waits(User):
        wait_time = constant(0)

        @task
        def work(self) -> None:
            current = gevent.getcurrent()
            found = seen.setdefault(self, [])
            found.append((current.minimal_ident, current.name))
            while len(seen) < 3:
                gevent.sleep(0.01)
            found.append((current.minimal_ident, current.name))
            raise StopUser

    run_to_end(Waits, users=3)
    spawned = gevent.spawn(int)
    assert [len(set(found)) for found in seen.values()] == [1, 1, 1]
    assert len({found[0] for found in seen.values()} | {(spawned.minimal_ident, spawned.name)}) == 4
    assert all(name == f"Greenlet-{number}" for ((number, name), _) in seen.values())
    spawned.kill()


@pytest.mark.parametrize("make", [lambda: ValueError, lambda: ValueError("now")], ids=["class", "instance"])
@pytest.mark.parametrize("where", ["task", "wait"])
def test_kill_raises_what_it_is_given(make: Callable[[], Any], where: str) -> None:
    """As in a gevent greenlet: an ordinary exception is an error of the task or of the wait, and the user goes on."""
    seen: list[str] = []
    there, what = Event(), make()

    class Visitor(User):
        wait_time = constant(0.01)

        @task
        def work(self) -> None:
            seen.append("work")
            if len(seen) > 1:
                raise StopUser
            there.set()
            if where == "task":
                gevent.sleep(30)
            else:
                Visitor.wait_time = constant(30)

    with population(Visitor) as runner:
        assert there.wait(10)
        (handle,) = runner.user_greenlets
        wait_for(lambda: where == "task" or handle.args[0]._state == "waiting")
        Visitor.wait_time = constant(0.01)
        handle.kill(what, block=False)
        wait_for(lambda: not runner.user_count)
        (row,) = runner.exceptions.values()
    assert seen == ["work", "work"] and row["msg"] == ("now" if isinstance(what, ValueError) else "")
    assert handle.successful()


def test_kill_refuses_what_cannot_be_raised() -> None:
    class Visitor(User):
        @task
        def work(self) -> None:
            gevent.sleep(30)

    with population(Visitor) as runner:
        (handle,) = runner.user_greenlets
        for wrong in ("stop", 3, dict):
            with pytest.raises(TypeError, match="an exception or a class of exceptions"):
                handle.kill(wrong)
        with pytest.raises(gevent.Timeout):
            handle.get(timeout=0.01)
        handle.kill()
    assert handle.successful()
