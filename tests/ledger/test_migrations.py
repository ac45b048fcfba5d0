"""Ledgers of older libraries: brought up to date, whole, by whoever comes first."""

from __future__ import annotations

import multiprocessing
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kept_records import NOON, make_record
from old_ledgers import (
    CALL_1,
    KEY_1,
    ROWS_1,
    SCHEMA_1,
    make_ledger_1,
    open_and_write,
)
from postgres_server import PostgresServer
from waiting import HANG_S

from bedrock_attrib import CallRecord, LedgerError
from bedrock_attrib.ledger import Ledger, check_ledger
from bedrock_attrib.ledger._schema import MIGRATIONS

ALWAYS = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
LATER = NOON + timedelta(seconds=1)
HASH = "0123456789abcdef" * 2


def told(record: CallRecord) -> tuple[object, ...]:
    """What is told apart here of a call."""
    return (
        record.id,
        record.started_at,
        dict(record.tags),
        dict(record.usage or {}),
        record.price_reason,
        record.request_id,
        record.request_hash,
    )


OLD = (
    f"{'ab' * 10}000000000007",
    NOON,
    {"team": "search"},
    {"input_token": 100, "output_token": 50},
    "the model is not known",
    "REQ/1",
    None,
)


def test_what_old_ledgers_are_made_of_is_what_libraries_made() -> None:
    """The first migration is never changed, as files are out there."""
    made = ["".join(each.split()) for each in MIGRATIONS[0].statements]
    assert made == ["".join(each.split()) for each in SCHEMA_1]


def test_an_older_file_is_brought_up_to_date(path: Path) -> None:
    """What is in it is still there, and what it could not hold now can be kept."""
    make_ledger_1(path)
    ledger = Ledger(path)
    ledger.write(make_record(at=LATER, request_hash=HASH))
    assert ledger.flush(HANG_S)
    with ledger.reading() as reader:
        old, new = reader.calls(*ALWAYS)
        assert sum(each.calls for each in reader.sums(*ALWAYS)) == 2
    assert (told(old), new.request_hash) == (OLD, HASH)
    assert check_ledger(ledger) == []
    ledger.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (3,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_an_older_library_goes_on_with_a_file_it_has_open(path: Path) -> None:
    """It names its columns, so that one more is not in its way."""
    make_ledger_1(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.execute("SELECT count(*) FROM calls").fetchone()
        Ledger(path).close()
        old.execute(CALL_1, (KEY_1 + 1, b"REQ/2"))
    ledger = Ledger(path)
    with ledger.reading() as reader:
        assert [each.request_hash for each in reader.calls(*ALWAYS)] == [None, None]
    ledger.close()


def test_a_migration_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    """It is all or nothing: what stops it half-way is told, and nothing is lost."""
    make_ledger_1(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("ALTER TABLE calls ADD COLUMN request_hash BLOB")  # not by us
    with pytest.raises(LedgerError, match="duplicate column"):
        Ledger(path)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM calls").fetchone() == (1,)


def test_several_processes_migrate_at_once(path: Path) -> None:
    """One of them does it, the others go on with what it made."""
    make_ledger_1(path)
    spawning = multiprocessing.get_context("spawn")
    barrier = spawning.Barrier(3)
    processes = [
        spawning.Process(
            target=open_and_write, args=(path, barrier, f"of-{number}", HASH)
        )
        for number in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(HANG_S)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    ledger = Ledger(path)
    with ledger.reading() as reader:
        found = [each.request_hash for each in reader.calls(*ALWAYS)]
    assert found == [None, HASH, HASH, HASH]
    ledger.close()


def make_postgres_1(server: PostgresServer, schema: str) -> None:
    """A schema of a PostgreSQL database as the library before left it."""
    import psycopg  # noqa: PLC0415 -- an extra, there where the server is

    from bedrock_attrib.ledger.postgres._tables import _WORDS  # noqa: PLC0415

    with psycopg.connect(server.address(), autocommit=True) as db:
        db.execute(f'CREATE SCHEMA "{schema}"')
        db.execute(f'SET search_path TO "{schema}"')
        db.execute(
            "CREATE TABLE migrations (number bigint PRIMARY KEY, "
            "about text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
        )
        db.execute("INSERT INTO migrations (number, about) VALUES (1, 'calls')")
        for statement in SCHEMA_1:
            db.execute(statement.format(**_WORDS))
        for sql, values in ROWS_1:
            db.execute(sql.replace("?", "%s"), values)


def test_postgres(server: PostgresServer) -> None:
    """The same in PostgreSQL, by four threads at once."""
    from bedrock_attrib.ledger.postgres import PostgresStore  # noqa: PLC0415

    schema = server.new_schema()
    make_postgres_1(server, schema)
    address = server.address()
    with ThreadPoolExecutor(4) as pool:
        opened = [pool.submit(PostgresStore, address, schema=schema) for _ in range(4)]
        stores = [each.result() for each in opened]
    for store in stores:
        ledger = Ledger(store)
        ledger.write(make_record(at=LATER, request_hash=HASH))
        assert ledger.flush(HANG_S)
    ledger = Ledger(stores[0])
    with ledger.reading() as reader:
        old, *new = reader.calls(*ALWAYS)
    assert (told(old), [each.request_hash for each in new]) == (OLD, [HASH] * 4)
    assert check_ledger(ledger) == []
    for store in stores:
        store.close()
