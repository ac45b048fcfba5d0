"""Columns of exported Parquet files, in the order of the fields of a record."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

import pyarrow as pa

from ..._model.cost import Rates
from ..._model.record import CallRecord
from ...errors import ConfigError
from .._codec import write_rates
from .._dimensions import MODEL_NAMES, RECORD_DIMENSIONS, CallDimensions
from .._field_table import CALL_FIELDS, UNIT_COLUMNS

DECIMALS = 18
# Athena's decimals, and Arrow's of 128 bits, have at most 38 digits.
# https://docs.aws.amazon.com/athena/latest/ug/data-types.html, checked 2026-11-25
AMOUNT = pa.decimal128(38, DECIMALS)
TEXT, COUNT, TAGS = pa.string(), pa.int64(), pa.map_(pa.string(), pa.string())
_TEXTS = pa.list_(TEXT)

# The value of a column that calls with the same dimensions share.
DimensionValue = Callable[[CallDimensions, Rates | None], Any]


def _attribute(path: str) -> DimensionValue:
    read = attrgetter(path)
    return lambda dimensions, _: _as_arrow(read(dimensions))


def _as_arrow(value: object) -> object:
    """Return a list of a tuple, and None of an empty text."""
    if isinstance(value, tuple):
        return list(value)
    return None if value == "" else value


_TUPLES = {each.name for each in fields(CallDimensions) if each.default == ()}


def _dimension_columns() -> Iterator[tuple[str, Any, DimensionValue]]:
    for name in (*RECORD_DIMENSIONS, "currency", "unpriced_units"):
        if name == "model":
            for attribute, column in MODEL_NAMES.items():
                yield column, TEXT, _attribute(f"model.{attribute}")
        else:
            yield name, _TEXTS if name in _TUPLES else TEXT, _attribute(name)
    yield "rates", TEXT, lambda _, rates: None if rates is None else write_rates(rates)


DIMENSION_COLUMNS = {
    column: (type_, value) for column, type_, value in _dimension_columns()
}
"""Type and value of each column that calls with the same dimensions share."""

CALL_FIELD_COLUMNS = {
    (each.column if each.scale else each.name): each for each in CALL_FIELDS
}
"""Fields with a column of their own: numbers as they are stored, others as text."""

# Columns of the fields of a record that are not one column of the same name.
_COLUMNS_OF: dict[str, tuple[str, ...]] = {
    "model": tuple(MODEL_NAMES.values()),
    "usage": (*UNIT_COLUMNS, "other_usage", "usage_exact"),
    "cost": (
        "cost",
        "currency",
        "cost_by_unit",
        "cost_exact",
        "rates",
        "unpriced_units",
    ),
    **{each.name: (column,) for column, each in CALL_FIELD_COLUMNS.items()},
}
_TYPES: dict[str, Any] = {
    "id": TEXT,
    "started_at": pa.timestamp("us", tz="UTC"),
    "tags": TAGS,
    **dict.fromkeys(UNIT_COLUMNS, COUNT),
    "other_usage": pa.map_(TEXT, COUNT),
    "usage_exact": TEXT,
    "cost": AMOUNT,
    "cost_by_unit": pa.map_(TEXT, AMOUNT),
    "cost_exact": TEXT,
    "price_reason": TEXT,
    **{column: type_ for column, (type_, _) in DIMENSION_COLUMNS.items()},
    **{
        column: COUNT if each.scale else TEXT
        for column, each in CALL_FIELD_COLUMNS.items()
    },
}
_REQUIRED = ("id", "started_at")


def tag_column(tag: str) -> str:
    """Return the name of the column of a tag, of characters that Athena allows."""
    return "tag_" + re.sub(r"[^a-z0-9_]", "_", tag.lower())


def schema_of(tag_columns: Sequence[str]) -> Any:  # noqa: ANN401 -- untyped package
    """Return the columns of every file.

    Args:
        tag_columns: Tags that get a column of their own, beside ``tags``.

    Raises:
        ConfigError: If two of them would be the same column.
    """
    own = [tag_column(tag) for tag in tag_columns]
    if len(set(own)) < len(own):
        raise ConfigError(
            f"tag columns must differ in more than case and punctuation: "
            f"{', '.join(tag_columns)} become {', '.join(own)}"
        )
    return pa.schema(
        [
            pa.field(column, _TYPES.get(column, TEXT), nullable=column not in _REQUIRED)
            for column in _columns(own)
        ],
        metadata={"bedrock_attrib.export": "1"},
    )


def _columns(tag_columns: Iterable[str]) -> Iterator[str]:
    for name in CallRecord._fields:
        yield from _COLUMNS_OF.get(name, (name,))
        if name == "tags":
            yield from tag_columns
