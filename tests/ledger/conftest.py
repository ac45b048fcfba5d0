"""Fixtures: empty ledgers in a SQLite file and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import postgres_server
import pytest
from waiting import HANG_S

from bedrock_attrib import CallRecord
from bedrock_attrib.ledger import Ledger
from bedrock_attrib.ledger._sqlite.store import SQLiteStore
from bedrock_attrib.ledger._store import Store

Place = Callable[[], Store]


@pytest.fixture(scope="session")
def server() -> Iterator[postgres_server.PostgresServer]:
    """A PostgreSQL of our own; without it the test is skipped."""
    pytest.importorskip("psycopg", reason="the extra postgres is not installed")
    if reason := postgres_server.why_not():
        pytest.skip(reason)
    server = postgres_server.PostgresServer()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def new_place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Place]:
    """Return, at each call, how to open another empty store."""
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp
        return lambda: partial(SQLiteStore, folder("ledger") / "calls.db")
    server = request.getfixturevalue("server")
    from bedrock_attrib.ledger.postgres import PostgresStore  # noqa: PLC0415

    return lambda: partial(PostgresStore, server.address(), schema=server.new_schema())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a SQLite file may be."""
    return tmp_path / "calls.db"


@pytest.fixture
def place(new_place: Callable[[], Place]) -> Place:
    """Opens the same new store each time."""
    return new_place()


@pytest.fixture
def keep(place: Place) -> Iterator[Callable[..., Ledger]]:
    """Writes records to a new ledger, which then has nothing pending."""
    ledgers: list[Ledger] = []

    def write(*records: CallRecord) -> Ledger:
        ledger = Ledger(place())
        ledgers.append(ledger)
        for record in records:
            ledger.write(record)
        assert ledger.flush(HANG_S)
        return ledger

    yield write
    for each in ledgers:
        each.close()
