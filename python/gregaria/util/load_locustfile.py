"""Loading a locustfile, under the name Locust has for it; see `gregaria.locustfile`."""

from __future__ import annotations

from gregaria.locustfile import is_shape_class, is_user_class, load_locustfile
from gregaria.pytest_locustfile import load_locustfile_pytest
from gregaria.shape import LoadTestShape
from gregaria.user import User
from gregaria.user.users import PytestUser

__all__ = [
    "LoadTestShape",
    "PytestUser",
    "User",
    "is_shape_class",
    "is_user_class",
    "load_locustfile",
    "load_locustfile_pytest",
]
