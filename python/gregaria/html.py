"""The HTML report, as scripts ask for it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import gevent

from . import _engine

if TYPE_CHECKING:
    from .cli.verdict import ThresholdVerdict
    from .env import Environment

PERCENTILES_FOR_HTML_REPORT = [0.50, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0]


def process_html_filename(options: Namespace) -> None:
    """Put users, spawn rate and run time into the report's file name, where it has {u}, {r} and {t} for them."""
    for place, value in (("{u}", options.num_users), ("{r}", options.spawn_rate), ("{t}", options.run_time)):
        if value is not None:
            number = int(value) if float(value).is_integer() else value
            options.html_file = options.html_file.replace(place, str(number))


def get_html_report(environment: Environment, show_download_link: bool = True, theme: str = "") -> str:
    """The report of what `environment` has measured so far, a whole page. `theme` is "light", "dark" or the reader's.

    `show_download_link` is there for Locust's sake: this page has no such link.
    """
    ended = None
    if environment.runner is not None and environment.runner.state == "stopped":
        ended = environment.stats.last_request_timestamp
    return report_page(environment, ended, theme)


def report_page(
    environment: Environment,
    ended: float | None = None,
    theme: str = "",
    thresholds: Iterable[ThresholdVerdict] = (),
) -> str:
    """The report as it is now, or was when the test `ended`."""
    return _made(_engine.report_html, *_arguments(environment, ended, thresholds), theme)


def report_data(
    environment: Environment, ended: float | None = None, thresholds: Iterable[ThresholdVerdict] = ()
) -> str:
    """What that report draws, without the page around it."""
    return _made(_engine.report_data, *_arguments(environment, ended, thresholds))


def _arguments(
    environment: Environment, ended: float | None, thresholds: Iterable[ThresholdVerdict]
) -> tuple[Any, ...]:
    from .cli.results import about_run, exceptions

    options = environment.parsed_options or Namespace()
    about = about_run(environment, options, "running" if ended is None else "finished", thresholds=thresholds)
    return environment.stats, about, exceptions(environment), ended


def _made(make: Callable[..., str], *arguments: Any) -> str:
    hub = gevent.get_hub()
    if gevent.getcurrent() is hub:
        return make(*arguments)
    # A large one takes long enough for users to feel it.
    made: str = hub.threadpool.apply(make, arguments)
    return made
