"""The SQLite store: its file, forks, and what is no store."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from budget_spenders import JUNE, LONG_S, change

from bedrock_attrib.budgets.stores import AccountState, StoreError
from bedrock_attrib.budgets.stores.sqlite import SQLiteBudgetStore
from bedrock_attrib.ledger import Ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store may be."""
    return tmp_path / "budgets.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteBudgetStore]:
    """A store that is used."""
    store = SQLiteBudgetStore(path)
    store.exchange("a", 1, [change(spent=1, hold=2)], LONG_S)
    yield store
    store.close()


def test_only_the_owner_may_read(store: SQLiteBudgetStore, path: Path) -> None:
    """The file and those beside it are private."""
    modes = {
        each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()
    }
    names = ["budgets.db", "budgets.db-shm", "budgets.db-wal"]
    assert modes == dict.fromkeys(names, 0o600)


def in_child(run: Callable[[], None]) -> int:
    """Exit code of a forked child that does *run*."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            run()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork(store: SQLiteBudgetStore) -> None:
    """Parent and child go on, each with a connection of its own."""

    def spend() -> None:
        store.exchange("child", 1, [change(spent=10)], LONG_S)

    assert in_child(spend) == 0
    store.exchange("a", 2, [change(spent=100)], LONG_S)
    assert store.read([("day|ada", JUNE)]) == [AccountState(spent=111)]


def test_a_lock_is_waited_for_no_longer_than_asked(
    store: SQLiteBudgetStore, path: Path
) -> None:
    """Another process that writes for long costs the stated time, and an error."""
    hasty = SQLiteBudgetStore(path, timeout_s=0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"locked for more than 0\.05 s"):
            hasty.exchange("b", 1, [change(hold=1)], LONG_S)
        assert hasty.read([("day|ada", JUNE)]) == [AccountState(spent=1, held=2)]
    assert hasty.exchange("b", 1, [change(hold=1)], LONG_S).is_granted
    hasty.close()


def test_a_file_that_was_moved_away(store: SQLiteBudgetStore, path: Path) -> None:
    """A new file is begun in its place."""
    path.rename(path.with_suffix(".old"))
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink()
    assert store.read([("day|ada", JUNE)]) == [AccountState()]
    assert store.exchange("a", 2, [change(spent=5)], LONG_S).is_granted
    assert store.accounts() == ["day|ada"]


def test_a_missing_folder(tmp_path: Path) -> None:
    """The error says what was expected, and the store works when it is there."""
    store = SQLiteBudgetStore(tmp_path / "none" / "budgets.db")
    with pytest.raises(StoreError, match="expected a file in a folder that exists"):
        store.read([])
    (tmp_path / "none").mkdir()
    assert store.read([]) == []
    store.close()


def test_a_name_that_no_file_has() -> None:
    """A zero byte is an error of the store."""
    with pytest.raises(StoreError, match="null"):
        SQLiteBudgetStore("bad\0name").read([])


def test_a_ledger_is_no_store(path: Path) -> None:
    """A file of something else is left alone."""
    Ledger(path).close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="is a SQLite file of something else"):
        SQLiteBudgetStore(path).read([])
    assert path.read_bytes() == before


def test_a_damaged_file(path: Path) -> None:
    """What is no database is an error of the store."""
    path.write_bytes(b"no database at all, but long enough to be one" * 30)
    with pytest.raises(StoreError, match="not a database"):
        SQLiteBudgetStore(path).read([])


def test_a_newer_file_is_refused(store: SQLiteBudgetStore, path: Path) -> None:
    """An older library does not touch what it does not know."""
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match=r"newer version.*schema is 99"):
        store.read([])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_while_the_file_is_used(store: SQLiteBudgetStore) -> None:
    """A child whose parent had the file open is refused, rather than harmful."""

    def spend() -> None:
        with pytest.raises(StoreError, match="forked while its parent used the file"):
            store.exchange("child", 1, [change(spent=10)], LONG_S)

    with store._transaction():  # noqa: SLF001 -- as a thread that writes for long
        assert in_child(spend) == 0
    assert store.read([("day|ada", JUNE)]) == [AccountState(spent=1, held=2)]


def test_a_thread_that_writes_for_long(store: SQLiteBudgetStore, path: Path) -> None:
    """Other threads wait no longer than asked, and closing does not wait for it."""
    hasty = SQLiteBudgetStore(path, timeout_s=0.05)
    with hasty._transaction():  # noqa: SLF001 -- as another thread does
        with pytest.raises(StoreError, match="locked for more than"):
            hasty.read([])
        hasty.close()
    assert hasty.read([]) == []
    hasty.close()


def rows(path: Path, table: str) -> int:
    """Number of rows of a table."""
    with closing(sqlite3.connect(path)) as db:
        (count,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
        return int(count)


def test_nothing_stays_for_ever(path: Path) -> None:
    """Holders are forgotten after a day, accounts without exchanges after 45 days."""
    now = [time.time()]
    store = SQLiteBudgetStore(path, clock=lambda: now[0])
    today = int(now[0])
    for number in range(20):
        some = [change(f"day|{number}", spent=1, bucket=today, first=today)]
        store.exchange(f"call {number}", 1, some, 60)
    total = change("total", spent=1, bucket=0, first=0)
    store.exchange("call", 1, [total], 60)
    assert (rows(path, "holders"), rows(path, "accounts")) == (21, 21)
    now[0] += 61  # their leases end
    store.exchange("process", 1, [], 60)
    now[0] += 86_400
    store.exchange("process", 2, [], 60)
    assert rows(path, "holders") == 1
    now[0] += 60 * 86_400
    store.exchange("process", 3, [], 60)
    assert store.accounts() == ["total"]
    assert rows(path, "buckets") == 1
    store.close()
