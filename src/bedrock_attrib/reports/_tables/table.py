"""Plain tables: typed columns and rows of values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

Value = str | int | float | Decimal | datetime | None


class ColumnType(StrEnum):
    """Type of the values of a column; each may be None."""

    TEXT = "text"
    COUNT = "count"
    AMOUNT = "amount"
    SECONDS = "seconds"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Column:
    """Column of a table.

    Attributes:
        name: Its heading.
        type: Type of its values.
    """

    name: str
    type: ColumnType = ColumnType.TEXT


@dataclass(frozen=True, slots=True)
class Table:
    """Table for a spreadsheet or a query engine.

    Attributes:
        columns: Its columns.
        rows: A value for each column. Times are aware, amounts exact.
        remarks: Limits of the figures, in sentences.
    """

    columns: tuple[Column, ...]
    rows: Iterable[Sequence[Value]]
    remarks: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the headings."""
        return tuple(column.name for column in self.columns)

    def records(self) -> Iterator[dict[str, Value]]:
        """Return the rows by heading."""
        names = self.names
        return (dict(zip(names, row, strict=True)) for row in self.rows)


def key_columns(by: Iterable[str], others: Iterable[Column]) -> tuple[Column, ...]:
    """Return columns of dimensions; ``tag:`` marks a tag with the name of a column."""
    taken = {column.name for column in others}
    return tuple(Column(f"tag:{name}" if name in taken else name) for name in by)
