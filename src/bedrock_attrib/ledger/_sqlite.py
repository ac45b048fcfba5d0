"""A ledger in one SQLite file, which several processes may write and read."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from .._errors import LedgerError
from .._money import add
from ._clock import Level, beside
from ._rows import CALL_COLUMNS, MORE_COLUMNS, MORE_KEY, PLACE_COLUMNS, Batch, Row
from ._schema import MIGRATIONS, NEWEST, TEXT_OF
from ._store import insert, sums_of, upsert

_OWNER_ONLY = 0o600
_WORDS = {
    "id": "INTEGER PRIMARY KEY",
    "integer": "INTEGER",
    "bytes": "BLOB",
    "decimal": "TEXT",
    "unique": "UNIQUE",
    "equal": "",
    "clustered": "WITHOUT ROWID",
}
_FRESH_COLUMNS = (*PLACE_COLUMNS, *CALL_COLUMNS)
_FRESH = insert("fresh", _FRESH_COLUMNS)
_CALL = insert("calls", CALL_COLUMNS)
_CALLS = (
    f"INSERT INTO calls ({', '.join(CALL_COLUMNS)}) "  # noqa: S608 -- names are ours
    f"SELECT {', '.join(CALL_COLUMNS)} FROM fresh ORDER BY key"
)
_SUMS = [sums_of("fresh", level) for level in Level]
_MORE = upsert(
    insert("more_sums", MORE_COLUMNS),
    MORE_COLUMNS,
    MORE_KEY,
    "add_exactly({table}.{column}, excluded.{column})",
)
_LAST_BESIDE = "SELECT max(key) FROM calls WHERE key BETWEEN ? AND ?"
_FIND = "SELECT key FROM calls WHERE key BETWEEN ? AND ? AND origin = ? AND number = ?"
_REPLACE = _CALL.replace("INSERT", "INSERT OR REPLACE", 1)
# Pages that a transaction may dirty before they spill, and that readers keep.
_CACHE_KB = 65_536
_CHECKPOINT_PAGES = 8_192
_WAL_BYTES_KEPT = 67_108_864


class SQLiteStore:
    """A ledger in one SQLite file in WAL mode.

    A connection for writing is opened when it is first needed, in each process anew; a
    forked child never touches its parent's. Readers open their own.
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
        self.path = Path(path)
        self._busy_timeout_s = busy_timeout_s
        self._writer: sqlite3.Connection | None = None
        self._pid = os.getpid()
        self._busy = threading.Lock()
        _create(self.path)
        with _told(self.path), closing(self._connect()) as db:
            self._migrate(db)

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            self.path,
            timeout=self._busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=64,
        )
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        db.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES_KEPT}")
        db.create_function("add_exactly", 2, _add_exactly, deterministic=True)
        return db

    def _connect_to_write(self) -> sqlite3.Connection:
        db = self._connect()
        db.execute("PRAGMA temp_store = MEMORY")
        # What a transaction brings is summed here, in C, before it is written.
        db.execute(f"CREATE TEMP TABLE fresh ({', '.join(_FRESH_COLUMNS)})")
        return db

    def _migrate(self, db: sqlite3.Connection) -> None:
        found = db.execute("PRAGMA user_version").fetchone()[0]
        if found > NEWEST:
            raise LedgerError(
                f"{self.path} was written by a newer version of bedrock_attrib (its "
                f"schema is {found}, this version knows {NEWEST}): update this one"
            )
        if found == 0:
            _refuse_stranger(db, self.path)
        for migration in MIGRATIONS[found:]:
            db.execute("BEGIN IMMEDIATE")
            try:
                # Another process may have been faster.
                now = db.execute("PRAGMA user_version").fetchone()[0]
                if now < migration.number:
                    for statement in migration.statements:
                        db.execute(statement.format(**_WORDS))
                    db.execute(f"PRAGMA user_version = {migration.number}")
                db.execute("COMMIT")
            except BaseException:
                db.execute("ROLLBACK")
                raise

    def _writing(self) -> sqlite3.Connection:
        if self._pid != os.getpid():
            # SQLite forbids a child to use, or even close, what its parent opened.
            _PARENTS.append(self._writer)
            self._writer, self._pid = None, os.getpid()
        if self._writer is None:
            self._writer = self._connect_to_write()
        return self._writer

    @contextmanager
    def transaction(self) -> Iterator[SQLiteTransaction]:
        """Write: everything or nothing. Threads take turns.

        Raises:
            LedgerError: If the database is locked, full, read-only or broken.
        """
        if self._pid != os.getpid():
            self._busy = threading.Lock()  # a thread of the parent may have held it
        with self._busy, _told(self.path):
            db = self._writing()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield SQLiteTransaction(db)
                db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk may have done it already
                    db.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[SQLiteSnapshot]:
        """Read more than once, of one moment."""
        with _told(self.path), closing(self._connect()) as db:
            db.execute("PRAGMA query_only = ON")
            db.execute("BEGIN")
            yield SQLiteSnapshot(db, self.path)

    def compact(self) -> None:
        """Give space that is not used any more back to the file system."""
        with _told(self.path), closing(self._connect()) as db:
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the connection that writes."""
        if self._writer is not None and self._pid == os.getpid():
            with _told(self.path):
                self._writer.close()
        self._writer = None


class SQLiteSnapshot:
    """A ledger as it stood at one moment."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Read."""
        with _told(self._path):
            yield from self._db.execute(sql, values)


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
        self._db.executemany(_FRESH, batch.calls)
        self._db.execute("SAVEPOINT calls")
        try:
            self._db.execute(_CALLS)
        except sqlite3.IntegrityError:
            # Another process recorded a call in the same microsecond.
            self._db.execute("ROLLBACK TO calls")
            for row in batch.calls:
                self._insert_beside(row[len(PLACE_COLUMNS) :])
        self._db.execute("RELEASE calls")
        self._add_sums(batch)

    def _add_sums(self, batch: Batch) -> None:
        for statement in _SUMS:
            self._db.execute(statement)
        self._db.execute("DELETE FROM fresh")
        self._db.executemany(_MORE, batch.more)

    def _insert_beside(self, row: Row) -> None:
        try:
            self._db.execute(_CALL, row)
        except sqlite3.IntegrityError:
            (last,) = self._db.execute(_LAST_BESIDE, beside(row[0])).fetchone()
            self._db.execute(_CALL, (last + 1, *row[1:]))

    def replace(self, key: int, change: Batch) -> None:
        """Write the call at *key* anew: what is taken away, and what it becomes."""
        before_and_after = change.calls
        self._db.execute(
            _REPLACE, (key, *before_and_after[1][len(PLACE_COLUMNS) + 1 :])
        )
        self._db.executemany(_FRESH, before_and_after)
        self._add_sums(change)

    def find(self, keys: tuple[int, int], origin: int, number: int) -> int | None:
        """Key of the call with this id among *keys*, first and last; None without."""
        found = self._db.execute(_FIND, (*keys, origin, number)).fetchone()
        return None if found is None else int(found[0])

    def forget_calls(self, before_key: int) -> int:
        """Delete calls below a key; how many there were."""
        return self._db.execute(
            "DELETE FROM calls WHERE key < ?", (before_key,)
        ).rowcount

    def forget_sums(self, level: int, before_bucket: int) -> int:
        """Delete sums below a bucket; how many there were."""
        values = (level, before_bucket)
        sql = "DELETE FROM {} WHERE level = ? AND bucket < ?"
        self._db.execute(sql.format("more_sums"), values)
        return self._db.execute(sql.format("sums"), values).rowcount


