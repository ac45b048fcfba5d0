"""Parquet files of tables; needs the extra ``reports``."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, BinaryIO

from ..errors import ConfigError, MissingExtraError
from ._tables.table import ColumnType, Table, Value

_EXTRA = "reports"
_ROWS_OF_A_GROUP = 50_000
# 20 digits before and 18 after the point: a decimal of 128 bits, which every engine
# reads.
_DIGITS, _SCALE = 38, 18
_LARGEST_COUNT = 2**63 - 1
_QUANTUM = Decimal(1).scaleb(-_SCALE)
# Less than the largest by what rounding up may add.
_LARGEST_AMOUNT = Decimal(1).scaleb(_DIGITS - _SCALE) - 1
_CONTEXT = Context(prec=_DIGITS, rounding=ROUND_HALF_EVEN)


def write_parquet(table: Table, file: BinaryIO) -> None:
    """Write *table* to *file*.

    Amounts are decimals with 18 digits after the point, rounded half to even. Counts
    are integers of 64 bits, times are UTC in microseconds, missing values are null.

    Raises:
        MissingExtraError: If pyarrow is not installed.
        ConfigError: If a count or an amount does not fit.
    """
    arrow, parquet = _pyarrow()
    types = {
        ColumnType.TEXT: arrow.string(),
        ColumnType.COUNT: arrow.int64(),
        ColumnType.AMOUNT: arrow.decimal128(_DIGITS, _SCALE),
        ColumnType.SECONDS: arrow.float64(),
        ColumnType.TIME: arrow.timestamp("us", tz="UTC"),
    }
    schema = arrow.schema(
        [(column.name, types[column.type]) for column in table.columns]
    )
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for rows in _groups(table.rows):
            columns = [
                [_storable(value) for value in values]
                for values in zip(*rows, strict=True)
            ]
            arrays = [
                arrow.array(values, type=field.type)
                for values, field in zip(columns, schema, strict=True)
            ]
            writer.write_batch(arrow.record_batch(arrays, schema=schema))


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 -- an extra
        from pyarrow import parquet  # noqa: PLC0415 -- an extra
    except ModuleNotFoundError as error:
        raise MissingExtraError(_EXTRA, "pyarrow") from error
    return pa, parquet


def _groups(rows: Iterable[Sequence[Value]]) -> Iterator[list[Sequence[Value]]]:
    iterator = iter(rows)
    while group := list(itertools.islice(iterator, _ROWS_OF_A_GROUP)):
        yield group


def _storable(value: Value) -> Value:
    if isinstance(value, Decimal):
        if value.copy_abs() >= _LARGEST_AMOUNT:
            raise _no_room(value, f"{_DIGITS - _SCALE} digits of an amount")
        return value.quantize(_QUANTUM, context=_CONTEXT)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int) and value > _LARGEST_COUNT:
        raise _no_room(value, "64 bits of a count")
    return value


def _no_room(value: int | Decimal, room: str) -> ConfigError:
    return ConfigError(
        f"{value} does not fit into the {room} in Parquet; expected less; use --format "
        f"csv or json, which accept any number"
    )
