"""Reports as plain tables: columns with a type, rows of values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

Value = str | int | float | Decimal | datetime | None


class ColumnType(StrEnum):
    """What the values of a column are; each may be missing."""

    TEXT = "text"
    COUNT = "count"
    AMOUNT = "amount"
    SECONDS = "seconds"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: Its heading.
        type: What its values are.
    """

    name: str
    type: ColumnType = ColumnType.TEXT


@dataclass(frozen=True, slots=True)
class Table:
    """A table as a spreadsheet or a query engine takes it.

    Attributes:
        columns: What it has.
        rows: A value for each column. Times are aware, amounts exact.
        remarks: What a reader of the rows must know, in sentences.
    """

    columns: tuple[Column, ...]
    rows: Iterable[Sequence[Value]]
    remarks: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The headings."""
        return tuple(column.name for column in self.columns)

    def records(self) -> Iterator[dict[str, Value]]:
        """Rows by heading."""
        names = self.names
        return (dict(zip(names, row, strict=True)) for row in self.rows)


def key_columns(by: Iterable[str], others: Iterable[Column]) -> tuple[Column, ...]:
    """Columns of dimensions; one that has the name of another column is of a tag."""
    taken = {column.name for column in others}
    return tuple(Column(f"tag:{name}" if name in taken else name) for name in by)
