"""SQL statements composed of the ledger's own table and column names.

Values are always bound, never part of a statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def select(columns: Iterable[str], table: str, rest: str = "") -> str:
    """Return SQL that selects *columns* from *table*, followed by *rest*."""
    return f"SELECT {', '.join(columns)} FROM {table} {rest}".rstrip()  # noqa: S608 -- own names


def insert(table: str, columns: Iterable[str]) -> str:
    """Return SQL that inserts one row."""
    names = tuple(columns)
    places = ", ".join("?" * len(names))
    return f"{insert_into(table, names)} VALUES ({places})"


def insert_into(table: str, columns: Iterable[str]) -> str:
    """Return the first part of SQL that inserts rows."""
    return f"INSERT INTO {table} ({', '.join(columns)})"


def update(table: str, columns: Iterable[str], where: str) -> str:
    """Return SQL that sets *columns* of rows."""
    values = ", ".join(f"{column} = ?" for column in columns)
    return f"UPDATE {table} SET {values} WHERE {where}"  # noqa: S608 -- own names


def delete(table: str, where: str) -> str:
    """Return SQL that deletes rows."""
    return f"DELETE FROM {table} WHERE {where}"  # noqa: S608 -- own names


def any_of(column: str, numbers: Iterable[int]) -> str:
    """Return a condition that *column* is one of *numbers*.

    For numbers from the database, of which there may be more than it can bind.
    """
    return f"{column} IN ({', '.join(map(str, numbers))})"


def upsert(
    insertion: str, table: str, columns: Sequence[str], key: Sequence[str], total: str
) -> str:
    """Return SQL that adds rows to sums.

    Args:
        insertion: SQL that would insert the rows.
        table: The table.
        columns: All its columns.
        key: Columns that identify a sum.
        total: SQL that adds two values, of ``{table}`` and ``{column}``.
    """
    sums = ", ".join(
        f"{column} = {total.format(table=table, column=column)}"
        for column in columns
        if column not in key
    )
    return f"{insertion} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sums}"
