"""What a row of the option table means to argparse: validators, actions, and where a value came from.

It knows no option by name, and never prints or exits other than through the parser.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Callable
from typing import Any

from gregaria.util.timespan import parse_timespan

from .options import Option

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def timespan(text: str) -> int:
    """Seconds of a time span such as `20`, `3m` or `1h30m`."""
    try:
        return parse_timespan(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def count(text: str) -> int:
    """A whole number from 0."""
    value = _whole(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must be >= 0")
    return value


def positive_integer(text: str) -> int:
    """A whole number from 1."""
    value = _whole(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be a positive number, not {value}")
    return value


def positive_number(text: str) -> float:
    """A finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"invalid number: {text!r}") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError("must be a finite number")
    if value <= 0:
        raise argparse.ArgumentTypeError("must be > 0")
    return value


def json_user_config(text: str) -> list[dict[str, Any]]:
    """Settings of user classes: a JSON object or array, or the path of a .json file that holds one."""
    try:
        if text.endswith(".json"):
            with open(text, encoding="utf-8") as file:
                settings = json.load(file)
        else:
            settings = json.loads(text)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"no JSON in {text!r}: {error}") from None
    settings = settings if isinstance(settings, list) else [settings]
    for entry in settings:
        if not isinstance(entry, dict) or "user_class_name" not in entry:
            raise argparse.ArgumentTypeError(f"{entry!r} does not name its user_class_name")
    return settings


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"invalid int value: {text!r}") from None


def sources_of(parser: Any, action: argparse.Action) -> str | None:
    """Where the value of an option came from, if not from the command line: a variable or a file."""
    for source, settings in getattr(parser, "_source_to_settings", {}).items():
        for key, (known, _value) in settings.items():
            if known is not action:
                continue
            if source == "environment_variables":
                return f"environment variable {key}"
            if source.startswith("config_file|"):
                return f"configuration file {source.split('|', 1)[1]}"
    return None


class ShowHelp(argparse.Action):
    """Print the help of the command and exit."""

    def __call__(self, parser: argparse.ArgumentParser, *_args: Any, **_kwargs: Any) -> None:
        """Called by argparse when the option is met."""
        from gregaria_command.help import show

        show()
        parser.exit()


class ShowVersion(argparse.Action):
    """Print the version and exit."""

    def __call__(self, parser: argparse.ArgumentParser, *_args: Any, **_kwargs: Any) -> None:
        """Called by argparse when the option is met."""
        from gregaria_command import version_line

        print(version_line())
        parser.exit()


def _refuse(option: Option, parser: argparse.ArgumentParser, action: argparse.Action) -> None:
    origin = sources_of(parser, action)
    given = f"{option.name} (from {origin})" if origin else option.name
    if option.status == "removed":
        parser.error(f"option {given} does not exist any more: {option.help}")
    parser.error(f"option {given} is not supported yet ({option.later})")


def refused_flag(option: Option) -> type[argparse.Action]:
    """An action for a flag that is refused; false in the environment or a file leaves it unset, as ever."""

    class RefusedFlag(argparse._StoreTrueAction):
        def __call__(self, parser: argparse.ArgumentParser, *_args: Any, **_kwargs: Any) -> None:
            _refuse(option, parser, self)

    return RefusedFlag


def refused_value(option: Option) -> type[argparse.Action]:
    """An action for an option with a value that is refused."""

    class RefusedValue(argparse.Action):
        def __call__(self, parser: argparse.ArgumentParser, *_args: Any, **_kwargs: Any) -> None:
            _refuse(option, parser, self)

    return RefusedValue


def _text(option: Option) -> dict[str, Any]:
    return {"default": option.default}


def _typed(convert: Callable[[str], Any]) -> Callable[[Option], dict[str, Any]]:
    return lambda option: {"type": convert, "default": option.default}


_KINDS: dict[str, Callable[[Option], dict[str, Any]]] = {
    "text": _text,
    "flag": lambda _option: {"action": "store_true"},
    "integer": _typed(int),
    "count": _typed(count),
    "positive integer": _typed(positive_integer),
    "positive number": _typed(positive_number),
    "timespan": _typed(timespan),
    "log level": lambda option: {"type": str.upper, "choices": list(LOG_LEVELS), "default": option.default},
    "words": lambda option: {"nargs": "*", "default": option.default},
    "user settings": lambda option: {"type": json_user_config, "nargs": "*", "default": option.default},
    "config file": lambda _option: {"is_config_file_arg": True},
    "help": lambda _option: {"action": ShowHelp, "nargs": 0, "default": argparse.SUPPRESS},
    "version": lambda _option: {"action": ShowVersion, "nargs": 0, "default": argparse.SUPPRESS},
    "removed": lambda option: {"action": refused_value(option), "nargs": "?"},
    "user classes": lambda option: {"nargs": "*", "default": os.environ.get(option.env or "", "").split()},
}


def settings_of(option: Option) -> dict[str, Any]:
    """The keyword arguments with which a row of the table is added to an argparse group."""
    settings = _KINDS[option.kind](option)
    if option.status == "later":
        flag = option.kind == "flag"
        settings["action"] = refused_flag(option) if flag else refused_value(option)
        for name in ("type", "choices") if not flag else ():
            settings.pop(name, None)
    if option.flags:
        settings["dest"] = option.dest
        if option.env:
            settings["env_var"] = option.env
    if option.metavar:
        settings["metavar"] = option.metavar
    settings["help"] = argparse.SUPPRESS if option.hidden else option.help
    return settings
