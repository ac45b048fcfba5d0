"""How a transaction is written to SQLite: calls in order, and their sums."""

from __future__ import annotations

import sqlite3

from .._clock import Level, beside, end_of_hour
from .._rows import CALL_COLUMNS, MORE_COLUMNS, MORE_KEY, PLACE_COLUMNS, Batch, Row
from .._schema import TEXT_OF
from .._store import (
    CALLS_FROM,
    FORGET_TAG_SETS,
    LAST_BEFORE,
    NEXT_GENERATION,
    PLACEHOLDER,
    RAISE_MARK,
    UNUSED_TAG_SETS,
    hourly,
    insert,
    sums_of_hourly,
    upsert,
)

FRESH_COLUMNS = (*PLACE_COLUMNS, *CALL_COLUMNS)
_FRESH = insert("fresh", FRESH_COLUMNS)
_CALL = insert("calls", CALL_COLUMNS)
_CALLS = (
    f"INSERT INTO calls ({', '.join(CALL_COLUMNS)}) "  # noqa: S608 -- names are ours
    f"SELECT {', '.join(CALL_COLUMNS)} FROM fresh ORDER BY key"
)
# Calls are summed by hour once, and days and months take these sums: sorting is what
# costs. Where all went well the two tables are empty again at the end.
_HOURLY = f"INSERT INTO fresh_hours {hourly('fresh')}"
_SUMS = [sums_of_hourly("fresh_hours", level) for level in Level]
_MORE = upsert(
    insert("more_sums", MORE_COLUMNS),
    MORE_COLUMNS,
    MORE_KEY,
    "add_exactly({table}.{column}, excluded.{column})",
)
_LAST_BESIDE = "SELECT max(key) FROM calls WHERE key BETWEEN ? AND ?"
_IS_TAKEN = "SELECT 1 FROM calls WHERE key = ?"
_FIND = (
    f"SELECT {', '.join(CALL_COLUMNS)} FROM calls "  # noqa: S608
    "WHERE key BETWEEN ? AND ? AND origin = ? AND number = ?"
)
_HIGHEST = "SELECT max(id) FROM tag_sets"
_HOLD_PLACE = insert("tag_sets", ("id", "tags"))
_REPLACE = _CALL.replace("INSERT", "INSERT OR REPLACE", 1)


class SQLiteTransaction:
    """An open transaction of the one writer of a process."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def intern(self, table: str, text: str) -> int:
        """The id of *text* in *table*, a new one if it is not there."""
        column = TEXT_OF[table]
        find = f"SELECT id FROM {table} WHERE {column} = ?"  # noqa: S608 -- names are ours
        found = self._db.execute(find, (text,)).fetchone()
        if found is None:
            added = self._db.execute(insert(table, (column,)), (text,))
            return int(added.lastrowid or 0)
        return int(found[0])

    def write(self, batch: Batch) -> None:
        """Add calls and sums."""
        if not batch.calls:
            return
        self._db.executemany(_FRESH, batch.calls)
        self._db.execute("SAVEPOINT calls")
        try:
            self._db.execute(_CALLS)
        except sqlite3.IntegrityError:
            # Another process recorded a call in the same microsecond.
            self._db.execute("ROLLBACK TO calls")
            self._insert_one_by_one(batch.calls)
        self._db.execute("RELEASE calls")
        self._add_sums(batch)

    def _add_sums(self, batch: Batch) -> None:
        self._db.execute(_HOURLY)
        for statement in _SUMS:
            self._db.execute(statement)
        self._db.execute("DELETE FROM fresh")
        self._db.execute("DELETE FROM fresh_hours")
        self._db.executemany(_MORE, batch.more)

    def _insert_one_by_one(self, calls: list[Row]) -> None:
        # Of a moment with many calls: where the last one was put.
        last_of: dict[int, int] = {}
        for row in calls:
            key, *rest = row[len(PLACE_COLUMNS) :]
            if self._is_taken(key):
                key = self._free_beside(key, last_of)
            self._db.execute(_CALL, (key, *rest))

    def _is_taken(self, key: int) -> bool:
        return self._db.execute(_IS_TAKEN, (key,)).fetchone() is not None

    def _free_beside(self, key: int, last_of: dict[int, int]) -> int:
        first, end = beside(key)
        last = last_of.get(first)
        if last is None:
            (last,) = self._db.execute(_LAST_BESIDE, (first, end)).fetchone()
        last += 1
        while self._is_taken(last):  # a clock that stands still fills any room
            last += 1
        last_of[first] = last
        return int(last)

    def replace(self, key: int, change: Batch) -> None:
        """Write the call at *key* anew: what is taken away, and what it becomes."""
        before_and_after = change.calls
        self._db.execute(
            _REPLACE, (key, *before_and_after[1][len(PLACE_COLUMNS) + 1 :])
        )
        self._db.executemany(_FRESH, before_and_after)
        self._add_sums(change)

    def find(self, keys: tuple[int, int], origin: int, number: int) -> Row | None:
        """The call with this id among *keys*, first and last, as it stands now."""
        found: Row | None = self._db.execute(_FIND, (*keys, origin, number)).fetchone()
        return found

    def forget_calls(self, before_key: int) -> int:
        """Delete calls below a key, and remember the key; how many there were."""
        (last,) = self._db.execute(LAST_BEFORE, (before_key,)).fetchone()
        if last is None:
            return 0
        self._db.execute(RAISE_MARK, (CALLS_FROM, end_of_hour(last)))
        return self._db.execute(
            "DELETE FROM calls WHERE key < ?", (before_key,)
        ).rowcount

    def forget_sums(self, level: int, before_bucket: int) -> int:
        """Delete sums below a bucket; how many there were."""
        values = (level, before_bucket)
        sql = "DELETE FROM {} WHERE level = ? AND bucket < ?"
        self._db.execute(sql.format("more_sums"), values)
        return self._db.execute(sql.format("sums"), values).rowcount

    def forget_tag_sets(self) -> int:
        """Delete tag sets of no call and no sum; how many there were."""
        if self._db.execute(UNUSED_TAG_SETS).fetchone() is None:
            return 0  # without looking at every call
        (highest,) = self._db.execute(_HIGHEST).fetchone()
        deleted = self._db.execute(FORGET_TAG_SETS).rowcount
        if deleted:
            self._db.execute(NEXT_GENERATION)
        if self._db.execute(_HIGHEST).fetchone() != (highest,):
            self._db.execute("DELETE FROM tag_sets WHERE tags = ?", (PLACEHOLDER,))
            self._db.execute(_HOLD_PLACE, (highest + 1, PLACEHOLDER))
        return deleted
