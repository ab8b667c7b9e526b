"""The command from its arguments to its exit code: what `gregaria` does, in Locust's order.

    where is the locustfile? ─> import it ─> parse everything ─> logging ─> choose classes ─> Environment ─> run

It composes and explains what is wrong; what each step does is elsewhere.
"""

from __future__ import annotations

import importlib
import itertools
import logging
import os
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gregaria
from gregaria import locustfile_alias, log, opentelemetry, samples, stats
from gregaria.argument_parser import (
    LocustArgumentParser,
    check_combinations,
    get_locustfiles_locally,
    get_parser,
    parse_locustfile_option,
)
from gregaria.cli.console import Tables
from gregaria.cli.files import CsvFiles
from gregaria.cli.front import FrontEnd, front_end
from gregaria.cli.limits import raise_open_file_limit, warn_of_few_ports
from gregaria.cli.modes import check_modes, create_runner
from gregaria.cli.outputs import outputs_of
from gregaria.cli.processes import fork_processes
from gregaria.cli.run import Run
from gregaria.cli.run_store import KeptRuns
from gregaria.cli.thresholds import thresholds_of
from gregaria.cli.variables import misspelt
from gregaria.env import Environment
from gregaria.locustfile import EXIT_USAGE, Locustfiles, complain, load_all
from gregaria.locustfile import load_locustfile as load_locustfile  # scripts import it from here
from gregaria.network import apply_resolutions
from gregaria.user.inspectuser import print_task_ratio, print_task_ratio_json
from gregaria.util.url import is_url

if TYPE_CHECKING:
    from gregaria.user.users import User

logger = logging.getLogger("locust.main")

version = gregaria.__version__

COMMON_OPTIONS = {"num_users": "users", "spawn_rate": "spawn-rate", "run_time": "run-time"}


def main() -> None:
    """Run the command line in `sys.argv`, and exit."""
    locustfile_alias.install()
    _import_plugins()
    files = load_all(_locustfiles())
    options, parser = _parse()
    if not options.skip_log_setup:
        _set_up_logging(options)
    logger.info("Starting Gregaria %s", gregaria.__version__)
    if options.list_commands:
        print("\n    ".join(["Available Users:", *files.user_classes]))
        sys.exit(0)
    user_classes = _choose(files, options)
    check_modes(options)
    fork_processes(options)
    if options.otel and opentelemetry.setup_opentelemetry(options.locustfile, options.profile):
        logger.info("OpenTelemetry enabled")
    raise_open_file_limit(options.num_users)
    warn_of_few_ports(options.num_users, user_classes)
    apply_resolutions(options)
    environment = _environment(files, options, user_classes)
    _configure_users(environment, options)
    _warn(environment, options, parser)
    _show_ratios(user_classes, options)
    environment.stats.name_limit = options.gregaria_max_names
    samples.set_up(environment.stats, options)
    create_runner(environment, options)
    thresholds = thresholds_of(environment, options, files.paths)
    outputs = outputs_of(environment, options)
    outputs.open()
    if tables := outputs.find(Tables):
        tables.thresholds = thresholds
    csv_files = outputs.find(CsvFiles)
    front = front_end(environment, options, csv_files.writer if csv_files else None)
    _or_exit(front, front.create)
    kept_runs = outputs.find(KeptRuns)
    if kept_runs is not None:
        kept_runs.thresholds = thresholds.live
    if front.web_ui is not None:
        front.web_ui.thresholds = thresholds.live
        front.web_ui.kept_runs = kept_runs
    _initialise(environment, options, front)
    _or_exit(front, front.serve)
    code = Run(environment, options, front, outputs, thresholds).run()
    opentelemetry.shut_down()
    sys.exit(code)


def _locustfiles() -> list[str]:
    first = parse_locustfile_option()
    if first.locustfile.strip() != "-":
        return get_locustfiles_locally(first)
    options, _ = get_parser().parse_known_args()
    if not options.worker:
        complain("gregaria: error: '-f -' gets the locustfile from a master, so it needs --worker", EXIT_USAGE)
    from gregaria.distributed.locustfiles import fetch_from_master

    return fetch_from_master(options)


def create_environment(user_classes: list[type[User]], options: Namespace, **settings: Any) -> Environment:
    """An Environment as the command makes it from parsed options; `settings` are further arguments for it."""
    return Environment(
        user_classes=user_classes,
        host=options.host,
        reset_stats=options.reset_stats,
        stop_timeout=options.stop_timeout,
        parsed_options=options,
        profile=options.profile,
        **settings,
    )


def merge_locustfiles_content(locustfiles: list[str]) -> tuple[Any, Any, Any, Any]:
    """What these files define together: user classes, shapes and tasks, each by name, and the shape that is used."""
    files = load_all(locustfiles)
    return files.user_classes, files.shape_classes, files.user_tasks, files.shape


def _import_plugins() -> None:
    """Plugins add options and listeners when they are imported; one that needs what we lack is left out, audibly."""
    try:
        importlib.import_module("locust_plugins")
    except ModuleNotFoundError as error:
        if error.name == "locust_plugins":
            return
        if locustfile_alias.own_name(error.name or "") is None:
            raise
        sys.stderr.write(f"gregaria: warning: locust_plugins is not used, it needs {error.name}\n")


