"""Remembering a result for a while."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")


class _Memoized(Generic[_P, _R]):
    def __init__(self, function: Callable[_P, _R], timeout: float, dynamic: bool) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._timeout_s = timeout
        self._dynamic = dynamic
        self._cached: tuple[float, _R] | None = None

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        start = time.time()
        if self._cached is None or start - self._cached[0] > self._timeout_s:
            result = self._function(*args, **kwargs)
            self._cached = (time.time(), result)
            if self._dynamic and self._cached[0] - start > self._timeout_s:
                self._timeout_s *= 2
            return result
        return self._cached[1]

    def clear_cache(self) -> None:
        """Forget the result."""
        self._cached = None

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)


def memoize(timeout: float, dynamic_timeout: bool = False) -> Callable[[Callable[_P, _R]], _Memoized[_P, _R]]:
    """Decorator: for `timeout` seconds after a call, further calls get its result, whatever their arguments.

    With `dynamic_timeout` the time doubles whenever the function itself takes longer than it.
    """
    return lambda function: _Memoized(function, timeout, dynamic_timeout)
