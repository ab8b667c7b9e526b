"""`POST /user`: attributes of a user class, as the class picker sends them. Everything is checked before it is set."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from .swarm import LONGEST_TEXT, Refusal

if TYPE_CHECKING:
    from gregaria.env import Environment


def _settings(body: bytes) -> dict[str, Any]:
    try:
        settings = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refusal(f"The settings of a user class must be a JSON object: {error}", 400) from None
    if not isinstance(settings, dict):
        raise Refusal("The settings of a user class must be a JSON object", 400)
    return settings


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def apply_user_settings(environment: Environment, body: bytes) -> None:
    """Change the class that the settings name."""
    settings = _settings(body)
    name = settings.get("user_class_name")
    available = environment.available_user_classes or {}
    if not isinstance(name, str) or name not in available:
        known = ", ".join(sorted(available)) or "none"
        raise Refusal(f"Unknown user_class_name: {repr(name)[:100]} (there are: {known})", 400)
    tasks = [task.__name__ for task in (environment.available_user_tasks or {}).get(name, [])]
    for key, value in settings.items():
        if key != "user_class_name":
            _check(available[name], key, value, tasks)
    environment.update_user_class(settings)


def _check(user_class: type[Any], key: str, value: Any, tasks: list[str]) -> None:
    is_method = callable(getattr(user_class, key, None)) and key != "wait_time"
    if not key.isidentifier() or key.startswith("_") or is_method:
        raise Refusal(f"The attribute {key[:100]!r} of a user class cannot be changed", 400)
    match key:
        case "tasks":
            if not isinstance(value, list) or not value or any(task not in tasks for task in value):
                raise Refusal(f"Invalid tasks: a list of one or more of {', '.join(tasks)}", 400)
        case "weight":
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or not math.isfinite(value):
                raise Refusal(f"Invalid weight: {repr(value)[:100]} (must be a number, not negative)", 400)
        case "fixed_count":
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1_000_000:
                raise Refusal(f"Invalid fixed_count: {repr(value)[:100]} (must be an integer, not negative)", 400)
        case "host":
            if value is not None and (not isinstance(value, str) or not value.isprintable()):
                raise Refusal(f"Invalid host: {repr(value)[:100]} (must be text)", 400)
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise Refusal(f"Invalid {key}: it is longer than {LONGEST_TEXT} characters", 400)
