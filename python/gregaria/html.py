"""The HTML report, as scripts ask for it."""

from __future__ import annotations

from argparse import Namespace

PERCENTILES_FOR_HTML_REPORT = [0.50, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0]


def process_html_filename(options: Namespace) -> None:
    """Put users, spawn rate and run time into the report's file name, where it has {u}, {r} and {t} for them."""
    for place, value in (("{u}", options.num_users), ("{r}", options.spawn_rate), ("{t}", options.run_time)):
        if value is not None:
            number = int(value) if float(value).is_integer() else value
            options.html_file = options.html_file.replace(place, str(number))
