"""The arguments of the page, in Locust's names."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Any

import gregaria
from gregaria import argument_parser, stats

if TYPE_CHECKING:
    from gregaria.env import Environment

    from . import WebUI


def _host(environment: Environment) -> tuple[str | None, bool, bool]:
    """The host to show, whether one given overrides several, and whether one is missing."""
    if environment.host:
        return environment.host, False, False
    classes = environment.user_classes
    if not classes:
        return None, False, True
    hosts = {user_class.host for user_class in classes}
    if len(hosts) == 1:
        host = next(iter(hosts))
        return host, False, not host
    http = [user_class.host for user_class in classes if hasattr(user_class, "pool_manager") or _is_http(user_class)]
    return None, True, not all(http)


def _is_http(user_class: type[Any]) -> bool:
    from gregaria.contrib.fasthttp import FastHttpUser

    return issubclass(user_class, (gregaria.HttpUser, FastHttpUser))


def template_arguments(web_ui: WebUI, host_is_required: bool) -> dict[str, Any]:
    """Everything that the page is told when it is loaded."""
    environment = web_ui.environment
    runner = environment.runner
    options = environment.parsed_options
    host, overrides, missing = _host(environment)
    shape = environment.shape_class
    assert runner is not None
    return {
        "locustfile": environment.locustfile,
        "state": runner.state,
        "is_distributed": False,
        "user_count": runner.user_count,
        "version": gregaria.__version__,
        "host": host or "",
        "history": runner.stats.history if runner.stats.num_requests > 0 else [],
        "override_host_warning": overrides,
        "missing_host_warning": missing,
        "num_users": options and options.num_users,
        "spawn_rate": options and options.spawn_rate,
        "worker_count": 0,
        "hide_common_options": shape and not (web_ui.userclass_picker_is_active or shape.use_common_options),
        "shape_use_common_options": shape and shape.use_common_options,
        "stats_history_enabled": options and options.stats_history_enabled,
        "tasks": dumps({}),
        "extra_options": argument_parser.ui_extra_args_dict() if options else {},
        "run_time": options and options.run_time,
        "show_userclass_picker": web_ui.userclass_picker_is_active,
        **_available(environment),
        "percentiles_to_chart": stats.PERCENTILES_TO_CHART,
        "percentiles_to_statistics": stats.PERCENTILES_TO_STATISTICS,
        "is_host_required": host_is_required,
        "profile": environment.profile,
        "keeps_runs": web_ui.run_store is not None,
    }


def _available(environment: Environment) -> dict[str, Any]:
    classes = environment.available_user_classes or {}
    tasks = environment.available_user_tasks
    return {
        "available_user_classes": sorted(classes) if classes else None,
        "available_shape_classes": ["Default", *sorted(environment.available_shape_classes or {})],
        "available_user_tasks": {name: [task.__name__ for task in found] for name, found in tasks.items()}
        if tasks
        else None,
        "users": {name: user_class.json() for name, user_class in classes.items()} if classes else None,
    }
