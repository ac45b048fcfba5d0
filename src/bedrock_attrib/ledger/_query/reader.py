"""Reader of a ledger at one moment: sums of any span, and single calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise

from ..._model.cost import Rates
from ..._model.record import CallRecord
from ..._model.tags import Tags
from .._codec import read_tags
from .._dimensions import CallDimensions
from .._field_table import CALL_COLUMNS, CALL_GROUP, Row
from .._sql import any_of, select
from .._store import CALLS_FROM, MARK, Readable, Store
from .._time_buckets import (
    DAY_US,
    HOUR_US,
    Level,
    day_of,
    hour_of,
    key_of_hour,
    key_range,
    microseconds,
    moment,
    time_of_key,
)
from .aggregate import Aggregate, Value, aggregate
from .call_decoder import CallDecoder
from .call_groups import add_calls, parallel_spans
from .fields import load_values, loader, query_field
from .grouped_figures import GroupedFigures
from .interned_texts import InternedTexts
from .prompt_lengths import group_by_use
from .stored_sums import StoredSums, ledger_span
from .tag_projection import TagProjection


class Reader:
    """A ledger at one moment."""

    def __init__(self, store: Readable) -> None:
        """Read from *store*, which does not change."""
        self._store = store
        self._texts = InternedTexts(store)
        self._sums = StoredSums(store)

    # What there is

    def span(self) -> tuple[datetime, datetime] | None:
        """Return the first hour with a call and the end of the last; None if empty."""
        return ledger_span(self._store)

    def days(self, start: datetime, end: datetime) -> list[datetime]:
        """Return the starts of the UTC days with calls that a span touches.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
        """
        first, last = _hours(start, end)
        values = (int(Level.DAY), day_of(first), day_of(last))
        found = sorted(bucket for (bucket,) in self._store.rows(_DAYS, values))
        return [moment(day * DAY_US) for day in found]

    def hours(
        self, start: datetime, end: datetime
    ) -> dict[tuple[Tags, CallDimensions], tuple[datetime, datetime]]:
        """Return the first and the last hour with calls, by tags and dimensions.

        Args:
            start: First moment, aware; the whole hour that contains it is read.
            end: The moment after the last, aware.
        """
        texts = self._texts
        return {
            (texts.tags(tag_set), texts.dimensions(dimension_set)): (
                moment(earliest * HOUR_US),
                moment(latest * HOUR_US),
            )
            for tag_set, dimension_set, earliest, latest in self._store.rows(
                _FIRST_AND_LAST_HOUR, _hours(start, end)
            )
        }

    def tag_sets(self) -> list[Tags]:
        """Return every tag set that was recorded and not pruned."""
        return [read_tags(text) for _, text in self._texts.texts("tag_sets")]

    def dimension_sets(self) -> list[CallDimensions]:
        """Return the dimensions of every kind of call that was recorded."""
        return [self._texts.dimensions(id_) for id_ in self._texts.dimension_sets(None)]

    def rates_of(self, dimensions: CallDimensions) -> Rates | None:
        """Return the rates that priced calls; None where amounts were given."""
        return self._texts.rates_of(dimensions)

    def calls_since(self) -> datetime | None:
        """Return the time from which on every call is stored; None without any.

        Calls of the hours before were pruned; some may have come later.
        """
        (key,) = next(self._store.rows("SELECT min(key) FROM calls"), (None,))
        (mark,) = next(self._store.rows(MARK, (CALLS_FROM,)), (None,))
        return None if key is None else time_of_key(max(key, mark or key))

    def count_calls(self, *, before: datetime | None = None) -> int:
        """Return the number of stored calls, or of those before a moment's hour."""
        where, values = "", [] if before is None else [key_of_hour(before)]
        if before is not None:
            where = "WHERE key < ?"
        ((count,),) = self._store.rows(select(["count(*)"], "calls", where), values)
        return int(count)

    # Sums

    def sums(
        self,
        start: datetime,
        end: datetime,
        *,
        tag_names: Sequence[str] | None = None,
    ) -> list[Aggregate]:
        """Add up the calls that started in a span, by tags and dimensions.

        Whole months, days and hours are read from stored sums; only the ragged ends are
        counted call by call.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
            tag_names: Tags to group by; None for all. With few it is faster, as amounts
                are computed once for all calls that agree in them.
        """
        projection = None
        if tag_names is not None:
            projection = TagProjection(tag_names, self._texts.texts("tag_sets"))
        tags = self._texts.tags if projection is None else projection.tags_of
        groups = self._sums.grouped(start, end, projection)
        return [
            aggregate(
                self._texts,
                key[1],
                figures,
                groups.others.get(key),
                tags=tags(key[0]),
            )
            for key, figures in groups.figures.items()
            if figures[0]
        ]

    def steps(
        self, edges: Sequence[datetime]
    ) -> Iterator[tuple[datetime, list[Aggregate]]]:
        """Yield the start of each span between two of *edges*, and its sums."""
        for start, end in pairwise(edges):
            yield start, self.sums(start, end)

    # Sums of single calls

    def totals(
        self,
        start: datetime,
        end: datetime,
        by: Mapping[str, float | None],
        *,
        tags: Callable[[Tags], bool] | None = None,
        dimensions: Callable[[CallDimensions], bool] | None = None,
    ) -> list[Aggregate]:
        """Add up single calls of a span, by their dimensions and any fields.

        For fields that `sums` do not have, such as durations. The database reads every
        call: on all processors where it is a SQLite file.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
            by: Fields of a record, units, or ``dimensions``, which are always grouped
                by. Each with the width of its steps, in seconds or counts, of which the
                value is the lower end; None for exact values.
            tags: Which tags to include; None for all.
            dimensions: Which dimensions to include; None for all.

        Raises:
            LedgerError: If a field is not known.

        Example:
            >>> reader.totals(start, end, {"duration_s": 0.1})  # doctest: +SKIP
        """
        fields = [query_field(name, step) for name, step in by.items()]
        loaders = [
            loader(self._texts, name, field)
            for name, field in zip(by, fields, strict=True)
        ]
        # Tag sets make many groups, so they are grouped by only where it matters: with
        # the dimension set as one number, as sorting is what costs.
        other = [name != "tags" for name in by]
        key = [field.sql for field, is_sql in zip(fields, other, strict=True) if is_sql]
        by_tags = tags is not None or not all(other)
        factor = self._pair_factor() if by_tags else None
        key.append(
            "dimension_set" if factor is None else f"tag_set * {factor} + dimension_set"
        )
        spans = parallel_spans(self._store, start, end, many_groups=by_tags)
        counted, groups = GroupedFigures(), GroupedFigures()
        add_calls(counted, self._store, key, spans)

        def values_of(key: Row) -> Row | None:
            tag_set, dimension_set = (0, key[-1])
            if factor is not None:
                tag_set, dimension_set = divmod(key[-1], factor)
            if tags is not None and not tags(self._texts.tags(tag_set)):
                return None
            if dimensions is not None and not dimensions(
                self._texts.dimensions(dimension_set)
            ):
                return None
            rest = iter(key)
            values = (next(rest) if is_sql else tag_set for is_sql in other)
            return (*values, dimension_set)

        groups.add_regrouped(counted, values_of)
        keys = [*groups.figures]
        loaded = load_values((key[:-1] for key in keys), loaders)
        return [
            aggregate(
                self._texts,
                key[-1],
                groups.figures[key],
                groups.others.get(key),
                values=values,
            )
            for key, values in zip(keys, loaded, strict=True)
        ]

    def _pair_factor(self) -> int:
        """Return the factor that makes one number of a tag set and a dimension set."""
        ((highest,),) = self._store.rows("SELECT max(id) FROM dimension_sets")
        return int(highest or 0) + 1

    def sums_by_reason(
        self,
        start: datetime,
        end: datetime,
        *,
        dimensions: Callable[[CallDimensions], bool] | None = None,
    ) -> list[tuple[str, Aggregate]]:
        """Add up single calls by tags, dimensions and price reason.

        Every call of the span is read. Pruned calls are not included, unlike in `sums`.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
            dimensions: Which dimensions to include; None for all.
        """
        ids = self._texts.dimension_sets(dimensions)
        if not ids or start >= end:
            return []
        groups, reasons = GroupedFigures(), dict(self._texts.texts("price_reasons"))
        first, after = key_range(start, end)
        key, chosen = (*CALL_GROUP, "price_reason"), any_of("dimension_set", ids)
        add_calls(groups, self._store, key, [(first, after - 1)], chosen)
        return [
            (reasons.get(key[-1], ""), self._tagged(groups, key))
            for key in groups.figures
        ]

    def sums_by_use(
        self,
        start: datetime,
        end: datetime,
        *,
        lengths: Sequence[int] = (),
        dimensions: Callable[[CallDimensions], bool] | None = None,
    ) -> list[tuple[int, Aggregate]]:
        """Add up single calls by tags, dimensions, units used and length of the prompt.

        For prices that depend on one of these. The calls of an aggregate have used the
        same units, some of each. With it comes the highest of *lengths* that each of
        their prompts exceeds, or 0. Pruned calls are not included.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
            lengths: Limits of prompts in tokens, cached ones included.
            dimensions: Which dimensions to include; None for all.
        """
        ids = self._texts.dimension_sets(dimensions)
        if not ids or start >= end:
            return []
        first, after = key_range(start, end)
        chosen = any_of("dimension_set", ids)
        groups = group_by_use(self._store, (first, after - 1), lengths, chosen)
        return [(key[2], self._tagged(groups, key)) for key in groups.figures]

    def _tagged(self, groups: GroupedFigures, key: Row) -> Aggregate:
        tags = self._texts.tags(key[0])
        others = groups.others.get(key)
        return aggregate(self._texts, key[1], groups.figures[key], others, tags=tags)

    # Single calls

    def calls(
        self,
        start: datetime,
        end: datetime,
        *,
        tags: Callable[[Tags], bool] | None = None,
        dimensions: Callable[[CallDimensions], bool] | None = None,
    ) -> Iterator[CallRecord]:
        """Yield every call that started in a span, in the order of time.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
            tags: Which tags to include; None for all.
            dimensions: Which dimensions to include; None for all.
        """
        rows = self.rows(start, end)
        yield from CallDecoder(self._texts).records(rows, tags, dimensions)

    def fields(
        self, start: datetime, end: datetime, names: Sequence[str]
    ) -> Iterator[tuple[Value, ...]]:
        """Return some fields of every call of a span, in the order of time.

        Several times faster than `calls`, which makes a record of each.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
            names: Fields of a record, units, or ``dimensions``.

        Raises:
            LedgerError: If a field is not known.

        Example:
            >>> reader.fields(start, end, ["tags", "duration_s"])  # doctest: +SKIP
        """
        fields = [query_field(name) for name in names]
        loaders = [
            loader(self._texts, name, field)
            for name, field in zip(names, fields, strict=True)
        ]
        sql = select((field.sql for field in fields), "calls", _OF_SPAN)
        return load_values(self._store.rows(sql, key_range(start, end)), loaders)

    def repeated(self, start: datetime, end: datetime) -> Iterator[CallRecord]:
        """Yield calls whose request hash another call of the span has too.

        Calls of one request follow each other, in the order of time.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
        """
        rows = self._store.rows(_REPEATED, key_range(start, end) * 2)
        yield from CallDecoder(self._texts).records(rows)

    def hashed(
        self, start: datetime, end: datetime
    ) -> Iterator[tuple[Tags, CallDimensions, int, int]]:
        """Yield the numbers of calls and of hashed calls, by tags and dimensions.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
        """
        rows = self._store.rows(_HASHED, key_range(start, end))
        for tag_set, dimension_set, calls, hashed in rows:
            yield (
                self._texts.tags(tag_set),
                self._texts.dimensions(dimension_set),
                int(calls),
                int(hashed),
            )

    # Rows as they are stored, for exports

    def rows(self, start: datetime, end: datetime) -> Iterator[Row]:
        """Return the rows of `CALL_COLUMNS` of a span, in the order of time.

        Args:
            start: First moment, aware.
            end: The moment after the last, aware.
        """
        return self._store.rows(_CALLS, key_range(start, end))

    def texts(self, table: str) -> dict[int, str]:
        """Return the texts of a table by the ids that `rows` have."""
        return dict(self._texts.texts(table))

    def tags_of(self, tag_set: int) -> Tags:
        """Return the tags of an id that `rows` have."""
        return self._texts.tags(tag_set)

    def dimensions_of(self, dimension_set: int) -> tuple[CallDimensions, Rates | None]:
        """Return the dimensions of an id that `rows` have, and their rates."""
        found = self._texts.dimensions(dimension_set)
        return found, self._texts.rates_of(found)


