"""FOCUS charges of a period: counts of one unit at one price, with their terms."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from .._model.cost import ZERO, Rate, add
from .._model.record import PriceStatus
from .._model.usage import Unit
from ..ledger import Aggregate, CallDimensions, Reader


@dataclass(slots=True)
class Charge:
    """Content of one FOCUS row.

    Attributes:
        tags: Tags of the calls, as JSON.
        kind: Other properties that they share.
        unit: What was counted; None for amounts without unit prices.
        rate: Price of one; None where unknown.
        quantity: How many of the unit.
        amount: Their cost; zero without a price, as FOCUS allows no null.
        status: Price status of the amount.
    """

    tags: str
    kind: CallDimensions
    unit: Unit | None
    rate: Rate | None
    quantity: int
    amount: Decimal
    status: PriceStatus


def charges_of(reader: Reader, parts: Iterable[Aggregate]) -> list[Charge]:
    """Return the charges of one period; equal rows are added up."""
    charges: dict[tuple[object, ...], Charge] = {}
    for part in parts:
        tags = json.dumps(dict(part.tags), sort_keys=True, ensure_ascii=False)
        rates = reader.rates_of(part.dimensions)
        for unit, quantity, amount in _used(part):
            rate = None if rates is None or unit is None else rates.get(unit)
            status = part.dimensions.price_status
            if amount is None:
                status = PriceStatus.UNPRICED
            elif status is PriceStatus.PARTIAL:
                status = PriceStatus.PRICED  # of this unit
            charge = Charge(
                tags,
                part.dimensions,
                unit,
                rate,
                quantity,
                amount or ZERO,
                status,
            )
            known = charges.setdefault(_row_identity(charge), charge)
            if known is not charge:
                known.quantity += quantity
                known.amount = add(known.amount, charge.amount)
    return sorted(charges.values(), key=_order)


def _used(part: Aggregate) -> Iterator[tuple[Unit | None, int, Decimal | None]]:
    for unit, quantity in part.usage.items():
        yield unit, quantity, part.by_unit.get(unit)
    if part.cost and not part.by_unit:
        yield None, part.calls, part.cost


def _row_identity(charge: Charge) -> tuple[object, ...]:
    kind = charge.kind
    return (
        charge.tags,
        kind.model,
        kind.operation,
        kind.region,
        kind.tier,
        kind.latency_mode,
        kind.currency,
        charge.unit,
        charge.rate,
        charge.status,
    )


def _order(charge: Charge) -> tuple[str, ...]:
    kind = charge.kind
    return (
        charge.tags,
        kind.model.requested,
        kind.region,
        kind.operation,
        kind.tier,
        kind.latency_mode,
        charge.unit or "",
        charge.status,
    )