def _parse() -> tuple[Namespace, LocustArgumentParser]:
    """The options, and the parser: `init_command_line_parser` fires for each that is made, and should fire once."""
    parser = get_parser()
    options: Namespace = parser.parse_args()
    options.gregaria_forked = False
    options._secret_names = list(parser.secret_args_included_in_web_ui)
    check_combinations(parser, options)
    stats.validate_stats_configuration()
    if options.headful:
        options.headless = False
    if options.autoquit != -1 and not options.autostart:
        complain("gregaria: error: --autoquit is only meaningful in combination with --autostart")
    if options.web_base_path and not options.web_base_path.startswith("/"):
        complain(f"gregaria: error: --web-base-path must start with a slash, and '{options.web_base_path}' does not")
    return options, parser


def _set_up_logging(options: Namespace) -> None:
    try:
        log.setup_logging(options.loglevel, options.logfile)
    except (OSError, ValueError) as error:
        cause = error.__cause__ or error
        complain(f"gregaria: error: cannot write the log file '{options.logfile}': {_reason(cause)}")


def _reason(error: BaseException) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _choose(files: Locustfiles, options: Namespace) -> list[type[User]]:
    available = files.user_classes
    if not available:
        logger.error("No User class found!")
        sys.exit(1)
    if unknown := [name for name in options.user_classes if name not in available]:
        logger.error("Unknown User(s): %s (there are: %s)", ", ".join(unknown), ", ".join(available))
        sys.exit(1)
    chosen = dict.fromkeys(options.user_classes) or available
    return [available[name] for name in chosen]


def _environment(files: Locustfiles, options: Namespace, user_classes: list[type[User]]) -> Environment:
    try:
        return create_environment(
            user_classes,
            options,
            events=gregaria.events,
            shape_class=files.shape,
            locustfile=Path(files.paths[0]).name,
            parsed_locustfiles=files.paths,
            available_user_classes=files.user_classes,
            available_shape_classes=dict(files.shape_classes),
            available_user_tasks=files.user_tasks,
        )
    except ValueError as error:
        logger.error("%s", error)
        sys.exit(1)


def _configure_users(environment: Environment, options: Namespace) -> None:
    for settings in itertools.chain(*options.config_users or ()):
        if settings["user_class_name"] not in (environment.available_user_classes or {}):
            logger.error("--config-users: there is no User class '%s' in the locustfile", settings["user_class_name"])
            sys.exit(-1)
        environment.update_user_class(settings)


def _warn(environment: Environment, options: Namespace, parser: LocustArgumentParser) -> None:
    custom = (getattr(action, "env_var", None) for action in parser._actions)
    for sentence in misspelt(os.environ, filter(None, custom)):
        logger.warning("%s", sentence)
    given = [option for option in COMMON_OPTIONS if getattr(options, option)]
    shape = environment.shape_class
    if shape and not shape.use_common_options and given:
        logger.warning(
            "--run-time, --users or --spawn-rate have no impact on LoadShapes unless the shape class reads them "
            "(use_common_options)"
        )
        names = ", ".join(f"--{COMMON_OPTIONS[option]}" for option in given)
        logger.warning("The following option(s) will be ignored: %s", names)
    fixed = sum(user_class.fixed_count for user_class in environment.user_classes)
    if not shape and options.num_users and fixed > options.num_users:
        logger.info(
            "Total fixed_count of User classes (%s) is greater than the specified number of users (%s), so not all "
            "will be spawned.",
            fixed,
            options.num_users,
        )
    _warn_of_hosts(environment)


def _warn_of_hosts(environment: Environment) -> None:
    """Only a warning: a test may well make all its requests with full URLs."""
    http = [user_class for user_class in environment.user_classes if issubclass(user_class, gregaria.HttpUser)]
    for host in dict.fromkeys(environment.host or user_class.host for user_class in http):
        if host and not is_url(host):
            logger.warning(
                "The host '%s' is no base URL like https://www.example.com: requests for a path will fail", host
            )


def _show_ratios(user_classes: list[type[User]], options: Namespace) -> None:
    if options.show_task_ratio:
        for title, total in (("Task ratio per User class", False), ("Total task ratio", True)):
            print(f"\n {title}\n{'-' * 80}")
            print_task_ratio(user_classes, options.num_users, total)
        sys.exit(0)
    if options.show_task_ratio_json:
        print_task_ratio_json(user_classes, options.num_users)
        sys.exit(0)


def _or_exit(front: FrontEnd, step: Callable[[], None]) -> None:
    try:
        step()
    except OSError as error:
        logger.error("The web UI cannot be served at %s: %s", front.url, _reason(error))
        sys.exit(1)


def _initialise(environment: Environment, options: Namespace, front: FrontEnd) -> None:
    if options.equal_weights:
        environment.events.init.add_listener(lambda environment, **_kwargs: environment.assign_equal_weights())
    environment.events.init.fire(environment=environment, runner=environment.runner, web_ui=front.web_ui)
    if log.unhandled_greenlet_exception:
        sys.exit(1)
