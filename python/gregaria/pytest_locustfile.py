"""Locustfiles of pytest functions: each function becomes a `PytestUser` class of its name.

pytest collects them; what it calls fixtures is made once for each user and kept as long as that lives.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from gregaria.user.users import PytestUser

if TYPE_CHECKING:
    from gregaria.user.users import User


def load_locustfile_pytest(path: str) -> dict[str, type[User]]:
    """The user classes that the test functions of a file stand for."""
    import pytest
    from _pytest.config import Config

    # Quietly, and with the terminal's input left alone. Locust's plugin has fixtures of the same names.
    config = Config.fromdictargs({}, ["-q", "-s", "-p", "no:locust", path])
    config._do_configure()
    session = pytest.Session.from_config(config)
    config.hook.pytest_sessionstart(session=session)
    session.perform_collect()
    config.hook.pytest_collection_modifyitems(session=session, config=config, items=session.items)
    classes: dict[str, type[User]] = {}
    for item in session.items:
        if isinstance(item, pytest.Function):
            definitions = session._fixturemanager.getfixturedefs
            item.user_fixtures = [  # type: ignore[attr-defined]
                _only_definition(item, name, definitions) for name in inspect.signature(item.obj).parameters
            ]
            made: Any = classes.setdefault(item.name, type(item.name, (PytestUser,), {"functions": []}))
            made.functions.append(item)
    return classes


def _only_definition(item: Any, name: str, definitions: Any) -> Any:
    """What makes the fixture of this name; an error says so if there is none, or not one only."""
    found = definitions(name, item)
    if not found:
        raise ValueError(f"Could not find fixture for parameter {name!r} in {item.name}")
    if len(found) > 1:
        raise ValueError(f"Multiple fixtures found for parameter {name!r} in {item.name}: {found}")
    return found[0].func
