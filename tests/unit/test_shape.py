"""Load shapes: the base class, and a runner that follows one."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import gevent
import pytest
from gevent.event import Event

from gregaria import LoadTestShape, User, constant, log, task
from gregaria.env import Environment
from gregaria.shape import Tick


class Idle(User):
    wait_time = constant(60)

    @task
    def nothing(self) -> None:
        pass


class Other(Idle):
    pass


class Listed(LoadTestShape):
    """Gives its ticks one after the other."""

    def __init__(self, *ticks: object) -> None:
        super().__init__()
        self.ticks: Iterator[object] = iter(ticks)

    def tick(self) -> Tick | None:
        tick = next(self.ticks)
        if isinstance(tick, Exception):
            raise tick
        return tick  # type: ignore[return-value]


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ticks follow each other as soon as everything else has had its turn."""
    real = gevent.sleep
    monkeypatch.setattr("gregaria.runners.gevent.sleep", lambda seconds=0: real(0 if seconds <= 1 else seconds))


def environment(shape: LoadTestShape) -> Environment:
    made = Environment(user_classes=[Idle, Other], shape_class=shape)
    made.create_local_runner()
    return made


def test_abstract_is_not_inherited() -> None:
    class Base(LoadTestShape):
        abstract = True

    class Real(Base):
        def tick(self) -> None:
            return None

    assert LoadTestShape.abstract and Base.abstract and not Real.abstract


def test_a_shape_needs_a_tick() -> None:
    class Shapeless(LoadTestShape):
        pass

    with pytest.raises(TypeError):
        Shapeless()  # type: ignore[abstract]


def test_run_time_counts_from_the_reset() -> None:
    shape = Listed()
    shape.start_time -= 100
    assert 100 <= shape.get_run_time() < 160
    shape.reset_time()
    assert shape.get_run_time() < 60


def test_the_runner_follows_the_shape(no_pause: None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    shape = Listed((2, 10), (2, 10), (4, 10.5), (4, 10.5, [Other]), (5, 10, [Other]), None)
    env = environment(shape)
    runner = env.runner
    assert runner is not None and shape.runner is runner and shape.get_current_user_count() == 0
    seen = []
    env.events.spawning_complete.add_listener(lambda user_count: seen.append((user_count, runner.user_classes_count)))
    over = Event()
    env.events.test_stop.add_listener(lambda environment: over.set())
    runner.start_shape()
    assert runner.state == "ready"
    assert over.wait(10)
    lines = [line for line in caplog.messages if line.startswith("Shape")]
    assert lines == [
        "Shape test starting.",
        "Shape worker starting",
        "Shape test updating to 2 users at 10.00 spawn rate",
        "Shape test updating to 4 users at 10.50 spawn rate",
        "Shape test updating to 4 users at 10.50 spawn rate",
        "Shape test updating to 5 users at 10.00 spawn rate",
        "Shape test stopping",
    ]
    assert seen[-1][1] == {"Idle": 2, "Other": 3}
    assert runner.state == "stopped" and runner.user_count == 0
    runner.quit()


def test_only_one_shape_at_a_time(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    env = environment(Listed((1, 1)))
    assert env.runner is not None
    env.runner.start_shape()
    env.runner.start_shape()
    assert caplog.messages[-1] == "There is an ongoing shape test running. Editing is disabled"
    env.runner.stop()
    assert env.runner.shape_greenlet is None
    env.runner.quit()


@pytest.mark.parametrize("tick", [(1,), (1, 2, None, 4), ValueError("own")])
def test_a_broken_tick_ends_the_shape(tick: object, no_pause: None, caplog: pytest.LogCaptureFixture) -> None:
    env = environment(Listed(tick))
    assert env.runner is not None
    env.runner.start_shape()
    greenlet = env.runner.shape_greenlet
    assert greenlet is not None
    greenlet.join(10)
    assert "Unhandled exception: no more users are started or stopped" in caplog.text
    assert "ValueError" in caplog.text
    assert log.unhandled_greenlet_exception
    env.runner.quit()
