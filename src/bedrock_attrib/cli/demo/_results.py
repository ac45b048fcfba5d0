"""Results of the demo: reports from its ledger, and the sum of its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ..._model.cost import ZERO, add
from ...ledger import Ledger
from ...reports import (
    ChargesReport,
    SpendReport,
    UnpricedReport,
    charges,
    spend_by,
    unpriced,
)
from .._json import JsonObject, amount_json
from ..report._json import charges_json, spend_json, unpriced_json

_USD = "USD"
_REPORTS = {
    "by_team": ("team",),
    "by_app": ("team", "app", "experiment"),
    "by_model": ("model",),
    "by_outcome": ("outcome", "price_status"),
}
# The SDK adds up binary fractions, in any order: digits behind this are noise.
_FLOAT_DECIMALS = 12


@dataclass(frozen=True, slots=True)
class Results:
    """Results of a run.

    Attributes:
        planned: Calls in the plan.
        elapsed_s: Seconds that it took.
        endpoint_url: Where the calls were sent.
        prices_of: Day of the list prices.
        metrics_cost: Sum of OpenTelemetry's counter of cost.
        spend: Reports of the same calls by several dimensions.
        charges: The same amounts as counts times prices.
        unpriced: Calls that are not fully priced.
    """

    planned: int
    elapsed_s: float
    endpoint_url: str
    prices_of: date
    metrics_cost: float
    spend: Mapping[str, SpendReport]
    charges: ChargesReport
    unpriced: UnpricedReport

    @property
    def calls(self) -> int:
        """Number of finished calls."""
        return self.spend["by_team"].total.calls

    @property
    def total(self) -> Decimal:
        """Their exact cost in USD."""
        return self.spend["by_team"].total.cost.get(_USD, ZERO)

    @property
    def is_complete(self) -> bool:
        """Return whether every planned call was made."""
        return self.calls == self.planned

    def sums(self) -> set[Decimal]:
        """Add up the rows of each report; all sums are the same."""
        rows = [
            [row.spend.cost.get(_USD, ZERO) for row in report.rows]
            for report in self.spend.values()
        ]
        rows.append([row.amount for row in self.charges.rows])
        return {_sum(amounts) for amounts in rows}


def _sum(amounts: list[Decimal]) -> Decimal:
    total = ZERO
    for amount in amounts:
        total = add(total, amount)
    return total


def read_results(
    ledger: Ledger,
    *,
    planned: int,
    elapsed_s: float,
    endpoint_url: str,
    prices_of: date,
    metrics_cost: float,
) -> Results:
    """Make the reports of the demo from its *ledger*.

    Raises:
        LedgerError: If it cannot be read.
    """
    return Results(
        planned=planned,
        elapsed_s=elapsed_s,
        endpoint_url=endpoint_url,
        prices_of=prices_of,
        metrics_cost=metrics_cost,
        spend={name: spend_by(ledger, by) for name, by in _REPORTS.items()},
        charges=charges(ledger),
        unpriced=unpriced(ledger),
    )


def as_json(results: Results) -> JsonObject:
    """Write *results* as JSON."""
    return {
        "complete": results.is_complete,
        "calls": results.calls,
        "planned_calls": results.planned,
        "elapsed_s": round(results.elapsed_s, 3),
        "endpoint_url": results.endpoint_url,
        "prices_of": results.prices_of.isoformat(),
        "currency": _USD,
        "total": amount_json(results.total),
        "metrics_total": round(results.metrics_cost, _FLOAT_DECIMALS),
        **{name: spend_json(report) for name, report in results.spend.items()},
        "charges": charges_json(results.charges),
        "unpriced": unpriced_json(results.unpriced),
    }
