"""Starting, changing and stopping a test at the page's request.

A request is read and checked completely before anything is changed: one that is refused has no effect.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import gevent

from gregaria.exception import CannotPauseError
from gregaria.runners import STATE_CLEANUP, STATE_RUNNING, STATE_STOPPING
from gregaria.util.timespan import parse_timespan

if TYPE_CHECKING:
    from gregaria.runners import Runner

    from . import WebUI

logger = logging.getLogger("locust.web")

Form = Sequence[tuple[str, str]]

RUN_TIME_FORMATS = "Valid run_time formats are : 20, 20s, 3m, 2h, 1h20m, 3h30m10s, etc."
MOST_USERS = 1_000_000
LONGEST_RUN_S = 10 * 365 * 86_400
LONGEST_TEXT = 2_000

KEPT_OPTIONS = frozenset(
    [
        "autoquit",
        "autostart",
        "build_path",
        "class_picker",
        "config",
        "config_users",
        "csv_prefix",
        "exit_code_on_error",
        "expect_workers",
        "expect_workers_max_wait",
        "headful",
        "headless",
        "html_file",
        "json",
        "json_file",
        "list_commands",
        "locustfile",
        "logfile",
        "loglevel",
        "master",
        "master_bind_host",
        "master_bind_port",
        "master_host",
        "master_port",
        "otel",
        "processes",
        "show_task_ratio",
        "show_task_ratio_json",
        "skip_log_setup",
        "stats_history_enabled",
        "tls_cert",
        "tls_key",
        "web_allowed_origins",
        "web_base_path",
        "web_credentials",
        "web_host",
        "web_host_display_name",
        "web_login",
        "web_port",
        "web_read_only",
        "worker",
    ]
)
"""Options that name files, addresses and secrets of this process: only its command line sets them."""


class Refusal(Exception):
    """A request that is not carried out; the text says why. Nothing was changed."""

    def __init__(self, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.status = status
        """200 where Locust answers so too, for its own words of failure."""


@dataclass
class Order:
    """A request that was read and found good."""

    options: dict[str, Any] = field(default_factory=dict)
    user_count: int | None = None
    spawn_rate: float | None = None
    run_time: int | None = None
    host: str | None = None
    profile: str | None = None
    has_profile: bool = False
    user_classes: dict[str, Any] | None = None
    shape: Any = None


def _text(name: str, value: str) -> str:
    if len(value) > LONGEST_TEXT:
        raise Refusal(f"Invalid {name} value: it is longer than {LONGEST_TEXT} characters", 400)
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise Refusal(f"Invalid {name} value: {value!r} (it holds control characters)", 400)
    return value


def _shown(value: str) -> str:
    return repr(value if len(value) <= 100 else f"{value[:100]}...")


def _user_count(value: str) -> int:
    try:
        count = int(value)
    except ValueError:
        raise Refusal(f"Invalid user_count value: {_shown(value)} (must be an integer)") from None
    if count > MOST_USERS:
        raise Refusal(f"Invalid user_count value: {_shown(value)} (at most {MOST_USERS})", 400)
    return count


def _spawn_rate(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise Refusal(f"Invalid spawn_rate value: {_shown(value)} (must be a number)") from None


def _run_time(value: str) -> int | None:
    if not value:
        return None
    try:
        seconds = parse_timespan(value)
    except ValueError:
        raise Refusal(RUN_TIME_FORMATS) from None
    if seconds > LONGEST_RUN_S:
        raise Refusal(f"Invalid run_time value: {_shown(value)} (at most ten years)", 400)
    return seconds


def typed(name: str, value: str, all_values: list[str], known: Any) -> Any:
    """A form's text as the type that the option has now."""
    try:
        if isinstance(known, bool):
            return value == "true"
        if known is None:
            return _text(name, value)
        if isinstance(known, list):
            values = value.split(",") if "," in value else all_values
            return [int(item) for item in values] if all(isinstance(item, int) for item in known) else values
        return type(known)(value)
    except (ValueError, TypeError) as error:
        raise Refusal(f"Invalid {name} value: {_shown(value)} ({error})", 400) from None


