"""Totals of a page: everything that it shows of a ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from ..._model.cost import ZERO
from ..._model.record import Outcome
from ..._model.usage import Unit
from .._calendar import Step
from .._tables.spend_totals import SpendTotals, merge

Keys = tuple[str | None, ...]
MAIN_CURRENCY = "USD"
MOST_SHOWN = 12
"""Rows of a short table at most; the others are added up in one."""


@dataclass(slots=True)
class PricedCount:
    """Count at one price.

    Attributes:
        count: How many.
        amount: What they cost together, exact.
    """

    count: int = 0
    amount: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class PriceKey:
    """Unit and price of a charge.

    Attributes:
        model: The model.
        unit: What was counted; None for amounts that have no unit prices.
        price: Amount for one; None for amounts that have no unit prices.
        currency: ISO 4217 code.
    """

    model: str
    unit: Unit | None
    price: Decimal | None
    currency: str


@dataclass(slots=True)
class ChartPeriod:
    """One bar of a chart.

    Attributes:
        start: Its begin, in the zone of the report.
        spend: Totals of its calls.
        cost: Amount by dimension and value, in the main currency.
    """

    start: datetime
    spend: SpendTotals = field(default_factory=SpendTotals)
    cost: dict[str, dict[str | None, Decimal]] = field(default_factory=dict)


@dataclass(slots=True)
class PageTotals:
    """Everything that the page shows.

    Attributes:
        by: Names of the dimensions.
        tags: Those of them that are tags.
        since: First moment; None for an empty ledger without a span.
        until: The moment after the last.
        step: Length of a period.
        currency: Currency of charts and shares.
        total: All calls.
        periods: In the order of time, without gaps.
        by_value: Calls by value, by dimension.
        rows: Calls by the values of all dimensions.
        outcomes: Calls by outcome and error.
        unpriced: Calls that are not fully priced, by model and status.
        unpriced_units: Units of these calls without a price, by model and status.
        priced_counts: Counts by price.
        remarks: Limits of the figures, in sentences.
    """

    by: tuple[str, ...]
    tags: tuple[str, ...]
    since: datetime | None = None
    until: datetime | None = None
    step: Step = Step.DAY
    currency: str = MAIN_CURRENCY
    total: SpendTotals = field(default_factory=SpendTotals)
    periods: list[ChartPeriod] = field(default_factory=list)
    by_value: dict[str, dict[str | None, SpendTotals]] = field(default_factory=dict)
    rows: dict[Keys, SpendTotals] = field(default_factory=dict)
    outcomes: dict[tuple[str, str | None], SpendTotals] = field(default_factory=dict)
    unpriced: dict[tuple[str, str], SpendTotals] = field(default_factory=dict)
    unpriced_units: dict[tuple[str, str], list[Unit]] = field(default_factory=dict)
    priced_counts: dict[PriceKey, PricedCount] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def amount(self, spend: SpendTotals) -> Decimal:
        """Return the amount of *spend* in the main currency."""
        return spend.cost.get(self.currency, ZERO)

    def is_known(self, spend: SpendTotals) -> bool:
        """Return whether the amount of *spend* in the main currency is known.

        It is not where no call is priced, or all amounts are in other currencies.
        """
        return self.currency in spend.cost or not (spend.cost or spend.unpriced)

    def most_expensive(self, dimension: str) -> list[tuple[str | None, SpendTotals]]:
        """Return the values of a dimension with their calls, by falling cost."""
        return sorted(
            self.by_value.get(dimension, {}).items(),
            key=lambda each: (
                self.amount(each[1]).copy_negate(),
                -each[1].calls,
                each[0] or "",
            ),
        )

    def without(self, tag: str) -> SpendTotals:
        """Return the totals of calls without a tag."""
        return self.by_value[tag].get(None, SpendTotals())

    def ended(self, *outcomes: Outcome) -> SpendTotals:
        """Return the totals of calls with one of *outcomes*."""
        return merged(
            spend
            for (outcome, _), spend in self.outcomes.items()
            if outcome in outcomes
        )


def merged(spends: Iterable[SpendTotals]) -> SpendTotals:
    """Return the sum of *spends*."""
    total = SpendTotals()
    for spend in spends:
        merge(total, spend)
    return total


def tokens_of(spend: SpendTotals, units: Iterable[Unit]) -> int:
    """Return how many of *units* were used."""
    return sum(spend.usage.get(unit, 0) for unit in units)
