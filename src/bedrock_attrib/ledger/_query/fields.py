"""Single calls read without making records of them: added up, or a few fields each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from ..._model.tags import Tags
from ..._model.usage import Unit, Usage
from ...errors import LedgerError
from .._clock import first_key, microseconds, moment, time_of
from .._codec import Kind
from .._schema import UNIT_COLUMNS
from .names import Names

Value = Tags | Kind | datetime | Decimal | str | float | int | None
_DAY_US = 86_400_000_000
_US = 1_000_000
_KEY_US = first_key(1) - first_key(0)


class Total(NamedTuple):
    """What calls of one kind with the same values add up to.

    Attributes:
        values: What was asked for, in that order.
        kind: What else they share.
        calls: How many there are.
        attempts: HTTP attempts of all of them.
        duration_s: Seconds from start to finish, of all of them.
        first_chunks: How many had a first stream event.
        first_chunk_s: Seconds to it, of all of these.
        usage: Counts by unit; units that nobody counted are absent.
        cost: Exact amount in the currency of the kind; None where it has none.
        by_unit: Exact amount of each unit; empty where amounts were given as a whole.
    """

    values: tuple[Value, ...]
    kind: Kind
    calls: int
    attempts: int
    duration_s: float
    first_chunks: int
    first_chunk_s: float
    usage: Usage
    cost: Decimal | None
    by_unit: Mapping[Unit, Decimal]


class Field(NamedTuple):
    """How a field of a record is read from its row.

    Attributes:
        column: SQL of it.
        scale: How many steps of the column a whole of the field is; 0 if it is no
            number.
        read: Makes a value of what the column holds; None for as it is.
    """

    column: str
    scale: int
    read: Callable[[int], Value] | None


def _seconds(us: int) -> float:
    return us / _US


FIELDS: dict[str, Field] = {
    "tags": Field("tag_set", 0, None),
    "kind": Field("kind", 0, None),
    "started_at": Field("key", _US, time_of),
    "duration_s": Field("duration_us", _US, _seconds),
    "time_to_first_chunk_s": Field("first_chunk_us", _US, _seconds),
    "attempts": Field("attempts", 1, None),
    "price_reason": Field("reason", 0, None),
    **{column: Field(column, 1, None) for column in UNIT_COLUMNS},
}
"""Fields of single calls by name: those of a record that calls do not share in their
kind, ``kind`` for all the others, and units that have a column."""


def field_of(name: str) -> Field:
    """The field with this name.

    Raises:
        LedgerError: If there is none.
    """
    found = FIELDS.get(name)
    if found is None:
        raise LedgerError(f"no field {name!r} of calls: expected {', '.join(FIELDS)}")
    return found


def stepped(name: str, step: float | None) -> tuple[str, Callable[[int], Value] | None]:
    """SQL and reading of a field, in steps if asked for."""
    field = field_of(name)
    if step is None:
        return field.column, field.read
    width = round(step * field.scale)
    if width < 1:
        raise LedgerError(f"{name} in steps of {step}: expected at least the smallest")
    if name == "started_at":
        # Steps begin with 1970, keys do not.
        origin = first_key(0)
        sql = f"(key - ({origin})) / {width * _KEY_US}"
        return sql, lambda number: moment(number * width)
    sql = f"{field.column} / {width} * {width}"
    return sql, field.read


def key_spans(
    start: datetime, end: datetime, first: int | None, last: int | None
) -> list[tuple[int, int]]:
    """First and last keys of pieces of a span: a day each, or less if it is short.

    Pieces are small enough to be sorted in memory, and many enough for all processors.

    Args:
        start: First moment.
        end: The moment after the last.
        first: Key of the first call of all; None without calls.
        last: Key of the last.
    """
    if first is None or last is None:
        return []
    begin = max(first_key(microseconds(start)), first)
    stop = min(first_key(microseconds(end)) - 1, last)
    width = max(1, min(_DAY_US * _KEY_US, -(-(stop - begin + 1) // _PIECES)))
    return [(at, min(stop, at + width - 1)) for at in range(begin, stop + 1, width)]


_PIECES = 8


def joined_spans(spans: list[tuple[int, int]], calls: int) -> list[tuple[int, int]]:
    """Larger pieces, for groups so many that each piece has most of them.

    Args:
        spans: The pieces, which follow each other.
        calls: How many calls there are about, in all of them.
    """
    pieces = max(_PIECES // 2, -(-calls // _CALLS_OF_A_PIECE))
    width = max(1, -(-len(spans) // pieces))
    some = (spans[at : at + width] for at in range(0, len(spans), width))
    return [(each[0][0], each[-1][1]) for each in some]


# Sorted within the memory that a connection may take.
_CALLS_OF_A_PIECE = 1_000_000


def value_of(
    names: Names, name: str, read: Callable[[int], Value] | None
) -> Callable[[int], Value]:
    """Makes a value of what the column of a field holds, where it holds something."""
    if name == "tags":
        return names.tags
    if name == "kind":
        return names.kind
    if name == "price_reason":
        return dict(names.texts("reasons")).__getitem__
    return read or as_it_is


def as_it_is(value: int) -> Value:
    """The value of a field that needs no reading."""
    return value
