"""How a transaction is gathered, and then written in one order by every host."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql

from ..._model.cost import ZERO, add
from ...errors import LedgerError
from .._clock import Level, beside, end_of_hour
from .._rows import CALL_COLUMNS, MORE_COLUMNS, MORE_KEY, PLACE_COLUMNS, Batch, Row
from .._schema import NEWEST, TEXT_OF
from .._store import (
    CALLS_FROM,
    FORGET_TAG_SETS,
    NEXT_GENERATION,
    RAISE_MARK,
    UNUSED_TAG_SETS,
    insert,
    sums_of,
    upsert,
)

Connection = psycopg.Connection[Row]

_TEXT_COLUMNS = ("more", "amount")
_BYTES_COLUMNS = ("request_id", "request_hash")


def _type_of(column: str) -> str:
    if column in _TEXT_COLUMNS:
        return "text"
    return "bytea" if column in _BYTES_COLUMNS else "bigint"


# The table is a session's own. A pooler may hand the session of another version on.
_FRESH = f"fresh_{NEWEST}"
_FRESH_COLUMNS = (*PLACE_COLUMNS, *CALL_COLUMNS)
_CREATE_FRESH = (
    f"CREATE TEMP TABLE IF NOT EXISTS {_FRESH} ("
    + ", ".join(f"{column} {_type_of(column)}" for column in _FRESH_COLUMNS)
    + ") ON COMMIT DELETE ROWS"
)
# Every name in these is ours.
_COPY = f"COPY {_FRESH} ({', '.join(_FRESH_COLUMNS)}) FROM STDIN"
_CALLS = (
    f"INSERT INTO calls ({', '.join(CALL_COLUMNS)}) "  # noqa: S608
    f"SELECT {', '.join(CALL_COLUMNS)} FROM {_FRESH} ORDER BY key "
    "ON CONFLICT (key) DO NOTHING"
)
_LEFT_OUT = (
    f"SELECT {', '.join(CALL_COLUMNS)} FROM {_FRESH} WHERE NOT EXISTS ("  # noqa: S608
    f"SELECT FROM calls WHERE calls.key = {_FRESH}.key "
    f"AND calls.origin = {_FRESH}.origin AND calls.number = {_FRESH}.number)"
)
_CALL = f"{insert('calls', CALL_COLUMNS)} ON CONFLICT (key) DO NOTHING"
_LAST_BESIDE = "SELECT max(key) FROM calls WHERE key BETWEEN ? AND ?"
_FIND = (
    f"SELECT {', '.join(CALL_COLUMNS)} FROM calls "  # noqa: S608
    "WHERE key BETWEEN ? AND ? AND origin = ? AND number = ? FOR UPDATE"
)
_REPLACE = (
    "UPDATE calls SET "  # noqa: S608
    + ", ".join(f"{column} = ?" for column in CALL_COLUMNS[1:])
    + " WHERE key = ?"
)
_FORGET_CALLS = (
    "WITH gone AS (DELETE FROM calls WHERE key < ? RETURNING key) "
    "SELECT count(*), max(key) FROM gone"
)
_SUMS = [sums_of(_FRESH, level) for level in Level]
_MORE = upsert(
    insert("more_sums", MORE_COLUMNS),
    MORE_COLUMNS,
    MORE_KEY,
    "{table}.{column} + excluded.{column}",
)
_KEY, _ORIGIN, _NUMBER = (
    len(PLACE_COLUMNS) + CALL_COLUMNS.index(column)
    for column in ("key", "origin", "number")
)


class PostgresTransaction:
    """What is to be written: gathered first, so that no lock waits for Python.

    Shared texts are given their ids at once, each in a transaction of its own, so that
    hosts which bring the same texts in another order never wait in a circle. The rest
    is written at the end, always in the same order: calls, then sums by their keys.
    """

    def __init__(
        self,
        db: Connection,
        schema: str,
        begin: Callable[[], object],
        ids_hold: Callable[[], object],
    ) -> None:
        """Write to *schema* by *db*.

        Args:
            db: No transaction is open on it.
            schema: Where the tables are.
            begin: Begins the transaction.
            ids_hold: Raises, once it has begun, if ids were forgotten since they were
                given; keeps others from forgetting any until it ends.
        """
        self._db = db
        self._schema = schema
        self._begin = begin
        self._ids_hold = ids_hold
        self._has_begun = False
        self._calls: list[Row] = []
        self._changes: list[Row] = []
        self._more: dict[Row, Decimal] = {}
        self._places: dict[tuple[int, int], int] | None = None
        self._found: dict[int, int] = {}
        self._standing: dict[int, Row] = {}

    def _begin_once(self) -> None:
        if not self._has_begun:
            self._begin()
            self._has_begun = True

    def _table(self, name: str) -> str:
        return sql.Identifier(self._schema, name).as_string(self._db)

    def intern(self, table: str, text: str) -> int:
        """The id of *text* in *table*, a new one if it is not there."""
        column, name = TEXT_OF[table], self._table(table)
        text = text.replace("\0", "\ufffd")  # which PostgreSQL's text cannot hold
        find = f"SELECT id FROM {name} WHERE {column} = %s"  # noqa: S608
        add_it = (
            f"INSERT INTO {name} ({column}) VALUES (%s) "  # noqa: S608
            f"ON CONFLICT DO NOTHING RETURNING id"
        )
        # Another host may add it between the two, but nobody takes it away.
        for statement in itertools.chain((find,), itertools.repeat(add_it, 1), (find,)):
            found = self._db.execute(statement, (text,)).fetchone()
            if found is not None:
                return int(found[0])
        raise LedgerError(f"{table} took no {text[:80]!r}")  # pragma: no cover

    def write(self, batch: Batch) -> None:
        """Add calls and sums."""
        self._calls += batch.calls
        self._places = None
        self._add_more(batch.more)

    def _add_more(self, rows: Iterable[Row]) -> None:
        for *key, total in rows:
            known = self._more.get(tuple(key), ZERO)
            self._more[tuple(key)] = add(known, Decimal(total))

    def find(self, keys: tuple[int, int], origin: int, number: int) -> Row | None:
        """The call with this id among *keys*, first and last, as it stands now."""
        if self._places is None:
            self._places = {
                (row[_ORIGIN], row[_NUMBER]): place
                for place, row in enumerate(self._calls)
            }
        place = self._places.get((origin, number))
        if place is not None:
            found: Row | None = self._calls[place][len(PLACE_COLUMNS) :]
            self._found[self._calls[place][_KEY]] = place
            return found
        self._begin_once()
        self._ids_hold()
        found = self._db.execute(placed(_FIND), (*keys, origin, number)).fetchone()
        if found is None:
            return None
        return self._standing.get(found[0], found)

    def replace(self, key: int, change: Batch) -> None:
        """Write the call at *key* anew: what is taken away, and what it becomes."""
        self._add_more(change.more)
        after = change.calls[1]
        after = (*after[:_KEY], key, *after[_KEY + 1 :])
        place = self._found.pop(key, None)
        if place is not None:  # it is not written yet
            self._calls[place] = after
            return
        self._changes += change.calls
        self._standing[key] = after[len(PLACE_COLUMNS) :]

    def forget_calls(self, before_key: int) -> int:
        """Delete calls below a key, and remember the key; how many there were."""
        self._begin_once()
        # Of those that are deleted: another host may write some more meanwhile.
        statement = placed(_FORGET_CALLS)
        ((deleted, last),) = self._db.execute(statement, (before_key,))
        if last is not None:
            self._db.execute(placed(RAISE_MARK), (CALLS_FROM, end_of_hour(last)))
        return int(deleted)

    def forget_sums(self, level: int, before_bucket: int) -> int:
        """Delete sums below a bucket; how many there were."""
        self._keep_writers_out()
        values = (level, before_bucket)
        self._forget("more_sums", "level = %s AND bucket < %s", values)
        return self._forget("sums", "level = %s AND bucket < %s", values)

    def forget_tag_sets(self) -> int:
        """Delete tag sets of no call and no sum; how many there were."""
        self._keep_writers_out()
        if self._db.execute(UNUSED_TAG_SETS).fetchone() is None:
            return 0  # without looking at every call
        deleted = self._db.execute(FORGET_TAG_SETS).rowcount
        if deleted:
            self._db.execute(NEXT_GENERATION)
        return deleted

    def _keep_writers_out(self) -> None:
        """Wait for hosts that write; they wait until this transaction ends."""
        self._begin_once()
        self._db.execute("SELECT pg_advisory_xact_lock(%s, %s)", lock_of(self._schema))

    def _forget(self, table: str, which: str, values: tuple[int, ...]) -> int:
        self._begin_once()
        statement = f"DELETE FROM {self._table(table)} WHERE {which}"  # noqa: S608
        return self._db.execute(statement, values).rowcount

    def work(self) -> None:
        """Write what was gathered."""
        if not self._calls and not self._changes:
            return
        self._begin_once()
        self._ids_hold()
        self._db.execute(_CREATE_FRESH)
        if self._calls:
            self._copy(self._calls)
            added = self._db.execute(_CALLS).rowcount
            if added < len(self._calls):
                # Another process recorded calls in the same microseconds.
                for row in self._db.execute(_LEFT_OUT).fetchall():
                    self._insert_beside(row)
        for key, *rest in self._standing.values():
            self._db.execute(placed(_REPLACE), (*rest, key))
        if self._changes:
            self._copy(self._changes)
        for statement in _SUMS:
            self._db.execute(statement)
        if self._more:
            rows = [(*key, total) for key, total in sorted(self._more.items())]
            self._db.cursor().executemany(placed(_MORE), rows)

    def _copy(self, rows: Iterable[Row]) -> None:
        with self._db.cursor().copy(_COPY) as copy:
            for row in rows:
                copy.write_row(row)

    def _insert_beside(self, row: Row) -> None:
        while True:
            ((last,),) = self._db.execute(placed(_LAST_BESIDE), beside(row[0]))
            key = row[0] if last is None else last + 1
            if self._db.execute(placed(_CALL), (key, *row[1:])).rowcount:
                return


# A number of our own, by which writers and those who forget wait for each other.
_FORGETTING = 0x62656472


def lock_of(schema: str) -> tuple[int, int]:
    """The advisory lock of a ledger: shared by writers, alone for who forgets ids."""
    (name,) = struct.unpack("i", struct.pack("I", zlib.crc32(schema.encode("utf-8"))))
    return _FORGETTING, name


def placed(statement: str) -> Any:  # noqa: ANN401 -- the driver wants literals only
    """*statement* with the driver's sign for a value instead of question marks."""
    return statement.replace("?", "%s")
