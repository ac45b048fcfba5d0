"""Discounts: negotiated percentages off list prices, with dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from .._model.cost import EXACT
from ..errors import ConfigError

_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Discount:
    """A percentage off list prices, for a model, a vendor or everything.

    The most specific discount that holds applies, alone: a model's before its
    vendor's before a general one. The user's own rows are never discounted.

    Attributes:
        percent: Percentage that is subtracted, from 0 to 100.
        model: Base model id; None for every model.
        vendor: First part of the model id; None for all vendors.
        valid_from: First day, UTC; None for always before ``valid_to``.
        valid_to: Last day, UTC; None for no end.

    Raises:
        ConfigError: If the percentage is out of range, or both a model and a vendor
            are given.

    Example:
        >>> Discount(Decimal("12.5"), vendor="anthropic").factor
        Decimal('0.875')
    """

    percent: Decimal
    model: str | None = None
    vendor: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None

    def __post_init__(self) -> None:
        is_exact = type(self.percent) is Decimal and self.percent.is_finite()
        if not is_exact or not 0 <= self.percent <= _HUNDRED:
            raise ConfigError(
                f"discount of {self.percent!r}; expected a Decimal from 0 to 100"
            )
        if self.model is not None and self.vendor is not None:
            raise ConfigError("a discount is for a model or a vendor, not for both")

    @property
    def factor(self) -> Decimal:
        """Number that a list price is multiplied by."""
        return EXACT.scaleb(EXACT.subtract(_HUNDRED, self.percent), -2)

    @property
    def rank(self) -> int:
        """Return its specificity: 2 for a model, 1 for a vendor, 0 for everything."""
        return 2 if self.model is not None else int(self.vendor is not None)

    def covers(self, model_id: str, day: date) -> bool:
        """Return whether it applies to *model_id* on *day*."""
        if self.valid_from is not None and day < self.valid_from:
            return False
        if self.valid_to is not None and self.valid_to < day:
            return False
        if self.model is not None:
            return self.model == model_id
        return self.vendor is None or self.vendor == model_id.partition(".")[0]


def find_discount(
    discounts: Sequence[Discount], model_id: str, day: date
) -> Discount | None:
    """Return the most specific discount of *model_id* on *day*, the first of equals."""
    covering = (each for each in discounts if each.covers(model_id, day))
    return max(covering, key=lambda each: each.rank, default=None)
