"""The argument parser: an argparse object, because locustfiles extend it in `init_command_line_parser`.

What the options are stands in the table of `gregaria.cli.options`, what their kinds mean in `gregaria.cli.arguments`.
"""

from __future__ import annotations

import argparse
import os
import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import IO, Any, NamedTuple, NoReturn

import configargparse

import gregaria
from gregaria.cli.arguments import json_user_config, positive_integer, settings_of, timespan
from gregaria.cli.options import COMMON, GROUPS, LOCUST_PREFIX, OPTIONS, OWN_PREFIX
from gregaria.cli.origin import in_file, origin_of, origin_of_unknown
from gregaria.cli.scripts import (
    download_locustfile_from_url,
    exit_handler,
    gt_zero,
    raise_argument_type_error,
    version,
)
from gregaria.locustfile import locate

__all__ = [
    "DEFAULT_CONFIG_FILES",
    "LocustArgumentParser",
    "LocustConfigParser",
    "LocustTomlConfigParser",
    "UIExtraArgOptions",
    "default_args_dict",
    "download_locustfile_from_url",
    "exit_handler",
    "get_empty_argument_parser",
    "get_locustfiles_locally",
    "get_parser",
    "gt_zero",
    "json_user_config",
    "parse_locustfile_option",
    "parse_locustfile_paths",
    "parse_options",
    "positive_integer",
    "raise_argument_type_error",
    "setup_parser_arguments",
    "timespan",
    "ui_extra_args_dict",
    "version",
]

DEFAULT_CONFIG_FILES = ("~/.locust.conf", "~/.gregaria.conf", "locust.conf", "gregaria.conf", "pyproject.toml")
"""Read if they are there; each wins over those before it."""
_OWN = {option.dest for option in OPTIONS if option.own}
_WITH_ORIGIN = re.compile(r"\(from (environment variable|configuration file) [^()]*\)$")
_FLAGS = (argparse._StoreTrueAction, argparse._StoreFalseAction)
_TRUE_OR_FALSE = ("true", "yes", "on", "1", "false", "no", "off", "0")
_FIRST_PHASE = ("locustfile", "config")


