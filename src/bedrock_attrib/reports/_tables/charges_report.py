"""Charges by price: every amount of a ledger as a count times a price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ..._model.cost import ZERO, Rate, add
from ..._model.usage import Unit
from ...ledger import Aggregate, Ledger, Reader
from .._selection import Selection
from .remarks import remarks_on
from .table import Column, ColumnType, Table

_UNIT_ORDER = {unit: number for number, unit in enumerate(Unit)}
Key = tuple[
    str,
    str,
    str,
    str,
    str,
    Unit | None,
    Decimal | None,
    int | None,
    Decimal | None,
]


@dataclass(slots=True)
class ChargeRow:
    """Counts of one unit of a model at one price.

    Attributes:
        model: Model id, or what was called where the id is not known.
        currency: ISO 4217 code.
        region: Region of the price; ``default`` for one that holds in any.
        scope: Scope of the price; empty without one.
        tier: Service tier of the price; empty without one.
        unit: Billed unit; None for amounts that were given for whole calls.
        price: Price, less a discount; the user's own price where there is one; None
            without a price.
        per: Number of units that the price buys; None without a price.
        list_price: List price of as many units; None where no list has one.
        count: Number of units; of calls, where there is no unit.
        amount: Their exact cost: count times price divided by per.
    """

    model: str
    currency: str
    region: str
    scope: str
    tier: str
    unit: Unit | None
    price: Decimal | None
    per: int | None
    list_price: Decimal | None
    count: int = 0
    amount: Decimal = ZERO

    @property
    def is_at_list_price(self) -> bool:
        """True without a discount or a price of the user's own."""
        return self.price == self.list_price

    @property
    def terms(self) -> str:
        """Scope, region and tier of the price, without what is usual."""
        region = "" if self.region == "default" else self.region
        tier = "" if self.tier == "default" else self.tier
        return ", ".join(filter(None, (self.scope, region, tier)))


@dataclass(frozen=True, slots=True)
class ChargesReport:
    """Charges of a span, the most expensive model first.

    Attributes:
        since: First moment.
        until: The moment after the last.
        rows: Charges by model, price and unit; amounts of zero are left out.
        total: Exact amount by currency.
        remarks: What a reader of the figures must know, in sentences.
    """

    since: datetime | None
    until: datetime | None
    rows: tuple[ChargeRow, ...]
    total: dict[str, Decimal]
    remarks: tuple[str, ...] = ()


def charges(ledger: Ledger, selection: Selection | None = None) -> ChargesReport:
    """Break spend down into counts and prices, so that it can be checked.

    Args:
        ledger: The ledger to read.
        selection: Which calls; None for all.

    Raises:
        LedgerError: If the ledger cannot be read.
    """
    chosen = selection or Selection()
    rows: dict[Key, ChargeRow] = {}
    since, until = chosen.since, chosen.until
    with ledger.reading() as reader:
        whole = reader.span()
        points = [] if whole is None else [*chosen.span(whole)]
        remarks = tuple(remarks_on(reader, chosen, points, ()))
        if points:
            since, until = points
            for part in reader.sums(since, until):
                if part.cost and chosen.matches(part.tags, part.dimensions):
                    _add(rows, part, reader)
    total: dict[str, Decimal] = {}
    by_model: dict[str, Decimal] = {}
    for row in rows.values():
        total[row.currency] = add(total.get(row.currency, ZERO), row.amount)
        by_model[row.model] = add(by_model.get(row.model, ZERO), row.amount)
    ordered = sorted(rows.values(), key=lambda row: _order(row, by_model))
    return ChargesReport(since, until, tuple(ordered), total, remarks)


def _add(rows: dict[Key, ChargeRow], part: Aggregate, reader: Reader) -> None:
    rates: Mapping[Unit, Rate] = reader.rates_of(part.dimensions) or {}
    if not part.by_unit:
        _add_charge(rows, part, None, None, part.calls, part.cost or ZERO)
    for unit, amount in part.by_unit.items():
        if amount:
            count = part.usage.get(unit, 0)
            _add_charge(rows, part, unit, rates.get(unit), count, amount)


def _add_charge(
    rows: dict[Key, ChargeRow],
    part: Aggregate,
    unit: Unit | None,
    rate: Rate | None,
    count: int,
    amount: Decimal,
) -> None:
    key: Key = (
        part.dimensions.model.model_id or part.dimensions.model.requested,
        part.dimensions.currency or "",
        *(("", "", "") if rate is None else (rate.region, rate.scope, rate.tier)),
        unit,
        None if rate is None else rate.price,
        None if rate is None else rate.per,
        None if rate is None else rate.list_price,
    )
    row = rows.setdefault(key, ChargeRow(*key))
    row.count += count
    row.amount = add(row.amount, amount)


def _order(row: ChargeRow, by_model: dict[str, Decimal]) -> tuple[object, ...]:
    unit = -1 if row.unit is None else _UNIT_ORDER[row.unit]
    return (
        by_model[row.model].copy_negate(),
        row.model,
        row.currency,
        row.scope,
        row.tier,
        row.region,
        unit,
        row.price or ZERO,
    )


def tabulate_charges(report: ChargesReport) -> Table:
    """Turn *report* into a table."""
    return Table(
        (
            *map(Column, ("model", "unit", "scope", "region", "tier")),
            Column("count", ColumnType.COUNT),
            Column("price", ColumnType.AMOUNT),
            Column("per", ColumnType.COUNT),
            Column("amount", ColumnType.AMOUNT),
            Column("currency"),
            Column("list_price", ColumnType.AMOUNT),
        ),
        [
            (
                row.model,
                None if row.unit is None else row.unit.value,
                row.scope or None,
                row.region or None,
                row.tier or None,
                row.count,
                row.price,
                row.per,
                row.amount,
                row.currency,
                row.list_price,
            )
            for row in report.rows
        ],
    )
