"""Loading a locustfile, under the name Locust has for it; see `gregaria.locustfile`."""

from __future__ import annotations

from gregaria.locustfile import is_shape_class, is_user_class, load_locustfile
from gregaria.shape import LoadTestShape
from gregaria.user import User

__all__ = ["LoadTestShape", "User", "is_shape_class", "is_user_class", "load_locustfile"]
