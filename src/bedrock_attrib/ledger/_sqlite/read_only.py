"""Ledger in a SQLite file that is only read, without the right to write it."""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Iterator
from contextlib import (
    AbstractContextManager,
    ExitStack,
    closing,
    contextmanager,
    suppress,
)
from functools import partial
from pathlib import Path

from ..._runtime.sqlite_forks import FORKS
from ...errors import LedgerError
from .._schema import refuse_other_schema
from .._store import ConcurrentWriteError, DamagedError, Transaction
from .connection import (
    Access,
    connect,
    is_transient,
    refuse_missing,
    retry_while_busy,
    translate_errors,
)
from .migrate import foreign_file_error
from .snapshot import SQLiteSnapshot, snapshot

_SCHEMA = (
    "SELECT name, (SELECT user_version FROM pragma_user_version) FROM sqlite_schema"
)


class ReadOnlySQLite:
    """A ledger in a SQLite file that is opened to be read only.

    Nothing is created or migrated, and a process that writes is neither waited for nor
    disturbed. No right to write is needed, neither to the file nor to its folder.
    """

    def __init__(self, path: Path | str, *, busy_timeout_s: float = 5.0) -> None:
        """Open the file once, to fail now if it cannot be read.

        Args:
            path: The file.
            busy_timeout_s: Seconds to wait for another process that recovers it.

        Raises:
            LedgerError: If there is none, it cannot be read, is no ledger, or was
                written by a library with another schema.
        """
        self.path = Path(path).absolute()
        self._busy_timeout_s = busy_timeout_s
        with self.snapshot():
            pass

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Refuse to write.

        Raises:
            LedgerError: Each time.
        """
        raise LedgerError(f"{self.path} was opened to be read only")

    def compact(self) -> None:
        """Refuse to write.

        Raises:
            LedgerError: Each time.
        """
        self.transaction()

    def close(self) -> None:
        """Do nothing: no connection is held."""

    @contextmanager
    def snapshot(self) -> Iterator[SQLiteSnapshot]:
        """Read the ledger at one moment.

        Raises:
            LedgerError: If the file cannot be read; or was written meanwhile, where it
                is read without a lock.
        """
        refuse_missing(self.path)
        if self.path.is_dir():
            raise LedgerError(f"{self.path} is a folder: name the file of a ledger")
        with translate_errors(self.path), FORKS.reading(self.path), ExitStack() as end:
            found = retry_while_busy(
                partial(self._opened, end),
                self._busy_timeout_s,
                should_retry=partial(_should_retry, itertools.count()),
            )
            _refuse_unreadable(found, self.path)
            yield found

    def _opened(self, end: ExitStack) -> SQLiteSnapshot:
        """Open the file in the mode that fits at this moment; *end* closes it."""
        with ExitStack() as tried:
            access = tried.enter_context(_opening(self.path))
            found = snapshot(self.path, access)
            tried.enter_context(_closing(found))
            end.enter_context(tried.pop_all())
        return found


def _should_retry(tries: Iterator[int], error: BaseException) -> bool:
    """Return whether to try again to open the file; *tries* counts how often."""
    is_missing = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_CANTOPEN
    # A file beside it was deleted meanwhile; or is missing, and stays so.
    return is_transient(error) or (is_missing and next(tries) < _MAX_TRIES)


# Each after a hundredth of a second.
_MAX_TRIES = 50


@contextmanager
def _closing(found: SQLiteSnapshot) -> Iterator[None]:
    pid = os.getpid()
    try:
        yield
    finally:
        if os.getpid() == pid:
            found.close()
        else:
            _INHERITED.append(found)  # a forked child must not even close it


_INHERITED: list[SQLiteSnapshot] = []


def _refuse_unreadable(found: SQLiteSnapshot, path: Path) -> None:
    """Raise unless *path* is a ledger of this schema."""
    tables = list(found.rows(_SCHEMA))
    if not tables:
        raise DamagedError(f"{path} is empty: no ledger was written to it yet")
    name, version = tables[0]
    if not version:
        raise foreign_file_error(path, name)
    refuse_other_schema(version, path)


@contextmanager
def _opening(path: Path) -> Iterator[Access]:
    """Choose how to open *path*, and check at the end that this was right.

    In WAL mode readers share memory with writers through a file beside the ledger,
    which the first of them creates. A reader without the right to write the folder
    cannot, and one with that right alone must not: the file would be theirs, and lock
    out the ledger's owner. If nobody has the ledger open, it can be read without that
    file; at the end it is checked that nobody has written to it meanwhile.

    Source: https://www.sqlite.org/wal.html#read_only_databases and
    https://www.sqlite.org/uri.html#uriimmutable (2026-11-25).
    """
    real = Path(os.path.realpath(path))
    log, shared = (real.with_name(f"{real.name}{end}") for end in ("-wal", "-shm"))
    may_write = _may_write(real)
    if may_write or _found(shared) is not None or _has_content(log):
        pid = os.getpid()
        try:
            yield Access.READ_ONLY
        finally:
            if may_write and os.getpid() == pid:
                _remove_log_files(path)
        return
    before = _state(real)
    try:
        yield Access.IMMUTABLE
    except (sqlite3.Error, LedgerError, *_OF_TORN_PAGES) as error:
        if _state(real) != before:
            raise _written_error(path) from error
        raise
    if _state(real) != before:
        raise _written_error(path)


# Errors of reading a page of which one half was written meanwhile.
_OF_TORN_PAGES = (ArithmeticError, LookupError, TypeError, ValueError)


def _written_error(path: Path) -> ConcurrentWriteError:
    return ConcurrentWriteError(f"{path} was written while it was read: read it again")


def _may_write(path: Path) -> bool:
    of_effective = os.access in os.supports_effective_ids
    return all(
        os.access(each, os.W_OK, effective_ids=of_effective)
        for each in (path, path.parent)
    )


def _has_content(log: Path) -> bool:
    found = _found(log)
    return found is not None and found.st_size > 0


def _found(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:  # it may be removed at any moment
        return None


def _state(path: Path) -> tuple[int, ...] | None:
    found = _found(path)
    if found is None:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _remove_log_files(path: Path) -> None:
    """Let SQLite remove the files beside *path*, if nobody else uses them.

    The log is written to the file first: the last writer leaves that to a reader that
    still has it open.
    """
    with (
        suppress(sqlite3.Error, LedgerError),
        closing(connect(path, Access.READ)) as db,
    ):
        db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
