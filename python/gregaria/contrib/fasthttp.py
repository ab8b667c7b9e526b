"""`FastHttpUser`: importable, so that files which name it load; its own client comes in a later version."""

from __future__ import annotations

from typing import Any

from ..exception import StopTest
from ..user.users import User


class FastHttpUser(User):
    """Not there yet: `HttpUser` runs on the same engine and is as fast."""

    abstract = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        raise StopTest(
            "FastHttpUser is not supported yet. HttpUser is as fast here: make "
            f"{type(self).__name__} a subclass of it."
        )