_PARENTS: list[sqlite3.Connection | None] = []


def _add_exactly(one: str, other: str) -> str:
    return format(add(Decimal(one), Decimal(other)), "f")


def _create(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, _OWNER_ONLY))
    except OSError as error:
        raise LedgerError(
            f"cannot open {path} as a ledger: {error.strerror or error}; expected a "
            f"file in a folder that exists and may be written"
        ) from error


def _refuse_stranger(db: sqlite3.Connection, path: Path) -> None:
    table = db.execute("SELECT name FROM sqlite_schema LIMIT 1").fetchone()
    if table is not None:
        raise LedgerError(
            f"{path} is a SQLite file of something else (it has {table[0]!r}); name "
            f"another file for the ledger"
        )


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn the database's errors into ones that say what to do."""
    try:
        yield
    except sqlite3.Error as error:
        advice = next(
            (do for word, do in _ADVICE.items() if word in str(error)),
            "see whether the file is whole: PRAGMA integrity_check",
        )
        raise LedgerError(f"{path}: {error}; {advice}") from error


_ADVICE = {
    "locked": "another process has held it for long; records are kept and tried again",
    "full": "make room on the disk; records are kept and tried again",
    "readonly": "make the file and its folder writable",
    "malformed": "the file is damaged: move it away, a new one will be made",
    "not a database": "this is no ledger: name another file",
    "unable to open": "the folder must exist and be writable",
    "disk I/O": "see whether the disk is full or failing",
}
