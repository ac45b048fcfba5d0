"""How a SQLite file is made, opened and brought up to date, and what errors say."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from enum import Enum, auto
from pathlib import Path
from typing import TypeVar

from ..._model.cost import add
from ...errors import LedgerError
from .._schema import NEWEST, after
from .._store import DamagedError, UnfitError
from .forks import FORKS

Result = TypeVar("Result")

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
# Pages that a transaction may dirty before they spill, and that readers keep.
_CACHE_KB = 65_536
_CHECKPOINT_PAGES = 8_192
_WAL_BYTES_KEPT = 67_108_864
# SQLite's own waiting, which holds on to the connection; `patiently` waits longer.
_BUSY_S = 0.05
_LOOK_EVERY_S = 0.01
_CODE = 0xFF  # the rest of a code says more of it


class Access(Enum):
    """How a file is opened; none of these creates it: only `create` knows who may read.

    Attributes:
        WRITE: To write.
        READ: To read what this process writes too.
        READ_ONLY: To read, by a user who need not be allowed to write.
        STILL: To read a file that nobody has open, without as much as a lock.
    """

    WRITE = auto()
    READ = auto()
    READ_ONLY = auto()
    STILL = auto()


_MODES = {
    Access.WRITE: "mode=rw",
    Access.READ: "mode=rw",
    Access.READ_ONLY: "mode=ro",
    Access.STILL: "mode=ro&immutable=1",
}


def refuse_missing(path: Path) -> None:
    """Raise if there is no file."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise LedgerError(
            f"there is no ledger {path}: name the file that the setting `ledger` "
            f"names, or make one: bedrock-attrib demo --ledger demo.db"
        ) from error
    except OSError as error:
        raise LedgerError(
            f"cannot open {path} as a ledger: {error.strerror or error}; expected a "
            f"file in folders that may be entered"
        ) from error


def create(path: Path) -> None:
    """Make an empty file for its owner alone, unless there is one.

    One that is there is not even opened: closing it again would release all locks that
    this process holds on it, those of other connections included.
    """
    try:
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR
        os.close(os.open(os.path.realpath(path), flags, _OWNER_ONLY))
    except FileExistsError:
        return
    except OSError as error:
        raise LedgerError(
            f"cannot open {path} as a ledger: {error.strerror or error}; expected a "
            f"file in a folder that exists and may be written"
        ) from error


def connect(path: Path, access: Access) -> sqlite3.Connection:
    """Open a file that is there."""
    FORKS.refuse_inherited(path)
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
            db.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES_KEPT}")
            db.create_function("add_exactly", 2, _add_exactly, deterministic=True)
        else:
            db.execute("PRAGMA query_only = ON")
    except BaseException:
        db.close()
        raise
    return db


def _add_exactly(one: str, other: str) -> str:
    return format(add(Decimal(one), Decimal(other)), "f")


def is_busy(error: BaseException) -> bool:
    """Whether another connection was in the way."""
    code = getattr(error, "sqlite_errorcode", 0) & _CODE
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


# What a reader without the right to write gets for a moment, while another process
# opens or closes the ledger and makes or deletes the files beside it.
_PASSING = (
    sqlite3.SQLITE_READONLY_RECOVERY,
    sqlite3.SQLITE_READONLY_CANTINIT,
    sqlite3.SQLITE_READONLY_DIRECTORY,
)


def is_passing(error: BaseException) -> bool:
    """Whether another connection was in the way of one that may only read."""
    return is_busy(error) or getattr(error, "sqlite_errorcode", 0) in _PASSING


def patiently(
    action: Callable[[], Result],
    timeout_s: float,
    *,
    wait: Callable[[float], None] = time.sleep,
    is_in_the_way: Callable[[BaseException], bool] = is_busy,
) -> Result:
    """Try *action* until no other connection is in the way.

    Args:
        action: May raise that the database is busy.
        timeout_s: For how long.
        wait: Waits for some seconds.
        is_in_the_way: Tells errors that pass from others.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            if not is_in_the_way(error) or time.monotonic() >= deadline:
                raise
        wait(_LOOK_EVERY_S)


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring the tables up to date."""
    found = db.execute("PRAGMA user_version").fetchone()[0]
    refuse_newer(found, path)
    if found == 0:
        _refuse_stranger(db, path)
    for migration in after(found):
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
            with suppress(sqlite3.Error):  # a full disk may have done it already
                db.execute("ROLLBACK")
            raise


def refuse_newer(found: int, path: Path) -> None:
    """Raise if the schema *found* is not known yet."""
    if found > NEWEST:
        raise LedgerError(
            f"{path} was written by a newer version of bedrock_attrib (its "
            f"schema is {found}, this version knows {NEWEST}): update this one"
        )


def _refuse_stranger(db: sqlite3.Connection, path: Path) -> None:
    # One reading of both: another process may be about to make the tables.
    row = db.execute(
        "SELECT name, (SELECT user_version FROM pragma_user_version) "
        "FROM sqlite_schema LIMIT 1"
    ).fetchone()
    if row is not None and not row[1]:
        raise is_of_something_else(path, row[0])


def is_of_something_else(path: Path, name: str) -> LedgerError:
    """The error that a file has a table *name* and is no ledger."""
    return LedgerError(
        f"{path} is a SQLite file of something else (it has {name!r}); name "
        f"another file for the ledger"
    )


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn the database's errors into ones that say what to do."""
    try:
        yield
    except (sqlite3.DataError, sqlite3.IntegrityError) as error:
        raise UnfitError(f"{path}: {error}") from error
    except sqlite3.Error as error:
        advice = next(
            (do for word, do in _ADVICE.items() if word in str(error)),
            "see whether the file is whole: PRAGMA integrity_check",
        )
        told = DamagedError if _tells_damage(error) else LedgerError
        raise told(f"{path}: {error}; {advice}") from error
    except UnicodeDecodeError as error:
        # SQLite quotes what it cannot read, which Python cannot read either.
        if _IS_MALFORMED not in error.object:
            raise
        raise DamagedError(f"{path}: {_IS_MALFORMED.decode()}") from error


_IS_MALFORMED = b"malformed database schema"


def _tells_damage(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", 0)
    return (
        code & _CODE in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        or code == sqlite3.SQLITE_IOERR_SHORT_READ
        or str(error) == "unsupported file format"
    )


_ADVICE = {
    "locked": "another process has held it for long; records are kept and tried again",
    "full": "make room on the disk; records are kept and tried again",
    "readonly": "make the file and its folder writable",
    "malformed": "the file is damaged: move it away, a new one will be made",
    "not a database": "this is no ledger: name another file",
    "unable to open": "the file and its folder must exist and be writable; to read it, "
    "the files beside it (-wal, -shm) must be readable too, or be put away by a user "
    "who may write: bedrock-attrib ledger check",
    "disk I/O": "see whether the disk is full or failing",
}
