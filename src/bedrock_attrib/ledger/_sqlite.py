"""A ledger in one SQLite file, which several processes may write and read."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from .._errors import LedgerError
from ._clock import Level, beside, end_of_hour
from ._connect import Access, connect, create, is_busy, migrate, patiently, told
from ._forks import FORKS, file_id
from ._rows import CALL_COLUMNS, MORE_COLUMNS, MORE_KEY, PLACE_COLUMNS, Batch, Row
from ._schema import NEWEST, TEXT_OF
from ._snapshot import SQLiteSnapshot, snapshot
from ._store import (
    CALLS_FROM,
    FORGET_TAG_SETS,
    GENERATION,
    HOURLY_COLUMNS,
    LAST_BEFORE,
    MARK,
    NEXT_GENERATION,
    RAISE_MARK,
    UNUSED_TAG_SETS,
    hourly,
    insert,
    sums_of_hourly,
    upsert,
)

_FRESH_COLUMNS = (*PLACE_COLUMNS, *CALL_COLUMNS)
_FRESH = insert("fresh", _FRESH_COLUMNS)
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
_REPLACE = _CALL.replace("INSERT", "INSERT OR REPLACE", 1)
# Seconds to wait for another thread of this process that writes.
_TURN_S = 60.0


class SQLiteStore:
    """A ledger in one SQLite file in WAL mode.

    A connection for writing is opened when it is first needed, and anew after a fork
    or a failure, or when the file was moved away. Readers open their own.
    """

    def __init__(self, path: Path | str, *, busy_timeout_s: float = 5.0) -> None:
        """Open or create the file, and bring an older one up to date.

        Args:
            path: The file. It is created for its owner alone (mode 0600).
            busy_timeout_s: Seconds to wait for another process that writes.

        Raises:
            LedgerError: If it cannot be opened or written, is no ledger, or was
                written by a newer library.
        """
        # What is relative now must not depend on where the process goes.
        self.path = Path(path).absolute()
        self._busy_timeout_s = busy_timeout_s
        self._writer: sqlite3.Connection | None = None
        self._file = file_id(self.path)
        self._turn = threading.Lock()
        self._turn_of: int | None = None
        self._forget: list[Callable[[], None]] = []
        self._generation: int | None = None
        with told(self.path):
            patiently(self._prepare, busy_timeout_s)
        FORKS.holders.add(self)

    def _prepare(self) -> None:
        create(self.path)
        with closing(connect(self.path, Access.WRITE)) as db:
            migrate(db, self.path)
            # Says now that the file is read-only, and not when calls are lost. Only
            # something to write says it: a transaction alone would just read.
            db.execute("BEGIN IMMEDIATE")
            try:
                db.execute(f"PRAGMA user_version = {NEWEST}")
            finally:
                db.execute("ROLLBACK")

    def when_reopened(self, forget: Callable[[], None]) -> None:
        """Call *forget* whenever ids that were given before may not hold any more."""
        self._forget.append(forget)

    def _writing(self) -> sqlite3.Connection:
        """The connection that writes, to the file that is there now."""
        if self._writer is not None and file_id(self.path) != self._file:
            self._close_writer()
        if self._writer is None:
            self._forget_ids()
            self._generation = None
            self._writer = self._open_writer()
        return self._writer

    def _forget_ids(self) -> None:
        for forget in self._forget:
            forget()

    def _follow(self, db: sqlite3.Connection) -> None:
        """Forget ids of tag sets that another process has deleted since."""
        (found,) = db.execute(MARK, (GENERATION,)).fetchone()
        if self._generation is not None and self._generation != (found or 0):
            self._forget_ids()
        self._generation = found or 0

    def _open_writer(self) -> sqlite3.Connection:
        create(self.path)
        db = connect(self.path, Access.WRITE)
        try:
            migrate(db, self.path)
            self._file = file_id(self.path)
            db.execute("PRAGMA temp_store = MEMORY")
            db.execute("PRAGMA temp.secure_delete = OFF")
            # What a transaction brings is summed here, in C, before it is written.
            for table, columns in (
                ("fresh", _FRESH_COLUMNS),
                ("fresh_hours", HOURLY_COLUMNS),
            ):
                db.execute(f"CREATE TEMP TABLE {table} ({', '.join(columns)})")
        except BaseException:
            db.close()
            raise
        return db

    def _close_writer(self) -> None:
        db, self._writer = self._writer, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    @contextmanager
    def transaction(self) -> Iterator[SQLiteTransaction]:
        """Write: everything or nothing. Threads wait for each other.

        Raises:
            LedgerError: If the database is locked, full, read-only or broken.
        """
        self._take_turn()
        try:
            with told(self.path), self._whole() as db:
                yield SQLiteTransaction(db)
        finally:
            self._give_turn()

    @contextmanager
    def _whole(self) -> Iterator[sqlite3.Connection]:
        try:
            db = patiently(self._begin, self._busy_timeout_s, wait=self._wait)
        except sqlite3.Error as error:
            self._leave_if_broken(error)
            raise
        try:
            self._follow(db)
            yield db
            db.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):  # a full disk may have done it already
                db.execute("ROLLBACK")
            self._leave_if_broken(error)
            raise
        if file_id(self.path) != self._file:
            self._close_writer()
            raise LedgerError(f"{self.path} was taken away while it was written")

    def _leave_if_broken(self, error: BaseException) -> None:
        # What it holds of a file that fails may be wrong when the file is well again.
        is_ours = isinstance(error, (sqlite3.DataError, sqlite3.IntegrityError))
        if isinstance(error, sqlite3.Error) and not is_ours and not is_busy(error):
            self._close_writer()

    def _begin(self) -> sqlite3.Connection:
        db = self._writing()
        db.execute("BEGIN IMMEDIATE")
        return db

    def _take_turn(self) -> None:
        me = threading.get_ident()
        if self._turn_of == me or not self._turn.acquire(timeout=_TURN_S):
            raise LedgerError(f"{self.path} is being written by this process")
        self._turn_of = me

    def _give_turn(self) -> None:
        self._turn_of = None
        self._turn.release()

    def _wait(self, wait_s: float) -> None:
        """Let others of this process, a fork included, come in between."""
        self._give_turn()
        try:
            threading.Event().wait(wait_s)
        finally:
            self._turn.acquire()
            self._turn_of = threading.get_ident()

    def release(self, timeout_s: float) -> bool:
        """Close the connection before a fork; False while it writes."""
        if not self._turn.acquire(timeout=timeout_s):
            return False
        self._close_writer()
        return True

    def resume(self, *, is_child: bool) -> None:
        """Go on after a fork."""
        if not is_child:
            self._turn.release()
            return
        if self._writer is not None:
            _INHERITED.append(self._writer)  # a child must not even close it
            self._writer = None
        self._turn, self._turn_of = threading.Lock(), None

    @contextmanager
    def snapshot(self) -> Iterator[SQLiteSnapshot]:
        """Read more than once, of one moment.

        Raises:
            LedgerError: If the file cannot be read.
        """
        pid = os.getpid()
        with told(self.path), FORKS.reading(self.path):
            found = patiently(
                lambda: snapshot(self.path, Access.READ), self._busy_timeout_s
            )
            try:
                yield found
            finally:
                if os.getpid() == pid:
                    found.close()
                else:
                    _INHERITED.append(found)

    def compact(self) -> None:
        """Give space that is not used any more back to the file system."""
        with (
            told(self.path),
            FORKS.reading(self.path),
            closing(connect(self.path, Access.WRITE)) as db,
        ):
            patiently(lambda: db.execute("VACUUM"), self._busy_timeout_s)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the connection that writes; the next transaction opens one again."""
        if self.release(_TURN_S):
            self._turn.release()


_INHERITED: list[object] = []


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
        deleted = self._db.execute(FORGET_TAG_SETS).rowcount
        if deleted:
            self._db.execute(NEXT_GENERATION)
        return deleted
