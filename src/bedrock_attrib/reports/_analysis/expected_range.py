"""Expected range of the next amount of a series, from its history."""

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
_LEAST_SPREAD = 0.05  # of the expected amount; a calm month is no guarantee
# A robust spread is as precise as a plain one of half as many residuals.
_EFFICIENCY = 0.5
_HIGHEST = 700.0  # of logarithms: above it a float overflows
_LITTLE = 0.05  # of a usual amount; smaller differences vanish on the logarithmic scale


class _Scale(NamedTuple):
    """Transformation that makes the scatter of amounts independent of their size.

    Attributes:
        of: Transforms an amount.
        back: Inverts the transformation.
        least: Transformed spread of `_LEAST_SPREAD` at an amount.
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
    """Amounts of a series before a period.

    Larger amounts scatter more. Sums of many random calls have a constant scatter of
    square roots, proportional variation one of logarithms. The expected range includes
    whatever is usual on either scale.

    Attributes:
        amounts: In order of time, none below zero.
        slots: Day or hour of the week of each amount.
        slot: Day or hour of the week of the next period.
    """

    amounts: Sequence[float]
    slots: Sequence[int]
    slot: int

    @property
    def is_seasonal(self) -> bool:
        """Return whether this day or hour of the week has enough history."""
        return len(self._like()) >= _ENOUGH_OF_A_SLOT

    def is_regular(self) -> bool:
        """Return whether spend is regular enough to expect an amount."""
        if not self.is_seasonal:
            return _active(self.amounts) >= len(self.amounts) * _MOSTLY_ACTIVE
        known = [each for each in self._by_slot().values() if len(each) > 1]
        due = [amounts for amounts in known if _is_mostly_active(amounts)]
        active = sum(_active(amounts) for amounts in known)
        due_active = sum(map(_active, due))
        lacking = sum(map(len, due)) - due_active
        return (
            active > 0
            and due_active >= active * _MOSTLY_ACTIVE
            and lacking <= active * (1 - _MOSTLY_ACTIVE)
        )

    def middle(self) -> float:
        """Return the expected amount."""
        return median(self._like() if self.is_seasonal else self.amounts)

    def span(
        self, chance: float, threshold: float | None = None
    ) -> tuple[float, float]:
        """Return the ends of the expected range.

        Args:
            chance: Probability of a usual amount beyond one of the ends.
            threshold: Standard deviations to use instead; None to use *chance*.
        """
        usual = median(each for each in self.amounts if each > 0)
        spans = [
            self._span(scale, chance, threshold)
            for scale in (_ROOTS, _logarithms(usual))
        ]
        low, high = min(low for low, _ in spans), max(high for _, high in spans)
        if not self.is_seasonal:  # weekly spend is not known yet
            low, high = min(low, *self.amounts), max(high, *self.amounts)
        return low, high

    def _span(
        self, scale: _Scale, chance: float, threshold: float | None
    ) -> tuple[float, float]:
        middle = self.middle()
        residuals = self._residuals(scale.of)
        scatter = scale.least(middle)
        if residuals:  # none if all days with a history are idle
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
        # Each is compared to the others of its slot: with a median that it is part of,
        # every third residual would be zero. Idle slots have no scatter.
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
