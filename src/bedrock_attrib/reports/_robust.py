"""Figures that a few wild values do not move: medians, spreads, quantiles."""

from __future__ import annotations

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


def changes(values: Sequence[float]) -> list[float]:
    """From each value to the next."""
    return [after - before for before, after in pairwise(values)]
