"""The HTML report, as scripts ask for it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from typing import TYPE_CHECKING

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
    from .cli.results import about_run, exceptions

    options = environment.parsed_options or Namespace()
    about = about_run(environment, options, "running" if ended is None else "finished", thresholds=thresholds)
    arguments = (environment.stats, about, exceptions(environment), ended, theme)
    hub = gevent.get_hub()
    if gevent.getcurrent() is hub:
        return _engine.report_html(*arguments)
    # A large one takes long enough for users to feel it.
    page: str = hub.threadpool.apply(_engine.report_html, arguments)
    return page
