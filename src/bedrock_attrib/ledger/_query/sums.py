"""Sums of any span: of those that are kept, and of single calls at ragged ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from ..._model.cost import ZERO, add
from ..._model.tags import Tags
from .._clock import (
    Level,
    Stretch,
    cover,
    day_of,
    first_key,
    hour_of,
    microseconds,
    moment,
)
from .._codec import Kind, read_kind
from .._roll_ups import Groups, rest_of
from .._rows import (
    Row,
)
from .._store import TAGS_LOST, Readable, ReadableAtOnce
from .aggregate import COUNTED_SQL, FIGURES, SUMMED, Sum, sum_of
from .names import FewTags, Names

_HOUR_US = 3_600_000_000
_HOURS_OF_A_DAY = 24


class Summing:
    """Adds up."""

    def __init__(self, store: Readable, names: Names) -> None:
        """Read from *store*, which stands still, with the *names* of its ids."""
        self._store = store
        self._names = names
        self._lost: bool | None = None

    def span(self) -> tuple[datetime, datetime] | None:
        """The first hour with a call and the end of the last, UTC; None if empty."""
        (first,) = next(self._store.rows(f"{_ENDS} ASC LIMIT 1"), (None,))
        (last,) = next(self._store.rows(f"{_ENDS} DESC LIMIT 1"), (None,))
        if first is None or last is None:
            return None
        return moment(first * _HOUR_US), moment((last + 1) * _HOUR_US)

    def days(self, start: datetime, end: datetime) -> list[datetime]:
        """Starts of the UTC days with calls, of those that a span touches."""
        first, last = hour_of(microseconds(start)), hour_of(microseconds(end) - 1)
        values = (int(Level.DAY), day_of(first), day_of(last))
        found = sorted(bucket for (bucket,) in self._store.rows(_DAYS, values))
        return [moment(day * _HOURS_OF_A_DAY * _HOUR_US) for day in found]

    def sums(
        self,
        start: datetime,
        end: datetime,
        *,
        tag_names: Sequence[str] | None = None,
    ) -> list[Sum]:
        """What the calls that started in a span add up to, by tags and kind."""
        few = (
            None
            if tag_names is None
            else FewTags(tag_names, self._names.texts("tag_sets"))
        )
        groups = Groups()
        for stretch in self._cover(start, end):
            if few is None:
                groups.add_rows(self._summed(stretch), 2)
            else:
                self._add_few(few, stretch, groups)
            for tag_set, kind, unit, total in self._more(stretch):
                place = tag_set if few is None else few.number(tag_set)
                groups.add_rest((place, kind), unit, Decimal(str(total)))
        tags = self._names.tags if few is None else few.tags.__getitem__
        return [
            sum_of(
                self._names, tags(place), kind, figures, groups.rest.get((place, kind))
            )
            for (place, kind), figures in groups.figures.items()
            if figures[0]
        ]

    def _add_few(self, few: FewTags, stretch: Stretch, groups: Groups) -> None:
        store = self._store
        if (
            not isinstance(store, ReadableAtOnce)
            or stretch.level is None
            or self._is_sparse(few, stretch)
            or self._are_tags_lost()
        ):
            few.add_rows(self._summed(stretch), groups)
            return
        values = few.values(stretch.level, stretch)
        for rows in store.groups_of_each(_OF_FEW, _FEW_WIDTH, values):
            groups.add_rows(rows, 2)

    def _is_sparse(self, few: FewTags, stretch: Stretch) -> bool:
        """Whether most tag sets are in few buckets, so that looking each up is slow."""
        level, first, last = stretch
        if level is None:
            return True
        most = (last - first + 1) * len(few.numbers) // _SPARSE
        ((count,),) = self._store.rows(
            _COUNT_UP_TO, (int(level), first, last, most + 1)
        )
        return bool(count <= most)

    def _are_tags_lost(self) -> bool:
        """Whether sums are of a tag set that is not there, which a join leaves out."""
        if self._lost is None:
            self._lost = any(True for _ in self._store.rows(TAGS_LOST))
        return self._lost

    def sums_by_reason(
        self,
        start: datetime,
        end: datetime,
        *,
        kinds: Callable[[Kind], bool] | None = None,
    ) -> list[tuple[str, Sum]]:
        """What single calls add up to by tags, kind and price reason."""
        texts = self._names.texts("kinds")
        ids = [n for n, text in texts if kinds is None or kinds(read_kind(text))]
        if not ids or start >= end:
            return []
        # Numbers of our own making, and perhaps more than a database takes as values.
        places = ", ".join(map(str, ids))
        values = (first_key(microseconds(start)), first_key(microseconds(end)) - 1)
        reasons = dict(self._names.texts("reasons"))
        rest: dict[tuple[int, int, int | None], dict[str, Decimal]] = {}
        for tag_set, kind, reason, more, amount in self._store.rows(
            _MORE_BY_REASON.format(kinds=places), values
        ):
            totals = rest.setdefault((tag_set, kind, reason), {})
            counts = json.loads(more or "{}")
            for unit, count in counts.items():
                totals[unit] = add(totals.get(unit, ZERO), Decimal(count))
            if amount is not None:
                totals[""] = add(totals.get("", ZERO), Decimal(amount))
        return [
            (
                reasons.get(reason, ""),
                sum_of(
                    self._names,
                    self._names.tags(tag_set),
                    kind,
                    tuple(figures),
                    rest.get((tag_set, kind, reason)),
                ),
            )
            for tag_set, kind, reason, *figures in self._store.rows(
                _BY_REASON.format(kinds=places), values
            )
        ]

    def hours(
        self, start: datetime, end: datetime
    ) -> dict[tuple[Tags, Kind], tuple[datetime, datetime]]:
        """The first and the last hour with calls, by tags and kind."""
        first = hour_of(microseconds(start))
        last = hour_of(microseconds(end) - 1)
        return {
            (self._names.tags(tag_set), self._names.kind(kind)): (
                moment(earliest * _HOUR_US),
                moment(latest * _HOUR_US),
            )
            for tag_set, kind, earliest, latest in self._store.rows(
                _HOURS, (first, last)
            )
        }

    def _cover(self, start: datetime, end: datetime) -> Iterator[Stretch]:
        span = self.span()
        if span is None:
            return
        # Where nothing lies beyond, a larger bucket holds no more.
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        first, last = microseconds(start), microseconds(end)
        if start <= span[0]:
            first = microseconds(_month_start(span[0]))
        if end >= span[1]:
            last = microseconds(_next_month(max(span[1], start)))
        yield from cover(first, last)

    def _summed(self, stretch: Stretch) -> Iterable[Row]:
        values: tuple[int, ...] = (stretch.first, stretch.last)
        if stretch.level is None:
            return self._store.rows(_OF_CALLS, values)
        level = int(stretch.level)
        if stretch.first == stretch.last:  # what is kept of one needs no adding up
            return self._store.rows(_OF_ONE, (level, stretch.first))
        return self._store.rows(_OF_SUMS, (level, *values))

    def _more(self, stretch: Stretch) -> Iterator[tuple[int, int, str, object]]:
        if stretch.level is not None:
            values = (int(stretch.level), stretch.first, stretch.last)
            for tag_set, kind, unit, total in self._store.rows(_OF_MORE, values):
                yield tag_set, kind, unit, total
            return
        for tag_set, kind, more, amount in self._store.rows(
            _MORE_OF_CALLS, (stretch.first, stretch.last)
        ):
            for unit, total in rest_of(more, amount):
                yield tag_set, kind, unit, total


def _month_start(at: datetime) -> datetime:
    return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _next_month(at: datetime) -> datetime:
    year, month = divmod(at.year * 12 + at.month, 12)
    return _month_start(at).replace(year=year, month=month + 1)


# Every name in these is ours.
_ENDS = f"SELECT bucket FROM sums WHERE level = {int(Level.HOUR)} ORDER BY bucket"  # noqa: S608
_DAYS = "SELECT DISTINCT bucket FROM sums WHERE level = ? AND bucket BETWEEN ? AND ?"
_OF_SUMS = (
    f"SELECT tag_set, kind, {SUMMED} FROM sums "  # noqa: S608
    "WHERE level = ? AND bucket BETWEEN ? AND ? GROUP BY tag_set, kind"
)
_OF_ONE = (
    f"SELECT tag_set, kind, {', '.join(FIGURES)} FROM sums "  # noqa: S608
    "WHERE level = ? AND bucket = ?"
)
# Tag sets first, of which each is found in the bucket by the key, as sums lie in that
# order: SQLite has no faster way of grouping by what a table does not hold.
_OF_FEW = (
    f"SELECT few.value, kind, {SUMMED} FROM json_each(?) AS few CROSS JOIN sums "  # noqa: S608
    "WHERE few.value IS NOT NULL AND level = ? AND bucket = ? AND tag_set = few.key "
    "GROUP BY few.value, kind"
)
_FEW_WIDTH = 2 + len(FIGURES)
# Looking one up takes about a third of what it takes to sort a row (2026-11-25).
_SPARSE = 3
_COUNT_UP_TO = (
    "SELECT count(*) FROM (SELECT 1 FROM sums "
    "WHERE level = ? AND bucket BETWEEN ? AND ? LIMIT ?) AS found"
)
_OF_CALLS = (
    f"SELECT tag_set, kind, {COUNTED_SQL} FROM calls "  # noqa: S608
    "WHERE key BETWEEN ? AND ? GROUP BY tag_set, kind"
)
_OF_MORE = (
    "SELECT tag_set, kind, unit, total FROM more_sums "
    "WHERE level = ? AND bucket BETWEEN ? AND ?"
)
_IN_SPAN = "WHERE key BETWEEN ? AND ?"
_HAS_MORE = "(more IS NOT NULL OR amount IS NOT NULL)"
_MORE_OF_CALLS = (
    f"SELECT tag_set, kind, more, amount FROM calls {_IN_SPAN} AND {_HAS_MORE}"  # noqa: S608
)
_BY_REASON = (
    f"SELECT tag_set, kind, reason, {COUNTED_SQL} FROM calls "  # noqa: S608
    "WHERE key BETWEEN ? AND ? AND kind IN ({kinds}) GROUP BY tag_set, kind, reason"
)
_MORE_BY_REASON = (
    "SELECT tag_set, kind, reason, more, amount FROM calls WHERE key BETWEEN ? AND ? "
    "AND kind IN ({kinds}) AND (more IS NOT NULL OR amount IS NOT NULL)"
)
_HOURS = (
    f"SELECT tag_set, kind, min(bucket), max(bucket) FROM sums "  # noqa: S608
    f"WHERE level = {int(Level.HOUR)} AND bucket BETWEEN ? AND ? "
    "GROUP BY tag_set, kind"
)
