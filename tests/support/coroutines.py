"""Users that do one coroutine, and reading what they left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gregaria import User
from gregaria.env import Environment
from gregaria.exception import StopUser
from support.server import TestServer


def user_class(base: type[User], act: Callable[[Any], Any], server: TestServer | None = None, **body: Any) -> Any:
    """A user that does `act` once, keeps what it raises and what it says, and stops."""

    async def once(self: Any) -> None:
        try:
            self.said.append(await act(self))
        except Exception as error:
            self.said.append(error)
        raise StopUser

    host = server.plain if server is not None else "http://127.0.0.1:9"
    body = {"host": host, "said": [], "tasks": [once], **body}
    return type("Visitor", (base,), body)


def rows(environment: Environment) -> dict[str, tuple[int, int]]:
    """Requests and failures by name."""
    return {name: (entry.num_requests, entry.num_failures) for (name, _), entry in environment.stats.entries.items()}


def ended(environment: Environment) -> Any:
    """The runner of one user that has ended by itself."""
    runner = environment.create_local_runner()
    runner.start(1, 100)
    assert runner.spawning_greenlet is not None
    runner.spawning_greenlet.join(20)
    assert runner.user_greenlets.join(20)
    runner.quit()
    return runner
