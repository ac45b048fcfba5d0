"""SQLite files: their creation, and errors that say that they are locked."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

_OWNER_ONLY = 0o600
_PRIMARY_CODE = 0xFF  # https://www.sqlite.org/rescode.html (2026-11-25)


def create_private(path: Path) -> None:
    """Create an empty file for its owner alone, unless there is one.

    An existing one is not opened: closing it again would release all locks that this
    process holds on it, those of other connections included.

    Raises:
        OSError: If it cannot be created.
        ValueError: If no file can have this name.
    """
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR
    with suppress(FileExistsError):
        os.close(os.open(os.path.realpath(path), flags, _OWNER_ONLY))


def is_busy(error: BaseException) -> bool:
    """Return whether another connection held a lock."""
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
