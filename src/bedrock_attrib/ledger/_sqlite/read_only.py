"""A ledger in a SQLite file that is only read: no right to write, and no trace."""

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

from ...errors import LedgerError
from .._old_schema import Older
from .._schema import NEWEST
from .._store import DamagedError, Transaction, WrittenMeanwhileError
from .connect import (
    Access,
    connect,
    is_of_something_else,
    is_passing,
    patiently,
    refuse_missing,
    refuse_newer,
    told,
)
from .forks import FORKS
from .snapshot import SQLiteSnapshot, snapshot

_SCHEMA = (
    "SELECT name, (SELECT user_version FROM pragma_user_version) FROM sqlite_schema"
)
_COLUMNS = "SELECT name FROM pragma_table_info(?)"


class ReadOnlySQLite:
    """A ledger in a SQLite file, for those who only read it.

    Nothing is created or brought up to date, and a process that writes is neither
    waited for nor disturbed. Whoever may not write the file can read it all the same,
    in a folder too that may not be written.
    """

    def __init__(self, path: Path | str, *, busy_timeout_s: float = 5.0) -> None:
        """Open the file, to say now what is wrong with it.

        Args:
            path: The file.
            busy_timeout_s: Seconds to wait for another process that recovers it.

        Raises:
            LedgerError: If there is none, it cannot be read, is no ledger, or was
                written by a newer library.
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
        """Nothing is held."""

    @contextmanager
    def snapshot(self) -> Iterator[SQLiteSnapshot]:
        """Read more than once, of one moment.

        Raises:
            LedgerError: If the file cannot be read; or was written meanwhile, where it
                is read without a lock.
        """
        refuse_missing(self.path)
        if self.path.is_dir():
            raise LedgerError(f"{self.path} is a folder: name the file of a ledger")
        with told(self.path), FORKS.reading(self.path), ExitStack() as end:
            found = patiently(
                partial(self._opened, end),
                self._busy_timeout_s,
                is_in_the_way=partial(_may_pass, itertools.count()),
            )
            found.older = _older(found, self.path)
            yield found

    def _opened(self, end: ExitStack) -> SQLiteSnapshot:
        """Try to open it, as is right at this moment; *end* closes it."""
        with ExitStack() as tried:
            access = tried.enter_context(_opening(self.path))
            found = snapshot(self.path, access)
            tried.enter_context(_closing(found))
            end.enter_context(tried.pop_all())
        return found


def _may_pass(looks: Iterator[int], error: BaseException) -> bool:
    """Whether to try again to open the file; *looks* counts how often."""
    is_missing = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_CANTOPEN
    # A file beside it was deleted under us; or is missing, and stays so.
    return is_passing(error) or (is_missing and next(looks) < _MOST_LOOKS)


# Each after a hundredth of a second.
_MOST_LOOKS = 50


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


def _older(found: SQLiteSnapshot, path: Path) -> Older | None:
    """How a ledger of an older schema is read; None for one of this schema."""
    tables = list(found.rows(_SCHEMA))
    if not tables:
        raise DamagedError(f"{path} is empty: no ledger was written to it yet")
    name, version = tables[0]
    refuse_newer(version, path)
    if not version:
        raise is_of_something_else(path, name)
    if version == NEWEST:
        return None
    return Older(lambda table: [name for (name,) in found.rows(_COLUMNS, (table,))])


@contextmanager
def _opening(path: Path) -> Iterator[Access]:
    """How *path* is to be opened.

    In WAL mode readers share memory with writers through a file beside the ledger, and
    the first of them makes it. Who may write neither the file nor its folder cannot,
    and one who only may write the folder must not: the file would be his, and keep the
    ledger's owner out. If nobody has the ledger open, it can be read without; that
    nobody has written to it meanwhile is looked at in the end.

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
                _put_away(path)
        return
    before = _state(real)
    try:
        yield Access.STILL
    except (sqlite3.Error, LedgerError, *_OF_NONSENSE) as error:
        if _state(real) != before:
            raise _was_written(path) from error
        raise
    if _state(real) != before:
        raise _was_written(path)


# What reading raises where half of a page is of another moment.
_OF_NONSENSE = (ArithmeticError, LookupError, TypeError, ValueError)


def _was_written(path: Path) -> WrittenMeanwhileError:
    return WrittenMeanwhileError(f"{path} was written while it was read: read it again")


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
    except OSError:  # it may be taken away at any moment
        return None


def _state(path: Path) -> tuple[int, ...] | None:
    found = _found(path)
    if found is None:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _put_away(path: Path) -> None:
    """Let SQLite put away the files beside *path*, if nobody else uses them.

    What is in the log goes into the file: the last writer leaves that to a reader who
    is still there.
    """
    with (
        suppress(sqlite3.Error, LedgerError),
        closing(connect(path, Access.READ)) as db,
    ):
        db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
