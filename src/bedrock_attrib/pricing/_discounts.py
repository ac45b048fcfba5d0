"""Discounts: negotiated percentages off list prices, with dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from .._model.cost import EXACT
from .._model.model_id import ModelKind, parse_model_id
from ..errors import ConfigError
from ._query import PriceQuery

_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Discount:
    """A percentage off list prices, for a model, a vendor or everything.

    The most specific discount that holds applies, alone: a model's before its
    vendor's before a general one. The user's own rows are never discounted.

    Attributes:
        percent: Percentage that is subtracted, from 0 to 100.
        model: Base model id, or the id of an inference profile (``us.…``,
            ``global.…``) for calls through that profile alone; None for every model.
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
        """Return its specificity.

        It is 3 for a profile, 2 for a model, 1 for a vendor, and 0 for everything.
        """
        if self.model is None:
            return int(self.vendor is not None)
        return 3 if self._is_of_profile else 2

    def covers(self, model_id: str, query: PriceQuery) -> bool:
        """Return whether it applies to *model_id* for calls of *query*."""
        day = query.day
        if self.valid_from is not None and day < self.valid_from:
            return False
        if self.valid_to is not None and self.valid_to < day:
            return False
        if self.model is None:
            return self.vendor in {None, model_id.partition(".")[0]}
        named = parse_model_id(self.model)
        if named.model_id != model_id:
            return False
        same_profile = (named.scope, named.geography) == (query.scope, query.geography)
        return same_profile or not self._is_of_profile

    @property
    def _is_of_profile(self) -> bool:
        kind = parse_model_id(self.model or "").kind
        return kind is ModelKind.INFERENCE_PROFILE


def find_discount(
    discounts: Sequence[Discount], model_id: str, query: PriceQuery
) -> Discount | None:
    """Return the most specific discount of *model_id*, the first of equals.

    Args:
        discounts: All discounts.
        model_id: Model of the row that is discounted.
        query: Terms of the call, day included.
    """
    covering = (each for each in discounts if each.covers(model_id, query))
    return max(covering, key=lambda each: each.rank, default=None)
