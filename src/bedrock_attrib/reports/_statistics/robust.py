"""Quantiles, and a spread that resists outliers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, median

_MAD_TO_SIGMA = 1 / NormalDist().inv_cdf(0.75)
_TAIL = 0.9
_TAIL_TO_SIGMA = 1 / NormalDist().inv_cdf((1 + _TAIL) / 2)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which *share* of *ordered* values lie, interpolated.

    Args:
        ordered: Values, ascending, at least one.
        share: From 0 to 1.
    """
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def nearest_rank(ordered: Sequence[float], share: float) -> float:
    """Return the smallest of *ordered* values that *share* of them do not exceed."""
    rank = math.ceil(share * len(ordered))
    return ordered[max(rank, 1) - 1]


def spread(residuals: Sequence[float]) -> float:
    """Return the standard deviation of *residuals* without their outliers.

    The larger of two estimates: from the median of the absolute residuals, and from
    their 90th percentile. The second covers series with occasional jumps.

    Args:
        residuals: At least one.
    """
    sizes = sorted(abs(each) for each in residuals)
    by_middle = median(sizes) * _MAD_TO_SIGMA
    return max(by_middle, quantile(sizes, _TAIL) * _TAIL_TO_SIGMA)
