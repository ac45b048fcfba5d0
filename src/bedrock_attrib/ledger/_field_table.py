"""Field table: the columns of the ledger's tables, and which fields they store.

A record is stored in three parts: its tags (a row of ``tag_sets``), what many calls
share (a row of ``dimension_sets``) and the rest (a row of ``calls``). A new field of
`CallRecord` takes one line: an attribute of `CallDimensions` if many calls share its
value, else a row of `CALL_FIELDS`. The tables, the rows, the records that are read back
and the columns of Parquet files follow from it.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple

from .._model.usage import Unit
from ._packed_ids import pack_hash, pack_request_id, unpack_hash, unpack_request_id

Row = tuple[Any, ...]
_US = 1_000_000


class CallField(NamedTuple):
    """A field of a record that has a column of its own in ``calls``.

    Attributes:
        name: The field of `CallRecord`.
        column: The column, empty where the field is None.
        sql: Type of the column, in the words of `Migration`.
        store: Makes what the column holds of a value; None if they are the same.
        load: Makes the value of what the column holds; None if they are the same.
        scale: How many units of the column make one of the field; 0 if the field is no
            number.
    """

    name: str
    column: str
    sql: str
    store: Callable[[Any], Any] | None = None
    load: Callable[[Any], Any] | None = None
    scale: int = 0


def _to_microseconds(seconds: float) -> int:
    return round(seconds * 1e6)


def _to_seconds(us: int) -> float:
    return us / _US


CALL_FIELDS = (
    CallField(
        "duration_s", "duration_us", "{integer}", _to_microseconds, _to_seconds, _US
    ),
    CallField(
        "time_to_first_chunk_s",
        "first_chunk_us",
        "{integer}",
        _to_microseconds,
        _to_seconds,
        _US,
    ),
    CallField("attempts", "attempts", "{integer} NOT NULL", scale=1),
    CallField(
        "request_id", "request_id", "{bytes}", pack_request_id, unpack_request_id
    ),
    CallField("request_hash", "request_hash", "{bytes}", pack_hash, unpack_hash),
)

# Units with a column of their own: nearly every call has no others, and an empty column
# takes one byte. All other units are stored in `other_units`.
UNIT_COLUMNS = (
    "input_token",
    "output_token",
    "cache_read_token",
    "cache_write_5m_token",
    "cache_write_1h_token",
)
COLUMN_UNITS = tuple(Unit(column) for column in UNIT_COLUMNS)

# Columns of `calls` and their types, in the words of `Migration`. The key is the time
# of the call and a sequence number, so that calls are stored in the order of time and
# need no index. Origin and number together are the record's id.
CALL_COLUMN_TYPES = {
    "key": "{integer} PRIMARY KEY",
    "tag_set": "{integer} NOT NULL",
    "dimension_set": "{integer} NOT NULL",
    "origin": "{integer} NOT NULL",
    "number": "{integer} NOT NULL",
    "price_reason": "{integer}",
    **{field.column: field.sql for field in CALL_FIELDS},
    **dict.fromkeys(UNIT_COLUMNS, "{integer}"),
    "other_units": "TEXT",
    "given_cost": "TEXT",
}
CALL_COLUMNS = tuple(CALL_COLUMN_TYPES)
# A call on its way into the tables: its row, the buckets of its sums, and whether it is
# added to them (1) or subtracted (-1).
FRESH_COLUMNS = (*CALL_COLUMNS, "hour", "month", "sign")
CALL_GROUP = ("tag_set", "dimension_set")
SUM_KEY = ("level", "bucket", *CALL_GROUP)
OTHER_SUM_KEY = (*SUM_KEY, "unit")
OTHER_SUM_COLUMNS = (*OTHER_SUM_KEY, "total")


class Figure(NamedTuple):
    """A column of ``sums``, and how it is computed from calls, in SQL.

    Attributes:
        column: The column.
        of_call: Its value for one call.
        of_calls: Its value for a group of calls.
        of_signed: Its value for a group of fresh calls, some of them subtracted.
    """

    column: str
    of_call: str
    of_calls: str
    of_signed: str


def _sum_of(column: str) -> Figure:
    return Figure(
        column,
        f"coalesce({column}, 0)",
        f"coalesce(sum({column}), 0)",
        f"coalesce(sum(sign * {column}), 0)",
    )


FIGURES = (
    Figure("calls", "1", "count(*)", "sum(sign)"),
    _sum_of("attempts"),
    _sum_of("duration_us"),
    Figure(
        "first_chunks",
        "CASE WHEN first_chunk_us IS NULL THEN 0 ELSE 1 END",
        "count(first_chunk_us)",
        "sum(CASE WHEN first_chunk_us IS NULL THEN 0 ELSE sign END)",
    ),
    _sum_of("first_chunk_us"),
    *map(_sum_of, UNIT_COLUMNS),
)
FIGURE_COLUMNS = tuple(figure.column for figure in FIGURES)
SUM_COLUMNS = (*SUM_KEY, *FIGURE_COLUMNS)

# The text column of each table that gives ids to texts.
TEXT_COLUMNS = {
    "tag_sets": "tags",
    "rates": "rates",
    "dimension_sets": "dimensions",
    "price_reasons": "price_reason",
    "origins": "origin",
}


def columns_of(*names: str) -> Callable[[Row], tuple[Any, ...]]:
    """Return a function that takes the columns with these names from a row.

    Args:
        names: At least two of `FRESH_COLUMNS`; a row of ``calls`` has all but the last.
    """
    return itemgetter(*map(FRESH_COLUMNS.index, names))


def call_row(fresh: Row) -> Row:
    """Return the row of ``calls`` of a fresh call."""
    return fresh[: len(CALL_COLUMNS)]
