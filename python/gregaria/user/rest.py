"""`RestMixin`: `rest()` and `rest_()` of users whose client speaks HTTP."""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from json import JSONDecodeError
from typing import Any, Generic, TypeVar

RestResponse = TypeVar("RestResponse")

_HOME = re.compile(r"/(home|Users)/\w*/")


class RestMixin(Generic[RestResponse]):
    """Requests whose answers are JSON, checked in a ``with`` block."""

    client: Any

    @contextmanager
    def rest(
        self, method: str, url: str, headers: dict[str, Any] | None = None, **kwargs: Any
    ) -> Generator[RestResponse, None, None]:
        """Make a request; the response has the parsed body as ``js``, None if there is none.

        Sends and accepts JSON unless the headers say otherwise. A body that is no JSON, a failed assertion and any
        other exception in the block make the request a failed one; none of them leaves the block.
        """
        headers = _with_json(headers)
        with self.client.request(method, url, catch_response=True, headers=headers, **kwargs) as response:
            _parse(response)
            try:
                yield response
            except Exception as error:
                _judge(response, error)

    @contextmanager
    def rest_(
        self, method: str, url: str, name: str | None = None, **kwargs: Any
    ) -> Generator[RestResponse, None, None]:
        """As `rest`, with the present time as a parameter ``_``, which gets past caches."""
        url, name = _past_caches(url, name)
        with self.rest(method, url, name=name, **kwargs) as response:
            yield response

    @asynccontextmanager
    async def arest(
        self, method: str, url: str, headers: dict[str, Any] | None = None, **kwargs: Any
    ) -> AsyncGenerator[RestResponse, None]:
        """As `rest`, for coroutines."""
        headers = _with_json(headers)
        async with self.client.arequest(method, url, catch_response=True, headers=headers, **kwargs) as response:
            _parse(response)
            try:
                yield response
            except Exception as error:
                _judge(response, error)

    @asynccontextmanager
    async def arest_(
        self, method: str, url: str, name: str | None = None, **kwargs: Any
    ) -> AsyncGenerator[RestResponse, None]:
        """As `rest_`, for coroutines."""
        url, name = _past_caches(url, name)
        async with self.arest(method, url, name=name, **kwargs) as response:
            yield response


def _with_json(headers: dict[str, Any] | None) -> dict[str, Any]:
    headers = {**headers} if headers else {}
    for name in ("Content-Type", "Accept"):
        if name not in headers and name.lower() not in headers:
            headers[name] = "application/json"
    return headers


def _past_caches(url: str, name: str | None) -> tuple[str, str]:
    separator = "&" if "?" in url else "?"
    return f"{url}{separator}_={int(time.time() * 1000)}", f"{url}{separator}_=..." if name is None else name


def _judge(response: Any, error: Exception) -> None:
    if isinstance(error, AssertionError):
        response.failure(_of_assertion(error, response))
        return
    places = ", ".join(_places(error))
    response.failure(f"{type(error).__name__}: {error} at {places}. Response was {_start(response)}")


def _parse(response: Any) -> None:
    response.js = None
    if response.content is None:
        response.failure(str(response.error))
    elif response.text:
        try:
            response.js = response.json()
        except JSONDecodeError as error:
            response.failure(
                f"Could not parse response as JSON. {response.text[:250]}, "
                f"response code {response.status_code}, error {error}"
            )


def _of_assertion(error: AssertionError, response: Any) -> Any:
    if not error.args:
        return "Assertion failed"
    message = error.args[0]
    if message.endswith(","):
        return f"{message[:-1]}, response was {_start(response)}"
    return message


def _start(response: Any) -> Any:
    return response.text[:200] if response.text else response.text


def _places(error: BaseException) -> Generator[str, None, None]:
    """``file:line in function`` of each frame with an absolute path, the homes of people left out."""
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.startswith("/") and frame.filename != __file__:
            yield f"{_HOME.sub('~/', frame.filename)}:{frame.lineno} in {frame.name}"