class Swarm:
    """What the page has ordered, and the timer that ends it."""

    def __init__(self, web_ui: WebUI) -> None:
        self._web_ui = web_ui
        self._environment = web_ui.environment
        self._greenlet: gevent.Greenlet[..., Any] | None = None
        self._timer: gevent.Greenlet[..., Any] | None = None

    def start(self, form: Form) -> dict[str, Any]:
        """Start a test, or change the one that runs."""
        environment = self._environment
        runner = environment.runner
        if runner is None:
            raise Refusal("No runner")
        if runner.state in (STATE_STOPPING, STATE_CLEANUP):
            raise Refusal("The test is being stopped; start again when it has ended", 409)
        order = self._read(form)
        shape = order.shape if self._web_ui.userclass_picker_is_active else environment.shape_class
        if shape and runner.shape_greenlet:
            raise Refusal("A load shape leads this test: it cannot be changed, only stopped", 409)
        if not shape:
            self._check_users(order)
        self._apply(order)
        if shape:
            runner.start_shape()
            message = f"Swarming started using shape class '{type(shape).__name__}'"
            return {"success": True, "message": message, "host": environment.host}
        self._abandon()
        assert order.user_count is not None
        assert order.spawn_rate is not None
        self._greenlet = self._follow(gevent.spawn(runner.start, order.user_count, order.spawn_rate))
        answer: dict[str, Any] = {"success": True, "message": "Swarming started", "host": environment.host}
        if order.run_time:
            self._timer = self._follow(runner.clock.later(order.run_time, self._time_is_up))
            runner.clock.due = runner.clock.now() + order.run_time
            answer["run_time"] = order.run_time
        if order.user_classes is not None:
            answer["user_classes"] = sorted(order.user_classes)
        return answer

    def stop(self) -> dict[str, Any]:
        """Stop the test and wait until it has stopped."""
        self._abandon()
        if self._environment.runner is not None:
            self._environment.runner.stop()
        return {"success": True, "message": "Test stopped"}

    def pause(self) -> dict[str, Any]:
        """Hold the test."""
        return self._hold(lambda runner: runner.pause(), "Test paused")

    def resume(self) -> dict[str, Any]:
        """Let the test go on."""
        return self._hold(lambda runner: runner.resume(), "Test resumed")

    def _hold(self, act: Callable[[Runner], None], done: str) -> dict[str, Any]:
        runner = self._environment.runner
        if runner is None:
            raise Refusal("No runner")
        try:
            act(runner)
        except CannotPauseError as error:
            raise Refusal(f"The test cannot be paused: {error}", 409) from None
        return {"success": True, "message": done, "host": self._environment.host}

    def cancel_timer(self) -> None:
        """The test is not stopped by time any more."""
        if self._timer is not None and self._timer is not gevent.getcurrent():
            self._timer.kill(block=False)
        self._timer = None
        if self._environment.runner is not None:
            self._environment.runner.clock.due = None

    def _abandon(self) -> None:
        if self._greenlet is not None:
            self._greenlet.kill(block=True)
            self._greenlet = None
        self.cancel_timer()

    def _follow(self, greenlet: gevent.Greenlet[..., Any]) -> gevent.Greenlet[..., Any]:
        greenlet.link_exception(self._web_ui.log_death)
        return greenlet

    def _time_is_up(self) -> None:
        self._timer = None
        assert self._environment.runner is not None
        self._environment.runner.clock.due = None
        self._environment.runner.stop()

    def _read(self, form: Form) -> Order:
        order = Order()
        options = vars(self._environment.parsed_options) if self._environment.parsed_options else {}
        first: dict[str, str] = {}
        for key, value in form:
            first.setdefault(key, value)
        if self._web_ui.userclass_picker_is_active:
            self._read_picker(order, form, first)
        for key, value in first.items():
            values = [each for name, each in form if name == key]
            match key:
                case "user_count":
                    order.user_count = order.options["num_users"] = _user_count(value)
                case "spawn_rate":
                    order.spawn_rate = order.options[key] = _spawn_rate(value)
                case "host":
                    order.host = order.options[key] = _text(key, value).replace("<", "").replace(">", "")
                case "user_classes":
                    order.options[key] = values
                case "run_time":
                    order.run_time = _run_time(value)
                    if order.run_time is not None:
                        order.options[key] = order.run_time
                case "profile":
                    order.profile, order.has_profile = _text(key, value) or None, True
                    order.options[key] = order.profile
                case _ if key in KEPT_OPTIONS or key.startswith("gregaria_"):
                    raise Refusal(f"The option {key} can only be set on the command line", 400)
                case _ if key in options:
                    order.options[key] = typed(key, value, values, options[key])
        return order

    def _read_picker(self, order: Order, form: Form, first: dict[str, str]) -> None:
        environment = self._environment
        available = environment.available_user_classes
        if not available:
            raise Refusal("UserClass picker is active but there are no available UserClasses")
        chosen = [value for key, value in form if key == "user_classes"]
        if unknown := [name for name in chosen if name not in available]:
            raise Refusal(f"Unknown User(s): {', '.join(map(_shown, unknown[:5]))}", 400)
        if chosen:
            order.user_classes = {name: user for name, user in available.items() if name in chosen}
        elif environment.runner is not None and environment.runner.state == STATE_RUNNING:
            order.user_classes = {name: user for name, user in available.items() if user in environment.user_classes}
        else:
            order.user_classes = dict(available)
        shape = first.get("shape_class", "Default")
        if shape != "Default":
            shapes = environment.available_shape_classes or {}
            if shape not in shapes:
                raise Refusal(f"Unknown shape class: {_shown(shape)}", 400)
            order.shape = shapes[shape]

    def _check_users(self, order: Order) -> None:
        users, rate = order.user_count, order.spawn_rate
        if users is None or users < 0 or rate is None or rate <= 0 or not math.isfinite(rate):
            raise Refusal("Missing or invalid user_count or spawn_rate from /swarm request")

    def _apply(self, order: Order) -> None:
        environment = self._environment
        if order.user_classes is not None:
            environment.user_classes = list(order.user_classes.values())
            if environment.locustfile is None:
                environment.locustfile = ",".join(environment.user_classes_by_name)
            environment._remove_user_classes_with_weight_zero()
            environment._validate_user_class_name_uniqueness()
            if order.shape is not None:
                order.shape.runner = environment.runner
            environment.shape_class = order.shape
            environment._validate_shape_class_instance()
        if order.host is not None:
            environment.host = order.host
        if order.has_profile:
            environment.profile = order.profile
        if environment.parsed_options:
            vars(environment.parsed_options).update(order.options)
