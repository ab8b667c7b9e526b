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

from gregaria import _engine
from gregaria.network import resolution
from gregaria.util.timespan import parse_timespan

from .options import ALLOWED, HTTP_VERSIONS, LOG_LEVELS, LOSS_POLICIES, SHELLS, Kind, Option
from .origin import ON_COMMAND_LINE, origin_of


def _refused(text: str, kind: Kind) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"{text!r} is not {ALLOWED[kind]}")


def timespan(text: str) -> int:
    """Seconds of a time span such as `20`, `3m` or `1h30m`."""
    try:
        return parse_timespan(text)
    except ValueError:
        raise _refused(text, "timespan") from None


def _whole(kind: Kind, least: float = -math.inf, most: float = math.inf) -> Callable[[str], int]:
    """A converter to whole numbers from `least` to `most`."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise _refused(text, kind) from None
        if not least <= value <= most:
            raise _refused(text, kind)
        return value

    return convert


positive_integer = _whole("positive integer", 1)


def positive_number(text: str) -> float:
    """A finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        raise _refused(text, "positive number") from None
    if not math.isfinite(value) or value <= 0:
        raise _refused(text, "positive number")
    return value


def _one_of(kind: Kind, allowed: tuple[str, ...], fold: Callable[[str], str]) -> Callable[[str], str]:
    def convert(text: str) -> str:
        if fold(text) not in allowed:
            raise _refused(text, kind)
        return fold(text)

    return convert


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


def condition(text: str) -> str:
    """A condition for --fail-if, as it was written."""
    try:
        _engine.ThresholdJudge(_engine.RequestStats(), [text])
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


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


def refusal(option: Option) -> type[argparse.Action]:
    """An action for an option that does not exist any more."""

    class Refusal(argparse.Action):
        def __call__(self, parser: argparse.ArgumentParser, *_args: Any, **_kwargs: Any) -> None:
            origin = origin_of(parser, self)
            given = option.name if origin == ON_COMMAND_LINE else f"{option.name} ({origin})"
            parser.error(f"option {given} does not exist any more: {option.help}")

    return Refusal


def resolved(value: str) -> tuple[str, int, list[str]]:
    """A value of --resolve."""
    try:
        return resolution(value)
    except ValueError:
        raise _refused(value, "resolutions") from None


def _text(option: Option) -> dict[str, Any]:
    return {"default": option.default}


def _typed(convert: Callable[[str], Any]) -> Callable[[Option], dict[str, Any]]:
    return lambda option: {"type": convert, "default": option.default}


_KINDS: dict[str, Callable[[Option], dict[str, Any]]] = {
    "text": _text,
    "flag": lambda _option: {"action": "store_true"},
    "path": _text,
    "conditions": lambda _option: {"action": "append", "type": condition, "default": None},
    "integer": _typed(_whole("integer")),
    "port": _typed(_whole("port", 0, 65535)),
    "delay": _typed(_whole("delay", -1)),
    "exit code": _typed(_whole("exit code", -255, 255)),
    "count": _typed(_whole("count", 0)),
    "positive integer": _typed(positive_integer),
    "positive number": _typed(positive_number),
    "timespan": _typed(timespan),
    "log level": _typed(_one_of("log level", LOG_LEVELS, str.upper)),
    "shell": _typed(_one_of("shell", SHELLS, str)),
    "resolutions": lambda _option: {"action": "append", "type": resolved, "default": None},
    "http version": _typed(_one_of("http version", HTTP_VERSIONS, str)),
    "loss policy": _typed(_one_of("loss policy", LOSS_POLICIES, str)),
    "words": lambda option: {"nargs": "*", "default": option.default},
    "user settings": lambda option: {"type": json_user_config, "nargs": "*", "default": option.default},
    "config file": lambda _option: {"is_config_file_arg": True},
    "help": lambda _option: {"action": ShowHelp, "nargs": 0, "default": argparse.SUPPRESS},
    "version": lambda _option: {"action": ShowVersion, "nargs": 0, "default": argparse.SUPPRESS},
    "removed": lambda option: {"action": refusal(option), "nargs": "?", "default": option.default},
    "user classes": lambda option: {"nargs": "*", "default": _words_from_environment(option)},
}


def _words_from_environment(option: Option) -> list[str]:
    given = (os.environ[name].split() for name in option.variables if name in os.environ)
    return next(given, [])


def settings_of(option: Option) -> dict[str, Any]:
    """The keyword arguments with which a row of the table is added to an argparse group."""
    settings = _KINDS[option.kind](option)
    if option.flags:
        settings["dest"] = option.dest
        if option.variables:
            settings["env_var"] = option.variables[-1]
    if option.metavar:
        settings["metavar"] = option.metavar
    settings["help"] = argparse.SUPPRESS if option.hidden else option.help
    return settings
