"""Schema of a ledger in PostgreSQL: creation, migrations and checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from psycopg import sql

from ...errors import LedgerError
from .._schema import (
    MIGRATIONS,
    Migration,
    migrations_after,
    refuse_other_schema,
)
from .._sql import select
from ._transaction import Connection

_WORDS = {
    "id": "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    "integer": "bigint",
    "bytes": "bytea",
    "decimal": "numeric",
    # A B-tree, which UNIQUE would make, holds no text beyond 2,704 bytes; rates are
    # longer. https://www.postgresql.org/docs/15/btree-limits.html, checked 2026-11-25
    "unique": "EXCLUDE USING hash",
    "equal": "WITH =",
    # Free space in each page, so that a sum is changed in place.
    "clustered": "WITH (fillfactor = 70)",
}
# A number of our own, by which hosts that start at the same time wait for each other.
_MIGRATING = 0x62656472_61747472


class LedgerSchema:
    """A schema that holds a ledger, or will."""

    def __init__(
        self,
        name: str,
        begun: Callable[[Connection], AbstractContextManager[None]],
        shown: Callable[[], str],
        migrations: Sequence[Migration] = MIGRATIONS,
    ) -> None:
        """Manage the schema *name*.

        Args:
            name: Its name.
            begun: Opens a transaction with the schema on its search path.
            shown: Returns the address without its secrets.
            migrations: Steps to the newest schema.
        """
        self._name = name
        self._begun = begun
        self._shown = shown
        self._migrations = migrations

    def migrate(self, db: Connection) -> None:
        """Create the tables, or bring those of an older ledger up to date."""
        if not self._missing(db):
            return
        with self._begun(db):
            db.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATING,))
            if self._version(db) == 0:
                self._create(db)
        for migration in self._missing(db):
            with self._begun(db):
                db.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATING,))
                if self._version(db) >= migration.number:
                    continue  # another host was faster
                for statement in migration.statements:
                    db.execute(statement.format(**_WORDS))
                db.execute(
                    "INSERT INTO migrations (number, about) VALUES (%s, %s)",
                    (migration.number, migration.about),
                )

    def check(self, db: Connection) -> None:
        """Raise unless there is a ledger of the newest schema."""
        found = self._version(db)
        if found == 0:
            raise LedgerError(
                f"there is no ledger in the schema {self._name!r} of {self._shown()}"
            )
        refuse_other_schema(found, self._shown())

    def _missing(self, db: Connection) -> list[Migration]:
        return migrations_after(self._version(db), self._shown(), self._migrations)

    def _version(self, db: Connection) -> int:
        """Return the number of the last migration; 0 without a ledger."""
        table = sql.Identifier(self._name, "migrations").as_string(db)
        ((known,),) = db.execute("SELECT to_regclass(%s) IS NOT NULL", (table,))
        if not known:
            return 0
        ((found,),) = db.execute(select(["coalesce(max(number), 0)"], table))
        return int(found)

    def _create(self, db: Connection) -> None:
        ((encoding, foreign),) = db.execute(
            "SELECT current_setting('server_encoding'), "
            "(SELECT min(relname) FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm') "
            "AND relnamespace = to_regnamespace(%s) AND relname <> 'migrations')",
            (sql.Identifier(self._name).as_string(db),),
        )
        if encoding != "UTF8":
            raise LedgerError(
                f"{self._shown()} stores text as {encoding}, which cannot hold every "
                f"tag; create the database with ENCODING 'UTF8'"
            )
        if foreign is not None:
            raise LedgerError(
                f"the schema {self._name!r} of {self._shown()} holds something else "
                f"(it has {foreign!r}); name another schema for the ledger"
            )
        name = sql.Identifier(self._name)
        ((known,),) = db.execute(
            "SELECT to_regnamespace(%s) IS NOT NULL", (name.as_string(db),)
        )
        if not known:  # IF NOT EXISTS would need rights even if it exists
            db.execute(sql.SQL("CREATE SCHEMA {}").format(name))
        db.execute(
            "CREATE TABLE IF NOT EXISTS migrations (number bigint PRIMARY KEY, "
            "about text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
        )
