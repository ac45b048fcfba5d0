"""Bootstrap intervals and tests of means, fast and repeatable.

Amounts are floats here, as an interval is a statement about chance and is never booked.
Totals stay exact elsewhere.
"""

from __future__ import annotations

import math
import random
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from statistics import fmean

from .robust import quantile

FEWEST = 10
"""Fewer values give no interval and no test."""
FEW = 30
"""Fewer values give an interval that is marked as rough."""
RESAMPLES = 2_000
_MOST_BINS = 250
_LARGEST = 25  # values with bins of their own, as they dominate the mean
_EXACT_UP_TO = 600  # larger counts are rounded normal draws


@dataclass(frozen=True, slots=True)
class Interval:
    """Confidence interval of a figure.

    Attributes:
        low: Lower end; None where the values do not determine it.
        high: Upper end; None where the values do not determine it.
        confidence: How often such intervals hold the true figure, from 0 to 1.
        is_rough: Whether it is based on fewer than 30 values.
    """

    low: float | None
    high: float | None
    confidence: float
    is_rough: bool = False


@dataclass(frozen=True, slots=True)
class _Bin:
    """Neighbouring values that are drawn together."""

    count: int
    mean: float
    variance: float


@dataclass(frozen=True, slots=True)
class Resampled:
    """Mean of a sample, and means of its resamples.

    Attributes:
        count: Number of values.
        mean: Their mean.
        error: Its standard error.
        means: Means of the resamples.
        errors: Their standard errors.
    """

    count: int
    mean: float
    error: float
    means: array[float]
    errors: array[float]


def resample(
    values: Sequence[float], seed: str, resamples: int = RESAMPLES
) -> Resampled:
    """Draw samples of *values* with replacement, and take the mean of each.

    Poisson bootstrap: each value is drawn a Poisson(1) number of times. Neighbouring
    values share a bin, whose count is Poisson too, so that many values are drawn at
    once; the variance within bins is restored by one normal draw.

    Args:
        values: At least two.
        seed: The same text gives the same draws, on any machine.
        resamples: How many samples to draw.
    """
    bins = _bins(sorted(values))
    count, mean = len(values), math.fsum(values) / len(values)
    error = _error(bins, count, mean)
    draw = random.Random(seed)  # noqa: S311 - chance, not secrecy
    means, errors = array("d"), array("d")
    while len(means) < resamples:
        drawn = [(_poisson(draw, each.count), each) for each in bins]
        total = sum(times for times, _ in drawn)
        if total < 2:  # noqa: PLR2004 - a spread needs two
            continue
        within = sum(times * each.variance for times, each in drawn)
        shift = draw.gauss(0.0, 1.0) * math.sqrt(within)
        centre = (sum(times * each.mean for times, each in drawn) + shift) / total
        squares = sum(times * (each.mean - centre) ** 2 for times, each in drawn)
        means.append(centre)
        errors.append(math.sqrt((squares + within) / (total - 1) / total))
    return Resampled(count, mean, error, means, errors)


