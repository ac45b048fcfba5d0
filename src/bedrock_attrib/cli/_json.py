"""Bills as JSON: amounts are exact, so they are text."""

from __future__ import annotations

from decimal import Decimal

from .._model.record import PriceStatus
from ._bill import Bill, Line

JsonObject = dict[str, object]


def bill_json(bill: Bill) -> list[JsonObject]:
    """The lines of *bill*, each with the parts of its key by name."""
    return [
        {**dict(zip(bill.names, key, strict=True)), **_line_json(line)}
        for key, line in bill.ordered()
    ]


def amount_json(amount: Decimal) -> str:
    """*amount* with all its digits."""
    return f"{amount:f}"


def _line_json(line: Line) -> JsonObject:
    return {
        "calls": line.calls,
        "failed_calls": line.failed,
        "usage": {unit.value: count for unit, count in line.ordered_counts()},
        # What nobody could price is not zero.
        "cost": amount_json(line.cost) if _has_amount(line) else None,
        "price_statuses": {
            status.value: calls for status, calls in sorted(line.statuses.items())
        },
        "charges": [
            {
                "unit": rate.unit.value,
                "count": count,
                "price": amount_json(rate.price),
                "per": rate.per,
                "scope": rate.scope,
                "region": rate.region,
                "tier": rate.tier,
                "amount": amount_json(amount),
            }
            for rate, count, amount in line.ordered_charges()
        ],
    }


def _has_amount(line: Line) -> bool:
    return bool(line.cost) or set(line.statuses) != {PriceStatus.UNPRICED}
