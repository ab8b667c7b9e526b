"""Whether two runs' counts can come from the same behaviour: statistics with thresholds so wide that chance never fails
a test, and yet a wrong weight or a lost request does. Pure."""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any


def chi_square(left: Mapping[Any, int], right: Mapping[Any, int]) -> tuple[float, int]:
    """The statistic for "same mix", and its degrees of freedom."""
    totals = sum(left.values()), sum(right.values())
    keys = left.keys() | right.keys()
    statistic = 0.0
    for key in keys:
        both = left.get(key, 0) + right.get(key, 0)
        for counts, total in zip((left, right), totals, strict=True):
            expected = both * total / sum(totals)
            statistic += (counts.get(key, 0) - expected) ** 2 / expected if expected else 0.0
    return statistic, max(len(keys) - 1, 1)


def same_mix(left: Mapping[Any, int], right: Mapping[Any, int]) -> bool:
    """False if the two mixes differ by more than chance does once in some hundred thousand runs."""
    if not sum(left.values()) or not sum(right.values()):
        return sum(left.values()) == sum(right.values())
    statistic, freedom = chi_square(left, right)
    # Wilson and Hilferty's approximation of the chi-square quantile at 4.5 standard deviations.
    limit = freedom * (1 - 2 / (9 * freedom) + 4.5 * sqrt(2 / (9 * freedom))) ** 3
    return statistic <= limit


def same_ratio(left: tuple[int, int], right: tuple[int, int]) -> bool:
    """Whether two (part, whole) pairs have the same ratio, as far as chance allows."""
    part, whole = left[0] + right[0], left[1] + right[1]
    if not left[1] or not right[1]:
        return left[1] == right[1]
    ratio = part / whole
    spread = sqrt(ratio * (1 - ratio) * (1 / left[1] + 1 / right[1]))
    return abs(left[0] / left[1] - right[0] / right[1]) <= 4.5 * spread + 0.01


def follows(series: Sequence[int], other: Sequence[int], slack_s: int = 1, slack_users: int = 1) -> bool:
    """Whether every value of `series` lies between the other's values within `slack_s` seconds around it."""
    for second, value in enumerate(series):
        near = other[max(second - slack_s, 0) : second + slack_s + 1] or other[-1:]
        if not near or not min(near) - slack_users <= value <= max(near) + slack_users:
            return False
    return True
