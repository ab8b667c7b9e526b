"""Fixtures with which functions are tests under pytest and users under `gregaria -f`; and the option ``--host``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gregaria.clients import HttpSession
    from gregaria.contrib.fasthttp import FastHttpSession
    from gregaria.user.users import User

_config: pytest.Config


class NoOpEvent:
    """Stands for the request event where nobody counts."""

    def fire(self, *, reverse: bool = False, **kwargs: Any) -> None:
        """Tells nobody."""


class _LateAlias(MetaPathFinder):
    """`import locust` gives Gregaria if there is no Locust: asked after all other finders."""

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != "locust":
            return None
        from gregaria.locustfile_alias import LocustFinder

        return LocustFinder().find_spec(fullname)


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--host``, unless another plugin has it, such as Locust's own."""
    try:
        parser.addoption("--host", "-H", action="store", default=None, help="base URL of the system under test")
    except ValueError as error:
        if "already added" not in str(error):
            raise


def pytest_configure(config: pytest.Config) -> None:
    """Keep the configuration for the fixtures, which users call without one."""
    global _config
    _config = config
    if not any(isinstance(finder, _LateAlias) for finder in sys.meta_path):
        sys.meta_path.append(_LateAlias())


def _session_arguments(user: User | None) -> dict[str, Any]:
    return {
        "base_url": user.host if user else _config.getoption("--host"),
        "request_event": user.environment.events.request if user else NoOpEvent(),
        "user": user,
    }


@pytest.fixture
def session(user: User | None = None) -> Iterator[HttpSession]:
    """An `HttpSession` for `user`, or for a test: then nothing is counted, and URLs are under ``--host``."""
    from gregaria.clients import HttpSession

    made = HttpSession(**_session_arguments(user))
    yield made
    made.close()


@pytest.fixture
def fastsession(user: User | None = None) -> Iterator[FastHttpSession]:
    """A `FastHttpSession` for `user`, or for a test."""
    from gregaria.contrib.fasthttp import FastHttpSession

    made = FastHttpSession(**_session_arguments(user))
    yield made
    made.close()
