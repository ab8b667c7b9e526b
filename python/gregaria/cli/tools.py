"""What can be done with result files: `gregaria report` and `gregaria compare`. Runs no test."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from gregaria import _engine

EXIT_USAGE = 2
EXIT_CONDITION = 3

_COMPARE = """\
Hold two results against each other: per name and in total, by how much response times, rates and failures differ, and
whether that can be chance. Several runs of a side are joined by commas: a1.json,a2.json b1.json,b2.json.
docs/compare.md says how it is computed."""
_FAIL_IF = """\
exit with 3 if this holds: 'p95 worse by 10%%', 'p99(/checkout) worse by 50ms', 'rps lower by 5%%', 'fail_ratio worse by
0.5pp', 'avg(*) maybe worse by 20%%'; may be given several times"""


def main(arguments: list[str]) -> int:
    """Do what the arguments say, and say the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"gregaria: error: {_reason(error)}\n")
        return EXIT_USAGE


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"cannot write '{error.filename}': {error.strerror}"
    return str(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gregaria")
    tools = parser.add_subparsers(required=True)
    report = tools.add_parser("report", help="write the HTML report of a result file")
    report.add_argument("result", metavar="RESULT.json", help="what --result has written")
    report.add_argument("-o", "--output", metavar="FILE", default="report.html", help="default: %(default)s")
    report.set_defaults(run=_report)
    _add_compare(tools.add_parser("compare", help="compare two result files, or two groups", description=_COMPARE))
    return parser


def _add_compare(compare: argparse.ArgumentParser) -> None:
    compare.add_argument("a", metavar="A.json[,...]", type=_files, help="what was")
    compare.add_argument("b", metavar="B.json[,...]", type=_files, help="what is now")
    compare.add_argument("--fail-if", metavar="CONDITION", action="append", default=[], help=_FAIL_IF)
    compare.add_argument("--confidence", metavar="PERCENT", type=_confidence, default=0.95, help="default: 95")
    compare.add_argument("--html", metavar="FILE", type=_output, help="write the comparison as a page")
    compare.add_argument("--summary-md", metavar="FILE", type=_output, help="add it in Markdown to this file")
    compare.add_argument("--json", metavar="FILE", type=_output, help="write it as JSON")
    compare.add_argument("--quiet", action="store_true", help="print nothing but errors")
    compare.set_defaults(run=_compare)


def _files(text: str) -> list[str]:
    files = [text] if Path(text).exists() else [part for part in text.split(",") if part]
    if not files:
        raise argparse.ArgumentTypeError("a result file is wanted")
    return files


def _output(text: str) -> Path:
    """See that a file can be written, without touching what is in it."""
    path = Path(text)
    there = path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a", encoding="utf-8").close()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot write '{text}': {error.strerror}") from None
    if not there:
        path.unlink()
    return path


def _confidence(text: str) -> float:
    try:
        percent = float(text.removesuffix("%"))
    except ValueError:
        percent = 0.0
    if not 50 <= percent < 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage from 50 to below 100, such as 95 or 99.9")
    return percent / 100


def _report(options: argparse.Namespace) -> int:
    _engine.write_report(options.result, options.output)
    return 0


def _compare(options: argparse.Namespace) -> int:
    comparison = _engine.compare_results(options.a, options.b, options.fail_if, options.confidence)
    if options.html:
        options.html.write_text(comparison.html(), "utf-8")
    if options.json:
        options.json.write_text(comparison.json() + "\n", "utf-8")
    if options.summary_md:
        with options.summary_md.open("a", encoding="utf-8") as file:
            file.write(comparison.markdown())
    if not options.quiet:
        sys.stdout.write(comparison.text(colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR")))
    return EXIT_CONDITION if comparison.failed else 0
