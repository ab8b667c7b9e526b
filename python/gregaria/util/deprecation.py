"""Names that Locust gave up in version 1.0: using one says what it is called now."""

from __future__ import annotations

import warnings
from typing import Any

# Shown wherever the class stands: Python keeps deprecations of imported modules to itself.
warnings.filterwarnings("always", category=DeprecationWarning, message="'task_set' of a user class")


def check_for_deprecated_task_set_attribute(class_dict: dict[str, Any]) -> None:
    """``task_set`` is the name that ``tasks`` had long ago; one that is marked as a task is meant to be there."""
    old = class_dict.get("task_set")
    if old is None or hasattr(old, "locust_task_weight"):
        return
    name = getattr(old, "__name__", "...")
    warnings.warn(
        f"'task_set' of a user class is not used since Locust 1.0: write tasks = [{name}] instead",
        DeprecationWarning,
        stacklevel=3,
    )


def deprecated_locust_meta_class(deprecation_message: str) -> type[type]:
    """A metaclass for a class that fails with this message when it is subclassed."""

    class Renamed(type):
        def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> Renamed:
            if bases:
                raise ImportError(deprecation_message)
            return super().__new__(mcs, name, bases, body)

    return Renamed


def _renamed(old: str, new: str) -> Any:
    metaclass = deprecated_locust_meta_class(f"The {old} class has been renamed to {new} in version 1.0 of Locust.")
    return metaclass(old, (), {"__doc__": f"`{new}`, before Locust 1.0.", "__module__": __name__})


DeprecatedLocustClass = _renamed("Locust", "User")
DeprecatedHttpLocustClass = _renamed("HttpLocust", "HttpUser")
DeprecatedFastHttpLocustClass = _renamed("FastHttpLocust", "FastHttpUser")
