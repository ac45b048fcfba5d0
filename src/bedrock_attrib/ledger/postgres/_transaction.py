"""Transactions of a ledger in PostgreSQL: gathered, then written in one order."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql

from ..._model.cost import ZERO, add
from ...errors import LedgerError
from .._call_rows import RowBatch, row_batch
from .._field_table import (
    CALL_COLUMN_TYPES,
    CALL_COLUMNS,
    FRESH_COLUMNS,
    OTHER_SUM_COLUMNS,
    OTHER_SUM_KEY,
    TEXT_COLUMNS,
    Row,
    call_row,
    columns_of,
)
from .._schema import NEWEST
from .._sql import delete, insert, insert_into, select, update, upsert
from .._store import (
    CALLS_FROM,
    DELETE_UNUSED_TAG_SETS,
    FIND_CALL,
    LAST_KEY,
    NEXT_GENERATION,
    RAISE_MARK,
    UNUSED_TAG_SETS,
    add_sums,
)
from .._time_buckets import Level, end_of_hour, keys_of_same_time

Connection = psycopg.Connection[Row]


def bound(statement: str) -> Any:  # noqa: ANN401 -- the driver wants literals only
    """Return *statement* with the driver's placeholder instead of question marks."""
    return statement.replace("?", "%s")


_TYPES = {"{integer}": "bigint", "{bytes}": "bytea"}


def _type_of(column: str) -> str:
    word = CALL_COLUMN_TYPES.get(column, "{integer}").split()[0]
    return _TYPES.get(word, word)


# The table is a session's own, and a pooler may pass on the session of a process with
# another schema.
_FRESH = f"fresh_{NEWEST}"
_CREATE_FRESH = (
    f"CREATE TEMP TABLE IF NOT EXISTS {_FRESH} ("
    + ", ".join(f"{column} {_type_of(column)}" for column in FRESH_COLUMNS)
    + ") ON COMMIT DELETE ROWS"
)
_COPY = f"COPY {_FRESH} ({', '.join(FRESH_COLUMNS)}) FROM STDIN"
_UNLESS_TAKEN = "ON CONFLICT (key) DO NOTHING"
_COPY_CALLS = (
    f"{insert_into('calls', CALL_COLUMNS)} "
    f"{select(CALL_COLUMNS, _FRESH, f'ORDER BY key {_UNLESS_TAKEN}')}"
)
_NOT_COPIED = select(
    CALL_COLUMNS,
    _FRESH,
    f"WHERE NOT EXISTS (SELECT FROM calls WHERE calls.key = {_FRESH}.key "
    f"AND calls.origin = {_FRESH}.origin AND calls.number = {_FRESH}.number)",
)
_INSERT_CALL = bound(f"{insert('calls', CALL_COLUMNS)} {_UNLESS_TAKEN}")
_REPLACE_CALL = bound(update("calls", CALL_COLUMNS[1:], "key = ?"))
_PRUNE_CALLS = bound(
    f"WITH pruned AS ({delete('calls', 'key < ?')} RETURNING key) "
    f"{select(('count(*)', 'max(key)'), 'pruned')}"
)
_ADD_SUMS = [add_sums(_FRESH, level) for level in Level]
_ADD_OTHER_SUMS = bound(
    upsert(
        insert("other_sums", OTHER_SUM_COLUMNS),
        "other_sums",
        OTHER_SUM_COLUMNS,
        OTHER_SUM_KEY,
        "{table}.{column} + excluded.{column}",
    )
)
_key_of = columns_of("key", "origin", "number")


