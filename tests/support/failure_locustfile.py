"""A locustfile that makes every failing request once and writes what its tester made of each to $FAILURES_OUT.

Runs unmodified under Locust and under Gregaria, so that the one's record can be held against the other's.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from locust import HttpUser, task

sys.path.insert(0, str(Path(__file__).parent))
from failure_cases import CASES, Case

ADDRESSES: dict[str, str] = json.loads(os.environ["FAILURES_ADDRESSES"])


def filled(value: Any) -> Any:
    if isinstance(value, str):
        for name, address in ADDRESSES.items():
            value = value.replace("{" + name + "}", address)
    return value


def described(error: BaseException | None) -> dict[str, Any] | None:
    if error is None:
        return None
    kind = type(error)
    known = {key: getattr(error, key, None) is not None for key in ("request", "response")}
    return {"type": f"{kind.__module__}.{kind.__qualname__}", "repr": repr(error), "text": str(error), "has": known}


class Failing(HttpUser):
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
        fresh = type("Fresh", (HttpUser,), {"abstract": True, "host": filled(case.host)})(self.environment)
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
        try:
            ok = response.ok
        except Exception as error:
            ok = described(error)
        return {
            "error": described(response.error),
            "status_code": response.status_code,
            "reason": response.reason,
            "url": response.url,
            "content_length": None if response.content is None else len(response.content),
            "text_start": response.text[:40],
            "headers": len(response.headers),
            "history": [hop.status_code for hop in response.history],
            "request_url": response.request.url if response.request is not None else None,
            "elapsed_is_zero": not response.elapsed,
            "ok": ok,
        }
