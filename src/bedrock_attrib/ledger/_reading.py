"""What a ledger holds, read back: sums of any span, and single calls."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from .._cost import Cost, Rates
from .._money import ZERO, add, multiply
from .._record import NO_TAGS, CallRecord, Tags
from .._usage import Unit, Usage
from ._adding import Groups, rest_of
from ._clock import (
    Level,
    Stretch,
    cover,
    day_of,
    first_key,
    hour_of,
    key_of_hour,
    microseconds,
    moment,
    time_of,
)
from ._raw import Total, Value, field_of, key_spans, stepped
from ._rows import (
    CALL_COLUMNS,
    SUM_COLUMNS,
    SUM_KEY,
    Row,
    long_hash,
    long_request_id,
)
from ._schema import TEXT_OF, UNIT_COLUMNS
from ._store import Readable, ReadableAtOnce, Store
from ._values import Kind, Known, cost_of, read_kind, read_rates, read_tags

_HOUR_US = 3_600_000_000
_HOURS_OF_A_DAY = 24
_UNITS = tuple(Unit(column) for column in UNIT_COLUMNS)
FIGURES = tuple(column for column in SUM_COLUMNS if column not in SUM_KEY)
_SUMMED = ", ".join(f"sum({column})" for column in FIGURES)
# The same of single calls.
COUNTED = (
    "count(*)",
    "sum(attempts)",
    "coalesce(sum(duration_us), 0)",
    "count(first_chunk_us)",
    "coalesce(sum(first_chunk_us), 0)",
    *(f"coalesce(sum({column}), 0)" for column in UNIT_COLUMNS),
)
_COUNTED = ", ".join(COUNTED)


class Sum(NamedTuple):
    """What the calls of one kind with the same tags add up to.

    Attributes:
        tags: The tags that they share.
        kind: Everything else that they share.
        calls: How many there are.
        attempts: HTTP attempts of all of them.
        duration_s: Seconds from start to finish, of all of them that told it.
        first_chunks: How many had a first stream event.
        first_chunk_s: Seconds to it, of all of these.
        usage: Counts by unit; units that nobody counted are absent.
        cost: Exact amount in the currency of the kind; None where it has none.
        by_unit: Exact amount of each unit; empty where amounts were given as a whole.
    """

    tags: Tags
    kind: Kind
    calls: int
    attempts: int
    duration_s: float
    first_chunks: int
    first_chunk_s: float
    usage: Usage
    cost: Decimal | None
    by_unit: Mapping[Unit, Decimal]


class Reader:
    """A ledger as it stood at one moment."""

    def __init__(self, store: Readable) -> None:
        """Read from *store*, which stands still."""
        self._store = store
        self._known = Known()

    def span(self) -> tuple[datetime, datetime] | None:
        """The first hour with a call and the end of the last, UTC; None if empty."""
        (first,) = next(self._store.rows(f"{_ENDS} ASC LIMIT 1"), (None,))
        (last,) = next(self._store.rows(f"{_ENDS} DESC LIMIT 1"), (None,))
        if first is None or last is None:
            return None
        return moment(first * _HOUR_US), moment((last + 1) * _HOUR_US)

    def days(self, start: datetime, end: datetime) -> list[datetime]:
        """Starts of the UTC days with calls, of those that a span touches.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
        """
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
        """What the calls that started in a span add up to, by tags and kind.

        Whole months, days and hours are read from sums that are kept; only what is
        left at the ends is counted call by call.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
            tag_names: Which tags to tell apart; None for all. With few it is faster,
                as amounts are multiplied out once for all that have them in common.
        """
        few = None if tag_names is None else self._few(tag_names)
        groups = Groups()
        for stretch in self._cover(start, end):
            if few is None:
                groups.add_rows(self._summed(stretch), 2)
            else:
                few.add_rows(self._summed(stretch), groups)
            for tag_set, kind, unit, total in self._more(stretch):
                place = tag_set if few is None else few.numbers[tag_set]
                groups.add_rest((place, kind), unit, Decimal(str(total)))
        tags = self._tags if few is None else few.tags.__getitem__
        return [
            self._sum(tags(place), kind, figures, groups.rest.get((place, kind)))
            for (place, kind), figures in groups.figures.items()
            if figures[0]
        ]

    def _few(self, names: Sequence[str]) -> _FewTags:
        return _FewTags(names, self._texts("tag_sets", "tags"))

    def steps(self, edges: Sequence[datetime]) -> Iterator[tuple[datetime, list[Sum]]]:
        """The sums of each span between two of *edges*, with its start."""
        for start, end in pairwise(edges):
            yield start, self.sums(start, end)

    def calls(
        self,
        start: datetime,
        end: datetime,
        *,
        tags: Callable[[Tags], bool] | None = None,
        kinds: Callable[[Kind], bool] | None = None,
    ) -> Iterator[CallRecord]:
        """Every call that started in a span, in the order of time.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
            tags: Which tags to keep; None for all.
            kinds: Which kinds to keep; None for all.
        """
        values = (first_key(microseconds(start)), first_key(microseconds(end)))
        yield from self._records(self._store.rows(_CALLS, values), tags, kinds)

    def _records(
        self,
        rows: Iterable[Row],
        tags: Callable[[Tags], bool] | None = None,
        kinds: Callable[[Kind], bool] | None = None,
    ) -> Iterator[CallRecord]:
        reasons = dict(self._texts("reasons", "reason"))
        origins = dict(self._texts("origins", "origin"))
        wanted: dict[tuple[int, int], bool] = {}
        for row in rows:
            place = (row[_TAG_SET], row[_KIND])
            is_wanted = wanted.get(place)
            if is_wanted is None:
                is_wanted = wanted[place] = (
                    tags is None or tags(self._tags(place[0]))
                ) and (kinds is None or kinds(self._kind(place[1])))
            if is_wanted:
                yield self._record(row, reasons, origins)

    def rows(self, start: datetime, end: datetime) -> Iterator[Row]:
        """The calls of a span as they are kept, for exports: values of `CALL_COLUMNS`.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
        """
        values = (first_key(microseconds(start)), first_key(microseconds(end)))
        return self._store.rows(_CALLS, values)

    def texts(self, table: str) -> dict[int, str]:
        """The texts of a table by their ids, for what `rows` gave."""
        return dict(self._texts(table, TEXT_OF[table]))

    def tags_of(self, tag_set: int) -> Tags:
        """The tags that an id of `rows` stands for."""
        return self._tags(tag_set)

    def kind_of(self, kind: int) -> tuple[Kind, Rates | None]:
        """The kind that an id of `rows` stands for, and the rates of its calls."""
        found = self._kind(kind)
        return found, self._known.rates_of(found)

    def totals(
        self,
        start: datetime,
        end: datetime,
        by: Mapping[str, float | None],
        *,
        tags: Callable[[Tags], bool] | None = None,
        kinds: Callable[[Kind], bool] | None = None,
    ) -> list[Total]:
        """What single calls of a span add up to, by their kind and any fields.

        For what `sums` do not tell apart, such as durations. Every call is read, in the
        database: on all processors where it is a SQLite file.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
            by: Fields of a record, units, or ``kind``, which is always told apart. Each
                with the width of its steps, in seconds or counts, of which the value is
                the lower end; None for exactly.
            tags: Which tags to keep; None for all.
            kinds: Which kinds to keep; None for all.

        Raises:
            LedgerError: If a field is not known.

        Example:
            >>> reader.totals(start, end, {"duration_s": 0.1})  # doctest: +SKIP
        """
        steps = [stepped(name, step) for name, step in by.items()]
        reads = [
            self._value_of(name, read)
            for name, (_, read) in zip(by, steps, strict=True)
        ]
        # Tag sets make many groups, so they are told apart only to be chosen from.
        columns = [*(sql for sql, _ in steps), "0" if tags is None else "tag_set"]
        counted = self._counted([*columns, "kind"], start, end)

        def place(key: Row) -> Row | None:
            *values, tag_set, kind = key
            if tags is not None and not tags(self._tags(tag_set)):
                return None
            is_wanted = kinds is None or kinds(self._kind(kind))
            return (*values, kind) if is_wanted else None

        if tags is not None or kinds is not None:
            counted = counted.joined(place)
        return [
            Total(
                tuple(
                    None if value is None else read(value)
                    for value, read in zip(key, reads, strict=False)
                ),
                *self._sum(NO_TAGS, key[-1], figures, counted.rest.get(key))[1:],
            )
            for key, figures in counted.figures.items()
        ]

    def _counted(
        self, columns: Sequence[str], start: datetime, end: datetime
    ) -> Groups:
        """What calls add up to by *columns*, which are SQL."""
        names = ", ".join(columns)
        width = len(columns)
        places = ", ".join(str(place + 1) for place in range(width))
        ((first, last),) = self._store.rows(_CALLS_ENDS)
        spans = key_spans(start, end, first, last)
        groups = Groups()
        sums = f"SELECT {names}, {_COUNTED} FROM calls {_IN_SPAN} GROUP BY {places}"  # noqa: S608
        for rows in self._rows_of_each(sums, spans):
            groups.add_rows(rows, width)
        rest = f"SELECT {names}, more, amount FROM calls {_IN_SPAN} AND {_HAS_MORE}"  # noqa: S608
        for rows in self._rows_of_each(rest, spans):
            for row in rows:
                for unit, total in rest_of(*row[width:]):
                    groups.add_rest(row[:width], unit, total)
        return groups

    def fields(
        self, start: datetime, end: datetime, names: Sequence[str]
    ) -> Iterator[tuple[Value, ...]]:
        """Some fields of every call of a span, in the order of time.

        Several times faster than `calls`, which makes a record of each.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
            names: Fields of a record, units, or ``kind`` for all that calls share.

        Raises:
            LedgerError: If a field is not known.

        Example:
            >>> reader.fields(start, end, ["tags", "duration_s"])  # doctest: +SKIP
        """
        columns = [field_of(name) for name in names]
        reads = [
            (place, self._value_of(name, field.read))
            for place, (name, field) in enumerate(zip(names, columns, strict=True))
        ]
        reads = [(place, read) for place, read in reads if read is not _as_it_is]
        sql = (
            f"SELECT {', '.join(field.column for field in columns)} FROM calls "  # noqa: S608
            "WHERE key >= ? AND key < ? ORDER BY key"
        )
        values = (first_key(microseconds(start)), first_key(microseconds(end)))
        return self._with_values(self._store.rows(sql, values), reads)

    def _with_values(
        self, rows: Iterable[Row], reads: Sequence[tuple[int, Callable[[int], Value]]]
    ) -> Iterator[tuple[Value, ...]]:
        if not reads:
            yield from rows
            return
        for row in rows:
            values = list(row)
            for place, read in reads:
                value = values[place]
                if value is not None:
                    values[place] = read(value)
            yield tuple(values)

    def _value_of(
        self, name: str, read: Callable[[int], Value] | None
    ) -> Callable[[int], Value]:
        if name == "tags":
            return self._tags
        if name == "kind":
            return self._kind
        if name == "price_reason":
            return dict(self._texts("reasons", "reason")).__getitem__
        return read or _as_it_is

    def _rows_of_each(
        self, sql: str, values: Sequence[tuple[int, int]]
    ) -> Iterator[list[Row]]:
        if isinstance(self._store, ReadableAtOnce):
            return self._store.rows_of_each(sql, values)
        return (list(self._store.rows(sql, each)) for each in values)

    def sums_by_reason(
        self,
        start: datetime,
        end: datetime,
        *,
        kinds: Callable[[Kind], bool] | None = None,
    ) -> list[tuple[str, Sum]]:
        """What single calls add up to by tags, kind and price reason.

        Every call of the span is looked at, so that this takes as long as there are
        many; calls that were forgotten are not in it, other than in `sums`.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
            kinds: Which kinds to keep; None for all.
        """
        texts = self._texts("kinds", "kind")
        ids = [n for n, text in texts if kinds is None or kinds(read_kind(text))]
        if not ids or start >= end:
            return []
        # Numbers of our own making, and perhaps more than a database takes as values.
        places = ", ".join(map(str, ids))
        values = (first_key(microseconds(start)), first_key(microseconds(end)) - 1)
        reasons = dict(self._texts("reasons", "reason"))
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
                self._sum(
                    self._tags(tag_set),
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
        """The first and the last hour with calls, by tags and kind.

        Args:
            start: First moment, aware; the whole hour in which it lies is looked at.
            end: The moment after the last, aware.
        """
        first = hour_of(microseconds(start))
        last = hour_of(microseconds(end) - 1)
        return {
            (self._tags(tag_set), self._kind(kind)): (
                moment(earliest * _HOUR_US),
                moment(latest * _HOUR_US),
            )
            for tag_set, kind, earliest, latest in self._store.rows(
                _HOURS, (first, last)
            )
        }

    def hashed(
        self, start: datetime, end: datetime
    ) -> Iterator[tuple[Tags, Kind, int, int]]:
        """How many single calls there are by tags and kind, and how many are hashed.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
        """
        values = (first_key(microseconds(start)), first_key(microseconds(end)))
        for tag_set, kind, calls, hashed in self._store.rows(_HASHED, values):
            yield self._tags(tag_set), self._kind(kind), int(calls), int(hashed)

    def repeated(self, start: datetime, end: datetime) -> Iterator[CallRecord]:
        """Calls whose request another call of the span made too, by their hashes.

        Those of one request follow each other, in the order of time.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
        """
        span = (first_key(microseconds(start)), first_key(microseconds(end)))
        yield from self._records(self._store.rows(_REPEATED, (*span, *span)))

    def rates_of(self, kind: Kind) -> Rates | None:
        """The rates that amounts of *kind* follow from; None where they were given."""
        return self._known.rates_of(kind)

    def calls_since(self) -> datetime | None:
        """When the first call started that is kept on its own; None without one."""
        (key,) = next(self._store.rows("SELECT min(key) FROM calls"), (None,))
        return None if key is None else time_of(key)

    def count_calls(self, *, before: datetime | None = None) -> int:
        """How many single calls are kept; those before the hour of a moment alone."""
        if before is None:
            ((count,),) = self._store.rows("SELECT count(*) FROM calls")
        else:
            values = (key_of_hour(before),)
            sql = "SELECT count(*) FROM calls WHERE key < ?"
            ((count,),) = self._store.rows(sql, values)
        return int(count)

    def tag_sets(self) -> list[Tags]:
        """Every tag set that was ever recorded."""
        return [read_tags(text) for _, text in self._texts("tag_sets", "tags")]

    def _cover(self, start: datetime, end: datetime) -> Iterator[Stretch]:
        span = self.span()
        if span is None:
            return
        # Where nothing lies beyond, a larger bucket holds no more.
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        first, last = microseconds(start), microseconds(end)
        if start <= span[0]:
            first = microseconds(_month_start(min(start, span[0])))
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

    def _sum(
        self,
        tags: Tags,
        kind_id: int,
        figures: Row,
        rest: Mapping[str, Decimal] | None,
    ) -> Sum:
        kind, rest = self._kind(kind_id), rest or {}
        calls, attempts, duration_us, first_chunks, first_chunk_us, *counts = map(
            int, figures
        )
        usage = {
            unit: count for unit, count in zip(_UNITS, counts, strict=True) if count
        }
        for unit, total in rest.items():
            if unit and total:
                usage[Unit(unit)] = usage.get(Unit(unit), 0) + int(total)
        cost, by_unit = _amounts(kind, self._known.rates_of(kind), usage, rest.get(""))
        return Sum(
            tags,
            kind,
            calls,
            attempts,
            duration_us / 1e6,
            first_chunks,
            first_chunk_us / 1e6,
            Usage.of(usage),
            cost,
            by_unit,
        )

    def _record(
        self, row: Row, reasons: Mapping[int, str], origins: Mapping[int, str]
    ) -> CallRecord:
        fields = dict(zip(CALL_COLUMNS, row, strict=True))
        kind = self._kind(fields["kind"])
        usage = None
        if kind.usage_source:
            counts = {
                unit: fields[column]
                for unit, column in zip(_UNITS, UNIT_COLUMNS, strict=True)
                if fields[column] is not None
            }
            more = json.loads(fields["more"] or "{}")
            usage = Usage.of(counts | {Unit(unit): n for unit, n in more.items()})
        amount = None if fields["amount"] is None else Decimal(fields["amount"])
        cost: Cost | None = cost_of(kind, self._known.rates_of(kind), usage, amount)
        number, first_chunk_us = fields["number"], fields["first_chunk_us"]
        duration_us = fields["duration_us"]
        origin = origins[fields["origin"]]
        return CallRecord(
            origin if number < 0 else f"{origin}{number:012x}",
            time_of(fields["key"]),
            kind.operation,
            kind.model,
            kind.region,
            kind.tier,
            kind.latency_mode,
            self._tags(fields["tag_set"]),
            usage,
            kind.usage_source,
            cost,
            kind.price_status,
            reasons.get(fields["reason"], ""),
            None if duration_us is None else duration_us / 1e6,
            None if first_chunk_us is None else first_chunk_us / 1e6,
            kind.outcome,
            kind.error,
            fields["attempts"],
            long_request_id(fields["request_id"]),
            kind.doubtful_attempts,
            long_hash(fields["request_hash"]),
        )

    def _tags(self, tag_set: int) -> Tags:
        known = self._known.tags
        if tag_set not in known:
            texts = self._texts("tag_sets", "tags")
            known.update((number, read_tags(text)) for number, text in texts)
        return known[tag_set]

    def _kind(self, kind: int) -> Kind:
        known = self._known
        if kind not in known.kinds:
            kinds = self._texts("kinds", "kind")
            known.kinds.update((number, read_kind(text)) for number, text in kinds)
            rates = self._texts("rates", "rates")
            known.rates.update((number, read_rates(text)) for number, text in rates)
        return known.kinds[kind]

    def _texts(self, table: str, column: str) -> Iterator[tuple[int, str]]:
        sql = f"SELECT id, {column} FROM {table}"  # noqa: S608 -- names are ours
        return ((int(number), str(text)) for number, text in self._store.rows(sql))


class _FewTags:
    """Numbers for tag sets of which only some tags matter.

    Attributes:
        tags: What is left of them, by number.
        numbers: Number by id of the tag set; equal ones share it.
    """

    def __init__(
        self, names: Sequence[str], tag_sets: Iterable[tuple[int, str]]
    ) -> None:
        self.tags: list[Tags] = []
        self.numbers: dict[int, int] = {}
        known: dict[tuple[str | None, ...], int] = {}
        for tag_set, text in tag_sets:
            tags = json.loads(text)
            values = tuple(map(tags.get, names))
            number = known.get(values)
            if number is None:
                number = known[values] = len(self.tags)
                few = {name: tags[name] for name in names if name in tags}
                self.tags.append(Tags(few))
            self.numbers[tag_set] = number

    def add_rows(self, rows: Iterable[Row], groups: Groups) -> None:
        """Add rows to *groups* by these numbers in the place of tag sets."""
        numbers, figures, plus = self.numbers, groups.figures, operator.add
        for row in rows:
            key = (numbers[row[0]], row[1])
            known, figure = figures.get(key), row[2:]
            figures[key] = figure if known is None else tuple(map(plus, known, figure))


def _as_it_is(value: int) -> Value:
    return value


@contextmanager
def reading(store: Store) -> Iterator[Reader]:
    """Read *store* as it stands at this moment."""
    with store.snapshot() as snapshot:
        yield Reader(snapshot)


def _amounts(
    kind: Kind, rates: Rates | None, usage: Mapping[Unit, int], given: Decimal | None
) -> tuple[Decimal | None, Mapping[Unit, Decimal]]:
    """The amount of a sum, exact: counts by the rates, or what was given."""
    if kind.currency is None:
        return None, {}
    if rates is None:
        return (ZERO if given is None else given), {}
    by_unit = {
        unit: multiply(amount, usage.get(unit, 0))
        for unit, amount in rates.amounts.items()
    }
    total = ZERO
    for amount in by_unit.values():
        total = add(total, amount)
    return total, by_unit


def _month_start(at: datetime) -> datetime:
    return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _next_month(at: datetime) -> datetime:
    year, month = divmod(at.year * 12 + at.month, 12)
    return _month_start(at).replace(year=year, month=month + 1)


_TAG_SET, _KIND = CALL_COLUMNS.index("tag_set"), CALL_COLUMNS.index("kind")
# Every name in these is ours.
_ENDS = f"SELECT bucket FROM sums WHERE level = {int(Level.HOUR)} ORDER BY bucket"  # noqa: S608
_DAYS = "SELECT DISTINCT bucket FROM sums WHERE level = ? AND bucket BETWEEN ? AND ?"
_OF_SUMS = (
    f"SELECT tag_set, kind, {_SUMMED} FROM sums "  # noqa: S608
    "WHERE level = ? AND bucket BETWEEN ? AND ? GROUP BY tag_set, kind"
)
_OF_ONE = (
    f"SELECT tag_set, kind, {', '.join(FIGURES)} FROM sums "  # noqa: S608
    "WHERE level = ? AND bucket = ?"
)
_OF_CALLS = (
    f"SELECT tag_set, kind, {_COUNTED} FROM calls "  # noqa: S608
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
_CALLS_ENDS = "SELECT (SELECT min(key) FROM calls), (SELECT max(key) FROM calls)"
_BY_REASON = (
    f"SELECT tag_set, kind, reason, {_COUNTED} FROM calls "  # noqa: S608
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
_CALLS = (
    f"SELECT {', '.join(CALL_COLUMNS)} FROM calls "  # noqa: S608
    "WHERE key >= ? AND key < ? ORDER BY key"
)
_HASHED = (
    "SELECT tag_set, kind, count(*), count(request_hash) FROM calls "
    "WHERE key >= ? AND key < ? GROUP BY tag_set, kind"
)
_REPEATED = (
    f"SELECT {', '.join(CALL_COLUMNS)} FROM calls "  # noqa: S608
    "WHERE key >= ? AND key < ? AND request_hash IN ("
    "SELECT request_hash FROM calls WHERE key >= ? AND key < ? "
    "AND request_hash IS NOT NULL GROUP BY request_hash HAVING count(*) > 1) "
    "ORDER BY request_hash, key"
)
