"""Trying again after a failure."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

logger = logging.getLogger("locust.util.exception_handler")

_P = ParamSpec("_P")
_R = TypeVar("_R")


def retry(
    delays: Sequence[float] = (1, 3, 5), exception: type[Exception] | tuple[type[Exception], ...] = Exception
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Decorator: call the function again after each of the delays (seconds); the last failure is raised."""

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @functools.wraps(function)
        def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            for delay in delays:
                try:
                    return function(*args, **kwargs)
                except exception as error:
                    logger.info("%s failed (%s), trying again in %s seconds", function.__name__, error, delay)
                    time.sleep(delay)
            return function(*args, **kwargs)

        return wrapper

    return decorate
