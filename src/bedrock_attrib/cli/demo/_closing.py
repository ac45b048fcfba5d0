"""What the demo has to say at its end, as figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ..._model.record import CallRecord
from .._bill import (
    BY_APP,
    BY_APP_AND_MODEL,
    BY_MODEL,
    BY_OUTCOME,
    BY_TEAM,
    Bill,
    bill_of,
    estimated,
    not_priced,
)
from .._json import JsonObject, amount_json, bill_json

_GROUPINGS = {
    "by_team": BY_TEAM,
    "by_app": BY_APP,
    "by_model": BY_MODEL,
    "by_app_and_model": BY_APP_AND_MODEL,
    "by_outcome": BY_OUTCOME,
}
# The SDK adds up binary fractions, in any order: what lies behind this is noise.
_FLOAT_DECIMALS = 12


@dataclass(frozen=True, slots=True)
class Closing:
    """The demo's result.

    Attributes:
        records: Finished calls.
        planned: Calls in the plan.
        elapsed_s: Seconds that it took.
        endpoint_url: Where the calls were sent.
        prices_of: Day whose list prices hold.
        metrics_cost: What OpenTelemetry's counter of cost adds up to.
    """

    records: Sequence[CallRecord]
    planned: int
    elapsed_s: float
    endpoint_url: str
    prices_of: date
    metrics_cost: float

    @property
    def is_complete(self) -> bool:
        """Whether every planned call was made."""
        return len(self.records) == self.planned

    def bills(self) -> Mapping[str, Bill]:
        """The same calls added up in several ways."""
        return {
            name: bill_of(self.records, grouping)
            for name, grouping in _GROUPINGS.items()
        }


def as_json(closing: Closing) -> JsonObject:
    """*closing* as JSON values."""
    bills = closing.bills()
    return {
        "complete": closing.is_complete,
        "calls": len(closing.records),
        "planned_calls": closing.planned,
        "elapsed_s": round(closing.elapsed_s, 3),
        "endpoint_url": closing.endpoint_url,
        "prices_of": closing.prices_of.isoformat(),
        "currency": "USD",
        "total": amount_json(bills["by_team"].total.cost),
        "metrics_total": round(closing.metrics_cost, _FLOAT_DECIMALS),
        **{name: bill_json(bill) for name, bill in bills.items()},
        "not_priced": bill_json(not_priced(closing.records)),
        "estimated": bill_json(estimated(closing.records)),
    }