def _bins(ordered: list[float]) -> list[_Bin]:
    if len(ordered) <= _MOST_BINS:
        return _of_equal(ordered)
    rest, largest = ordered[:-_LARGEST], ordered[-_LARGEST:]
    size = -(-len(rest) // (_MOST_BINS - _LARGEST))
    parts = [rest[start : start + size] for start in range(0, len(rest), size)]
    return [_bin(part) for part in parts] + _of_equal(largest)


def _of_equal(ordered: list[float]) -> list[_Bin]:
    counts: dict[float, int] = {}
    for value in ordered:
        counts[value] = counts.get(value, 0) + 1
    return [_Bin(count, value, 0.0) for value, count in counts.items()]


def _bin(part: list[float]) -> _Bin:
    mean = fmean(part)
    return _Bin(len(part), mean, fmean((each - mean) ** 2 for each in part))


def _error(bins: list[_Bin], count: int, mean: float) -> float:
    squares = math.fsum(
        each.count * ((each.mean - mean) ** 2 + each.variance) for each in bins
    )
    return math.sqrt(squares / (count - 1) / count)


def _poisson(draw: random.Random, mean: int) -> int:
    if mean > _EXACT_UP_TO:
        return max(0, round(draw.gauss(mean, math.sqrt(mean))))
    return bisect_left(_poisson_table(mean), draw.random())


@lru_cache(maxsize=1024)
def _poisson_table(mean: int) -> list[float]:
    """Return the cumulative probabilities of the counts from zero."""
    most = mean + 12 * math.isqrt(mean + 1) + 12
    logs = (k * math.log(mean) - mean - math.lgamma(k + 1) for k in range(most))
    return list(accumulate(math.exp(each) for each in logs))


def interval(found: Resampled, confidence: float) -> Interval:
    """Return the interval of the true mean, by the bootstrap-t method.

    Costs are skewed, with a long tail. The method learns that from the resamples,
    while an interval of plain quantiles would end too low.
    """
    ratios = _ratios(found.means, found.errors, found.mean)
    return _studentized(
        found.mean, found.error, ratios, confidence, is_rough=found.count < FEW
    )


def _ratios(
    means: Sequence[float], errors: Sequence[float], mean: float
) -> list[float]:
    return sorted(map(_ratio, (each - mean for each in means), errors))


def _ratio(distance: float, error: float) -> float:
    if error > 0:
        return distance / error
    # A resample of equal values has no spread; its distance counts as infinite.
    return math.copysign(math.inf, distance) if distance else 0.0


def _studentized(
    mean: float,
    error: float,
    ratios: Sequence[float],
    confidence: float,
    *,
    is_rough: bool,
) -> Interval:
    if error == 0:
        return Interval(mean, mean, confidence, is_rough)
    tail = (1 - confidence) / 2
    below, above = _ends(ratios, tail)
    low = None if math.isinf(above) else mean - above * error
    high = None if math.isinf(below) else mean - below * error
    return Interval(low, high, confidence, is_rough)


def _ends(ratios: Sequence[float], tail: float) -> tuple[float, float]:
    # A finite and an infinite neighbour cannot be interpolated.
    last = len(ratios) - 1
    below, above = ratios[int(tail * last)], ratios[math.ceil((1 - tail) * last)]
    if math.isinf(below) or math.isinf(above):
        return below, above
    return quantile(ratios, tail), quantile(ratios, 1 - tail)


@dataclass(frozen=True, slots=True)
class Difference:
    """Difference between two means.

    Attributes:
        amount: The first minus the second.
        share: The same as a share of the second; None where that is zero.
        interval: Interval of the true difference.
        p_value: Probability of a difference as large by chance; not corrected.
    """

    amount: float
    share: float | None
    interval: Interval
    p_value: float


def difference(one: Resampled, other: Resampled, confidence: float) -> Difference:
    """Compare two means by the bootstrap-t method, without assuming equal spreads."""
    amount = one.mean - other.mean
    share = amount / other.mean if other.mean else None
    error = math.hypot(one.error, other.error)
    is_rough = min(one.count, other.count) < FEW
    if error == 0:
        p_value = 1.0 if amount == 0 else 1 / (len(one.means) + 1)
        exact = Interval(amount, amount, confidence, is_rough)
        return Difference(amount, share, exact, p_value)
    distances = [a - b for a, b in zip(one.means, other.means, strict=True)]
    errors = [math.hypot(a, b) for a, b in zip(one.errors, other.errors, strict=True)]
    ratios = _ratios(distances, errors, amount)
    seen = abs(amount) / error
    as_large = sum(abs(each) >= seen for each in ratios)
    return Difference(
        amount,
        share,
        _studentized(amount, error, ratios, confidence, is_rough=is_rough),
        (as_large + 1) / (len(ratios) + 1),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Return *p_values* corrected for their number, after Holm (1979).

    The corrected values keep the probability of any false alarm below the level that
    they are compared to, however many comparisons there are.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected, highest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, p_values[index] * (len(p_values) - place)))
        corrected[index] = highest
    return corrected