class LocustArgumentParser(configargparse.ArgumentParser):  # type: ignore[misc]
    """A `configargparse.ArgumentParser` whose arguments can say how the web UI shows them."""

    def parse_known_args(self, *args: Any, **kwargs: Any) -> tuple[argparse.Namespace, list[str]]:
        """As configargparse does; a variable that begins with GREGARIA_ takes the place of the LOCUST_ one."""
        self._config_file_parser.reading = None
        self._own_variables: dict[str, str] = {}
        variables = dict(kwargs.pop("env_vars", os.environ))
        for action in self._actions:
            name = getattr(action, "env_var", None) or ""
            own = OWN_PREFIX + name.removeprefix(LOCUST_PREFIX)
            if name.startswith(LOCUST_PREFIX) and own in variables:
                variables[name] = variables[own]
                self._own_variables[name] = own
        parsed: tuple[argparse.Namespace, list[str]] = super().parse_known_args(*args, env_vars=variables, **kwargs)
        return parsed

    def variable_behind(self, name: str) -> str:
        """The name of the variable that was really set."""
        return self._own_variables.get(name, name)

    def _get_option_tuples(self, option_string: str) -> list[Any]:
        """What an abbreviation may stand for. Our own options must be written out, so that Locust's stay unique."""
        found: list[Any] = super()._get_option_tuples(option_string)
        return [entry for entry in found if entry[0].dest not in _OWN]

    def _handle_conflict_error(self, action: argparse.Action, conflicting: list[tuple[str, argparse.Action]]) -> None:
        """A locustfile or plugin may have an option that is called like one of ours: then ours gives way."""
        if all(other.dest in _OWN for _flag, other in conflicting):
            self._handle_conflict_resolve(action, conflicting)
        else:
            super()._handle_conflict_error(action, conflicting)

    def add_argument_group(self, *args: Any, **kwargs: Any) -> Any:
        """As in argparse."""
        group: Any = super().add_argument_group(*args, **kwargs)
        group._handle_conflict_error = self._handle_conflict_error
        return group

    def _open_config_files(self, command_line_args: list[str]) -> list[tuple[IO[str], str]]:
        try:
            opened: list[tuple[IO[str], str]] = super()._open_config_files(command_line_args)
        except OSError as error:
            self.error(f"cannot read configuration file '{error.filename}': {error.strerror}")
        return opened

    def convert_item_to_command_line_arg(
        self, action: argparse.Action | None, key: str, value: str | list[Any]
    ) -> list[str]:
        """The arguments that a variable or a line of a file stands for."""
        where = self._config_file_parser.reading
        origin = in_file(where, key) if where else f"from environment variable {self.variable_behind(key)}"
        name = "/".join(action.option_strings) if action else key
        if isinstance(action, _FLAGS) and str(value).lower() not in _TRUE_OR_FALSE:
            self.error(f"argument {name}: {value!r} is not one of {', '.join(_TRUE_OR_FALSE)} ({origin})")
        if action and isinstance(value, list) and not (action.nargs or isinstance(action, argparse._AppendAction)):
            self.error(f"argument {name}: {value!r} is a list, and one value is allowed ({origin})")
        arguments: list[str] = super().convert_item_to_command_line_arg(action, key, value)
        return arguments

    def error(self, message: str) -> NoReturn:
        """End with exit code 2 and say what was wrong, where it came from, and what was probably meant."""
        if message.startswith("Unable to open config file: "):
            message = f"argument --config: {message[0].lower()}{message[1:]}"
        if unknown := re.search(r"unrecognized arguments: (.*)", message, re.DOTALL):
            message = "\n".join([message, *self._guesses(unknown[1].split())])
        elif named := re.match(r"argument ([^:]+): ", message):
            action = next((a for a in self._actions if "/".join(a.option_strings) == named[1]), None)
            if action is not None and not _WITH_ORIGIN.search(message):
                message += f" ({origin_of(self, action)})"
        message = re.sub(r"--gregaria-[\w-]+/", "", message)
        self.exit(2, f"{self.prog}: error: {message}\n")
        raise AssertionError("exit() returned")

    def _guesses(self, unknown: list[str]) -> Iterator[str]:
        """A line for each unknown argument of which there is something to say."""
        import difflib

        spellings = [flag for action in self._actions for flag in action.option_strings]
        for argument in unknown:
            flag = argument.split("=")[0]
            near = difflib.get_close_matches(flag, spellings, n=1)
            from_file = origin_of_unknown(self, argument)
            if from_file is None:
                if near:
                    yield f"Did you mean '{near[0]}'?"
                continue
            key, origin = from_file
            yield f"There is no option '{key}' ({origin})." + (
                f" Did you mean '{near[0].lstrip('-')}'?" if near else ""
            )

    def add_argument(
        self,
        *args: Any,
        include_in_web_ui: bool = True,
        is_secret: bool = False,
        is_required: bool = False,
        is_multiple: bool = False,
        **kwargs: Any,
    ) -> argparse.Action:
        """As in argparse and configargparse (`env_var`), and with what the start form of the web UI does with it:
        shows it at all, as a password, as mandatory, as a list to choose several from."""
        action: Any = super().add_argument(*args, **kwargs)
        action.include_in_web_ui = include_in_web_ui
        action.is_secret = is_secret
        action.is_required = is_required
        action.is_multiple = is_multiple
        return action  # type: ignore[no-any-return]

    def _included(self, also: str = "include_in_web_ui") -> dict[str, argparse.Action]:
        shown = (action for action in self._actions if getattr(action, "include_in_web_ui", False))
        return {action.dest: action for action in shown if getattr(action, also, False)}

    @property
    def args_included_in_web_ui(self) -> dict[str, argparse.Action]:
        """The arguments the start form shows, by destination."""
        return self._included()

    @property
    def secret_args_included_in_web_ui(self) -> dict[str, argparse.Action]:
        """Those of them that are shown as passwords."""
        return self._included("is_secret")

    @property
    def required_args_included_in_web_ui(self) -> dict[str, argparse.Action]:
        """Those of them that must be filled in."""
        return self._included("is_required")

    @property
    def multiple_args_included_in_web_ui(self) -> dict[str, argparse.Action]:
        """Those of them that take several values."""
        return self._included("is_multiple")


