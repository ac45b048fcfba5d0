"""Figures that a few wild values do not move: medians, spreads, quantiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist, median

_MAD_TO_SIGMA = 1 / NormalDist().inv_cdf(0.75)
_TAIL = 0.9
_TAIL_TO_SIGMA = 1 / NormalDist().inv_cdf((1 + _TAIL) / 2)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which *share* of *ordered* values lie, between neighbours.

    Args:
        ordered: Values, ascending, at least one.
        share: From 0 to 1.
    """
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def nearest_rank(ordered: Sequence[float], share: float) -> float:
    """The smallest of *ordered* values that *share* of them do not exceed."""
    rank = -int(-share * len(ordered) // 1)
    return ordered[max(rank, 1) - 1]


def spread(residuals: Sequence[float]) -> float:
    """The standard deviation that *residuals* would have without their outliers.

    The larger of two: by the median of their sizes, and by the size that nine in ten
    stay below. The second keeps a series that now and then jumps from looking calm.

    Args:
        residuals: At least one.
    """
    sizes = sorted(abs(each) for each in residuals)
    by_middle = median(sizes) * _MAD_TO_SIGMA
    return max(by_middle, quantile(sizes, _TAIL) * _TAIL_TO_SIGMA)


def student_quantile(share: float, freedom: float) -> float:
    """The value below which *share* of Student's t lies.

    By Hill (1970), algorithm 396 of the ACM, which takes broken degrees of freedom.

    Args:
        share: Above 0.5 and below 1.
        freedom: Degrees of freedom; 2 are taken for fewer.
    """
    n = max(2.0, freedom)
    if n == 2:  # noqa: PLR2004 - where it is exact
        tail = 2 * (1 - share)
        return math.sqrt(2 / (tail * (2 - tail)) - 2)
    tail = 2 * (1 - share)
    a = 1 / (n - 0.5)
    b = (48 / a) / a
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * n
    y = (d * tail) ** (2 / n)
    if y > 0.05 + a:
        x = NormalDist().inv_cdf(tail / 2)
        y = x * x
        if n < 5:  # noqa: PLR2004 - as in the paper
            c += 0.3 * (n - 4.5) * (x + 0.6)
        c += (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
        y = math.expm1(a * y * y)
    else:
        z = 1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3)
        y = ((z + 0.5 / (n + 4)) * y - 1) * (n + 1) / (n + 2) + 1 / y
    return math.sqrt(n * y)


def changes(values: Sequence[float]) -> list[float]:
    """From each value to the next."""
    return [after - before for before, after in pairwise(values)]
