"""Ledgers of an older schema, read as they are: what they lack is unknown."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence

from ._rows import CALL_COLUMNS, MORE_COLUMNS, SUM_COLUMNS

# Tables to which migrations have added, or which they have brought.
_COLUMNS: Mapping[str, Sequence[str]] = {
    "calls": CALL_COLUMNS,
    "sums": SUM_COLUMNS,
    "more_sums": MORE_COLUMNS,
    "marks": ("name", "value"),
}
_FROM = re.compile(rf"\bFROM ({'|'.join(_COLUMNS)})\b")


class Older:
    """Says in SQL what stands for the tables of a newer schema."""

    def __init__(self, columns_of: Callable[[str], Collection[str]]) -> None:
        """Ask by *columns_of*, which columns a table has; none for no table."""
        self._sources = {
            table: _source(table, columns, columns_of(table))
            for table, columns in _COLUMNS.items()
        }

    def translated(self, sql: str) -> str:
        """*sql* as this ledger understands it."""
        return _FROM.sub(lambda found: f"FROM {self._sources[found[1]]}", sql)


def _source(table: str, wanted: Sequence[str], there: Collection[str]) -> str:
    lacking = [column for column in wanted if column not in there]
    if not lacking:
        return table
    nothing = ", ".join(f"NULL AS {column}" for column in lacking)
    if len(lacking) == len(wanted):
        return f"(SELECT {nothing} WHERE false) AS {table}"
    return f"(SELECT {table}.*, {nothing} FROM {table}) AS {table}"  # noqa: S608 -- ours
