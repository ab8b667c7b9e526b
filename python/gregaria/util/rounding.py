"""Rounding as people do it: halves go up, not to the even neighbour."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal, localcontext

_ENOUGH_DIGITS = 400


def proper_round(val: float, digits: int = 0) -> float:
    """`val` to that many decimal digits: 2.5 gives 3.0 where `round` gives 2.0."""
    number = float(val)
    if not math.isfinite(number):
        return number
    with localcontext(prec=_ENOUGH_DIGITS):
        return float(Decimal(repr(number)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))
