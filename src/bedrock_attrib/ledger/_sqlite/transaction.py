"""Transactions of a ledger in SQLite: calls in order, and their sums."""

from __future__ import annotations

import sqlite3

from .._call_rows import RowBatch, row_batch
from .._field_table import (
    CALL_COLUMNS,
    FRESH_COLUMNS,
    OTHER_SUM_COLUMNS,
    OTHER_SUM_KEY,
    TEXT_COLUMNS,
    Row,
    call_row,
)
from .._sql import delete, insert, insert_into, select, upsert
from .._store import (
    CALLS_FROM,
    DELETE_UNUSED_TAG_SETS,
    FIND_CALL,
    HOURLY_COLUMNS,
    LAST_KEY,
    LAST_KEY_BEFORE,
    NEXT_GENERATION,
    RAISE_MARK,
    UNUSED_TAG_SETS,
    add_hourly_sums,
    hourly_sums,
)
from .._time_buckets import Level, end_of_hour, keys_of_same_time

TEMPORARY_TABLES = {"fresh": FRESH_COLUMNS, "fresh_hours": HOURLY_COLUMNS}
"""Tables of a connection, in which the calls of a transaction are summed in C."""

_INSERT_FRESH = insert("fresh", FRESH_COLUMNS)
_INSERT_CALL = insert("calls", CALL_COLUMNS)
_COPY_CALLS = (
    f"{insert_into('calls', CALL_COLUMNS)} "
    f"{select(CALL_COLUMNS, 'fresh', 'ORDER BY key')}"
)
# Calls are summed by hour once, and days and months are summed from these: sorting is
# what costs. Where all went well the two tables are empty again at the end.
_SUM_BY_HOUR = f"INSERT INTO fresh_hours {hourly_sums('fresh')}"
_ADD_SUMS = [add_hourly_sums("fresh_hours", level) for level in Level]
_ADD_OTHER_SUMS = upsert(
    insert("other_sums", OTHER_SUM_COLUMNS),
    "other_sums",
    OTHER_SUM_COLUMNS,
    OTHER_SUM_KEY,
    "add_exactly({table}.{column}, excluded.{column})",
)
_IS_TAKEN = "SELECT 1 FROM calls WHERE key = ?"
_REPLACE_CALL = _INSERT_CALL.replace("INSERT", "INSERT OR REPLACE", 1)
_FIND_TEXT = {
    table: select(["id"], table, f"WHERE {column} = ?")
    for table, column in TEXT_COLUMNS.items()
}
_INSERT_TEXT = {
    table: insert(table, (column,)) for table, column in TEXT_COLUMNS.items()
}
_PRUNE_SUMS, _PRUNE_OTHER_SUMS = (
    delete(table, "level = ? AND bucket < ?") for table in ("sums", "other_sums")
)


class SQLiteTransaction:
    """An open transaction of the one writer of a process."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def intern(self, table: str, text: str) -> int:
        """Return the id of *text* in *table*, a new one if it is not there."""
        found = self._db.execute(_FIND_TEXT[table], (text,)).fetchone()
        if found is None:
            added = self._db.execute(_INSERT_TEXT[table], (text,))
            return int(added.lastrowid or 0)
        return int(found[0])

    def write(self, batch: RowBatch) -> None:
        """Add calls and sums."""
        if not batch.calls:
            return
        self._db.executemany(_INSERT_FRESH, batch.calls)
        self._db.execute("SAVEPOINT calls")
        try:
            self._db.execute(_COPY_CALLS)
        except sqlite3.IntegrityError:
            # Another process recorded a call in the same microsecond.
            self._db.execute("ROLLBACK TO calls")
            self._insert_one_by_one(batch.calls)
        self._db.execute("RELEASE calls")
        self._add_sums(batch)

    def _add_sums(self, batch: RowBatch) -> None:
        self._db.execute(_SUM_BY_HOUR)
        for statement in _ADD_SUMS:
            self._db.execute(statement)
        for table in TEMPORARY_TABLES:
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 -- own names
        self._db.executemany(_ADD_OTHER_SUMS, batch.other_sums)

    def _insert_one_by_one(self, calls: list[Row]) -> None:
        # The last key of each time that has more than one call.
        last_keys: dict[int, int] = {}
        for fresh in calls:
            key, *rest = call_row(fresh)
            if self._is_taken(key):
                key = self._free_key(key, last_keys)
            self._db.execute(_INSERT_CALL, (key, *rest))

    def _is_taken(self, key: int) -> bool:
        return self._db.execute(_IS_TAKEN, (key,)).fetchone() is not None

    def _free_key(self, key: int, last_keys: dict[int, int]) -> int:
        first, end = keys_of_same_time(key)
        last = last_keys.get(first)
        if last is None:
            (last,) = self._db.execute(LAST_KEY, (first, end)).fetchone()
        last += 1
        while self._is_taken(last):  # a stopped clock exhausts any range
            last += 1
        last_keys[first] = last
        return int(last)

    def replace(self, before: Row, after: Row) -> None:
        """Replace a call and adjust its sums."""
        self._db.execute(_REPLACE_CALL, call_row(after))
        change = row_batch([before, after])
        self._db.executemany(_INSERT_FRESH, change.calls)
        self._add_sums(change)

    def find(self, keys: tuple[int, int], origin: int, number: int) -> Row | None:
        """Return the row of the call with this id among *keys*, first and last."""
        found: Row | None = self._db.execute(
            FIND_CALL, (*keys, origin, number)
        ).fetchone()
        return found

    def prune_calls(self, before_key: int) -> int:
        """Delete calls below a key, and mark the key; return their number."""
        (last,) = self._db.execute(LAST_KEY_BEFORE, (before_key,)).fetchone()
        if last is None:
            return 0
        self._db.execute(RAISE_MARK, (CALLS_FROM, end_of_hour(last)))
        return self._db.execute(
            "DELETE FROM calls WHERE key < ?", (before_key,)
        ).rowcount

    def prune_sums(self, level: int, before_bucket: int) -> int:
        """Delete sums below a bucket; return their number."""
        values = (level, before_bucket)
        self._db.execute(_PRUNE_OTHER_SUMS, values)
        return self._db.execute(_PRUNE_SUMS, values).rowcount

    def prune_tag_sets(self) -> int:
        """Delete tag sets of no call and no sum; return their number."""
        if self._db.execute(UNUSED_TAG_SETS).fetchone() is None:
            return 0  # without reading every call
        deleted = self._db.execute(DELETE_UNUSED_TAG_SETS).rowcount
        if deleted:
            self._db.execute(NEXT_GENERATION)
        return deleted
