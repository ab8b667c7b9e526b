"""Tests of pytest, which are users too: run by both testers, and by pytest itself."""

from collections.abc import Generator
from typing import Any

import pytest

calls: list[str] = []


def test_plain(session: Any) -> None:
    session.get("/bytes/3")
    answer = session.get("/status/404")
    answer.raise_for_status()


def test_fast(fastsession: Any) -> None:
    fastsession.get("/bytes/4")
    with fastsession.get("/bytes/5", catch_response=True, name="caught") as answer:
        if len(answer.content) == 5:
            answer.failure("five")


class TestGrouped:
    def test_in_a_class(self, session: Any) -> None:
        session.get("/bytes/6")


@pytest.fixture
def greeting(user: Any = None) -> Generator[str, None, None]:
    yield "hello"  # noqa: PT022


def test_own_fixture(greeting: str) -> None:
    assert greeting == "hello"
    calls.append(greeting)
    if len(calls) > 2:
        raise RuntimeError("enough")