class PostgresTransaction:
    """Rows to write, gathered first so that no lock waits for Python.

    Shared texts get their ids at once, each in a transaction of its own, so that hosts
    which write the same texts in another order never deadlock. The rest is written at
    the end, always in the same order: calls, then sums by their keys.
    """

    def __init__(
        self,
        db: Connection,
        schema: str,
        begin: Callable[[], object],
        check_ids: Callable[[], object],
    ) -> None:
        """Write to *schema* by *db*.

        Args:
            db: A connection on which no transaction is open.
            schema: The schema of the tables.
            begin: Begins the transaction.
            check_ids: Raises, once it has begun, if ids became invalid since they were
                given; prevents others from deleting any until it ends.
        """
        self._db = db
        self._schema = schema
        self._begin = begin
        self._check_ids = check_ids
        self._has_begun = False
        self._calls: list[Row] = []
        self._changes: list[Row] = []
        self._other_sums: dict[Row, Decimal] = {}
        self._places: dict[tuple[int, int], int] | None = None
        self._found: dict[int, int] = {}
        self._replaced: dict[int, Row] = {}

    def _begin_once(self) -> None:
        if not self._has_begun:
            self._begin()
            self._has_begun = True

    def _table(self, name: str) -> str:
        return sql.Identifier(self._schema, name).as_string(self._db)

    def intern(self, table: str, text: str) -> int:
        """Return the id of *text* in *table*, a new one if it is not there."""
        column, name = TEXT_COLUMNS[table], self._table(table)
        text = text.replace("\0", "\ufffd")  # which PostgreSQL's text cannot hold
        find = select(["id"], name, f"WHERE {column} = ?")
        add_it = f"{insert(name, (column,))} ON CONFLICT DO NOTHING RETURNING id"
        # Another host may add it between the first two, but none deletes it.
        for statement in (find, add_it, find):
            found = self._db.execute(bound(statement), (text,)).fetchone()
            if found is not None:
                return int(found[0])
        raise LedgerError(f"{table} took no {text[:80]!r}")  # pragma: no cover

    def intern_all(self, table: str, texts: Sequence[str]) -> list[int]:
        """Return the ids of *texts* in *table*, new ones where there are none."""
        column, name = TEXT_COLUMNS[table], self._table(table)
        stored = [text.replace("\0", "\ufffd") for text in texts]
        listed = "SELECT unnest(%s::text[])"
        find = f"SELECT {column}, id FROM {name} WHERE {column} = ANY(%s)"  # noqa: S608 -- own names
        add_them = f"INSERT INTO {name} ({column}) {listed} ON CONFLICT DO NOTHING"
        found: dict[str, int] = dict(self._db.execute(find, (stored,)).fetchall())
        new = sorted({text for text in stored if text not in found})
        if new:  # in one order for all hosts, which prevents deadlocks
            self._db.execute(add_them, (new,))
            found |= dict(self._db.execute(find, (new,)).fetchall())
        return [int(found[text]) for text in stored]

    def write(self, batch: RowBatch) -> None:
        """Add calls and sums."""
        self._calls += batch.calls
        self._places = None
        self._add_other_sums(batch.other_sums)

    def _add_other_sums(self, rows: Iterable[Row]) -> None:
        for *key, total in rows:
            known = self._other_sums.get(tuple(key), ZERO)
            self._other_sums[tuple(key)] = add(known, Decimal(total))

    def find(self, keys: tuple[int, int], origin: int, number: int) -> Row | None:
        """Return the row of the call with this id among *keys*, first and last."""
        if self._places is None:
            self._places = {
                _key_of(row)[1:]: place for place, row in enumerate(self._calls)
            }
        place = self._places.get((origin, number))
        if place is not None:
            fresh = self._calls[place]
            self._found[_key_of(fresh)[0]] = place
            return call_row(fresh)
        self._begin_once()
        self._check_ids()
        statement = bound(f"{FIND_CALL} FOR UPDATE")
        found = self._db.execute(statement, (*keys, origin, number)).fetchone()
        if found is None:
            return None
        return self._replaced.get(_key_of(found)[0], found)

    def replace(self, before: Row, after: Row) -> None:
        """Replace a call and adjust its sums."""
        change = row_batch([before, after])
        self._add_other_sums(change.other_sums)
        key = _key_of(after)[0]
        place = self._found.pop(key, None)
        if place is not None:  # it is not written yet
            self._calls[place] = after
            return
        self._changes += change.calls
        self._replaced[key] = call_row(after)

    def prune_calls(self, before_key: int) -> int:
        """Delete calls below a key, and mark the key; return their number."""
        self._begin_once()
        # The key of a deleted call: another host may write some more meanwhile.
        ((deleted, last),) = self._db.execute(_PRUNE_CALLS, (before_key,))
        if last is not None:
            self._db.execute(bound(RAISE_MARK), (CALLS_FROM, end_of_hour(last)))
        return int(deleted)

    def prune_sums(self, level: int, before_bucket: int) -> int:
        """Delete sums below a bucket; return their number."""
        self._lock_out_writers()
        values = (level, before_bucket)
        self._prune("other_sums", values)
        return self._prune("sums", values)

    def _prune(self, table: str, values: tuple[int, int]) -> int:
        statement = delete(self._table(table), "level = ? AND bucket < ?")
        return self._db.execute(bound(statement), values).rowcount

    def prune_tag_sets(self) -> int:
        """Delete tag sets of no call and no sum; return their number."""
        self._lock_out_writers()
        if self._db.execute(UNUSED_TAG_SETS).fetchone() is None:
            return 0  # without reading every call
        deleted = self._db.execute(DELETE_UNUSED_TAG_SETS).rowcount
        if deleted:
            self._db.execute(NEXT_GENERATION)
        return deleted

    def _lock_out_writers(self) -> None:
        """Wait for hosts that write; others wait until this transaction ends."""
        self._begin_once()
        self._db.execute("SELECT pg_advisory_xact_lock(%s, %s)", lock_of(self._schema))

    def finish(self) -> None:
        """Write what was gathered."""
        if not self._calls and not self._changes:
            return
        self._begin_once()
        self._check_ids()
        self._db.execute(_CREATE_FRESH)
        if self._calls:
            self._copy(self._calls)
            added = self._db.execute(_COPY_CALLS).rowcount
            if added < len(self._calls):
                # Another process recorded calls in the same microseconds.
                for row in self._db.execute(_NOT_COPIED).fetchall():
                    self._insert_at_free_key(row)
        for key, *rest in self._replaced.values():
            self._db.execute(_REPLACE_CALL, (*rest, key))
        if self._changes:
            self._copy(self._changes)
        for statement in _ADD_SUMS:
            self._db.execute(statement)
        if self._other_sums:
            rows = [(*key, total) for key, total in sorted(self._other_sums.items())]
            self._db.cursor().executemany(_ADD_OTHER_SUMS, rows)

    def _copy(self, rows: Iterable[Row]) -> None:
        with self._db.cursor().copy(_COPY) as copy:
            for row in rows:
                copy.write_row(row)

    def _insert_at_free_key(self, row: Row) -> None:
        key, *rest = row
        while True:
            found = self._db.execute(bound(LAST_KEY), keys_of_same_time(key))
            ((last,),) = found
            free = key if last is None else last + 1
            if self._db.execute(_INSERT_CALL, (free, *rest)).rowcount:
                return


# A number of our own, by which writers and pruning processes wait for each other.
_PRUNING = 0x62656472


def lock_of(schema: str) -> tuple[int, int]:
    """Return the advisory lock of a ledger: writers share it, pruning excludes them."""
    (name,) = struct.unpack("i", struct.pack("I", zlib.crc32(schema.encode("utf-8"))))
    return _PRUNING, name
