"""Migrations of a ledger to a newer schema."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Barrier

import pytest
from kept_records import make_record
from postgres_server import PostgresServer
from waiting import HANG_S

from bedrock_attrib import CallRecord, LedgerError
from bedrock_attrib.ledger import Ledger
from bedrock_attrib.ledger._dimensions import RECORD_DIMENSIONS
from bedrock_attrib.ledger._field_table import CALL_FIELDS
from bedrock_attrib.ledger._schema import MIGRATIONS, Migration
from bedrock_attrib.ledger._sqlite.migrate import migrate
from bedrock_attrib.ledger._store import Store

Place = Callable[..., Store]

NEXT = MIGRATIONS[-1].number + 1
LATER = (
    *MIGRATIONS,
    Migration(
        NEXT,
        "a column and a table of a later library",
        (
            "ALTER TABLE calls ADD COLUMN later {integer}",
            "CREATE TABLE later (id {id}, name TEXT NOT NULL, {unique} (name {equal}))",
        ),
    ),
)


def make_ledger(path: Path) -> None:
    """Write one call to a new ledger."""
    with closing(Ledger(path)) as ledger:
        ledger.write(make_record())


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file as a ledger does."""
    with closing(sqlite3.connect(path, timeout=HANG_S, isolation_level=None)) as db:
        yield db


def test_every_field_of_a_record_is_stored() -> None:
    """A field is shared by many calls, has a column of its own, or is one of six."""
    others = {"id", "started_at", "tags", "usage", "cost", "price_reason"}
    stored = {*RECORD_DIMENSIONS, *(each.name for each in CALL_FIELDS), *others}
    assert stored == set(CallRecord._fields)


def test_a_file_is_migrated_once(path: Path) -> None:
    """Its calls stay, and another migration to the same schema changes nothing."""
    make_ledger(path)
    with connected(path) as db:
        migrate(db, path, LATER)
        migrate(db, path, LATER)
        assert db.execute("SELECT attempts, later FROM calls").fetchall() == [(1, None)]
        assert db.execute("SELECT * FROM later").fetchall() == []
        assert db.execute("PRAGMA user_version").fetchone() == (NEXT,)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_file_is_refused(path: Path, *, read_only: bool) -> None:
    """The error names both schemas, and the file is not changed."""
    make_ledger(path)
    with connected(path) as db:
        migrate(db, path, LATER)
    expected = f"its schema is {NEXT}, this version knows {NEXT - 1}"
    with pytest.raises(LedgerError, match=expected):
        Ledger(path, read_only=read_only)
    with connected(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (NEXT,)


def test_a_migration_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    """All its statements take effect, or none."""
    make_ledger(path)
    added = "ALTER TABLE calls ADD COLUMN later {integer}"
    failing = (*MIGRATIONS, Migration(NEXT, "one column twice", (added, added)))
    with connected(path) as db:
        with pytest.raises(sqlite3.OperationalError, match="duplicate column"):
            migrate(db, path, failing)
        assert db.execute("PRAGMA user_version").fetchone() == (NEXT - 1,)
        with pytest.raises(sqlite3.OperationalError, match="no such column"):
            db.execute("SELECT later FROM calls")


def test_several_connections_migrate_at_once(path: Path) -> None:
    """One of them does it, and the others continue with its result."""
    make_ledger(path)
    barrier = Barrier(4)

    def migrated(_: int) -> int:
        with connected(path) as db:
            barrier.wait(HANG_S)
            migrate(db, path, LATER)
            return int(db.execute("SELECT count(later) FROM calls").fetchone()[0])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(migrated, range(4))) == [0, 0, 0, 0]


def test_postgres_is_migrated_by_several_hosts_at_once(server: PostgresServer) -> None:
    """One of them does it, and this library then refuses the newer ledger."""
    from bedrock_attrib.ledger.postgres import PostgresStore  # noqa: PLC0415
    from bedrock_attrib.ledger.postgres._schema import LedgerSchema  # noqa: PLC0415

    schema = server.new_schema()
    barrier = Barrier(4)

    def migrated(_: int) -> int:
        store = PostgresStore(server.address(), schema=schema)
        begun, connect = store._begun, store._connect  # noqa: SLF001
        newer = LedgerSchema(schema, begun, lambda: "a server", LATER)
        with connect() as db:
            barrier.wait(HANG_S)
            newer.migrate(db)
            found = db.execute(f'SELECT max(number) FROM "{schema}".migrations')  # noqa: S608
            number = int(found.fetchone()[0])
        store.close()
        return number

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(migrated, range(4))) == [NEXT] * 4
    expected = f"its schema is {NEXT}, this version knows {NEXT - 1}"
    with pytest.raises(LedgerError, match=expected):
        PostgresStore(server.address(), schema=schema)


def test_an_older_file_is_not_read_without_migrating_it(path: Path) -> None:
    """The error says to open it once to write."""
    make_ledger(path)
    with connected(path) as db:
        db.execute("PRAGMA user_version = -1")
    with pytest.raises(LedgerError, match="open it once to write"):
        Ledger(path, read_only=True)


def test_an_older_schema_of_postgres_is_not_read_without_migrating_it(
    server: PostgresServer,
) -> None:
    """The error says to open it once to write."""
    from bedrock_attrib.ledger.postgres import PostgresStore  # noqa: PLC0415

    schema = server.new_schema()
    store = PostgresStore(server.address(), schema=schema)
    with store._connect() as db:  # noqa: SLF001
        db.execute(f'UPDATE "{schema}".migrations SET number = -1')  # noqa: S608
    store.close()
    with pytest.raises(LedgerError, match="open it once to write"):
        PostgresStore(server.address(), schema=schema, read_only=True)