class LocustTomlConfigParser(configargparse.ConfigFileParser):  # type: ignore[misc]
    """Reads tables of a TOML file, of which later ones win; the file may be somebody else's: missing ones are fine."""

    def __init__(self, sections: Sequence[str]) -> None:
        super().__init__()
        self.sections = sections

    def get_syntax_description(self) -> str:
        """How such a file looks."""
        return "TOML, in the table " + " or ".join(f"[{section}]" for section in self.sections)

    def parse(self, stream: IO[str]) -> OrderedDict[str, Any]:
        """The settings of the tables; scalars as text, lists as lists."""
        import tomllib

        try:
            content: Any = tomllib.loads(stream.read())
        except ValueError as error:
            raise configargparse.ConfigFileParserException(f"Couldn't parse TOML file {stream.name}: {error}") from None
        settings: OrderedDict[str, Any] = OrderedDict()
        for section in self.sections:
            table = content
            for part in section.split("."):
                table = table.get(part, {}) if isinstance(table, dict) else {}
            for key, value in table.items() if isinstance(table, dict) else ():
                if isinstance(value, dict):
                    raise configargparse.ConfigFileParserException(
                        f"{stream.name}: '{key}' in [{section}] is a table; a value or a list is allowed"
                    )
                settings.pop(key, None)
                settings[key] = value if isinstance(value, list) else str(value)
        return settings


class LocustConfigParser(configargparse.ConfigFileParser):  # type: ignore[misc]
    """Reads `[tool.locust]` and `[tool.gregaria]` of TOML files and the plain `key = value` format of all others."""

    reading: str | None = None
    """The file whose settings are being used."""

    def get_syntax_description(self) -> str:
        """How such a file looks."""
        return "key = value lines, or [tool.gregaria] or [tool.locust] in a .toml file"

    def parse(self, stream: IO[str]) -> OrderedDict[str, Any]:
        """The settings of the file by option name."""
        self.reading = stream.name
        try:
            if stream.name.endswith(".toml"):
                return LocustTomlConfigParser(["tool.locust", "tool.gregaria"]).parse(stream)
            settings: OrderedDict[str, Any] = configargparse.DefaultConfigFileParser().parse(stream)
        except UnicodeDecodeError as error:
            raise configargparse.ConfigFileParserException(f"{stream.name} is not UTF-8 text: {error}") from None
        except OSError as error:
            raise configargparse.ConfigFileParserException(f"cannot read {stream.name}: {error.strerror}") from None
        return settings


def _parser(default_config_files: Sequence[str]) -> LocustArgumentParser:
    return LocustArgumentParser(
        prog="gregaria",
        default_config_files=default_config_files,
        config_file_parser_class=LocustConfigParser,
        add_env_var_help=False,
        add_config_file_help=False,
        add_help=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage=argparse.SUPPRESS,
        description="Usage: gregaria [options] [UserClass ...]",
    )


def get_empty_argument_parser(
    add_help: bool = True, default_config_files: Sequence[str] = DEFAULT_CONFIG_FILES
) -> LocustArgumentParser:
    """A parser that knows only where the locustfile and further configuration are (and `-h`)."""
    parser = _parser(default_config_files)
    for option in OPTIONS:
        if option.dest in _FIRST_PHASE or (add_help and option.dest == "help"):
            parser.add_argument(*option.spellings, **settings_of(option))
    return parser


def setup_parser_arguments(parser: LocustArgumentParser) -> None:
    """Add the rest of the table of options, in its groups."""
    known = {action.dest for action in parser._actions}
    parser._optionals.title = COMMON
    for title, description in GROUPS.items():
        group = parser if title == COMMON else parser.add_argument_group(title, description or None)
        for option in OPTIONS:
            if option.group == title and option.dest not in known:
                group.add_argument(*option.spellings or (option.dest,), **settings_of(option))


