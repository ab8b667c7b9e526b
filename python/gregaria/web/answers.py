"""The endpoints that only Python can answer, each a method; what they get and give is Locust's.

Figures are not here: the server answers for them from what it was told.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from gregaria import _engine, stats, tasks_begun
from gregaria.html import report_data, report_page
from gregaria.log import get_logs
from gregaria.util.date import format_safe_timestamp

from .bridge import Answer, Request
from .settings import apply_user_settings
from .status import exception_rows, ratios, request_figures, workers
from .swarm import Refusal

if TYPE_CHECKING:
    from . import WebUI

logger = logging.getLogger("locust.web")

JSON = [("Content-Type", "application/json")]
MARK_LENGTH = 200
TEXT = [("Content-Type", "text/plain; charset=utf-8")]


def as_json(value: Any, status: int = 200) -> Answer:
    """JSON as Locust's server writes it."""
    text = json.dumps(value, indent=2, sort_keys=True, default=str, allow_nan=False)
    return Answer(status, f"{text}\n".encode(), JSON)


def as_text(text: str, status: int = 200) -> Answer:
    """Plain text."""
    return Answer(status, text.encode(), TEXT)


class Answers:
    """See the module's text."""

    def __init__(self, web_ui: WebUI) -> None:
        self._web_ui = web_ui
        self._environment = web_ui.environment
        self.table: dict[tuple[str, str], Callable[[Request], Answer]] = {
            ("GET", "/"): self.page_arguments,
            ("POST", "/swarm"): self.swarm,
            ("POST", "/stop"): self.stop,
            ("POST", "/pause"): lambda _: self._told(self._web_ui.swarm.pause()),
            ("POST", "/resume"): lambda _: self._told(self._web_ui.swarm.resume()),
            ("POST", "/stats/reset"): self.reset,
            ("POST", "/user"): self.user,
            ("POST", "/mark"): self.mark,
            ("GET", "/stats/requests"): self.figures,
            ("GET", "/exceptions"): lambda _: as_json({"exceptions": exception_rows(self._environment.runner)}),
            ("GET", "/tasks"): lambda _: as_json(ratios(self._environment)),
            ("GET", "/logs"): lambda _: as_json({"master": get_logs(), "workers": self._environment.worker_logs}),
            ("GET", "/worker-count"): lambda _: as_json({"worker_count": len(workers(self._environment.runner))}),
            ("GET", "/stats/report"): self.report,
            ("GET", "/stats/result"): self.result,
            ("GET", "/stats/requests/csv"): self.requests_csv,
            ("GET", "/stats/failures/csv"): self.failures_csv,
            ("GET", "/exceptions/csv"): self.exceptions_csv,
            ("GET", "/stats/requests_full_history/csv"): self.history_csv,
        }

    def answer(self, request: Request) -> Answer:
        """The answer, whatever happens."""
        method = "GET" if request.method == "HEAD" else request.method
        try:
            handler = self.table.get((method, request.path))
            if handler is None:
                return as_text("404 Not Found: there is nothing at this address", 404)
            return handler(request)
        except Refusal as refusal:
            logger.error("%s", refusal)
            failure = {"success": False, "message": str(refusal), "host": self._environment.host}
            return as_json(failure, refusal.status)
        except Exception as error:
            logger.exception("%s %s could not be answered", request.method, request.path)
            failure = {"success": False, "message": f"{type(error).__name__}: {error}", "host": self._environment.host}
            return as_json(failure, 500)

    def figures(self, _request: Request) -> Answer:
        """`/stats/requests` for a Flask application, whose hooks may add to it; else the server itself answers."""
        return as_json(request_figures(self._environment))

    def mark(self, request: Request) -> Answer:
        """A note for the charts: the form's field `text`."""
        text = dict(request.form or []).get("text", "")
        if not 0 < len(text) <= MARK_LENGTH or not text.isprintable():
            raise Refusal(f"A mark needs a text of 1 to {MARK_LENGTH} printable characters", 400)
        self._web_ui.teller.mark("note", text)
        self._web_ui.tell_now()
        return as_json({"success": True, "message": "Marked"})

    def page_arguments(self, _request: Request) -> Answer:
        """The arguments of the page, which the server fills into it."""
        if self._environment.runner is None:
            return as_text("Error: Locust Environment does not have any runner", 500)
        self._web_ui.update_template_args()
        return as_json(self._web_ui.template_args)

    def swarm(self, request: Request) -> Answer:
        """Start or change a test."""
        return as_json(self._web_ui.swarm.start(request.form or []))

    def stop(self, _request: Request) -> Answer:
        """Stop the test."""
        return self._told(self._web_ui.swarm.stop())

    def _told(self, answer: dict[str, Any]) -> Answer:
        self._web_ui.tell_now()
        return as_json(answer)

    def reset(self, _request: Request) -> Answer:
        """Clear the statistics."""
        self._environment.events.reset_stats.fire()
        runner = self._environment.runner
        if runner is not None:
            runner.stats.reset_all()
            runner.exceptions = {}
            tasks_begun.forget(runner)
            self._web_ui.teller.mark("reset")
        self._web_ui.tell_now()
        return as_text("ok")

    def user(self, request: Request) -> Answer:
        """Change attributes of a user class."""
        apply_user_settings(self._environment, request.body)
        return as_json({}, 201)

    def report(self, request: Request) -> Answer:
        """The report of `--html` as it is now; `download` makes a file of it, `theme` is light or dark."""
        query = dict(parse_qsl(request.query))
        ui = self._web_ui
        page = report_page(self._environment, ui.teller.ended, query.get("theme", ""), ui.thresholds())
        headers = [("Content-Type", "text/html; charset=utf-8")]
        if query.get("download"):
            headers.append(("Content-Disposition", f"attachment;filename={self._file_name('.html')}"))
        return Answer(200, page.encode(), headers)

    def result(self, _request: Request) -> Answer:
        """What that report draws: samples, phases, series of names; too much for every update of the stream."""
        ui = self._web_ui
        return as_text(report_data(self._environment, ui.teller.ended, ui.thresholds()))

    def _file_name(self, ending: str) -> str:
        environment = self._environment
        host = f"_{environment.host}" if environment.host else ""
        name = f"Locust_{format_safe_timestamp(environment.stats.start_time)}_{environment.locustfile}{host}{ending}"
        return "".join(character if character.isprintable() and character not in '";\\' else "_" for character in name)

    def _csv(self, content: bytes, kind: str) -> Answer:
        attachment = f"attachment;filename={self._file_name(f'_{kind}.csv')}"
        return Answer(200, content, [("Content-Type", "text/csv; charset=utf-8"), ("Content-Disposition", attachment)])

    def requests_csv(self, _request: Request) -> Answer:
        """The requests as a file."""
        return self._csv(_engine.requests_csv(self._environment.stats, list(stats.PERCENTILES_TO_REPORT)), "requests")

    def failures_csv(self, _request: Request) -> Answer:
        """The failures as a file."""
        return self._csv(_engine.failures_csv(self._environment.stats), "failures")

    def exceptions_csv(self, _request: Request) -> Answer:
        """The exceptions as a file."""
        rows = [
            (row["count"], row["msg"], row["traceback"], row["nodes"])
            for row in exception_rows(self._environment.runner)
        ]
        return self._csv(_engine.exceptions_csv(self._environment.stats, rows), "exceptions")

    def history_csv(self, _request: Request) -> Answer:
        """The history file that `--csv --csv-full-history` writes, as it is now."""
        options, writer = self._environment.parsed_options, self._web_ui.stats_csv_writer
        if not (options and options.stats_history_enabled and hasattr(writer, "stats_history_file_name")):
            return as_text("Error: Server was not started with option to generate full history.", 404)
        attachment = f"attachment; filename={self._file_name('_requests_full_history.csv')}"
        headers = [
            ("Content-Type", "text/csv; charset=utf-8"),
            ("Content-Disposition", attachment),
            ("X-Gregaria-File", writer.stats_history_file_name()),
        ]
        return Answer(200, b"", headers)
