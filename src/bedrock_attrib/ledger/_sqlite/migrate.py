"""Migrations of a SQLite file, each in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ...errors import LedgerError
from .._schema import MIGRATIONS, Migration, migrations_after

_WORDS = {
    "id": "INTEGER PRIMARY KEY",
    "integer": "INTEGER",
    "bytes": "BLOB",
    "decimal": "TEXT",
    "unique": "UNIQUE",
    "equal": "",
    "clustered": "WITHOUT ROWID",
}


def migrate(
    db: sqlite3.Connection, path: Path, migrations: Sequence[Migration] = MIGRATIONS
) -> None:
    """Create the tables, or bring those of an older ledger up to date.

    Raises:
        LedgerError: If the file was written by a newer library, or is something else.
    """
    found = db.execute("PRAGMA user_version").fetchone()[0]
    missing = migrations_after(found, path, migrations)
    if found == 0:
        _refuse_foreign_tables(db, path)
    for migration in missing:
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


def _refuse_foreign_tables(db: sqlite3.Connection, path: Path) -> None:
    # Both in one query: another process may be about to create the tables.
    row = db.execute(
        "SELECT name, (SELECT user_version FROM pragma_user_version) "
        "FROM sqlite_schema LIMIT 1"
    ).fetchone()
    if row is not None and not row[1]:
        raise foreign_file_error(path, row[0])


def foreign_file_error(path: Path, name: str) -> LedgerError:
    """Return the error that a file has a table *name* and is no ledger."""
    return LedgerError(
        f"{path} is a SQLite file of something else (it has {name!r}); name "
        f"another file for the ledger"
    )