def get_parser(default_config_files: Sequence[str] = DEFAULT_CONFIG_FILES) -> LocustArgumentParser:
    """The full parser, with what the locustfiles and plugins loaded so far add to it."""
    parser = get_empty_argument_parser(default_config_files=default_config_files)
    setup_parser_arguments(parser)
    gregaria.events.init_command_line_parser.fire(parser=parser)
    return parser


def parse_locustfile_option(args: Sequence[str] | None = None) -> argparse.Namespace:
    """The first of two parses: where is the locustfile? Everything else waits until that one has added its options."""
    parser = get_empty_argument_parser(add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("-V", "--version", action="store_true")
    options, _ = parser.parse_known_args(args=args)
    if options.help or options.version:
        get_parser().parse_args(args=args)
    return options


def parse_locustfile_paths(paths: Sequence[str]) -> list[str]:
    """The absolute paths of the locustfiles that these names, directories and URLs stand for."""
    return [found for path in paths for found in locate(path)]


def get_locustfiles_locally(options: argparse.Namespace) -> list[str]:
    """The absolute paths of the locustfiles that `-f` names."""
    return parse_locustfile_paths([name.strip() for name in options.locustfile.split(",")])


def check_combinations(parser: LocustArgumentParser, options: argparse.Namespace) -> None:
    """Refuse what is wrong only together."""
    if options.stats_history_enabled and options.csv_prefix is None:
        parser.error("'--csv-full-history' requires '--csv'.")
    try:
        web_secrets(options)
    except ValueError as error:
        parser.error(str(error))
    serves = not options.worker and (options.headful or not options.headless)
    if serves and bool(options.tls_cert) != bool(options.tls_key):
        given, missing = ("--tls-cert", "--tls-key") if options.tls_cert else ("--tls-key", "--tls-cert")
        parser.error(f"{given} needs {missing} as well: HTTPS takes a certificate and its private key")


def web_secrets(options: argparse.Namespace) -> tuple[tuple[str, str] | None, str | None]:
    """User and password of the web UI, and the token of those who only look; ValueError says what is wrong with them,
    without telling them."""
    credentials = getattr(options, "gregaria_web_credentials", None)
    token = getattr(options, "gregaria_web_read_only", None)
    if credentials is not None:
        user, _, password = credentials.partition(":")
        if not user or not password:
            raise ValueError(
                "--web-credentials needs a user and a password with a colon between them, such as "
                "--web-credentials ann:secret; without both the web UI would be open to everybody"
            )
    if token is not None:
        if not token:
            raise ValueError("--web-read-only needs a token, such as --web-read-only 'a long word'")
        if credentials is None:
            raise ValueError(
                "--web-read-only needs --web-credentials user:password as well; without them the web UI is open to "
                "everybody, and a token for looking at it protects nothing"
            )
    return (None if credentials is None else (user, password)), token


def parse_options(args: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse everything at once; kept for scripts written for old versions of Locust."""
    print("Warning: parse_options() is deprecated and will go away")
    parser = get_parser()
    options: argparse.Namespace = parser.parse_args(args=args)
    check_combinations(parser, options)
    return options


def default_args_dict() -> dict[str, Any]:
    """The options without those of locustfiles, at their defaults (or as the environment has them)."""
    parser = get_empty_argument_parser(default_config_files=())
    setup_parser_arguments(parser)
    options: argparse.Namespace = parser.parse_args([])
    return vars(options)


class UIExtraArgOptions(NamedTuple):
    """How the start form shows an option of a locustfile."""

    default_value: str
    is_secret: bool
    is_required: bool
    help_text: str
    is_multiple: bool
    choices: list[str] | None = None


def ui_extra_args_dict(args: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """The options of locustfiles that the start form shows."""
    own = default_args_dict()
    parser = get_parser()
    values = vars(parser.parse_args(args))
    shown: dict[str, Any] = parser.args_included_in_web_ui
    return {
        name: UIExtraArgOptions(
            default_value=value,
            is_secret=name in parser.secret_args_included_in_web_ui,
            is_required=name in parser.required_args_included_in_web_ui,
            help_text=shown[name].help,
            is_multiple=name in parser.multiple_args_included_in_web_ui,
            choices=shown[name].choices,
        )._asdict()
        for name, value in values.items()
        if name not in own and name in shown
    }
