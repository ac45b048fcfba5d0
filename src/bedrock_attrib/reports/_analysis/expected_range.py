"""What a series of amounts would be expected to show next, from what it showed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from .._statistics.robust import spread
from .._statistics.student_t import student_quantile

_ENOUGH_OF_A_SLOT = 3
_MOSTLY_ACTIVE = 0.8
_LEAST_SPREAD = 0.05  # of what is expected: a calm month is no promise
# A robust spread of residuals knows as much as a plain one of half as many.
_EFFICIENCY = 0.5
_HIGHEST = 700.0  # of logarithms: what lies above has no end that a float could hold
_LITTLE = 0.05  # of a usual amount: what lies below is not told apart by logarithms


class _Scale(NamedTuple):
    """A way to look at amounts by which they scatter alike, whatever their size.

    Attributes:
        of: Takes an amount there.
        back: Takes it back.
        least: What a spread of `_LEAST_SPREAD` is there, at an amount.
    """

    of: Callable[[float], float]
    back: Callable[[float], float]
    least: Callable[[float], float]


_ROOTS = _Scale(
    math.sqrt,
    lambda root: max(0.0, root) ** 2,
    lambda amount: math.sqrt(amount) * _LEAST_SPREAD / 2,
)


def _logarithms(usual: float) -> _Scale:
    beside = usual * _LITTLE
    return _Scale(
        lambda amount: math.log(amount + beside),
        lambda height: max(0.0, math.exp(min(height, _HIGHEST)) - beside),
        lambda _: _LEAST_SPREAD,
    )


@dataclass(frozen=True, slots=True)
class History:
    """Amounts of a series before a stretch.

    Amounts scatter the more, the larger they are. Where many calls add up that come by
    chance, their square roots scatter alike; where days are a third more or less, their
    logarithms do. Nothing surprises that is usual on either of these scales.

    Attributes:
        amounts: In order of time, none below zero.
        slots: For each, its place in the week.
        slot: Place in the week of the stretch that follows.
    """

    amounts: Sequence[float]
    slots: Sequence[int]
    slot: int

    @property
    def is_seasonal(self) -> bool:
        """Whether this place in the week has a past of its own."""
        return len(self._like()) >= _ENOUGH_OF_A_SLOT

    def is_regular(self) -> bool:
        """Whether spend comes when it is due; else nothing can be expected."""
        if not self.is_seasonal:
            return _active(self.amounts) >= len(self.amounts) * _MOSTLY_ACTIVE
        told = [each for each in self._by_slot().values() if len(each) > 1]
        due = [amounts for amounts in told if _is_mostly_active(amounts)]
        active = sum(_active(amounts) for amounts in told)
        due_active = sum(map(_active, due))
        lacking = sum(map(len, due)) - due_active
        return (
            active > 0
            and due_active >= active * _MOSTLY_ACTIVE
            and lacking <= active * (1 - _MOSTLY_ACTIVE)
        )

    def middle(self) -> float:
        """What is expected, as an amount."""
        return median(self._like() if self.is_seasonal else self.amounts)

    def span(
        self, chance: float, threshold: float | None = None
    ) -> tuple[float, float]:
        """Lowest and highest amount that surprise nobody.

        Args:
            chance: How often an amount of the same kind may lie beyond one of the ends.
            threshold: So many standard deviations instead; None to follow *chance*.
        """
        usual = median(each for each in self.amounts if each > 0)
        spans = [
            self._span(scale, chance, threshold)
            for scale in (_ROOTS, _logarithms(usual))
        ]
        low, high = min(low for low, _ in spans), max(high for _, high in spans)
        if not self.is_seasonal:  # what comes once a week is not known yet
            low, high = min(low, *self.amounts), max(high, *self.amounts)
        return low, high

    def _span(
        self, scale: _Scale, chance: float, threshold: float | None
    ) -> tuple[float, float]:
        middle = self.middle()
        residuals = self._residuals(scale.of)
        scatter = scale.least(middle)
        if residuals:  # none where all that has a past is idle
            scatter = max(scatter, spread(residuals))
        times = threshold
        if times is None:
            times = student_quantile(1 - chance, len(residuals) * _EFFICIENCY)
        height, reach = scale.of(middle), times * scatter
        return scale.back(height - reach), scale.back(height + reach)

    def _like(self) -> list[float]:
        pairs = zip(self.amounts, self.slots, strict=True)
        return [amount for amount, slot in pairs if slot == self.slot]

    def _by_slot(self) -> dict[int, list[float]]:
        found: dict[int, list[float]] = {}
        for amount, slot in zip(self.amounts, self.slots, strict=True):
            found.setdefault(slot, []).append(amount)
        return found

    def _residuals(self, of: Callable[[float], float]) -> list[float]:
        if not self.is_seasonal:
            middle = of(median(self.amounts))
            return [of(amount) - middle for amount in self.amounts]
        # Each against the others of its slot: against a median that it is part of,
        # every third would be no surprise at all. Idle places tell of no scatter.
        return [
            height - median(heights[:place] + heights[place + 1 :])
            for amounts in self._by_slot().values()
            if len(amounts) >= _ENOUGH_OF_A_SLOT and any(amounts)
            for heights in [[of(amount) for amount in amounts]]
            for place, height in enumerate(heights)
        ]


def _active(amounts: Sequence[float]) -> int:
    return sum(amount > 0 for amount in amounts)


def _is_mostly_active(amounts: Sequence[float]) -> bool:
    return _active(amounts) * 2 > len(amounts)
