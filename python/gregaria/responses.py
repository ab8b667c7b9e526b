"""The class that responses of `HttpSession` are instances of, for scripts that make such a response themselves.

The engine's own responses say that they are of this class and never run its code. It runs for a client written on
`requests` that wraps its responses (`wrap_response`) to have Locust's ``with`` block.

    wrap_response ─ with: ─ success() / failure() ─ end of the block: one `request` event
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from requests import exceptions
from requests.exceptions import RequestException
from requests.models import Response
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from .exception import CatchResponseError, LocustError, ResponseError

if TYPE_CHECKING:
    from ._engine import Timings

_WRAPPERS = (exceptions.ConnectionError, ProtocolError, MaxRetryError, NewConnectionError)


class ResponseContextManager(Response):
    """A response that a ``with`` block can count as a success or a failure."""

    error: Exception | None = None
    request_meta: dict[str, Any]
    _manual_result: bool | Exception | None = None
    _entered = False
    _catch_response = False
    _request_event: Any
    if TYPE_CHECKING:
        # The engine's own responses have these too.
        timings: Timings | None

    def __init__(self, error: RequestException) -> None:
        """The response of a request that got none."""
        super().__init__()
        self.error = error
        self.status_code = 0
        self._catch_response = True
        self.request = error.request  # type: ignore[assignment]

    @classmethod
    def wrap_response(
        cls, response: Response, request_event: Any, request_meta: dict[str, Any], catch_response: bool
    ) -> Self:
        """Make `response` one of this class; ``request_event.fire(**request_meta)`` ends its ``with`` block."""
        response.__class__ = cls
        assert isinstance(response, cls)
        response._entered, response._manual_result = False, None
        response._request_event, response.request_meta = request_event, request_meta
        response._catch_response = catch_response
        return response

    def raise_for_status(self) -> None:
        """Raise what the request failed with, or was said to have failed with; nothing after `success()`."""
        if isinstance(self._manual_result, Exception):
            raise self._manual_result
        if not self._manual_result:
            if self.error is not None:
                raise self.error
            super().raise_for_status()

    def __enter__(self) -> Self:
        self._entered = True
        if not self._catch_response:
            raise LocustError("A request in a with-block needs catch_response=True")
        return self

    def __exit__(self, *raised: Any) -> bool:  # type: ignore[override]
        kind, value = raised[:2]
        meta = self.request_meta
        if self._manual_result is not None:
            meta["exception"] = None if self._manual_result is True else self._manual_result
        elif isinstance(value, ResponseError):
            meta["exception"] = value
        elif kind is not None:
            return False
        else:
            self._judge_by_status(meta)
        self._request_event.fire(**meta)
        return kind is None or self._manual_result is None

    def _judge_by_status(self, meta: dict[str, Any]) -> None:
        # The text of a failure groups failures, so it has the name for the URL.
        url, self.url = self.url, meta["name"]
        try:
            self.raise_for_status()
        except RequestException as error:
            failed: BaseException = error
            while isinstance(failed, _WRAPPERS) and failed.__context__ is not None:
                failed = failed.__context__
            meta["exception"] = failed
        finally:
            self.url = url

    def success(self) -> None:
        """Count the request as a success."""
        self._set_result(True)

    def failure(self, exc: Any) -> None:
        """Count the request as a failure, with an exception or a text."""
        self._set_result(exc if isinstance(exc, Exception) else CatchResponseError(exc))

    def _set_result(self, result: bool | Exception) -> None:
        if not self._entered:
            raise LocustError(
                "The status can only be set inside a with-block, like this:\n\n"
                "with self.client.request(..., catch_response=True) as response:\n    response.success()"
            )
        self._manual_result = result


class RestResponseContextManager(ResponseContextManager):
    """What ``HttpUser.rest`` gives."""

    js: dict[str, Any]
