"""`OpenAIUser`: a client of the openai package whose HTTP requests are in the statistics.

The length of a response is the number of its output tokens, which says more than its bytes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from gregaria import User

from .driver import driver

httpx = driver("httpx", "openai")
openai = driver("openai", "openai")

if "OPENAI_API_KEY" not in os.environ:
    raise Exception("OpenAIUser needs the environment variable OPENAI_API_KEY")


_Client: Any = openai.OpenAI


class OpenAIClient(_Client):  # type: ignore[misc]
    """An `openai.OpenAI` that tells ``request_event`` of each request."""

    def __init__(self, request_event: Any, user: Any, *args: Any, **kwargs: Any) -> None:
        self.request_name: str | None = None
        self.user = user
        self._request_event = request_event
        hooks = {"request": [self._begun], "response": [self._ended]}
        super().__init__(*args, **kwargs, http_client=httpx.Client(event_hooks=hooks))

    @staticmethod
    def _begun(request: Any) -> None:
        request.start_time, request.start_perf_counter = time.time(), time.perf_counter()

    def _ended(self, response: Any) -> None:
        response.read()
        duration = (time.perf_counter() - response.request.start_perf_counter) * 1000
        failure = None
        try:
            response.raise_for_status()
        except httpx.HTTPStatusError as error:
            failure = error
        self._request_event.fire(
            request_type=response.request.method,
            name=self.request_name or response.url.path,
            context={},
            response=response,
            exception=failure,
            start_time=response.request.start_time,
            response_time=duration,
            response_length=_output_tokens(response),
            url=response.url,
        )

    @contextmanager
    def rename_request(self, name: str) -> Generator[None, None, None]:
        """Name all requests made inside the block."""
        self.request_name = name
        try:
            yield
        finally:
            self.request_name = None


def _output_tokens(response: Any) -> int:
    try:
        usage = response.json().get("usage") or {}
    except (ValueError, AttributeError):
        return 0
    tokens = usage.get("output_tokens", 0)
    return tokens if isinstance(tokens, int) else 0


class OpenAIUser(User):
    """A user with a `client` of OpenAI's interface."""

    abstract = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.client = OpenAIClient(self.environment.events.request, user=self)
