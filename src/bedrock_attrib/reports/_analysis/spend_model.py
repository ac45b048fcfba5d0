"""What days to come may cost, from how days have scattered about their level."""

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
"""With fewer days, weekdays are not told apart."""
_LEVEL_DAYS = 14
_WEEK = 7
_LEAST_DRIFT = 0.03  # in a week: nobody's spend stands quite still
_UNKNOWN_DRIFT = 0.08
_DAMPING = 0.8  # of a trend, in a week: none goes on for ever
_MEDIAN_LOSS = math.pi / 2  # how much more a median varies than a mean
_WILD = 3.0  # standard deviations beyond which a day is cut back


@dataclass(frozen=True, slots=True)
class SpendModel:
    """How days scatter about a level that moves slowly.

    Attributes:
        level: What an average day costs at present.
        weekdays: What each weekday costs, times the level.
        ratios: What days cost, by their level and weekday.
        start_error: How far off the level may be, as a logarithm.
        drift: How far the level moves in a day by chance, as a logarithm.
        trend: How far it moves in a day steadily, as a logarithm.
    """

    level: float
    weekdays: tuple[float, ...]
    ratios: tuple[float, ...]
    start_error: float
    drift: float
    trend: float

    @classmethod
    def of(cls, days: Sequence[tuple[date, float]]) -> SpendModel | None:
        """What *days* say of those to come; None without any."""
        if not days:
            return None
        weekdays = _weekdays(days)
        plain = [
            amount / weekdays[day.weekday()]
            for day, amount in days
            if weekdays[day.weekday()] > 0
        ]
        level = fmean(_tamed(plain[-_LEVEL_DAYS:])) if plain else 0.0
        if level <= 0:
            return cls(0.0, weekdays, (1.0,), 0.0, 0.0, 0.0)
        ratios = _ratios(plain)
        scatter = spread([ratio - 1 for ratio in ratios])
        # Few days tell little of their own scatter.
        unsure = 1 + 3 / len(plain)
        trend, drift = _movement(plain, scatter)
        drift *= unsure
        own = scatter**2 / min(len(plain), _LEVEL_DAYS)
        if len(days) >= DAYS_FOR_WEEKDAYS:  # a median is less sure than a mean
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
        """What the days that are left will cost."""
        heights = self._trend(len(ahead))
        return self.level * sum(
            math.exp(height) * self.weekdays[day.weekday()] * part
            for height, (day, part) in zip(heights, ahead, strict=True)
        )

    def draw(
        self, ahead: Sequence[tuple[date, float]], *, draws: int = _DRAWS
    ) -> list[float]:
        """What they may cost, many times over, in ascending order."""
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
        """How far the level has moved on each day ahead; it slows down by the week."""
        slowing = _DAMPING ** (1 / _WEEK)
        return list(accumulate(self.trend * slowing**day for day in range(days)))


def _weekdays(days: Sequence[tuple[date, float]]) -> tuple[float, ...]:
    """What each weekday costs, times the average of all."""
    if len(days) < DAYS_FOR_WEEKDAYS:
        return (1.0,) * _WEEK
    middles = [
        median(amount for day, amount in days if day.weekday() == weekday)
        for weekday in range(_WEEK)
    ]
    average = fmean(middles)
    if average <= 0:  # most days are empty, whatever the weekday
        return (1.0,) * _WEEK
    return tuple(middle / average for middle in middles)


def _tamed(values: Sequence[float]) -> list[float]:
    """*values*, with wild ones cut back."""
    middle = median(values)
    most = _WILD * spread([each - middle for each in values])
    return [min(max(each, middle - most), middle + most) for each in values]


def _ratios(plain: Sequence[float]) -> tuple[float, ...]:
    """Each day by the level of the days around it; one on average, wild days apart."""
    found = []
    for place, each in enumerate(plain):
        near = plain[max(0, place - _WEEK) : place + _WEEK + 1]
        level = fmean(_tamed(near))
        if level > 0:
            found.append(each / level)
    # Days lie closer to a level and weekdays that were fitted to them than others will.
    fitted = 1 + _WEEK if len(plain) >= DAYS_FOR_WEEKDAYS - 6 else 1
    wider = math.sqrt(len(plain) / max(1, len(plain) - fitted))
    return tuple(max(0.0, 1 + (ratio - 1) * wider) for ratio in found)


def _movement(plain: Sequence[float], scatter: float) -> tuple[float, float]:
    """How far the level moves in a week: steadily, and by chance.

    A trend is believed as far as the weeks agree on it. Chance is what moves the level
    beyond the scatter of the days.
    """
    weeks = [
        fmean(_tamed(plain[end - _WEEK : end]))
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
