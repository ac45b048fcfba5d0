"""What a series of amounts would be expected to show next, from what it showed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ._robust import spread

_ENOUGH_OF_A_SLOT = 3
_MOSTLY_ACTIVE = 0.8
_LEAST_SPREAD = 0.025  # of what is expected: a calm month is no promise


@dataclass(frozen=True, slots=True)
class History:
    """Amounts of a series before a stretch, as square roots.

    Amounts scatter the more, the larger they are. Their square roots scatter about
    alike, whether many small calls add up or a few large ones.

    Attributes:
        roots: Square roots of the amounts, in order of time.
        slots: For each, its place in the week.
        slot: Place in the week of the stretch that follows.
    """

    roots: Sequence[float]
    slots: Sequence[int]
    slot: int

    @property
    def is_seasonal(self) -> bool:
        """Whether this place in the week has a past of its own."""
        return len(self._like()) >= _ENOUGH_OF_A_SLOT

    def is_regular(self) -> bool:
        """Whether spend comes when it is due; else nothing can be expected."""
        if not self.is_seasonal:
            return _active(self.roots) >= len(self.roots) * _MOSTLY_ACTIVE
        told = [each for each in self._by_slot().values() if len(each) > 1]
        due = [roots for roots in told if _is_mostly_active(roots)]
        active = sum(_active(roots) for roots in told)
        due_active = sum(map(_active, due))
        lacking = sum(map(len, due)) - due_active
        return (
            active > 0
            and due_active >= active * _MOSTLY_ACTIVE
            and lacking <= active * (1 - _MOSTLY_ACTIVE)
        )

    def middle(self) -> float:
        """What is expected, as an amount."""
        return self._middle() ** 2

    def span(self, threshold: float) -> tuple[float, float]:
        """Lowest and highest amount that surprise nobody."""
        middle = self._middle()
        scatter = max(spread(self._residuals()), middle * _LEAST_SPREAD)
        low = max(0.0, middle - threshold * scatter)
        high = middle + threshold * scatter
        if not self.is_seasonal:  # what comes once a week is not known yet
            low, high = min(low, *self.roots), max(high, *self.roots)
        return low**2, high**2

    def _middle(self) -> float:
        return median(self._like() if self.is_seasonal else self.roots)

    def _like(self) -> list[float]:
        pairs = zip(self.roots, self.slots, strict=True)
        return [root for root, slot in pairs if slot == self.slot]

    def _by_slot(self) -> dict[int, list[float]]:
        found: dict[int, list[float]] = {}
        for root, slot in zip(self.roots, self.slots, strict=True):
            found.setdefault(slot, []).append(root)
        return found

    def _residuals(self) -> list[float]:
        if not self.is_seasonal:
            middle = median(self.roots)
            return [root - middle for root in self.roots]
        # Each against the others of its slot: against a median that it is part of,
        # every third would be no surprise at all.
        return [
            root - median(roots[:place] + roots[place + 1 :])
            for roots in self._by_slot().values()
            if len(roots) >= _ENOUGH_OF_A_SLOT
            for place, root in enumerate(roots)
        ]


def _active(roots: Sequence[float]) -> int:
    return sum(root > 0 for root in roots)


def _is_mostly_active(roots: Sequence[float]) -> bool:
    return _active(roots) * 2 > len(roots)


def roots_of(amounts: Sequence[float]) -> list[float]:
    """Square roots of *amounts*, none of which is below zero."""
    return [math.sqrt(max(0.0, each)) for each in amounts]