@contextmanager
def reading(store: Store) -> Iterator[Reader]:
    """Read *store* at this moment."""
    with store.snapshot() as snapshot:
        yield Reader(snapshot)


def _hours(start: datetime, end: datetime) -> tuple[int, int]:
    """Return the first and last hour bucket of a span."""
    return hour_of(microseconds(start)), hour_of(microseconds(end) - 1)


_PAIR = ", ".join(CALL_GROUP)
_IN_SPAN = "key >= ? AND key < ?"
_OF_SPAN = f"WHERE {_IN_SPAN} ORDER BY key"
_CALLS = select(CALL_COLUMNS, "calls", _OF_SPAN)
_HASHED = select(
    (*CALL_GROUP, "count(*)", "count(request_hash)"),
    "calls",
    f"WHERE {_IN_SPAN} GROUP BY {_PAIR}",
)
_REPEATED_HASHES = select(
    ["request_hash"],
    "calls",
    f"WHERE {_IN_SPAN} AND request_hash IS NOT NULL "
    "GROUP BY request_hash HAVING count(*) > 1",
)
_REPEATED = select(
    CALL_COLUMNS,
    "calls",
    f"WHERE {_IN_SPAN} AND request_hash IN ({_REPEATED_HASHES}) "
    "ORDER BY request_hash, key",
)
_DAYS = select(
    ["DISTINCT bucket"], "sums", "WHERE level = ? AND bucket BETWEEN ? AND ?"
)
_FIRST_AND_LAST_HOUR = select(
    (*CALL_GROUP, "min(bucket)", "max(bucket)"),
    "sums",
    f"WHERE level = {int(Level.HOUR)} AND bucket BETWEEN ? AND ? GROUP BY {_PAIR}",
)
