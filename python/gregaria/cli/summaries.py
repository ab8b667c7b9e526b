"""Summaries for other programs and people: JUnit XML, Markdown and plain text, written when the figures are final.

What they contain is decided here; when they are written, in `cli.outputs`.
"""

from __future__ import annotations

import html
import re
import socket
import time
from argparse import Namespace
from collections.abc import Iterable, Iterator
from typing import Any
from xml.etree import ElementTree as Xml

from gregaria import samples, stats

from .output import FileAtEnd
from .verdict import Outcome, ThresholdVerdict, threshold_lines, told

MOST_ROWS = 50
"""So many names a summary for people has; the rest is counted."""
_MOST_FAILURES = 20
_MOST_SAMPLES = 5
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Summary(FileAtEnd):
    def __init__(self, path: str, environment: Any, options: Namespace) -> None:
        super().__init__(path)
        self._environment = environment
        self._options = options
        self._started = time.time()

    def begin(self) -> None:
        """The test begins."""
        self._started = time.time()

    @property
    def _stats(self) -> Any:
        return self._environment.stats

    def _entries(self) -> list[Any]:
        return [entry for _key, entry in sorted(self._stats.entries.items())]

    def _settings(self) -> dict[str, str]:
        given = {
            "locustfile": self._environment.locustfile,
            "host": self._environment.host,
            "users": self._options.num_users,
            "spawn rate": self._options.spawn_rate,
            "run time": f"{self._options.run_time} s" if self._options.run_time else None,
            "profile": self._environment.profile,
        }
        return {name: str(value) for name, value in given.items() if value is not None}


class JUnit(_Summary):
    """A test case for each name, each threshold, the tasks and the generator."""

    name = "the JUnit file"

    def __init__(self, environment: Any, options: Namespace) -> None:
        super().__init__(options.gregaria_junit_file, environment, options)

    def text(self, outcome: Outcome) -> str:
        """The whole file."""
        suite = Xml.Element("testsuite", name=self._environment.locustfile or "locustfile")
        properties = Xml.SubElement(suite, "properties")
        for name, value in self._settings().items():
            Xml.SubElement(properties, "property", name=name, value=_xml(value))
        for entry in self._entries():
            self._add_entry(suite, entry, outcome.judges_failures)
        for row in outcome.thresholds:
            _add_threshold(suite, row)
        self._add_tasks(suite)
        _add_generator(suite, outcome)
        cases = suite.findall("testcase")
        counts = {kind: str(sum(case.find(kind) is not None for case in cases)) for kind in ("failure", "error")}
        suite.set("tests", str(len(cases)))
        suite.set("failures", counts["failure"])
        suite.set("errors", counts["error"])
        suite.set("time", f"{time.time() - self._started:.3f}")
        suite.set("timestamp", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started)))
        suite.set("hostname", socket.gethostname())
        suites = Xml.Element("testsuites", name="gregaria")
        suites.append(suite)
        Xml.indent(suites)
        return Xml.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"

    def _add_entry(self, suite: Xml.Element, entry: Any, judges_failures: bool) -> None:
        name = f"{entry.method} {entry.name}".strip()
        case = _case(suite, "requests", name, entry.avg_response_time / 1000)
        Xml.SubElement(case, "system-out").text = _xml(
            f"{entry.num_requests} requests, {entry.num_failures} failures, median {entry.median_response_time} ms, "
            f"p95 {entry.get_response_time_percentile(0.95)} ms, p99 {entry.get_response_time_percentile(0.99)} ms, "
            f"{entry.total_rps:.2f} requests/s"
        )
        if entry.num_failures and not judges_failures:
            message = f"{entry.num_failures} of {entry.num_requests} requests failed"
            failure = Xml.SubElement(case, "failure", type="failed requests", message=message)
            failure.text = _xml("\n".join(self._failures_of(entry)))

    def _failures_of(self, entry: Any) -> Iterator[str]:
        shown = samples.first_of_each(self._stats)
        for error in self._stats.errors.values():
            if (error.method, error.name) == (entry.method, entry.name):
                yield f"{error.occurrences} x {error.error}"
                yield from (f"  {line}" for line in shown.get((error.method, error.name, str(error.error)), ()))

    def _add_tasks(self, suite: Xml.Element) -> None:
        case = _case(suite, "tasks", "no exceptions in tasks", 0)
        for row in self._environment.runner.exceptions.values():
            error = Xml.SubElement(case, "error", type="exception", message=_xml(f"{row['count']} x {row['msg']}"))
            error.text = _xml(row["traceback"])


def _case(suite: Xml.Element, kind: str, name: str, seconds: float) -> Xml.Element:
    return Xml.SubElement(suite, "testcase", classname=f"gregaria.{kind}", name=_xml(name), time=f"{seconds:.6f}")


def _add_threshold(suite: Xml.Element, row: ThresholdVerdict) -> None:
    case = _case(suite, "thresholds", row["condition"], 0)
    if row["outcome"] == "passed":
        Xml.SubElement(case, "system-out").text = _xml(told(row))
    else:
        Xml.SubElement(case, "failure", type="threshold", message=_xml(f"{row['condition']}: {told(row)}"))


