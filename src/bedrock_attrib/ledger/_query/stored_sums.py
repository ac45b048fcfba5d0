"""Sums of a span: stored ones of whole buckets, and single calls at its ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal

from .._field_table import CALL_GROUP, FIGURE_COLUMNS, Row
from .._sql import select
from .._store import MISSING_TAG_SETS, ParallelReadable, Readable
from .._time_buckets import (
    HOUR_US,
    BucketRange,
    Level,
    cover,
    hour_of,
    microseconds,
    moment,
    month_of,
    start_of_month,
)
from .call_groups import add_calls
from .grouped_figures import GroupedFigures
from .tag_projection import TagProjection

_PAIR = len(CALL_GROUP)


def ledger_span(store: Readable) -> tuple[datetime, datetime] | None:
    """Return the first hour with a call and the end of the last; None if empty."""
    (first,) = next(store.rows(f"{_HOURS} ASC LIMIT 1"), (None,))
    (last,) = next(store.rows(f"{_HOURS} DESC LIMIT 1"), (None,))
    if first is None or last is None:
        return None
    return moment(first * HOUR_US), moment((last + 1) * HOUR_US)


class StoredSums:
    """Sums of a ledger, by dimension set and by tag set or some of its tags."""

    def __init__(self, store: Readable) -> None:
        """Read from *store*, which does not change."""
        self._store = store
        self._lacks_tag_sets: bool | None = None

    def grouped(
        self, start: datetime, end: datetime, projection: TagProjection | None
    ) -> GroupedFigures:
        """Return the figures of a span by tag set, or number of it, and dimension set.

        Args:
            start: First moment.
            end: The moment after the last.
            projection: Numbers of tag sets; None to group by their ids.
        """
        groups = GroupedFigures()
        for buckets in self._cover(start, end):
            if buckets.level is None:
                self._add_calls(groups, buckets, projection)
            else:
                self._add_sums(groups, buckets.level, buckets, projection)
        return groups

    def _cover(self, start: datetime, end: datetime) -> Iterator[BucketRange]:
        span = ledger_span(self._store)
        if span is None:
            return
        # Where no calls are outside, a larger bucket holds the same.
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        first, last = microseconds(start), microseconds(end)
        if start <= span[0]:
            first = microseconds(start_of_month(_month(span[0])))
        if end >= span[1]:
            last = microseconds(start_of_month(_month(max(span[1], start)) + 1))
        yield from cover(first, last)

    def _add_calls(
        self,
        groups: GroupedFigures,
        buckets: BucketRange,
        projection: TagProjection | None,
    ) -> None:
        found = groups if projection is None else GroupedFigures()
        add_calls(found, self._store, CALL_GROUP, [(buckets.first, buckets.last)])
        if projection is not None:
            groups.add_regrouped(found, _projected(projection))

    def _add_sums(
        self,
        groups: GroupedFigures,
        level: Level,
        buckets: BucketRange,
        projection: TagProjection | None,
    ) -> None:
        values = (int(level), buckets.first, buckets.last)
        key_of = None if projection is None else _projected(projection)
        store = self._store
        if (
            projection is not None
            and isinstance(store, ParallelReadable)
            and self._is_dense(projection, level, buckets)
            and not self._has_missing_tag_sets()
        ):
            each = projection.query_values(level, buckets)
            for rows in store.groups_of_each(_PROJECTED, len(_PROJECTED_COLUMNS), each):
                groups.add_rows(rows, _PAIR)
        else:
            groups.add_rows(self._summed(level, buckets), _PAIR, key_of)
        for *pair, unit, total in store.rows(_OTHERS, values):
            key = tuple(pair) if key_of is None else key_of(tuple(pair))
            groups.add_other(key, unit, Decimal(str(total)))

    def _summed(self, level: Level, buckets: BucketRange) -> Iterable[Row]:
        if buckets.first == buckets.last:  # rows of one bucket need no adding up
            return self._store.rows(_ONE_BUCKET, (int(level), buckets.first))
        return self._store.rows(_BUCKETS, (int(level), buckets.first, buckets.last))

    def _is_dense(
        self, projection: TagProjection, level: Level, buckets: BucketRange
    ) -> bool:
        """Return whether tag sets are in enough buckets to look each of them up."""
        first, last = buckets.first, buckets.last
        few = (last - first + 1) * len(projection.numbers) // _LOOKUPS_PER_SORTED_ROW
        ((count,),) = self._store.rows(_COUNT_UP_TO, (int(level), first, last, few + 1))
        return bool(count > few)

    def _has_missing_tag_sets(self) -> bool:
        """Return whether sums refer to missing tag sets, which a join omits."""
        if self._lacks_tag_sets is None:
            self._lacks_tag_sets = any(True for _ in self._store.rows(MISSING_TAG_SETS))
        return self._lacks_tag_sets


def _projected(projection: TagProjection) -> Callable[[Row], Row]:
    number = projection.number
    return lambda pair: (number(pair[0]), pair[1])


def _month(at: datetime) -> int:
    return month_of(hour_of(microseconds(at)))


_HOURS = select(["bucket"], "sums", f"WHERE level = {int(Level.HOUR)} ORDER BY bucket")
_SUMMED = tuple(f"sum({column})" for column in FIGURE_COLUMNS)
_IN_BUCKETS = "WHERE level = ? AND bucket BETWEEN ? AND ?"
_BUCKETS = select(
    (*CALL_GROUP, *_SUMMED), "sums", f"{_IN_BUCKETS} GROUP BY {', '.join(CALL_GROUP)}"
)
_ONE_BUCKET = select(
    (*CALL_GROUP, *FIGURE_COLUMNS), "sums", "WHERE level = ? AND bucket = ?"
)
# Tag sets come first, and each is found in the bucket by the key, as sums are stored in
# that order: SQLite has no faster way to group by what a table does not hold.
_PROJECTED_COLUMNS = ("projected.value", "dimension_set", *_SUMMED)
_PROJECTED = select(
    _PROJECTED_COLUMNS,
    "json_each(?) AS projected CROSS JOIN sums",
    "WHERE projected.value IS NOT NULL AND level = ? AND bucket = ? "
    "AND tag_set = projected.key GROUP BY projected.value, dimension_set",
)
# Looking up a row takes about a third of the time of sorting one (2026-11-25).
_LOOKUPS_PER_SORTED_ROW = 3
_COUNT_UP_TO = (
    f"SELECT count(*) FROM ({select(['1'], 'sums', _IN_BUCKETS)} LIMIT ?) AS found"  # noqa: S608 -- own names
)
_OTHERS = select((*CALL_GROUP, "unit", "total"), "other_sums", _IN_BUCKETS)
