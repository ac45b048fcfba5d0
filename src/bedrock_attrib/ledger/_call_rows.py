"""Rows of calls: from records, with the sums that they add to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from operator import itemgetter
from typing import Any, NamedTuple

from .._model.cost import ZERO, Cost, add, multiply
from .._model.record import CallRecord
from .._model.tags import Tags
from .._model.usage import Unit, Usage
from .._runtime.bounded_cache import BoundedCache
from ._codec import write_rates, write_tags
from ._dimensions import (
    CallDimensions,
    dimension_values,
    is_derived,
    write_dimensions,
)
from ._field_table import CALL_FIELDS, COLUMN_UNITS, UNIT_COLUMNS, Row, columns_of
from ._interner import Interner
from ._time_buckets import (
    KEYS_PER_US,
    day_of,
    first_key,
    hour_of,
    microseconds,
    month_of,
)

# A larger count is stored exactly too, but not in a column of 64 bits whose sums must
# never overflow.
_MAX_COLUMN_COUNT = 1 << 40
_ID_DIGITS = 32
_ORIGIN_DIGITS = 20
_MAX_MONTHS = 100_000


class RowBatch(NamedTuple):
    """Rows of one transaction.

    Attributes:
        calls: Rows of `FRESH_COLUMNS`.
        other_sums: What they add to sums of units without a column.
    """

    calls: list[Row]
    other_sums: list[Row]


def row_batch(calls: list[Row]) -> RowBatch:
    """Return *calls* with what they add to sums."""
    return RowBatch(calls, _other_sums(calls))


_field_values = itemgetter(*(CallRecord._fields.index(f.name) for f in CALL_FIELDS))
_STORE = [(n, each.store) for n, each in enumerate(CALL_FIELDS) if each.store]


class RowBuilder:
    """Builds rows of records. Not safe to use from two threads at once."""

    def __init__(self, interner: Interner, first_number: int) -> None:
        """Build rows with ids from *interner*.

        Args:
            interner: Gives ids to what calls share.
            first_number: Where the sequence begins that separates calls of one
                microsecond; each process begins at another number.
        """
        self._interner = interner
        self._sequence = first_number
        self._tag_sets = interner.table("tag_sets")
        self._dimension_sets = interner.table("dimension_sets")
        self._origins = interner.table("origins")
        self._months: BoundedCache[int, int] = BoundedCache(_MAX_MONTHS)

    def new_tag_sets(self, records: Iterable[CallRecord]) -> dict[object, str]:
        """Return the texts of tag sets of *records* that have no id yet, by key."""
        known = self._tag_sets
        new = {
            record.tags.key: record.tags
            for record in records
            if record.tags.key not in known
        }
        return {key: write_tags(tags) for key, tags in new.items()}

    def batch(self, records: Iterable[CallRecord]) -> RowBatch:
        """Return the rows of *records* and what they add to sums."""
        row = self.row
        return row_batch([row(record) for record in records])

    def row(self, record: CallRecord) -> Row:
        """Return the row of `FRESH_COLUMNS` of a call."""
        us = microseconds(record.started_at)
        hour = hour_of(us)
        month = self._months.get(hour)
        self._sequence = sequence = (self._sequence + 1) % KEYS_PER_US
        usage, cost, reason = record.usage, record.cost, record.price_reason
        counts, other_units = _NO_COUNTS, None
        if usage is not None:
            counts, other_units = _split_counts(usage)
        # Most amounts follow from the call's own counts, which need no comparison.
        is_given = cost is not None and (
            cost.usage is not usage and not is_derived(record)
        )
        fields = list(_field_values(record))
        for place, store in _STORE:
            if fields[place] is not None:
                fields[place] = store(fields[place])
        tag_set = self._tag_sets.get(record.tags.key)
        return (
            first_key(us) + sequence,
            self._new_tag_set(record.tags) if tag_set is None else tag_set,
            self._dimension_set(record, cost, is_given=is_given),
            *self._split_id(record.id),
            self._price_reason(reason) if reason else None,
            *fields,
            *counts,
            other_units,
            format(cost.total, "f") if is_given and cost is not None else None,
            hour,
            self._month(hour) if month is None else month,
            1,
        )

    def _month(self, hour: int) -> int:
        month = self._months[hour] = month_of(hour)
        return month

    def _split_id(self, record_id: str) -> tuple[int, int]:
        """Return origin and number of a record id: ids of ours end in a number."""
        origin, number = record_id, -1
        if len(record_id) == _ID_DIGITS:
            tail = record_id[_ORIGIN_DIGITS:]
            try:
                value = int(tail, 16)
            except ValueError:
                value = -1
            # Digits of others may be written otherwise, and are stored as they are.
            if f"{value:012x}" == tail:
                origin, number = record_id[:_ORIGIN_DIGITS], value
        known = self._origins.get(origin)
        if known is None:
            known = self._interner.intern("origins", origin, origin)
        return known, number

    def _price_reason(self, reason: str) -> int:
        known = self._interner.table("price_reasons").get(reason)
        return known or self._interner.intern("price_reasons", reason, reason)

    def _new_tag_set(self, tags: Tags) -> int:
        return self._interner.intern("tag_sets", tags.key, write_tags(tags))

    def _dimension_set(
        self, record: CallRecord, cost: Cost | None, *, is_given: bool
    ) -> int:
        of_cost = None
        if cost is not None:
            rates_key = None if is_given else cost.rates.key
            of_cost = (cost.currency, rates_key, cost.unpriced_units)
        key = (dimension_values(record), of_cost)
        known = self._dimension_sets.get(key)
        if known is not None:
            return known
        rates_id = None
        if cost is not None and not is_given:
            text = write_rates(cost.rates)
            rates_id = self._interner.table("rates").get(text)
            rates_id = rates_id or self._interner.intern("rates", text, text)
        text = write_dimensions(CallDimensions.of(record, rates_id))
        return self._interner.intern("dimension_sets", key, text)


def joined_id(origin: str, number: int) -> str:
    """Return the record id that a row has as *origin* and *number*."""
    return origin if number < 0 else f"{origin}{number:012x}"


_NO_COUNTS: Row = (None,) * len(COLUMN_UNITS)
_HAS_COLUMN = frozenset(COLUMN_UNITS)


def _split_counts(usage: Usage) -> tuple[Row, str | None]:
    """Return the counts by column, and as text those that have none."""
    counts = usage._counts  # noqa: SLF001 -- the mapping's own get is slow
    columns = tuple(map(counts.get, COLUMN_UNITS))
    if len(COLUMN_UNITS) - columns.count(None) == len(counts) and (
        not counts or max(counts.values()) <= _MAX_COLUMN_COUNT
    ):
        return columns, None
    rest = {
        unit: count
        for unit, count in counts.items()
        if unit not in _HAS_COLUMN or count > _MAX_COLUMN_COUNT
    }
    columns = tuple(None if unit in rest else counts.get(unit) for unit in COLUMN_UNITS)
    return columns, json.dumps(rest)


def joined_counts(columns: Mapping[str, Any]) -> dict[Unit, int]:
    """Return the counts that the columns of a call hold."""
    counts = {
        unit: columns[column]
        for unit, column in zip(COLUMN_UNITS, UNIT_COLUMNS, strict=True)
        if columns[column] is not None
    }
    others = json.loads(columns["other_units"] or "{}")
    return counts | {Unit(unit): count for unit, count in others.items()}


def other_figures(
    other_units: str | None, given_cost: str | None
) -> Iterator[tuple[str, Decimal]]:
    """Yield what a call has beside its columns, by unit; a given amount as ``''``."""
    for unit, count in json.loads(other_units or "{}").items():
        yield unit, Decimal(count)
    if given_cost is not None:
        yield "", Decimal(given_cost)


_other_columns = columns_of("other_units", "given_cost")
_place = columns_of("tag_set", "dimension_set", "hour", "month", "sign")


def _other_sums(calls: Iterable[Row]) -> list[Row]:
    """Return what *calls* add to the sums of units without a column, of every level."""
    totals: dict[Row, Decimal] = {}
    for row in calls:
        others = _other_columns(row)
        if others == (None, None):
            continue
        tag_set, dimension_set, hour, month, sign = _place(row)
        for unit, figure in other_figures(*others):
            signed = multiply(Decimal(sign), figure)
            for level, bucket in enumerate((hour, day_of(hour), month)):
                key = (level, bucket, tag_set, dimension_set, unit)
                totals[key] = add(totals.get(key, ZERO), signed)
    return [(*key, format(total, "f")) for key, total in sorted(totals.items())]
