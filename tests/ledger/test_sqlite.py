"""The SQLite file of a ledger: whose it is, and what becomes of one that is not."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kept_records import make_record
from waiting import HANG_S

from bedrock_attrib import LedgerError
from bedrock_attrib.ledger import Ledger
from bedrock_attrib.ledger._sqlite.store import SQLiteStore

ALWAYS = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a ledger may be."""
    return tmp_path / "calls.db"


def test_only_the_owner_may_read(path: Path) -> None:
    """The file and those beside it are private."""
    ledger = Ledger(path)
    ledger.write(make_record())
    assert ledger.flush(HANG_S)
    modes = {
        each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()
    }
    assert modes == {"calls.db": 0o600, "calls.db-shm": 0o600, "calls.db-wal": 0o600}
    ledger.close()


def test_a_newer_file_is_refused(path: Path) -> None:
    """An older library does not touch what it does not know."""
    Ledger(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match=r"newer version.*schema is 99"):
        Ledger(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no database at all, but long enough to be one" * 30, "not a database"),
        (b"SQLite format 3\x00" + bytes(200), "file"),
    ],
)
def test_a_broken_file_is_told_at_once(
    path: Path, content: bytes, message: str
) -> None:
    """Opening says what is wrong, and leaves the file alone."""
    path.write_bytes(content)
    with pytest.raises(LedgerError, match=message):
        Ledger(path)
    assert path.read_bytes() == content


def test_a_stranger_is_left_alone(path: Path) -> None:
    """A SQLite file of something else is not written to."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("CREATE TABLE customers (name TEXT)")
    with pytest.raises(LedgerError, match="something else \\(it has 'customers'\\)"):
        Ledger(path)


def test_a_folder_that_is_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Records wait until the folder is there; the log names the path, once."""
    path = tmp_path / "later" / "calls.db"
    ledger = Ledger(path)
    ledger.write(make_record())
    assert not ledger.flush(10)
    path.parent.mkdir()
    assert ledger.flush(HANG_S)
    with ledger.reading() as reader:
        assert [each.calls for each in reader.sums(*ALWAYS)] == [1]
    ledger.close()
    assert caplog.text.count(str(path.parent)) == 1


def test_a_locked_file_is_tried_again(path: Path) -> None:
    """Records wait while another process holds the file, and are then written."""
    ledger = Ledger(SQLiteStore(path, busy_timeout_s=0.05))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        ledger.write(make_record())
        assert not ledger.flush(10)
        db.execute("ROLLBACK")
    assert ledger.flush(HANG_S)
    with ledger.reading() as reader:
        assert [each.calls for each in reader.sums(*ALWAYS)] == [1]
    assert ledger.dropped == 0
    ledger.close()


def test_what_cannot_be_written_is_counted(path: Path) -> None:
    """Beyond its bound a ledger that cannot write loses records, and says how many."""
    ledger = Ledger(SQLiteStore(path, busy_timeout_s=0.05), max_pending=10)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            for _ in range(6):
                ledger.write(make_record())
            assert not ledger.flush(10)
        db.execute("ROLLBACK")
    ledger.close()
    assert ledger.dropped == 8
    again = Ledger(path)
    with again.reading() as reader:
        assert [each.calls for each in reader.sums(*ALWAYS)] == [10]
    again.close()


@pytest.mark.parametrize("first_call", [1750, 2026], ids=["sparse", "empty"])
def test_a_span_of_centuries_with_many_tag_sets(path: Path, first_call: int) -> None:
    """Months without calls cost nothing, nor do tag sets that are not in a month.

    If each set were looked for in each of 3,300 months, this would take an hour.
    """
    start, now = datetime(1750, 1, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)
    with closing(Ledger(path, interval_s=60)) as ledger:
        for at in (datetime(first_call, 1, 1, tzinfo=UTC), now):
            ledger.write(make_record(at=at))
        assert ledger.flush(HANG_S)
        with closing(sqlite3.connect(path)) as db, db:
            db.executemany(
                "INSERT INTO tag_sets (tags) VALUES (?)",
                ((f'{{"team": "t{n}"}}',) for n in range(60_000)),
            )
        with ledger.reading() as reader:
            sums = reader.sums(start, now, tag_names=["team"])
    assert [(each.tags, each.calls) for each in sums] == [({"team": "search"}, 1)]
