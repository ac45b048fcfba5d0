"""Calls that lack tags: whose they are not known to be, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ...errors import ConfigError
from ...ledger import Ledger
from .._dimensions import dimension_named, dimensions_of, tag_named
from .._selection import Selection
from .remarks import remarks_on
from .spend import Spend, ordered_currencies
from .table import ColumnType, FlatColumn, FlatTable, key_columns

DEFAULT_BY = ("model", "region", "operation")


@dataclass(frozen=True, slots=True)
class UnattributedRow:
    """Calls that lack the same tags and come from the same place.

    Attributes:
        missing: The tags that they lack.
        keys: Value of each dimension, None for calls that have none.
        first_hour: The hour (UTC) in which the first of them started.
        last_hour: The hour in which the last of them started.
        spend: What they add up to.
    """

    missing: tuple[str, ...]
    keys: tuple[str | None, ...]
    first_hour: datetime
    last_hour: datetime
    spend: Spend


@dataclass(frozen=True, slots=True)
class UnattributedReport:
    """Calls that lack tags.

    Attributes:
        tags: What calls should have.
        by: Names of the dimensions.
        since: First moment.
        until: The moment after the last.
        rows: The most expensive first.
        lacking: All these calls.
        total: All calls, those that lack nothing included.
        remarks: What a reader of the figures must know, in sentences.
    """

    tags: tuple[str, ...]
    by: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    rows: tuple[UnattributedRow, ...]
    lacking: Spend
    total: Spend
    remarks: tuple[str, ...] = ()

    @property
    def currencies(self) -> tuple[str, ...]:
        """Currencies of the amounts: USD first, the others by name."""
        return ordered_currencies(self.total.cost)


def unattributed(
    ledger: Ledger,
    tags: Sequence[str] = ("team",),
    selection: Selection | None = None,
    *,
    by: Sequence[str] = DEFAULT_BY,
) -> UnattributedReport:
    """Find calls that lack one of *tags* at least.

    Args:
        ledger: What was kept.
        tags: Tags that every call should have; one that has the name of a dimension
            as ``tag:model``.
        selection: Which calls; None for all.
        by: What to tell of them: other tags or dimensions
            (`bedrock_attrib.reports.NAMES`).

    Raises:
        ConfigError: If no tag is named, or one of *tags* is a dimension, or *by* names
            time or units.
        LedgerError: If the ledger cannot be read.
    """
    if not tags:
        raise ConfigError("no tag is named that calls could lack; expected team, say")
    tags = [tag_named("unattributed", tag) for tag in tags]
    chosen = selection or Selection()
    dimensions = dimensions_of("unattributed", by)
    found: dict[tuple[tuple[str, ...], tuple[str | None, ...]], Spend] = {}
    hours: dict[object, tuple[datetime, datetime]] = {}
    lacking, total = Spend(), Spend()
    since, until = chosen.since, chosen.until
    with ledger.reading() as reader:
        whole = reader.span()
        points = [] if whole is None else [*chosen.span(whole)]
        sought = [dimension_named(f"tag:{tag}") for tag in tags]
        remarks = remarks_on(reader, chosen, points, [*sought, *dimensions])
        if points:
            since, until = points
            known_hours = reader.hours(since, until)
            for part in reader.sums(since, until):
                if not chosen.lets_pass(part.tags, part.dimensions):
                    continue
                total.add(part)
                missing = tuple(tag for tag in tags if not part.tags.get(tag))
                if not missing:
                    continue
                lacking.add(part)
                keys = tuple(
                    each.read(part.tags, part.dimensions) for each in dimensions
                )
                found.setdefault((missing, keys), Spend()).add(part)
                span = known_hours.get((part.tags, part.dimensions), (since, until))
                hours[missing, keys] = _widened(hours.get((missing, keys)), span)
    currencies = ordered_currencies(total.cost)
    rows = [
        UnattributedRow(missing, keys, *hours[missing, keys], spend)
        for (missing, keys), spend in found.items()
    ]
    rows.sort(key=lambda row: _by_cost(row, currencies))
    return UnattributedReport(
        tuple(tags),
        tuple(by),
        since,
        until,
        tuple(rows),
        lacking,
        total,
        tuple(remarks),
    )


def _widened(
    known: tuple[datetime, datetime] | None, more: tuple[datetime, datetime]
) -> tuple[datetime, datetime]:
    if known is None:
        return more
    return min(known[0], more[0]), max(known[1], more[1])


def _by_cost(row: UnattributedRow, currencies: Sequence[str]) -> tuple[object, ...]:
    cost = row.spend.cost
    amounts = (cost.get(currency, Decimal(0)) for currency in currencies)
    return (
        *(amount.copy_negate() for amount in amounts),
        -row.spend.calls,
        row.missing,
        tuple(key or "" for key in row.keys),
    )


def flat_unattributed(report: UnattributedReport) -> FlatTable:
    """*report* as a table."""
    missing = FlatColumn("missing")
    figures = (
        FlatColumn("first_hour", ColumnType.TIME),
        FlatColumn("last_hour", ColumnType.TIME),
        FlatColumn("calls", ColumnType.COUNT),
        FlatColumn("unpriced_calls", ColumnType.COUNT),
        FlatColumn("input_tokens", ColumnType.COUNT),
        FlatColumn("output_tokens", ColumnType.COUNT),
        *(
            FlatColumn(f"cost_{currency.lower()}", ColumnType.AMOUNT)
            for currency in report.currencies
        ),
    )
    return FlatTable(
        (missing, *key_columns(report.by, (missing, *figures)), *figures),
        [
            (
                ",".join(row.missing),
                *row.keys,
                row.first_hour,
                row.last_hour,
                row.spend.calls,
                row.spend.unpriced,
                row.spend.input_tokens,
                row.spend.output_tokens,
                *(row.spend.cost.get(currency) for currency in report.currencies),
            )
            for row in report.rows
        ],
    )
