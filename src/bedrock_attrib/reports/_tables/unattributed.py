"""Unattributed calls: calls without required tags, and their cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches

from ...errors import ConfigError
from ...ledger import Ledger
from .._dimensions import dimension_named, dimensions_of, tag_named
from .._selection import Selection
from .remarks import remarks_on
from .spend_totals import SpendTotals, ordered_currencies
from .table import Column, ColumnType, Table, key_columns

DEFAULT_BY = ("model", "region", "operation")


@dataclass(frozen=True, slots=True)
class UnattributedRow:
    """Calls that lack the same tags and share their dimensions.

    Attributes:
        missing: The tags that they lack.
        keys: Value of each dimension, None for calls without one.
        first_hour: The hour (UTC) in which the first of them started.
        last_hour: The hour in which the last of them started.
        spend: Their totals.
    """

    missing: tuple[str, ...]
    keys: tuple[str | None, ...]
    first_hour: datetime
    last_hour: datetime
    spend: SpendTotals


@dataclass(frozen=True, slots=True)
class UnattributedReport:
    """Calls that lack tags.

    Attributes:
        tags: Required tags.
        by: Names of the dimensions.
        since: First moment.
        until: The moment after the last.
        rows: The most expensive first.
        lacking: All these calls.
        total: All calls, including those with all tags.
        remarks: Limits of the figures, in sentences.
    """

    tags: tuple[str, ...]
    by: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    rows: tuple[UnattributedRow, ...]
    lacking: SpendTotals
    total: SpendTotals
    remarks: tuple[str, ...] = ()

    @property
    def currencies(self) -> tuple[str, ...]:
        """Return the currencies of the amounts: USD first, the others by name."""
        return ordered_currencies(self.total.cost)


def unattributed(
    ledger: Ledger,
    tags: Sequence[str] = ("team",),
    selection: Selection | None = None,
    *,
    by: Sequence[str] = DEFAULT_BY,
) -> UnattributedReport:
    """Find calls without at least one of *tags*.

    Args:
        ledger: The ledger to read.
        tags: Required tags; one with the name of a dimension is written
            ``tag:model``.
        selection: Which calls; None for all.
        by: Dimensions to group by: other tags or dimensions
            (`DIMENSION_NAMES`).

    Raises:
        ConfigError: If *tags* is empty or names a dimension, or *by* names time or
            units.
        LedgerError: If the ledger cannot be read.
    """
    if not tags:
        raise ConfigError(
            "no required tag is named; expected one or more, such as team"
        )
    tags = [tag_named("unattributed", tag) for tag in tags]
    chosen = selection or Selection()
    dimensions = dimensions_of("unattributed", by)
    found: dict[tuple[tuple[str, ...], tuple[str | None, ...]], SpendTotals] = {}
    hours: dict[object, tuple[datetime, datetime]] = {}
    lacking, total = SpendTotals(), SpendTotals()
    others: Counter[str] = Counter()
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
                if not chosen.matches(part.tags, part.dimensions):
                    continue
                total.add(part)
                missing = tuple(tag for tag in tags if not part.tags.get(tag))
                if not missing:
                    continue
                lacking.add(part)
                others.update(dict.fromkeys(part.tags, part.calls))
                keys = tuple(
                    each.read(part.tags, part.dimensions) for each in dimensions
                )
                found.setdefault((missing, keys), SpendTotals()).add(part)
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
        (*remarks, *_misspelt(tags, others)),
    )


def _misspelt(tags: Iterable[str], others: Mapping[str, int]) -> Iterator[str]:
    """Yield tags of these calls that look like a required one."""
    plain = {key.casefold(): key for key in sorted(others)}
    for tag in tags:
        for each in get_close_matches(tag.casefold(), plain, cutoff=_SIMILAR):
            key, calls = plain[each], others[plain[each]]
            if key not in tags:
                yield f"Of these calls, {calls:,} with a tag {key!r}: is {tag!r} meant?"


_SIMILAR = 0.7


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


def tabulate_unattributed(report: UnattributedReport) -> Table:
    """Return *report* as a table."""
    missing = Column("missing")
    figures = (
        Column("first_hour", ColumnType.TIME),
        Column("last_hour", ColumnType.TIME),
        Column("calls", ColumnType.COUNT),
        Column("unpriced_calls", ColumnType.COUNT),
        Column("input_tokens", ColumnType.COUNT),
        Column("output_tokens", ColumnType.COUNT),
        *(
            Column(f"cost_{currency.lower()}", ColumnType.AMOUNT)
            for currency in report.currencies
        ),
    )
    return Table(
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
