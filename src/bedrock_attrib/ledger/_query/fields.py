"""Fields of single calls that queries group by or select, without making records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ...errors import LedgerError
from .._field_table import CALL_FIELDS, UNIT_COLUMNS, Row
from .._time_buckets import first_key, moment, time_of_key
from .aggregate import Value
from .interned_texts import InternedTexts

_US = 1_000_000
_KEYS_PER_US = first_key(1) - first_key(0)


class QueryField(NamedTuple):
    """A field of single calls.

    Attributes:
        sql: SQL of it.
        scale: How many units of the column make one of the field; 0 if it is no number.
        load: Makes the value of what the column holds; None if they are the same.
    """

    sql: str
    scale: int
    load: Callable[[int], Value] | None


QUERY_FIELDS: dict[str, QueryField] = {
    "tags": QueryField("tag_set", 0, None),
    "dimensions": QueryField("dimension_set", 0, None),
    "started_at": QueryField("key", _US, time_of_key),
    "price_reason": QueryField("price_reason", 0, None),
    **{
        each.name: QueryField(each.column, each.scale, each.load)
        for each in CALL_FIELDS
        if each.scale
    },
    **{column: QueryField(column, 1, None) for column in UNIT_COLUMNS},
}
"""Fields by name: those of a record that calls do not share, ``dimensions`` for all the
others, and units that have a column."""


def query_field(name: str, step: float | None = None) -> QueryField:
    """Return the field *name*, in steps of a width where *step* is given.

    Raises:
        LedgerError: If there is no such field, or the step is too small.
    """
    found = QUERY_FIELDS.get(name)
    if found is None:
        raise LedgerError(
            f"no field {name!r} of calls: expected {', '.join(QUERY_FIELDS)}"
        )
    if step is None:
        return found
    width = round(step * found.scale)
    if width < 1:
        raise LedgerError(
            f"{name} in steps of {step}: expected at least its smallest unit"
        )
    if name == "started_at":
        # Steps begin with 1970, keys do not.
        sql = f"(key - ({first_key(0)})) / {width * _KEYS_PER_US}"
        return QueryField(sql, _US, lambda number: moment(number * width))
    return found._replace(sql=f"{found.sql} / {width} * {width}")


def loader(
    texts: InternedTexts, name: str, field: QueryField
) -> Callable[[int], Value] | None:
    """Return what makes a value of the field *name* of a column that is not empty."""
    if name == "tags":
        return texts.tags
    if name == "dimensions":
        return texts.dimensions
    if name == "price_reason":
        return dict(texts.texts("price_reasons")).__getitem__
    return field.load


def load_values(
    rows: Iterable[Row], loaders: Sequence[Callable[[int], Value] | None]
) -> Iterator[tuple[Any, ...]]:
    """Yield *rows* with the values that the *loaders* of their columns make."""
    loads = [(place, load) for place, load in enumerate(loaders) if load is not None]
    if not loads:
        yield from rows
        return
    for row in rows:
        values = list(row)
        for place, load in loads:
            value = values[place]
            if value is not None:
                values[place] = load(value)
        yield tuple(values)
