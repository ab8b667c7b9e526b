"""A locustfile that makes every failing request of FastHttpUser once and writes what its tester made of each.

Runs unmodified under Locust and under Gregaria, so that the one's record can be held against the other's.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from locust import FastHttpUser, task

sys.path.insert(0, str(Path(__file__).parent))
from fast_failure_cases import CASES, Case

ADDRESSES: dict[str, str] = json.loads(os.environ["FAILURES_ADDRESSES"])


def filled(value: Any) -> Any:
    if isinstance(value, str):
        for name, address in ADDRESSES.items():
            value = value.replace("{" + name + "}", address)
    return value


def described(error: BaseException | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {"type": type(error).__qualname__, "repr": repr(error), "text": str(error)}


class Failing(FastHttpUser):
    host = filled("{plain}")

    @task
    def everything(self) -> None:
        only = os.environ.get("FAILURES_ONLY", "").split()
        cases = [case for case in CASES if not only or case.id in only]
        self.fired: list[dict[str, Any]] = []
        self.environment.events.request.add_listener(self.heard)
        record = {case.id: {"plain": self.plain(case), "caught": self.caught(case)} for case in cases}
        with open(os.environ["FAILURES_OUT"], "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1)
        self.environment.runner.quit()

    def heard(self, **event: Any) -> None:
        kept = ("request_type", "name", "url", "response_length")
        self.fired.append({**{key: event[key] for key in kept}, "exception": described(event["exception"])})

    def send(self, case: Case, **more: Any) -> Any:
        # A user of its own, so that no connection of an earlier case is met half closed.
        body = {"abstract": True, "host": filled(case.host), **case.settings}
        fresh = type("Fresh", (FastHttpUser,), body)(self.environment)
        arguments = {key: filled(value) for key, value in case.arguments.items()}
        return fresh.client.request(case.method, filled(case.url), **arguments, **more)

    def errors(self) -> dict[tuple[str, str, str], int]:
        found = self.environment.stats.errors.values()
        return {(e.method, e.name, e.to_dict()["error"]): e.occurrences for e in found}

    def plain(self, case: Case) -> dict[str, Any]:
        before, self.fired = self.errors(), []
        raised, answer = None, {}
        try:
            answer = self.facts(self.send(case))
        except Exception as error:
            raised = described(error)
        new = [key for key, count in self.errors().items() if count != before.get(key, 0)]
        return {"raised": raised, "errors": sorted(new), "events": self.fired, "response": answer}

    def caught(self, case: Case) -> dict[str, Any]:
        self.fired = []
        found: dict[str, Any] = {"raised": None, "raise_for_status": None}
        try:
            with self.send(case, catch_response=True) as response:
                try:
                    response.raise_for_status()
                except Exception as error:
                    found["raise_for_status"] = described(error)
                response.success()
        except Exception as error:
            found["raised"] = described(error)
        return {**found, "events": self.fired}

    def facts(self, response: Any) -> dict[str, Any]:
        kind = type(response).__name__
        if kind == "FastResponse" and response.__dict__.get("error") is None:
            try:
                assert response.content is not None
            except Exception as error:
                return {"class": kind, "content": described(error)}
        return {
            "class": kind,
            "error": described(getattr(response, "error", None)),
            "status_code": response.status_code,
            "url": response.url,
            "content_length": None if response.content is None else len(response.content),
            "text_start": None if response.text is None else response.text[:40],
            "has_headers": bool(response.headers),
            "history": [hop.status_code for hop in getattr(response, "history", [])] if response.status_code else [],
            "request_url": response.request.url,
            "method": response.request.method,
            "ok": response.ok,
        }
