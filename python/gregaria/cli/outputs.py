"""All outputs there are. To add one: a class as `cli.output.Output` says, and a row in `OUTPUTS`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Any

from .console import Tables
from .files import CsvFiles, JsonFile, JsonPrinted
from .output import Output, Outputs

Maker = Callable[[Any, Namespace], Output | None]


def _if(option: str, make: Callable[[Any, Namespace], Output]) -> Maker:
    """A maker that makes an output only if that option is set."""
    return lambda environment, options: make(environment, options) if getattr(options, option) else None


def _results(environment: Any, options: Namespace) -> Output | None:
    from .results import ResultFiles

    return ResultFiles(environment, options) if options.gregaria_result_file or options.html_file else None


def _runs(environment: Any, options: Namespace) -> Output | None:
    from .run_store import KeptRuns, keeps_runs

    return KeptRuns(environment, options) if keeps_runs(options) else None


def _summary(option: str, name: str) -> Maker:
    """A maker of a summary, which is loaded only if that option is set."""

    def make(environment: Any, options: Namespace) -> Output | None:
        if not getattr(options, option):
            return None
        from . import summaries

        made: Output = getattr(summaries, name)(environment, options)
        return made

    return make


OUTPUTS: tuple[Maker, ...] = (
    Tables,
    _if("csv_prefix", CsvFiles),
    _results,
    _runs,
    _if("json", JsonPrinted),
    _if("json_file", JsonFile),
    _summary("gregaria_junit_file", "JUnit"),
    _summary("gregaria_summary_md_file", "Markdown"),
    _summary("gregaria_summary_file", "PlainText"),
)
"""Makers of all outputs there are, in the order in which they finish; None where the options do not ask for one."""


OF_WORKERS: tuple[Maker, ...] = (_if("csv_prefix", CsvFiles),)
"""A worker's figures are its master's; only CSV files can be asked of it, as of Locust's."""


def outputs_of(environment: Any, options: Namespace) -> Outputs:
    """The outputs that the options ask for, not opened yet. The environment has its runner."""
    made = (make(environment, options) for make in (OF_WORKERS if options.worker else OUTPUTS))
    return Outputs([output for output in made if output is not None])
