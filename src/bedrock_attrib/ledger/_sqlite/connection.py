"""Connections to a SQLite file, and its errors in terms of a ledger."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path
from typing import TypeVar

from ..._runtime.sqlite_files import create_private, is_busy
from ..._runtime.sqlite_forks import FORKS
from ...errors import LedgerError
from .._store import DamagedError, UnavailableError, UnstorableRecordError

Result = TypeVar("Result")

# Pages that a transaction may change before they are written, and that readers cache.
_CACHE_KB = 65_536
_CHECKPOINT_PAGES = 8_192
_MAX_WAL_BYTES = 67_108_864
# Wait of SQLite itself, which blocks the connection; `retry_while_busy` waits longer.
_BUSY_S = 0.05
_RETRY_EVERY_S = 0.01
_PRIMARY_CODE = 0xFF  # https://www.sqlite.org/rescode.html (2026-11-25)


class Access(Enum):
    """Mode of opening a file; only `create` creates one, with the right permissions.

    Attributes:
        WRITE: To write.
        READ: To read, in a process that writes too.
        READ_ONLY: To read, without the right to write.
        IMMUTABLE: To read a file that nobody has open, without a lock.
    """

    WRITE = auto()
    READ = auto()
    READ_ONLY = auto()
    IMMUTABLE = auto()


_MODES = {
    Access.WRITE: "mode=rw",
    Access.READ: "mode=rw",
    Access.READ_ONLY: "mode=ro",
    Access.IMMUTABLE: "mode=ro&immutable=1",
}


def refuse_missing(path: Path) -> None:
    """Raise if there is no file."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise LedgerError(
            f"there is no ledger {path}: name the file that the setting `ledger` "
            f"names, or create one: bedrock-attrib demo --ledger demo.db"
        ) from error
    except OSError as error:
        raise LedgerError(
            f"cannot open {path} as a ledger: {error.strerror or error}; expected a "
            f"file in folders that may be entered"
        ) from error


def create(path: Path) -> None:
    """Create an empty file for its owner alone, unless there is one."""
    try:
        create_private(path)
    except ValueError as error:
        raise LedgerError(f"a ledger cannot be named {str(path)!r}: {error}") from error
    except OSError as error:
        kind = LedgerError if error.errno in _FOR_GOOD else UnavailableError
        raise kind(
            f"cannot open {path} as a ledger: {error.strerror or error}; expected a "
            f"file in a folder that exists and may be written"
        ) from error


def connect(path: Path, access: Access) -> sqlite3.Connection:
    """Open an existing file."""
    if FORKS.has_inherited(path):
        raise LedgerError(
            f"{path}: this process was forked while its parent used the file; "
            f"fork when no report is being read"
        )
    db = sqlite3.connect(
        f"{path.as_uri()}?{_MODES[access]}",
        uri=True,
        timeout=_BUSY_S,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=64,
    )
    try:
        db.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        if access is Access.WRITE:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            db.execute(f"PRAGMA journal_size_limit = {_MAX_WAL_BYTES}")
        else:
            db.execute("PRAGMA query_only = ON")
    except BaseException:
        db.close()
        raise
    return db


# Errors of a reader without the right to write, while another process opens or closes
# the ledger and creates or deletes the files beside it.
_TRANSIENT = (
    sqlite3.SQLITE_READONLY_RECOVERY,
    sqlite3.SQLITE_READONLY_CANTINIT,
    sqlite3.SQLITE_READONLY_DIRECTORY,
)


def is_transient(error: BaseException) -> bool:
    """Return whether a reader without the right to write should try again."""
    return is_busy(error) or getattr(error, "sqlite_errorcode", 0) in _TRANSIENT


def retry_while_busy(
    action: Callable[[], Result],
    timeout_s: float,
    *,
    wait: Callable[[float], None] = time.sleep,
    should_retry: Callable[[BaseException], bool] = is_busy,
) -> Result:
    """Call *action* until the database is no longer busy.

    Args:
        action: What to do.
        timeout_s: Seconds after which the error is raised.
        wait: Waits for some seconds.
        should_retry: Whether *action* may succeed later, by its error.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            if not should_retry(error) or time.monotonic() >= deadline:
                raise
        wait(_RETRY_EVERY_S)


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Translate the database's errors into ones that say what to do."""
    try:
        yield
    except (sqlite3.DataError, sqlite3.IntegrityError) as error:
        raise UnstorableRecordError(f"{path}: {error}") from error
    except sqlite3.Error as error:
        advice = next(
            (do for word, do in _ADVICE.items() if word in str(error)),
            "check the file: PRAGMA integrity_check",
        )
        raise _kind_of(error, path)(f"{path}: {error}; {advice}") from error
    except UnicodeDecodeError as error:
        # SQLite quotes bytes that it cannot read, which Python cannot decode.
        if _IS_MALFORMED not in error.object:
            raise
        raise DamagedError(f"{path}: {_IS_MALFORMED.decode()}") from error


_IS_MALFORMED = b"malformed database schema"


def _kind_of(error: sqlite3.Error, path: Path) -> type[LedgerError]:
    if _is_damage(error):
        return DamagedError
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    if code == sqlite3.SQLITE_READONLY and not _is_on_read_only_disk(path):
        return LedgerError  # nobody gave the right to write
    return UnavailableError if code in _MAY_PASS else LedgerError


# Missing rights, and names that no file system takes.
_FOR_GOOD = (errno.EACCES, errno.EPERM, errno.EISDIR, errno.EINVAL, errno.ENAMETOOLONG)
_MAY_PASS = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
)


def _is_on_read_only_disk(path: Path) -> bool:
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except (OSError, AttributeError):  # a system without it
        return False


def _is_damage(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", 0)
    return (
        code & _PRIMARY_CODE in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        or code == sqlite3.SQLITE_IOERR_SHORT_READ
        or str(error) == "unsupported file format"
    )


_ADVICE = {
    "locked": "another process holds a lock; records wait and are tried again",
    "full": "free space on the disk; records wait and are tried again",
    "readonly": "make the file and its folder writable",
    "malformed": "the file is damaged: move it away, a new one will be created",
    "not a database": "this is no ledger: name another file",
    "unable to open": "the file and its folder must exist and be writable; to read it, "
    "the files beside it (-wal, -shm) must be readable too, or be removed by a user "
    "who may write: bedrock-attrib ledger check",
    "disk I/O": "check whether the disk is full or failing",
}
