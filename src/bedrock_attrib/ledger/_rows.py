"""How records become rows, and sums by hour, day and month."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from .._model.cost import ZERO, add, multiply
from .._model.record import CallRecord
from .._model.tags import Tags
from .._model.usage import Unit, Usage
from ._clock import NUMBERS, day_of, first_key, hour_of, microseconds, month_of
from ._codec import is_derived, write_kind, write_rates, write_tags
from ._schema import UNIT_COLUMNS

# Calls by this many of a unit are kept exactly too, but not in a column of 64 bits
# whose sums must never overflow.
_MOST_IN_A_COLUMN = 1 << 40
_ID_DIGITS = 32
_ORIGIN_DIGITS = 20

Row = tuple[Any, ...]
# Beside the columns of a call: where its sums stand, and whether it is added (1) or
# taken away (-1).
PLACE_COLUMNS = ("hour", "month", "sign")
CALL_COLUMNS = (
    "key",
    "tag_set",
    "kind",
    "origin",
    "number",
    "duration_us",
    "first_chunk_us",
    "attempts",
    "reason",
    "request_id",
    "request_hash",
    *UNIT_COLUMNS,
    "more",
    "amount",
)
SUM_COLUMNS = (
    "level",
    "bucket",
    "tag_set",
    "kind",
    "calls",
    "attempts",
    "duration_us",
    "first_chunks",
    "first_chunk_us",
    *UNIT_COLUMNS,
)
MORE_COLUMNS = ("level", "bucket", "tag_set", "kind", "unit", "total")
SUM_KEY = SUM_COLUMNS[:4]
MORE_KEY = MORE_COLUMNS[:5]

_UNITS = tuple(Unit(column) for column in UNIT_COLUMNS)
_IN_COLUMNS = frozenset(_UNITS)


class Interner:
    """Gives each text of a table an id, asking the database once for each.

    Ids that came with a transaction which failed are forgotten again.
    """

    def __init__(self, ask: Callable[[str, str], int]) -> None:
        """Ask by *ask*, which takes a table and a text and may write."""
        self._ask = ask
        self._ids: dict[str, dict[object, int]] = {}
        self._fresh: list[tuple[dict[object, int], object]] = []

    def table(self, name: str) -> dict[object, int]:
        """Ids known so far of a table, by what they stand for."""
        return self._ids.setdefault(name, {})

    def intern(self, name: str, key: object, text: str) -> int:
        """The id of *text* in table *name*, to be remembered as *key*."""
        ids = self.table(name)
        if len(ids) >= _MOST_KNOWN:
            ids.clear()
        found = ids[key] = self._ask(name, text)
        self._fresh.append((ids, key))
        return found

    def keep(self) -> None:
        """The transaction was committed."""
        self._fresh.clear()

    def forget(self) -> None:
        """The transaction failed, and with it what it brought."""
        for ids, key in self._fresh:
            ids.pop(key, None)
        self._fresh.clear()

    def forget_all(self) -> None:
        """The database is not, or may not be, the one that gave these ids."""
        for ids in self._ids.values():
            ids.clear()  # in place: who uses a table holds it
        self._fresh.clear()


_MOST_KNOWN = 100_000


class Batch(NamedTuple):
    """What one transaction writes.

    Attributes:
        calls: Rows of calls, each after its values of `PLACE_COLUMNS`.
        more: What they add to the sums of units without a column.
    """

    calls: list[Row]
    more: list[Row]


class RowMaker:
    """Makes rows of records. Not safe to use from two threads at once."""

    def __init__(self, interner: Interner, first_number: int) -> None:
        """Make rows with ids from *interner*.

        Args:
            interner: Knows the ids of what calls share.
            first_number: Where to begin telling apart calls of one microsecond;
                processes begin at different numbers.
        """
        self._interner = interner
        self._number = first_number
        self._tag_sets = interner.table("tag_sets")
        self._kinds = interner.table("kinds")
        self._origins = interner.table("origins")
        self._months: dict[int, int] = {}

    def batch(self, records: Iterable[CallRecord]) -> Batch:
        """Rows of *records* and their sums."""
        row = self.row
        calls = [row(record) for record in records]
        return Batch(calls, more_sums(calls))

    def row(self, record: CallRecord, sign: int = 1) -> Row:
        """The row of a call, after its place.

        Args:
            record: The call.
            sign: 1 to add it to the sums, -1 to take it away.
        """
        # Taken apart at once: this runs for every call.
        (
            record_id,
            started_at,
            operation,
            model,
            region,
            tier,
            latency_mode,
            tags,
            usage,
            usage_source,
            cost,
            status,
            reason,
            _code,
            duration_s,
            first_chunk_s,
            outcome,
            error,
            attempts,
            request_id,
            doubtful_attempts,
            request_hash,
        ) = record
        us = microseconds(started_at)
        hour = hour_of(us)
        month = self._months.get(hour)
        self._number = number = (self._number + 1) % NUMBERS
        columns, more = _NO_COUNTS, None
        if usage is not None:
            columns, more = _columns(usage)
        # Most amounts follow from the call's own counts, which need no comparing.
        is_given = cost is not None and (
            cost.usage is not usage and not is_derived(record)
        )
        known = self._tag_sets.get(tags.key)
        tag_set = self._new_tag_set(tags) if known is None else known
        key = (
            operation,
            model,
            region,
            tier,
            latency_mode,
            usage_source,
            status,
            outcome,
            error,
            doubtful_attempts,
            None
            if cost is None
            else (
                cost.currency,
                None if is_given else cost.rates.key,
                cost.unpriced_units,
            ),
        )
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._new_kind(record, key, is_given=is_given)
        return (
            hour,
            self._month(hour) if month is None else month,
            sign,
            first_key(us) + number,
            tag_set,
            kind,
            *self._split_id(record_id),
            None if duration_s is None else round(duration_s * 1e6),
            None if first_chunk_s is None else round(first_chunk_s * 1e6),
            attempts,
            self._reason(reason) if reason else None,
            None if request_id is None else _short_request_id(request_id),
            None if request_hash is None else short_hash(request_hash),
            *columns,
            more,
            format(cost.total, "f") if is_given and cost is not None else None,
        )

    def _month(self, hour: int) -> int:
        if len(self._months) >= _MOST_KNOWN:
            self._months.clear()
        month = self._months[hour] = month_of(hour)
        return month

    def _split_id(self, record_id: str) -> tuple[int, int]:
        """Origin and number of an id: the library's own end in a number."""
        origin, number = record_id, -1
        if len(record_id) == _ID_DIGITS:
            tail = record_id[_ORIGIN_DIGITS:]
            try:
                value = int(tail, 16)
            except ValueError:
                value = -1
            # Digits of others may be written otherwise, and are kept as they are.
            if f"{value:012x}" == tail:
                origin, number = record_id[:_ORIGIN_DIGITS], value
        known = self._origins.get(origin)
        if known is None:
            known = self._interner.intern("origins", origin, origin)
        return known, number

    def _reason(self, reason: str) -> int:
        known = self._interner.table("reasons").get(reason)
        return known or self._interner.intern("reasons", reason, reason)

    def _new_tag_set(self, tags: Tags) -> int:
        return self._interner.intern("tag_sets", tags.key, write_tags(tags))

    def _new_kind(self, record: CallRecord, key: Row, *, is_given: bool) -> int:
        cost, rates_id = record.cost, None
        if cost is not None and not is_given:
            text = write_rates(cost.rates)
            known = self._interner.table("rates").get(text)
            rates_id = known or self._interner.intern("rates", text, text)
        return self._interner.intern("kinds", key, write_kind(record, rates_id))


