"""What tests of many files have: each client, an environment that counts, leak checks round those that run users."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from gregaria.env import Environment

RUN_USERS = {
    *("test_async_client", "test_async_control", "test_async_loop", "test_async_stopping", "test_client_certificates"),
    *("test_client_events", "test_client_roads", "test_client_streaming", "test_connections", "test_contrib_users"),
    *("test_debug", "test_env", "test_hostile_servers", "test_http2", "test_misuse_texts", "test_pausing"),
    *("test_fasthttp", "test_firing", "test_greenlets", "test_greenlets_lent", "test_html_report"),
    *("test_opentelemetry", "test_road_of_a_request", "test_runner", "test_runner_orders", "test_runner_stop"),
    *("test_scripts_reach", "test_shape", "test_tasksets", "test_users"),
}
"""Files whose tests run users."""


@pytest.fixture(params=["requests", "fast"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which client: a test runs with each."""
    return str(request.param)


@pytest.fixture
def environment() -> Environment:
    """One whose statistics count, as a runner sees to."""
    made = Environment()
    made.events.request.add_listener(made.stats.recorder)
    return made


@pytest.fixture(scope="session", autouse=True)
def _modules_are_not_looked_through() -> None:
    """What is there before the first test is no concern of the leak checks, which look through all the rest."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_of_a_run_survives(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No user, set, response, coroutine of a user or waiting greenlet of a test is there after it."""
    if Path(str(request.path)).stem not in RUN_USERS:
        yield
        return
    from support.population import collected, present

    before = {id(each) for each in present()}
    yield
    # Log records keep exceptions, and those their frames; what other fixtures made is kept by the test.
    caplog.get_records("call").clear()
    request.node.funcargs.clear()
    for patience_s in (0, 0.01, 0.1, 0.5):
        if all(id(each) in before for each in present()):
            return
        # What ends in this very moment, and garbage.
        gevent.sleep(patience_s)
        collected()
    left = [each for each in present() if id(each) not in before]
    shown = [f"{each!r}, held by {[type(it).__name__ for it in gc.get_referrers(each)][:5]}" for each in left[:10]]
    assert not left, f"{len(left)} left: {shown}"
