"""The schema of a ledger in PostgreSQL: made, brought up to date, or read as it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from psycopg import sql

from ...errors import LedgerError
from .._old_schema import Older
from .._schema import NEWEST, after
from ._writing import Connection

_WORDS = {
    "id": "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    "integer": "bigint",
    "bytes": "bytea",
    "decimal": "numeric",
    # A B-tree, which UNIQUE would make, holds no text beyond 2,704 bytes; rates are
    # longer. https://www.postgresql.org/docs/15/btree-limits.html, checked 2026-11-25
    "unique": "EXCLUDE USING hash",
    "equal": "WITH =",
    # Room in each page, so that a sum is changed where it lies.
    "clustered": "WITH (fillfactor = 70)",
}
# A number of our own, by which hosts that start together wait for each other.
_MIGRATING = 0x62656472_61747472


class LedgerSchema:
    """A schema that holds a ledger, or is going to."""

    def __init__(
        self,
        name: str,
        begun: Callable[[Connection], AbstractContextManager[None]],
        shown: Callable[[], str],
    ) -> None:
        """Look after the schema *name*.

        Args:
            name: Its name.
            begun: A transaction with the schema in sight.
            shown: The address, without what is secret.
        """
        self._name = name
        self._begun = begun
        self._shown = shown

    def migrate(self, db: Connection) -> None:
        """Create the ledger, or bring an older one up to date."""
        if self._version(db) == NEWEST:
            return
        with self._begun(db):
            db.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATING,))
            found = self._version(db)
            if found == 0:
                self._create(db)
        for migration in after(found):
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

    def older(self, db: Connection) -> Older | None:
        """How a ledger of an older schema is read; None for one of this schema."""
        found = self._version(db)
        if found == 0:
            raise LedgerError(
                f"there is no ledger in the schema {self._name!r} of {self._shown()}"
            )
        if found == NEWEST:
            return None
        return Older(lambda table: self._columns(db, table))

    def _columns(self, db: Connection, table: str) -> list[str]:
        name = sql.Identifier(self._name, table).as_string(db)
        found = db.execute(
            "SELECT attname FROM pg_attribute "
            "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
            (name,),
        )
        return [str(column) for (column,) in found]

    def _version(self, db: Connection) -> int:
        """Number of the last migration; 0 without a ledger."""
        table = sql.Identifier(self._name, "migrations").as_string(db)
        ((known,),) = db.execute("SELECT to_regclass(%s) IS NOT NULL", (table,))
        if not known:
            return 0
        ((found,),) = db.execute(f"SELECT coalesce(max(number), 0) FROM {table}")  # noqa: S608
        if found > NEWEST:
            raise LedgerError(
                f"{self._shown()} was written by a newer version of bedrock_attrib "
                f"(its schema is {found}, this version knows {NEWEST}): update this one"
            )
        return int(found)

    def _create(self, db: Connection) -> None:
        ((encoding, stranger),) = db.execute(
            "SELECT current_setting('server_encoding'), "
            "(SELECT min(relname) FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm') "
            "AND relnamespace = to_regnamespace(%s) AND relname <> 'migrations')",
            (sql.Identifier(self._name).as_string(db),),
        )
        if encoding != "UTF8":
            raise LedgerError(
                f"{self._shown()} keeps text as {encoding}, which cannot hold every "
                f"tag; create the database with ENCODING 'UTF8'"
            )
        if stranger is not None:
            raise LedgerError(
                f"the schema {self._name!r} of {self._shown()} is that of something "
                f"else (it has {stranger!r}); name another schema for the ledger"
            )
        name = sql.Identifier(self._name)
        ((known,),) = db.execute(
            "SELECT to_regnamespace(%s) IS NOT NULL", (name.as_string(db),)
        )
        if not known:  # IF NOT EXISTS would ask for rights that nobody needs then
            db.execute(sql.SQL("CREATE SCHEMA {}").format(name))
        db.execute(
            "CREATE TABLE IF NOT EXISTS migrations (number bigint PRIMARY KEY, "
            "about text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
        )