_NO_COUNTS: Row = (None,) * len(_UNITS)


def _columns(usage: Usage) -> tuple[Row, str | None]:
    """Counts by column, and as text those that no column takes."""
    counts = usage._counts  # noqa: SLF001 -- the mapping's own get is slow
    columns = tuple(map(counts.get, _UNITS))
    if len(_UNITS) - columns.count(None) == len(counts) and (
        not counts or max(counts.values()) <= _MOST_IN_A_COLUMN
    ):
        return columns, None
    rest = {
        unit: count
        for unit, count in counts.items()
        if unit not in _IN_COLUMNS or count > _MOST_IN_A_COLUMN
    }
    columns = tuple(None if unit in rest else counts.get(unit) for unit in _UNITS)
    return columns, json.dumps(rest)


_IS_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
_UUID_BYTES = 16
_NO_UUID = b"\0"


def _short_request_id(request_id: str) -> bytes:
    """A request id in as few bytes as it takes; most are UUIDs."""
    if _IS_UUID(request_id):
        return bytes.fromhex(request_id.replace("-", ""))
    text = request_id.encode("utf-8", "replace")
    # What would be taken for a UUID when it is read is marked as none.
    if len(text) == _UUID_BYTES or text.startswith(_NO_UUID):
        return _NO_UUID + text
    return text


def long_request_id(short: bytes | None) -> str | None:
    """The request id that `_short_request_id` shortened."""
    if short is None:
        return None
    short = bytes(short)
    if len(short) != _UUID_BYTES:
        return short.removeprefix(_NO_UUID).decode("utf-8", "replace")
    text = short.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


_IS_HASH = re.compile(r"[0-9a-f]{32}").fullmatch
_NO_HASH = bytes(17)


def short_hash(request_hash: str) -> bytes:
    """A hash in as few bytes as it takes; those of the library take 16."""
    if _IS_HASH(request_hash):
        return bytes.fromhex(request_hash)
    # Those of others are kept as they are, and told by being longer.
    return _NO_HASH + request_hash.encode("utf-8", "replace")


def long_hash(short: bytes | None) -> str | None:
    """The hash that `short_hash` shortened."""
    if short is None:
        return None
    short = bytes(short)
    if short.startswith(_NO_HASH):
        return short.removeprefix(_NO_HASH).decode("utf-8", "replace")
    return short.hex()


_SIGN, _KEY, _TAG_SET, _KIND = 2, 3, 4, 5
_MORE, _AMOUNT = -2, -1


def more_sums(calls: Iterable[Row]) -> list[Row]:
    """What *calls* add to the sums of units that have no column, of every level."""
    merged: dict[Row, Decimal] = {}
    for row in calls:
        if row[_MORE] is None is row[_AMOUNT]:
            continue
        amounts = json.loads(row[_MORE] or "{}")
        if row[_AMOUNT] is not None:
            amounts[""] = row[_AMOUNT]
        hour, month, sign = row[:3]
        for level, bucket in enumerate((hour, day_of(hour), month)):
            for unit, amount in amounts.items():
                key = (level, bucket, row[_TAG_SET], row[_KIND], unit)
                total = multiply(Decimal(sign), Decimal(amount))
                merged[key] = add(merged.get(key, ZERO), total)
    return [(*key, format(total, "f")) for key, total in sorted(merged.items())]
