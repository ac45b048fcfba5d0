"""Costs: exact money arithmetic, dated list prices by unit, and amounts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import (
    MAX_EMAX,
    MAX_PREC,
    MIN_EMIN,
    Context,
    Decimal,
    Inexact,
    InvalidOperation,
)
from functools import reduce
from typing import NamedTuple, Self

from ..errors import ConfigError
from .usage import Unit, Usage

EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
"""Exact for sums and products, which use only as many digits as they need. The
application's own decimal context has no effect on amounts."""

ZERO = Decimal(0)
add = EXACT.add
multiply = EXACT.multiply

# A non-terminating quotient would fill the memory at that precision, so division
# stops early and fails unless the result is exact.
_DIVISION = Context(prec=1000, traps=[InvalidOperation, Inexact])


def divide_evenly(price: Decimal, per: int) -> Decimal:
    """Divide *price* by *per*, exactly.

    Raises:
        ConfigError: If the quotient does not terminate, as for a price per 3 units.
    """
    try:
        return _DIVISION.divide(price, Decimal(per))
    except Inexact:
        raise ConfigError(
            f"{price} per {per} units is no exact price per unit; state it per 1, "
            f"1000 or 1000000 units"
        ) from None


class Rate(NamedTuple):
    """A dated list price, as chosen for a call.

    Attributes:
        unit: Unit that it prices.
        price: Amount for ``per`` units, in ``currency``.
        per: Number of units that ``price`` buys (1,000,000 for tokens).
        amount: Amount for one unit: ``price / per``, exact.
        currency: ISO 4217 code.
        region: Region of the row, or ``default``.
        scope: Scope of the row (``regional``, ``geo``, ``global``).
        tier: Tier of the row.
        latency_mode: ``standard`` or ``optimized``.
        context_band: Long-context band of the row, empty for none.
        valid_from: First day of validity; None when unknown.
        valid_to: Last day of validity; None while it is valid.
        sources: Where the price was read.
        independent_sources: Number of these that observed it independently.
        list_price: List price of ``per`` units, before discounts and the user's own
            prices; None where no list has one.
    """

    unit: Unit
    price: Decimal
    per: int
    amount: Decimal
    currency: str
    region: str
    scope: str
    tier: str
    latency_mode: str
    context_band: str
    valid_from: date | None
    valid_to: date | None
    sources: tuple[str, ...]
    independent_sources: int
    list_price: Decimal | None = None

    @property
    def list_amount(self) -> Decimal:
        """List price of one unit, exact; the price itself where no list has one."""
        if self.list_price is None:
            return self.amount
        return divide_evenly(self.list_price, self.per)


class Rates(Mapping[Unit, Rate]):
    """Rates by unit, immutable; shared by all calls with the same prices.

    Attributes:
        key: Number, unique within this process.
        amounts: Amount per single unit.
    """

    __slots__ = ("_rates", "amounts", "key")

    def __init__(self, rates: Mapping[Unit, Rate]) -> None:
        """Copy *rates*."""
        self._rates = dict(rates)
        self.key = next(_KEYS)
        self.amounts = {unit: rate.amount for unit, rate in self._rates.items()}

    def __getitem__(self, unit: Unit) -> Rate:
        return self._rates[unit]

    def __iter__(self) -> Iterator[Unit]:
        return iter(self._rates)

    def __len__(self) -> int:
        return len(self._rates)

    def __reduce__(self) -> tuple[type[Rates], tuple[dict[Unit, Rate]]]:
        # The key is valid in this process only.
        return Rates, (self._rates,)

    def __repr__(self) -> str:
        return f"Rates({self._rates!r})"


_KEYS = itertools.count()


_new = object.__new__  # as in `Usage`


class Cost:
    """An amount at list price, by unit, with the rates used; immutable.

    Attributes:
        currency: ISO 4217 code.
        rates: The rate of each unit in ``by_unit``.
        unpriced_units: Units with a count above zero and no rate; not included in the
            amounts.
        usage: Counts from which the rates give the amounts; None for a cost with
            given amounts.
    """

    __slots__ = ("_by_unit", "_total", "currency", "rates", "unpriced_units", "usage")

    def __init__(
        self,
        total: Decimal,
        currency: str,
        by_unit: Mapping[Unit, Decimal],
        rates: Mapping[Unit, Rate],
        unpriced_units: tuple[Unit, ...] = (),
    ) -> None:
        """Store the given amounts.

        Args:
            total: Exact sum of *by_unit*.
            currency: ISO 4217 code.
            by_unit: Amount of each unit that has a rate.
            rates: The rate of each unit in *by_unit*.
            unpriced_units: Units with a count above zero and no rate.
        """
        self._total: Decimal | None = total
        self._by_unit: Mapping[Unit, Decimal] | None = by_unit
        self.currency = currency
        self.rates = rates if isinstance(rates, Rates) else Rates(rates)
        self.unpriced_units = unpriced_units
        self.usage: Usage | None = None

    @classmethod
    def at(
        cls,
        rates: Rates,
        usage: Usage,
        currency: str,
        unpriced_units: tuple[Unit, ...] = (),
    ) -> Self:
        """Return the cost of *usage* at *rates*, computed on first access."""
        cost = _new(cls)
        cost._total = None
        cost._by_unit = None
        cost.currency = currency
        cost.rates = rates
        cost.unpriced_units = unpriced_units
        cost.usage = usage
        return cost

    @property
    def by_unit(self) -> Mapping[Unit, Decimal]:
        """Amount of each unit that has a rate, never rounded."""
        if self._by_unit is None:
            counts: Mapping[Unit, int] = self.usage or {}
            self._by_unit = {
                unit: multiply(rate.amount, counts[unit])
                for unit, rate in self.rates.items()
            }
        return self._by_unit

    @property
    def total(self) -> Decimal:
        """Exact sum of ``by_unit``, never rounded."""
        if self._total is None:
            self._total = reduce(add, self.by_unit.values(), ZERO)
        return self._total

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Cost):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash((self.currency, self.total))

    def __reduce__(self) -> tuple[object, ...]:
        return Cost, self._values()

    def __repr__(self) -> str:
        return f"Cost(total={self.total!r}, currency={self.currency!r})"

    def _values(self) -> tuple[object, ...]:
        return (
            self.total,
            self.currency,
            dict(self.by_unit),
            self.rates,
            self.unpriced_units,
        )
