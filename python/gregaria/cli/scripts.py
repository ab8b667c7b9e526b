"""Functions of `argument_parser` that scripts and plugins call, beside those that the command itself needs."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from gregaria import _engine
from gregaria.locustfile import download as download_locustfile_from_url

__all__ = ["download_locustfile_from_url", "exit_handler", "gt_zero", "raise_argument_type_error", "version"]

Number = TypeVar("Number", int, float)

version = _engine.__version__


def exit_handler(filename: str) -> None:
    """Remove a file that was fetched for this run; another process may have done so before."""
    with suppress(FileNotFoundError, PermissionError):
        Path(filename).unlink()


def raise_argument_type_error(err_msg: str) -> type[argparse.Action]:
    """An action for an argument that is not to be used any more: giving it ends the program with this message."""

    class Refused(argparse.Action):
        def __call__(self, *_args: Any, **_kwargs: Any) -> None:
            raise argparse.ArgumentError(self, err_msg)

    return Refused


def gt_zero(t: Callable[[Any], Number]) -> Callable[[Any], Number]:
    """A type for an argument: a finite number above zero."""

    def checked(value: Any) -> Number:
        number = t(value)
        if not math.isfinite(number):
            raise argparse.ArgumentTypeError("must be a finite number")
        if number <= 0:
            raise argparse.ArgumentTypeError("must be > 0")
        return number

    return checked
