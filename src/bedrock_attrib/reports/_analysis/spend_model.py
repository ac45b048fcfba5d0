"""Model of daily spend: level, weekdays, trend and scatter."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate, pairwise
from statistics import fmean, median, stdev

from .._statistics.robust import spread

_DRAWS = 2_000
DAYS_FOR_WEEKDAYS = 21
"""With fewer days, weekdays are not modelled."""
_LEVEL_DAYS = 14
_WEEK = 7
_LEAST_DRIFT = 0.03  # in a week; no spend is constant
_UNKNOWN_DRIFT = 0.08
_DAMPING = 0.8  # of a trend, in a week; no trend lasts
_MEDIAN_LOSS = math.pi / 2  # how much more a median varies than a mean
_WILD = 3.0  # standard deviations beyond which a day is clipped


@dataclass(frozen=True, slots=True)
class SpendModel:
    """Scatter of days about a slowly moving level.

    Attributes:
        level: Present cost of an average day.
        weekdays: Cost of each weekday, relative to the level.
        ratios: Cost of past days, relative to their level and weekday.
        start_error: Standard error of the level, as a logarithm.
        drift: Random movement of the level in a day, as a logarithm.
        trend: Steady movement of the level in a day, as a logarithm.
    """

    level: float
    weekdays: tuple[float, ...]
    ratios: tuple[float, ...]
    start_error: float
    drift: float
    trend: float

    @classmethod
    def of(cls, days: Sequence[tuple[date, float]]) -> SpendModel | None:
        """Return the model of *days*; None without days."""
        if not days:
            return None
        weekdays = _weekdays(days)
        plain = [
            amount / weekdays[day.weekday()]
            for day, amount in days
            if weekdays[day.weekday()] > 0
        ]
        level = fmean(_clipped(plain[-_LEVEL_DAYS:])) if plain else 0.0
        if level <= 0:
            return cls(0.0, weekdays, (1.0,), 0.0, 0.0, 0.0)
        ratios = _ratios(plain)
        scatter = spread([ratio - 1 for ratio in ratios])
        # The scatter of few days is uncertain.
        unsure = 1 + 3 / len(plain)
        trend, drift = _movement(plain, scatter)
        drift *= unsure
        own = scatter**2 / min(len(plain), _LEVEL_DAYS)
        if len(days) >= DAYS_FOR_WEEKDAYS:  # a median is less certain than a mean
            own += _MEDIAN_LOSS * scatter**2 / len(plain)
        start = math.sqrt(own + drift**2 * _LEVEL_DAYS / 3 / _WEEK) * unsure
        # The average of two weeks is the level of a week ago.
        present = level * math.exp(trend)
        return cls(
            present,
            weekdays,
            ratios,
            start,
            drift / math.sqrt(_WEEK),
            trend / _WEEK,
        )

    def expected(self, ahead: Sequence[tuple[date, float]]) -> float:
        """Return the expected cost of the days ahead."""
        heights = self._trend(len(ahead))
        return self.level * sum(
            math.exp(height) * self.weekdays[day.weekday()] * part
            for height, (day, part) in zip(heights, ahead, strict=True)
        )

    def draw(
        self, ahead: Sequence[tuple[date, float]], *, draws: int = _DRAWS
    ) -> list[float]:
        """Return random costs of the days ahead, in ascending order."""
        draw = random.Random(0)  # noqa: S311 - chance, not secrecy
        heights = self._trend(len(ahead))
        sums = []
        for _ in range(draws):
            chance, total = draw.gauss(0.0, self.start_error), 0.0
            for height, (day, part) in zip(heights, ahead, strict=True):
                chance += draw.gauss(0.0, self.drift)
                usual = math.exp(height + chance) * self.weekdays[day.weekday()]
                total += usual * part * draw.choice(self.ratios)
            sums.append(total * self.level)
        return sorted(sums)

    def _trend(self, days: int) -> list[float]:
        """Return the movement of the level on each day ahead; the trend is damped."""
        slowing = _DAMPING ** (1 / _WEEK)
        return list(accumulate(self.trend * slowing**day for day in range(days)))


def _weekdays(days: Sequence[tuple[date, float]]) -> tuple[float, ...]:
    """Return the cost of each weekday, relative to the average."""
    if len(days) < DAYS_FOR_WEEKDAYS:
        return (1.0,) * _WEEK
    middles = [
        median(amount for day, amount in days if day.weekday() == weekday)
        for weekday in range(_WEEK)
    ]
    average = fmean(middles)
    if average <= 0:  # most days are empty on any weekday
        return (1.0,) * _WEEK
    return tuple(middle / average for middle in middles)


def _clipped(values: Sequence[float]) -> list[float]:
    """Return *values* with outliers clipped."""
    middle = median(values)
    most = _WILD * spread([each - middle for each in values])
    return [min(max(each, middle - most), middle + most) for each in values]


def _ratios(plain: Sequence[float]) -> tuple[float, ...]:
    """Return each day relative to the level of the days around it."""
    found = []
    for place, each in enumerate(plain):
        near = plain[max(0, place - _WEEK) : place + _WEEK + 1]
        level = fmean(_clipped(near))
        if level > 0:
            found.append(each / level)
    # Days are closer to a level and weekdays fitted to them than future days will be.
    fitted = 1 + _WEEK if len(plain) >= DAYS_FOR_WEEKDAYS - 6 else 1
    wider = math.sqrt(len(plain) / max(1, len(plain) - fitted))
    return tuple(max(0.0, 1 + (ratio - 1) * wider) for ratio in found)


def _movement(plain: Sequence[float], scatter: float) -> tuple[float, float]:
    """Return the movement of the level in a week: steady and random.

    The trend is shrunk by how much the weeks disagree. The random part is the movement
    beyond the scatter of the days.
    """
    weeks = [
        fmean(_clipped(plain[end - _WEEK : end]))
        for end in range(len(plain), _WEEK - 1, -_WEEK)
    ]
    heights = [math.log(week) for week in reversed(weeks) if week > 0]
    moves = [after - before for before, after in pairwise(heights)]
    if len(moves) < 3:  # noqa: PLR2004 - fewer are no pattern
        return 0.0, _UNKNOWN_DRIFT
    mean = fmean(moves)
    error = stdev(moves) / math.sqrt(len(moves))
    trend = mean * max(0.0, 1 - (error / mean) ** 2) if mean else 0.0
    explained = 2 * scatter**2 / _WEEK
    beyond = fmean((move - trend) ** 2 for move in moves) - explained
    return trend, math.sqrt(max(beyond, _LEAST_DRIFT**2))
