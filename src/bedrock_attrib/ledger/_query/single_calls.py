"""Single calls read back: whole records, rows as they are kept, and fields."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from ..._model.cost import Cost
from ..._model.record import CallRecord
from ..._model.tags import Tags
from ..._model.usage import Unit, Usage
from .._clock import (
    first_key,
    key_of_hour,
    microseconds,
    time_of,
)
from .._codec import Kind, cost_of
from .._rows import (
    CALL_COLUMNS,
    Row,
    long_hash,
    long_request_id,
)
from .._schema import UNIT_COLUMNS
from .._store import CALLS_FROM, MARK, Readable
from .aggregate import UNITS
from .fields import Value, as_it_is, field_of, value_of
from .names import Names


class SingleCalls:
    """Reads calls that are kept on their own."""

    def __init__(self, store: Readable, names: Names) -> None:
        """Read from *store*, which stands still, with the *names* of its ids."""
        self._store = store
        self._names = names

    def calls(
        self,
        start: datetime,
        end: datetime,
        *,
        tags: Callable[[Tags], bool] | None = None,
        kinds: Callable[[Kind], bool] | None = None,
    ) -> Iterator[CallRecord]:
        """Every call that started in a span, in the order of time."""
        values = (first_key(microseconds(start)), first_key(microseconds(end)))
        yield from self._records(self._store.rows(_CALLS, values), tags, kinds)

    def rows(self, start: datetime, end: datetime) -> Iterator[Row]:
        """The calls of a span as they are kept: values of `CALL_COLUMNS`."""
        values = (first_key(microseconds(start)), first_key(microseconds(end)))
        return self._store.rows(_CALLS, values)

    def repeated(self, start: datetime, end: datetime) -> Iterator[CallRecord]:
        """Calls whose request another call of the span made too, by their hashes."""
        span = (first_key(microseconds(start)), first_key(microseconds(end)))
        yield from self._records(self._store.rows(_REPEATED, (*span, *span)))

    def hashed(
        self, start: datetime, end: datetime
    ) -> Iterator[tuple[Tags, Kind, int, int]]:
        """How many single calls there are by tags and kind, and how many are hashed."""
        values = (first_key(microseconds(start)), first_key(microseconds(end)))
        for tag_set, kind, calls, hashed in self._store.rows(_HASHED, values):
            yield (
                self._names.tags(tag_set),
                self._names.kind(kind),
                int(calls),
                int(hashed),
            )

    def fields(
        self, start: datetime, end: datetime, names: Sequence[str]
    ) -> Iterator[tuple[Value, ...]]:
        """Some fields of every call of a span, in the order of time.

        Raises:
            LedgerError: If a field is not known.
        """
        columns = [field_of(name) for name in names]
        reads = [
            (place, value_of(self._names, name, field.read))
            for place, (name, field) in enumerate(zip(names, columns, strict=True))
        ]
        reads = [(place, read) for place, read in reads if read is not as_it_is]
        sql = (
            f"SELECT {', '.join(field.column for field in columns)} FROM calls "  # noqa: S608
            "WHERE key >= ? AND key < ? ORDER BY key"
        )
        values = (first_key(microseconds(start)), first_key(microseconds(end)))
        return self._with_values(self._store.rows(sql, values), reads)

    def calls_since(self) -> datetime | None:
        """From when on every call is kept on its own; None without any."""
        (key,) = next(self._store.rows("SELECT min(key) FROM calls"), (None,))
        (mark,) = next(self._store.rows(MARK, (CALLS_FROM,)), (None,))
        return None if key is None else time_of(max(key, mark or key))

    def count_calls(self, *, before: datetime | None = None) -> int:
        """How many single calls are kept; those before the hour of a moment alone."""
        if before is None:
            ((count,),) = self._store.rows("SELECT count(*) FROM calls")
        else:
            values = (key_of_hour(before),)
            sql = "SELECT count(*) FROM calls WHERE key < ?"
            ((count,),) = self._store.rows(sql, values)
        return int(count)

    def _records(
        self,
        rows: Iterable[Row],
        tags: Callable[[Tags], bool] | None = None,
        kinds: Callable[[Kind], bool] | None = None,
    ) -> Iterator[CallRecord]:
        reasons = dict(self._names.texts("reasons"))
        origins = dict(self._names.texts("origins"))
        wanted: dict[tuple[int, int], bool] = {}
        for row in rows:
            place = (row[_TAG_SET], row[_KIND])
            is_wanted = wanted.get(place)
            if is_wanted is None:
                is_wanted = wanted[place] = (
                    tags is None or tags(self._names.tags(place[0]))
                ) and (kinds is None or kinds(self._names.kind(place[1])))
            if is_wanted:
                yield self._record(row, reasons, origins)

    def _record(
        self, row: Row, reasons: Mapping[int, str], origins: Mapping[int, str]
    ) -> CallRecord:
        fields = dict(zip(CALL_COLUMNS, row, strict=True))
        kind = self._names.kind(fields["kind"])
        usage = None
        if kind.usage_source:
            counts = {
                unit: fields[column]
                for unit, column in zip(UNITS, UNIT_COLUMNS, strict=True)
                if fields[column] is not None
            }
            more = json.loads(fields["more"] or "{}")
            usage = Usage.of(counts | {Unit(unit): n for unit, n in more.items()})
        amount = None if fields["amount"] is None else Decimal(fields["amount"])
        cost: Cost | None = cost_of(kind, self._names.rates_of(kind), usage, amount)
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
            self._names.tags(fields["tag_set"]),
            usage,
            kind.usage_source,
            cost,
            kind.price_status,
            reasons.get(fields["reason"], ""),
            None,  # code of the reason, which has no column yet
            None if duration_us is None else duration_us / 1e6,
            None if first_chunk_us is None else first_chunk_us / 1e6,
            kind.outcome,
            kind.error,
            fields["attempts"],
            long_request_id(fields["request_id"]),
            kind.doubtful_attempts,
            long_hash(fields["request_hash"]),
        )

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


_TAG_SET, _KIND = CALL_COLUMNS.index("tag_set"), CALL_COLUMNS.index("kind")
# Every name in these is ours.
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
