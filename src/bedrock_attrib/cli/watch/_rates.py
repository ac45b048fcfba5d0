"""Spend in the last minutes, hour and day of a ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from ..._model.cost import ZERO
from ...budgets import BudgetStatus
from ...ledger import Ledger
from ...reports import Selection, SpendTotals
from ...reports._dimensions import Dimension

MINUTES = 5
WINDOWS = (timedelta(minutes=MINUTES), timedelta(hours=1), timedelta(days=1))
"""The last five minutes, the last hour, the last day."""
_SHORT, _HOUR, _DAY = range(3)

Keys = tuple[str | None, ...]
Spends = tuple[SpendTotals, SpendTotals, SpendTotals]
Amounts = tuple[Decimal | None, Decimal | None, Decimal | None]


def _new_spends() -> Spends:
    return SpendTotals(), SpendTotals(), SpendTotals()


@dataclass(slots=True)
class Rates:
    """Spend in each window.

    Attributes:
        at: The end of the windows.
        by: Names of the dimensions.
        lines: Spend in each window, by values of the dimensions.
        total: Spend of all calls in each window.
        currency: Currency of the amounts that are shown.
        budgets: Budgets that the settings name, where they are in a shared store.
    """

    at: datetime
    by: tuple[str, ...]
    lines: dict[Keys, Spends] = field(default_factory=dict)
    total: Spends = field(default_factory=_new_spends)
    currency: str = "USD"
    budgets: list[BudgetStatus] = field(default_factory=list)

    def amount(self, spend: SpendTotals) -> Decimal | None:
        """Return the amount in the currency that is shown; None where it is unknown."""
        found = spend.cost.get(self.currency)
        return ZERO if found is None and not spend.unpriced else found

    def amounts(self, spends: Spends) -> Amounts:
        """Return the amounts of the windows, in the currency that is shown."""
        short, hour, day = map(self.amount, spends)
        return short, hour, day

    def others(self, spend: SpendTotals) -> dict[str, Decimal]:
        """Return the amounts in all other currencies, by currency."""
        names = sorted(spend.cost.keys() - {self.currency})
        return {name: spend.cost[name] for name in names}

    def per_minute(self, spends: Spends) -> Decimal | None:
        """Return the spend per minute, over the last five."""
        short = self.amounts(spends)[_SHORT]
        return None if short is None else short / MINUTES

    def ordered(self) -> list[tuple[Keys, Spends]]:
        """Return the lines, the highest current spend first."""
        return sorted(
            self.lines.items(),
            key=lambda line: (
                tuple((each or ZERO).copy_negate() for each in self.amounts(line[1])),
                -line[1][_DAY].calls,
                tuple(key or "" for key in line[0]),
            ),
        )


def read_rates(
    ledger: Ledger, dimensions: Sequence[Dimension], selection: Selection, at: datetime
) -> Rates:
    """Read the windows that end at *at*.

    Raises:
        LedgerError: If the ledger cannot be read.
    """
    rates = Rates(at, tuple(dimension.name for dimension in dimensions))
    with ledger.reading() as reader:
        for number, window in enumerate(WINDOWS):
            for part in reader.sums(at - window, at):
                if not selection.matches(part.tags, part.dimensions):
                    continue
                keys = tuple(
                    each.read(part.tags, part.dimensions) for each in dimensions
                )
                if keys not in rates.lines:
                    rates.lines[keys] = _new_spends()
                rates.lines[keys][number].add(part)
                rates.total[number].add(part)
    costs = rates.total[_DAY].cost
    if costs and rates.currency not in costs:
        rates.currency = min(costs, key=lambda name: (-costs[name], name))
    return rates
