"""What people are told who got something wrong: what it is, where, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import gregaria
from gregaria import LoadTestShape, MarkovTaskSet, User, constant, constant_throughput, poisson, task, transition
from gregaria.dispatch import UsersDispatcher
from gregaria.env import Environment
from gregaria.runners import WorkerNode
from gregaria.stats import RequestStats
from gregaria.util.timespan import parse_timespan


def visitor(name: str = "Visitor", **body: Any) -> Any:
    return type(name, (User,), body)


def walk(**body: Any) -> Any:
    return type("Walk", (MarkovTaskSet,), body)


def dispatched(*order: Any) -> Any:
    return UsersDispatcher([WorkerNode("w")], [visitor()]).new_dispatch(*order)


def step(self: Any) -> None: ...


MISTAKES: list[tuple[Callable[[], Any], str]] = [
    (lambda: Environment(user_classes=[visitor(), visitor()]), "Visitor"),
    (lambda: Environment(user_classes=[visitor(weight=0)]), "no users with weight > 0"),
    (lambda: Environment(shape_class=LoadTestShape), "instance"),  # type: ignore[arg-type]
    (lambda: walk(), "Walk has no tasks: decorate"),
    (lambda: walk(a=transition("b")(lambda self: None)), "'b' leads nowhere"),
    (lambda: walk(a=transition("b")(lambda self: None), b=step), "'b' needs @transition itself"),
    (lambda: gregaria.tag(), "at least one name"),
    (lambda: task("often")(step) and visitor(work=task("often")(lambda self: None)), "int|str"),  # type: ignore[call-overload]
    (lambda: constant_throughput(0), "0"),
    (lambda: poisson(-1), "-1|> 0|positive"),
    (lambda: constant("1"), "number|float|str"),  # type: ignore[arg-type]
    (lambda: dispatched(-1, 1), "-1|negative|users"),
    (lambda: dispatched(1, 0), "rate"),
    (lambda: dispatched(1, float("nan")), "rate"),
    (lambda: UsersDispatcher([WorkerNode("w")], []), "class"),
    (lambda: parse_timespan("soon"), "soon|[Tt]ime"),
    (lambda: RequestStats().total.percentile(), "without requests"),
    (lambda: RequestStats().log_request("GET", "/", "slow", 1), "str"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("mistake", "text"), MISTAKES)
def test_a_mistake_is_named(mistake: Callable[[], Any], text: str) -> None:
    with pytest.raises(Exception, match=r"\w") as caught:
        mistake()
    assert re.search(text, str(caught.value)), caught.value


STRANGE = [None, "text", b"bytes", -1, 1.5, float("nan"), 10**30, [], {}, object(), ValueError, ValueError("x")]


@pytest.mark.parametrize("strange", STRANGE, ids=repr)
def test_nothing_strange_at_the_seam_brings_the_process_down(strange: Any) -> None:
    """Every engine object takes anything anywhere: it works, or an ordinary exception says why not."""
    stats = RequestStats()
    entry: Any = stats.total
    environment = Environment(user_classes=[visitor(tasks=[step])])
    user: Any = visitor(tasks=[step])(environment)
    dispatcher: Any = UsersDispatcher([WorkerNode("w")], [visitor()])
    calls: list[Callable[..., Any]] = [
        stats.log_request,
        stats.log_error,
        stats.get,
        entry.log,
        entry.extend,
        entry.get_response_time_percentile,
        entry.unserialize,
        stats.errors.get,
        stats.errors.pop,
        stats.entries.get,
        dispatcher.new_dispatch,
        dispatcher.add_worker,
        user.start,
        user.stop,
        gregaria.stats.bucket_response_time,
        gregaria.stats.StatsError,
        gregaria.stats.StatsEntry,
        gregaria.between,
        gregaria.constant,
        gregaria.constant_pacing,
        environment.events.request.fire,
    ]
    survived = 0
    for call in calls:
        for count in range(1, 5):
            try:
                call(*[strange] * count)
            except Exception:  # a panic of the engine is none
                pass
            survived += 1
    for name in ("errors", "history"):
        try:
            setattr(stats, name, strange)
        except Exception:
            survived += 1
    assert survived >= 4 * len(calls)
    stats = RequestStats()
    stats.log_request("GET", "/", 1, 1)
    assert stats.num_requests == 1
