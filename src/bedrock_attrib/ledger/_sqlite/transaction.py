"""Transactions of a ledger in SQLite: calls in order, and their sums.

Python gives up the interpreter around each step of a statement, and a process with busy
threads returns it after 5 ms for each of them. So there are few statements, each of
many rows or of one; rows are prepared in temporary tables before the file is locked.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import chain

from ..._model.cost import add
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
from .._sql import delete, insert, insert_into, select
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

# Rows of one statement. It is prepared once for each size, and what a batch does not
# fill is left empty.
_ROWS_AT_ONCE = (8, 128, 1024)


def _insert_fresh(rows: int) -> str:
    places = f"({', '.join('?' * len(FRESH_COLUMNS))})"
    values = f"(VALUES {', '.join([places] * rows)})"
    return (
        f"{insert_into('fresh', FRESH_COLUMNS)} "
        f"{select('*', values, 'WHERE column1 IS NOT NULL')}"
    )


_INSERT_FRESH = {rows: _insert_fresh(rows) for rows in _ROWS_AT_ONCE}
_INSERT_CALL = insert("calls", CALL_COLUMNS)
_COPY_CALLS = (
    f"{insert_into('calls', CALL_COLUMNS)} "
    f"{select(CALL_COLUMNS, 'fresh', 'ORDER BY key')}"
)
# Calls are summed by hour once, and days and months are summed from these: sorting is
# what costs.
_SUM_BY_HOUR = f"INSERT INTO fresh_hours {hourly_sums('fresh')}"
_ADD_SUMS = [add_hourly_sums("fresh_hours", level) for level in Level]
_OTHER_KEYS = tuple(
    f"json_extract(value, '$[{place}]')" for place in range(len(OTHER_SUM_COLUMNS))
)
_IS_SAME_SUM = " AND ".join(
    f"{column} = {value}"
    for column, value in zip(OTHER_SUM_KEY, _OTHER_KEYS, strict=False)
)
_STORED_OTHER_SUMS = select(
    ["json_group_object(json_each.key, total)"],
    "json_each(?) CROSS JOIN other_sums",
    f"WHERE {_IS_SAME_SUM}",
)
_SET_OTHER_SUMS = (
    f"INSERT OR REPLACE INTO other_sums ({', '.join(OTHER_SUM_COLUMNS)}) "
    f"{select(_OTHER_KEYS, 'json_each(?)')}"
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
_INSERT_TEXTS = {
    table: f"{insert_into(table, (column,))} "
    f"{select(['value'], 'json_each(?)', 'WHERE true ON CONFLICT DO NOTHING')}"
    for table, column in TEXT_COLUMNS.items()
}
_FIND_TEXTS = {
    table: select(
        [f"json_group_object(json_each.key, {table}.id)"],
        f"json_each(?) CROSS JOIN {table}",
        f"WHERE {column} = value",
    )
    for table, column in TEXT_COLUMNS.items()
}
_PRUNE_SUMS, _PRUNE_OTHER_SUMS = (
    delete(table, "level = ? AND bucket < ?") for table in ("sums", "other_sums")
)


class SQLiteTransaction:
    """A transaction of the one writer of a process, which begins when it writes."""

    def __init__(
        self,
        db: sqlite3.Connection,
        begin: Callable[[], None],
        *,
        check: Callable[[], None],
    ) -> None:
        """Write by *db*.

        Args:
            db: A connection on which no transaction is open.
            begin: Begins the transaction.
            check: Raises, once it has begun, if ids became invalid since they were
                given.
        """
        self._db = db
        self._begin = begin
        self._check = check
        self._has_begun = False
        self._has_checked = False

    def _begin_once(self) -> None:
        if not self._has_begun:
            self._begin()
            self._has_begun = True

    def _begin_with_ids(self) -> None:
        self._begin_once()
        if not self._has_checked:
            self._check()
            self._has_checked = True

    def intern(self, table: str, text: str) -> int:
        """Return the id of *text* in *table*, a new one if it is not there."""
        found = self._db.execute(_FIND_TEXT[table], (text,)).fetchone()
        if found is None and not self._has_checked:
            self._begin_with_ids()
            return self.intern(table, text)  # another process may have been faster
        if found is None:
            added = self._db.execute(_INSERT_TEXT[table], (text,))
            return int(added.lastrowid or 0)
        return int(found[0])

    def intern_all(self, table: str, texts: Sequence[str]) -> list[int]:
        """Return the ids of *texts* in *table*, new ones where there are none."""
        listed = json.dumps(texts)
        found = self._ids_of(table, listed)
        if len(found) < len(texts):
            self._begin_with_ids()
            self._db.execute(_INSERT_TEXTS[table], (listed,))
            found = self._ids_of(table, listed)
        return [found[str(place)] for place in range(len(texts))]

    def _ids_of(self, table: str, listed: str) -> dict[str, int]:
        ((found,),) = self._db.execute(_FIND_TEXTS[table], (listed,)).fetchall()
        ids: dict[str, int] = json.loads(found)
        return ids

    def write(self, batch: RowBatch) -> None:
        """Add calls and sums."""
        if not batch.calls:
            return
        self._prepare(batch.calls)
        self._begin_with_ids()
        try:
            self._db.execute(_COPY_CALLS)
        except sqlite3.IntegrityError:
            # Another process recorded a call in the same microsecond. The statement
            # was undone, and the transaction goes on.
            self._insert_one_by_one(batch.calls)
        self._add_sums(batch)

    def _prepare(self, rows: Sequence[Row]) -> None:
        """Put *rows* into the temporary tables, with their sums by hour."""
        for table in TEMPORARY_TABLES:
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 -- own names
        most = _ROWS_AT_ONCE[-1]
        for start in range(0, len(rows), most):
            part = rows[start : start + most]
            size = next(each for each in _ROWS_AT_ONCE if each >= len(part))
            values = list(chain.from_iterable(part))
            values += [None] * (size * len(FRESH_COLUMNS) - len(values))
            self._db.execute(_INSERT_FRESH[size], values)
        self._db.execute(_SUM_BY_HOUR)

    def _add_sums(self, batch: RowBatch) -> None:
        for statement in _ADD_SUMS:
            self._db.execute(statement)
        if batch.other_sums:
            self._add_other_sums(batch.other_sums)

    def _add_other_sums(self, rows: Sequence[Row]) -> None:
        # In Python, as SQLite would call it for each row.
        ((found,),) = self._db.execute(
            _STORED_OTHER_SUMS, (json.dumps(rows),)
        ).fetchall()
        stored = json.loads(found)
        sums = [
            (*key, format(add(Decimal(stored.get(str(place), 0)), Decimal(total)), "f"))
            for place, (*key, total) in enumerate(rows)
        ]
        self._db.execute(_SET_OTHER_SUMS, (json.dumps(sums),))

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
        change = row_batch([before, after])
        self._prepare(change.calls)
        self._begin_with_ids()
        self._db.execute(_REPLACE_CALL, call_row(after))
        self._add_sums(change)

    def find(self, keys: tuple[int, int], origin: int, number: int) -> Row | None:
        """Return the row of the call with this id among *keys*, first and last."""
        self._begin_with_ids()
        found: Row | None = self._db.execute(
            FIND_CALL, (*keys, origin, number)
        ).fetchone()
        return found

    def prune_calls(self, before_key: int) -> int:
        """Delete calls below a key, and mark the key; return their number."""
        self._begin_once()
        (last,) = self._db.execute(LAST_KEY_BEFORE, (before_key,)).fetchone()
        if last is None:
            return 0
        self._db.execute(RAISE_MARK, (CALLS_FROM, end_of_hour(last)))
        return self._db.execute(
            "DELETE FROM calls WHERE key < ?", (before_key,)
        ).rowcount

    def prune_sums(self, level: int, before_bucket: int) -> int:
        """Delete sums below a bucket; return their number."""
        self._begin_once()
        values = (level, before_bucket)
        self._db.execute(_PRUNE_OTHER_SUMS, values)
        return self._db.execute(_PRUNE_SUMS, values).rowcount

    def prune_tag_sets(self) -> int:
        """Delete tag sets of no call and no sum; return their number."""
        self._begin_once()
        if self._db.execute(UNUSED_TAG_SETS).fetchone() is None:
            return 0  # without reading every call
        deleted = self._db.execute(DELETE_UNUSED_TAG_SETS).rowcount
        if deleted:
            self._db.execute(NEXT_GENERATION)
        return deleted
