"""Ledger in one SQLite file, which several processes may write and read."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

from ..._runtime.sqlite_files import is_busy
from ..._runtime.sqlite_forks import FORKS, file_id
from ..._runtime.threads import Event, Lock, get_ident
from ...errors import LedgerError
from .._schema import NEWEST
from .._store import GENERATION, MARK, StaleIdsError, UnavailableError
from .connection import (
    Access,
    Result,
    connect,
    create,
    retry_while_busy,
    translate_errors,
)
from .migrate import migrate
from .snapshot import SQLiteSnapshot, snapshot
from .transaction import TEMPORARY_TABLES, SQLiteTransaction

# Seconds to wait for another thread of this process that writes.
_TURN_S = 60.0


class SQLiteStore:
    """A ledger in one SQLite file in WAL mode.

    A connection for writing is opened when it is first needed, and again after a fork
    or a failure, or when the file was moved away. Readers open their own.
    """

    def __init__(
        self, path: Path | str, *, busy_timeout_s: float = 5.0, lazy: bool = False
    ) -> None:
        """Open or create the file, and migrate an older one.

        Nothing is waited for: a file that is locked, or whose folder is missing, is
        opened with the first transaction that can.

        Args:
            path: The file. It is created for its owner alone (mode 0600).
            busy_timeout_s: Seconds for which a transaction waits for another process
                that writes.
            lazy: Whether a file that can never be a ledger raises later too, with each
                transaction.

        Raises:
            LedgerError: If it is no ledger, was written by a newer library, or must not
                be written.
        """
        # A relative path must not depend on later changes of the working folder.
        self.path = Path(path).absolute()
        self._busy_timeout_s = busy_timeout_s
        self._writer: sqlite3.Connection | None = None
        self._file = file_id(self.path)
        self._turn = Lock()
        self._turn_of: int | None = None
        self._discard: list[Callable[[], None]] = []
        self._generation: int | None = None
        self.unavailable: LedgerError | None = None
        self.is_opened_later = False
        try:
            self.open()
        except LedgerError as error:
            if not lazy and not isinstance(error, UnavailableError):
                raise
            self.unavailable = error
        FORKS.holders.add(self)

    def open(self) -> None:
        """Create or migrate the file unless that was done; a lock is not waited for."""
        with translate_errors(self.path):
            self._prepare()

    def _prepare(self) -> None:
        create(self.path)
        with closing(connect(self.path, Access.WRITE)) as db:
            migrate(db, self.path)
            # Fail now if the file is read-only, not when calls are lost. Only a write
            # shows it: a transaction alone would just read.
            db.execute("BEGIN IMMEDIATE")
            try:
                db.execute(f"PRAGMA user_version = {NEWEST}")
            finally:
                db.execute("ROLLBACK")

    def on_stale_ids(self, discard: Callable[[], None]) -> None:
        """Call *discard* whenever ids that were given before may be invalid."""
        self._discard.append(discard)

    def _writing(self) -> sqlite3.Connection:
        """Return the connection that writes to the file that is there now."""
        if self._writer is not None and file_id(self.path) != self._file:
            self._close_writer()
        if self._writer is None:
            self._discard_ids()
            self._generation = None
            self._writer = self._open_writer()
        return self._writer

    def _discard_ids(self) -> None:
        for discard in self._discard:
            discard()

    def _generation_now(self, db: sqlite3.Connection) -> int:
        (found,) = db.execute(MARK, (GENERATION,)).fetchone()
        return int(found or 0)

    def _check_ids(self, db: sqlite3.Connection) -> None:
        """Raise, and discard ids, if tag sets were deleted since they were given."""
        found = self._generation_now(db)
        if found != self._generation:
            self._generation = found
            self._discard_ids()
            raise StaleIdsError(f"{self.path}: tag sets were deleted meanwhile")

    def _open_writer(self) -> sqlite3.Connection:
        create(self.path)
        db = connect(self.path, Access.WRITE)
        try:
            migrate(db, self.path)
            self._file = file_id(self.path)
            db.execute("PRAGMA temp_store = MEMORY")
            db.execute("PRAGMA temp.secure_delete = OFF")
            for table, columns in TEMPORARY_TABLES.items():
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
        """Write everything or nothing. Threads wait for each other.

        Raises:
            LedgerError: If the database is locked, full, read-only or broken.
        """
        self._take_turn()
        try:
            with translate_errors(self.path), self._committed() as transaction:
                yield transaction
        finally:
            self._give_turn()

    @contextmanager
    def _committed(self) -> Iterator[SQLiteTransaction]:
        try:
            db = self._retry(self._ready)
            yield SQLiteTransaction(
                db, partial(self._begin, db), check=partial(self._check_ids, db)
            )
            if not db.in_transaction:
                return
            db.execute("COMMIT")
        except BaseException as error:
            if self._writer is not None and self._writer.in_transaction:
                with suppress(sqlite3.Error):  # a full disk may have done it already
                    self._writer.execute("ROLLBACK")
            self._close_if_broken(error)
            raise
        if file_id(self.path) != self._file:
            self._close_writer()
            raise LedgerError(f"{self.path} was removed while it was written")

    def _retry(self, action: Callable[[], Result]) -> Result:
        return retry_while_busy(action, self._busy_timeout_s, wait=self._wait)

    def _ready(self) -> sqlite3.Connection:
        db = self._writing()
        if self._generation is None:
            self._generation = self._generation_now(db)
        return db

    def _begin(self, db: sqlite3.Connection) -> None:
        self._retry(lambda: db.execute("BEGIN IMMEDIATE"))

    def _close_if_broken(self, error: BaseException) -> None:
        # What it caches of a failing file may be wrong when the file works again.
        is_of_record = isinstance(error, (sqlite3.DataError, sqlite3.IntegrityError))
        if isinstance(error, sqlite3.Error) and not is_of_record and not is_busy(error):
            self._close_writer()

    def _take_turn(self) -> None:
        me = get_ident()
        if self._turn_of == me or not self._turn.acquire(timeout=_TURN_S):
            raise LedgerError(f"{self.path} is being written by this process")
        self._turn_of = me

    def _give_turn(self) -> None:
        self._turn_of = None
        self._turn.release()

    def _wait(self, wait_s: float) -> None:
        """Let other threads and forks of this process proceed meanwhile."""
        self._give_turn()
        try:
            Event().wait(wait_s)
        finally:
            self._turn.acquire()
            self._turn_of = get_ident()

    def release(self, timeout_s: float) -> bool:
        """Close the connection before a fork; False while it writes."""
        if not self._turn.acquire(timeout=timeout_s):
            return False
        self._close_writer()
        return True

    def resume(self, *, is_child: bool) -> None:
        """Continue after a fork."""
        if not is_child:
            self._turn.release()
            return
        if self._writer is not None:
            _INHERITED.append(self._writer)  # a child must not even close it
            self._writer = None
        self._turn, self._turn_of = Lock(), None

    @contextmanager
    def snapshot(self) -> Iterator[SQLiteSnapshot]:
        """Read the ledger at one moment.

        Raises:
            LedgerError: If the file cannot be read.
        """
        pid = os.getpid()
        with translate_errors(self.path), FORKS.reading(self.path):
            found = retry_while_busy(
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
        """Return unused space to the file system."""
        with (
            translate_errors(self.path),
            FORKS.reading(self.path),
            closing(connect(self.path, Access.WRITE)) as db,
        ):
            retry_while_busy(lambda: db.execute("VACUUM"), self._busy_timeout_s)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the connection that writes; the next transaction opens one again."""
        if self.release(_TURN_S):
            self._turn.release()


_INHERITED: list[object] = []
