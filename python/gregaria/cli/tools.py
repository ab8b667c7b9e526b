"""What can be done with result files: `gregaria report` and `gregaria compare`. Runs no test."""

from __future__ import annotations

import argparse
import sys

from gregaria import _engine

EXIT_USAGE = 2


def main(arguments: list[str]) -> int:
    """Do what the arguments say, and say the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except ValueError as error:
        sys.stderr.write(f"gregaria: error: {error}\n")
        return EXIT_USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gregaria")
    tools = parser.add_subparsers(required=True)
    report = tools.add_parser("report", help="write the HTML report of a result file")
    report.add_argument("result", metavar="RESULT.json", help="what --result has written")
    report.add_argument("-o", "--output", metavar="FILE", default="report.html", help="default: %(default)s")
    report.set_defaults(run=_report)
    return parser


def _report(options: argparse.Namespace) -> int:
    _engine.write_report(options.result, options.output)
    return 0