def _add_generator(suite: Xml.Element, outcome: Outcome) -> None:
    case = _case(suite, "generator", "the generator was not the limit", 0)
    if outcome.generator.was_limit and any("generator" in reason for reason in outcome.reasons):
        Xml.SubElement(case, "failure", type="generator", message=_xml(outcome.generator.text))
    else:
        Xml.SubElement(case, "system-out").text = _xml(outcome.generator.text)


def _xml(text: str) -> str:
    """Text without the characters that XML cannot contain."""
    return _NOT_IN_XML.sub("\ufffd", text)


class Markdown(_Summary):
    """A summary for the page of a CI job; added to what is in the file already."""

    name = "the Markdown summary"

    def __init__(self, environment: Any, options: Namespace) -> None:
        super().__init__(options.gregaria_summary_md_file, environment, options)

    def finish(self, outcome: Outcome) -> None:
        """Add it."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(self.text(outcome))

    def text(self, outcome: Outcome) -> str:
        """The section that is added."""
        title = "passed" if outcome.passed else f"FAILED: {_cell('; '.join(outcome.reasons))}"
        settings = ", ".join(f"{name} {_code(value)}" for name, value in self._settings().items())
        blocks = [f"## Load test {title}", settings, *self._thresholds(outcome), self._requests()]
        blocks += [*self._failures(), _cell(outcome.generator.text)]
        return "\n\n".join(block for block in blocks if block) + "\n\n"

    def _thresholds(self, outcome: Outcome) -> Iterator[str]:
        if outcome.thresholds:
            rows = ((_code(row["condition"]), row["outcome"], _cell(told(row))) for row in outcome.thresholds)
            yield _table(("The test fails if", "", "measured"), rows, "---")

    def _requests(self) -> str:
        heads = ("", "requests", "failures", "median ms", "p95 ms", "p99 ms", "max ms", "requests/s")
        entries = sorted(self._entries(), key=lambda entry: -entry.num_requests)
        rows = [_figures(_code(f"{entry.method} {entry.name}".strip()), entry) for entry in entries[:MOST_ROWS]]
        rows.append(_figures("**All**", self._stats.total))
        more = len(entries) - MOST_ROWS
        return _table(heads, rows) + (f"\n\nand {more} more names" if more > 0 else "")

    def _failures(self) -> Iterator[str]:
        errors = sorted(self._stats.errors.values(), key=lambda error: -error.occurrences)
        if errors:
            names = [f"{error.method} {error.name}".strip() for error in errors]
            shown = zip(names, errors[:_MOST_FAILURES], strict=False)
            rows = [(str(error.occurrences), _code(name), _code(str(error.error))) for name, error in shown]
            yield _table(("failures", "of", "because"), rows, "---")
            yield from self._samples(names, errors)
        exceptions = list(self._environment.runner.exceptions.values())
        if exceptions:
            raised = [(str(row["count"]), _code(row["msg"])) for row in exceptions]
            yield _table(("exceptions", "in tasks"), raised, "---")

    def _samples(self, names: list[str], errors: list[Any]) -> Iterator[str]:
        shown = samples.first_of_each(self._stats)
        for name, error in list(zip(names, errors, strict=True))[:_MOST_SAMPLES]:
            if lines := shown.get((error.method, error.name, str(error.error))):
                block = _fenced("\n".join(lines))
                yield f"<details><summary>The first {html.escape(name)}</summary>\n\n{block}\n\n</details>"


def _fenced(text: str) -> str:
    """Text as a block of code, whatever it contains."""
    ticks = "`" * max(3, max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return f"{ticks}text\n{text}\n{ticks}"


def _figures(name: str, entry: Any) -> tuple[str, ...]:
    percentiles = (f"{entry.get_response_time_percentile(p):g}" for p in (0.5, 0.95, 0.99))
    return (
        name,
        str(entry.num_requests),
        f"{entry.num_failures} ({entry.fail_ratio:.2%})",
        *percentiles,
        f"{entry.max_response_time:.0f}",
        f"{entry.total_rps:.2f}",
    )


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]], alignment: str = "---:") -> str:
    lines = [heads, ("---",) + (alignment,) * (len(heads) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    """Text as it is, whatever Markdown or HTML it looks like, on one line."""
    escaped = re.sub(r"([\\`*_{}\[\]<>|#~])", r"\\\1", text)
    return " ".join(escaped.split())


def _code(text: str) -> str:
    """Text in a code span, on one line, that can stand in a table."""
    shown = " ".join(text.split()).replace("|", "\\|") or " "
    ticks = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    blank = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{ticks}{blank}{shown}{blank}{ticks}"


class PlainText(_Summary):
    """The final tables and the verdicts."""

    name = "the summary"

    def __init__(self, environment: Any, options: Namespace) -> None:
        super().__init__(options.gregaria_summary_file, environment, options)

    def text(self, outcome: Outcome) -> str:
        """The whole file."""
        measured = self._stats
        lines = [*stats.get_stats_summary(measured, current=False), ""]
        lines += [*stats.get_percentile_stats_summary(measured), ""]
        if measured.errors:
            lines += [*stats.get_error_report_summary(measured)]
        lines += [*threshold_lines(outcome.thresholds), outcome.generator.text, outcome.line]
        return "\n".join(lines) + "\n"
