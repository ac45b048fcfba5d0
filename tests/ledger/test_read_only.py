"""Who only reads a ledger needs no right to write, and leaves no trace."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kept_records import make_record
from waiting import HANG_S

from bedrock_attrib import LedgerError, Unit, Usage
from bedrock_attrib.ledger import Ledger, check_ledger, open_ledger
from bedrock_attrib.ledger._store import Store

ALWAYS = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
Place = Callable[[], Store]


def keep(path: Path, count: int = 1) -> None:
    """Write calls of one hour, and close the file."""
    with closing(Ledger(path, interval_s=60)) as ledger:
        for _ in range(count):
            ledger.write(make_record())


def counted(path: Path | str) -> tuple[int, int]:
    """Single calls, and calls in the sums, as a reader sees them."""
    with (
        closing(open_ledger(path, read_only=True)) as ledger,
        ledger.reading() as reader,
    ):
        sums = reader.sums(*ALWAYS)
        return reader.count_calls(), sum(each.calls for each in sums)


def names(folder: Path) -> list[str]:
    """What lies in *folder*."""
    return sorted(each.name for each in folder.iterdir())


def test_reading_leaves_no_trace(path: Path) -> None:
    """The file stays as it was to the byte, and nothing is left beside it."""
    keep(path, 3)
    before = path.read_bytes(), path.stat().st_mtime_ns
    assert counted(path) == (3, 3)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert names(path.parent) == ["calls.db"]


def test_a_file_that_is_locked_is_read(path: Path) -> None:
    """A process that holds the write lock is not waited for."""
    keep(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("DELETE FROM calls")
        assert counted(path) == (1, 1)
        assert check_ledger(path) == []


def test_a_ledger_that_is_written_is_read(path: Path) -> None:
    """What was committed and lies in the log is seen; the log stays."""
    with closing(Ledger(path, interval_s=60)) as ledger:
        ledger.write(make_record())
        assert ledger.flush(HANG_S)
        assert counted(path) == (1, 1)
        ledger.write(make_record())
        assert ledger.flush(HANG_S)
        assert counted(path) == (2, 2)
        assert names(path.parent) == ["calls.db", "calls.db-shm", "calls.db-wal"]


def test_who_closes_last_leaves_nothing_beside_the_file(path: Path) -> None:
    """What the last writer left in the log for a reader's sake is put into the file."""
    ledger = Ledger(path, interval_s=60)
    ledger.write(make_record())
    assert ledger.flush(HANG_S)
    with (
        closing(Ledger(path, read_only=True)) as reading,
        reading.reading() as reader,
    ):
        ledger.write(make_record())
        ledger.close()
        assert reader.count_calls() == 1
    assert names(path.parent) == ["calls.db"]
    assert counted(path) == (2, 2)


def test_what_is_missing_is_not_made(tmp_path: Path) -> None:
    """The error says how to get a ledger."""
    for name in ("calls.db", "no/calls.db"):
        with pytest.raises(LedgerError, match=r"there is no ledger .*calls\.db"):
            Ledger(tmp_path / name, read_only=True)
    assert names(tmp_path) == []


def test_a_folder_is_no_ledger(tmp_path: Path) -> None:
    """It was named by mistake."""
    with pytest.raises(LedgerError, match="is a folder: name the file of a ledger"):
        Ledger(tmp_path, read_only=True)


def test_a_newer_file_is_refused(path: Path) -> None:
    """It may mean something else by the same words."""
    keep(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    for ask in (open_read_only, check_ledger):
        with pytest.raises(LedgerError, match=r"newer version .*schema is 99"):
            ask(path)


def open_read_only(path: Path) -> None:
    """Open and close it."""
    open_ledger(path, read_only=True).close()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty: no ledger was written to it yet"),
        (b"no database at all" * 400, "this is no ledger: name another file"),
    ],
)
def test_what_is_no_ledger_is_told(path: Path, content: bytes, message: str) -> None:
    """It is left as it is."""
    path.write_bytes(content)
    with pytest.raises(LedgerError, match=message):
        Ledger(path, read_only=True)
    assert path.read_bytes() == content
    assert names(path.parent) == ["calls.db"]


def test_a_file_of_something_else_is_told(path: Path) -> None:
    """Its first table says what it is."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE customers (name)")
    with pytest.raises(LedgerError, match="something else \\(it has 'customers'\\)"):
        Ledger(path, read_only=True)


def test_a_ledger_that_is_only_read_is_not_written(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither records nor retention change it; records are lost and counted."""
    keep(path)
    ledger = Ledger(path, read_only=True, interval_s=60)
    ledger.write(make_record())
    assert not ledger.flush(1)
    for change in (ledger.compact, lambda: ledger.prune(calls_before=ALWAYS[1])):
        with pytest.raises(LedgerError, match="was opened to be read only"):
            change()
    ledger.close()
    assert ledger.dropped == 1
    assert "was opened to be read only" in caplog.text
    assert counted(path) == (1, 1)


_AS_NOBODY = """
import os, sys, time
from datetime import UTC, datetime
from bedrock_attrib import LedgerError
from bedrock_attrib.ledger import open_ledger
os.setgid(65534)
os.setuid(65534)
try:
    with open_ledger(sys.argv[1], read_only=True).reading() as reader:
        sums = reader.sums(datetime(2020, 1, 1, tzinfo=UTC),
                           datetime(2100, 1, 1, tzinfo=UTC))
        print(reader.count_calls(), sum(each.calls for each in sums), flush=True)
        sys.stdin.readline()
        print(reader.count_calls())
except LedgerError as error:
    print(error)
"""
as_nobody = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root can be another user"
)


@pytest.fixture
def shared() -> Iterator[Path]:
    """A ledger of root's with a call, in a folder that others may enter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        keep(folder / "calls.db")
        (folder / "calls.db").chmod(0o644)
        yield folder / "calls.db"


def read_as_nobody(
    path: Path, meanwhile: Callable[[], None] = lambda: None, program: str = _AS_NOBODY
) -> str:
    """Return what another user reads, with an action between two queries."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        first = process.stdout.readline()
        meanwhile()
        rest, _ = process.communicate("\n", timeout=HANG_S)
    assert process.returncode == 0
    return first + rest


@as_nobody
@pytest.mark.parametrize("mode", [0o755, 0o777])
def test_a_file_that_one_may_only_read(shared: Path, mode: int) -> None:
    """Nothing is made beside it, where that could be, as its owner could not use it."""
    shared.parent.chmod(mode)
    assert read_as_nobody(shared) == "1 1\n1\n"
    assert names(shared.parent) == ["calls.db"]


@as_nobody
def test_a_file_that_one_may_only_read_while_it_is_written(shared: Path) -> None:
    """The reader sees what is in the log, and stays with its moment."""
    with closing(Ledger(shared, interval_s=60)) as ledger:
        ledger.write(make_record())
        assert ledger.flush(HANG_S)

        def write_more() -> None:
            ledger.write(make_record())
            assert ledger.flush(HANG_S)

        assert read_as_nobody(shared, write_more) == "2 2\n2\n"


@as_nobody
def test_a_file_that_changes_under_a_reader_without_locks(shared: Path) -> None:
    """The error says to read it again."""
    told = read_as_nobody(shared, lambda: keep(shared))
    assert told.startswith("1 1\n")
    assert told.endswith("was written while it was read: read it again\n")
    assert read_as_nobody(shared) == "2 2\n2\n"


@as_nobody
def test_a_file_that_is_taken_away_under_a_reader_without_locks(shared: Path) -> None:
    """It counts as written."""
    told = read_as_nobody(shared, shared.unlink)
    assert told.startswith("1 1\n")
    assert told.endswith("was written while it was read: read it again\n")


_NOT_READ_YET = """
import os, sys
from datetime import UTC, datetime
from decimal import Decimal
from bedrock_attrib import LedgerError
from bedrock_attrib.ledger import Ledger
span = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
with Ledger(sys.argv[1]).reading() as reader:
    reader.sums(*span)  # so that all is imported that nobody may not read
os.setgid(65534)
os.setuid(65534)
try:
    with Ledger(sys.argv[1], read_only=True).reading() as reader:
        print(reader.count_calls(), flush=True)
        sys.stdin.readline()
        print(reader.sums(*span))
except LedgerError as error:
    print(error)
"""


@as_nobody
def test_what_makes_no_sense_as_it_was_written_meanwhile(shared: Path) -> None:
    """The error says so, whatever was read."""
    with closing(Ledger(shared, interval_s=60)) as ledger:
        ledger.write(make_record(Usage({Unit.SEARCH_UNIT: 1})))

    def spoil() -> None:
        with closing(sqlite3.connect(shared)) as db, db:
            db.execute("UPDATE other_sums SET total = 'many'")

    told = read_as_nobody(shared, spoil, _NOT_READ_YET)
    assert told.startswith("2\n")
    assert told.endswith("was written while it was read: read it again\n")


_CHECKED = """
import os, sys
from contextlib import contextmanager
from bedrock_attrib import LedgerError
from bedrock_attrib.ledger import Ledger, check_ledger

class Written:
    def __init__(self, store):
        self.store = store

    @contextmanager
    def snapshot(self):
        with self.store.snapshot() as found:
            yield found
            os.seteuid(0)
            os.utime(sys.argv[1])
            os.seteuid(65534)

    def close(self):
        self.store.close()

check_ledger(sys.argv[1])  # so that all is imported that nobody may not read
os.setegid(65534)
os.seteuid(65534)
try:
    print(check_ledger(Ledger(Written(Ledger(sys.argv[1], read_only=True).store))))
except LedgerError as error:
    print(error)
"""


@as_nobody
def test_a_file_that_is_written_while_it_is_checked_is_not_damaged(
    shared: Path,
) -> None:
    """What was found would be of two moments, so that nothing is said of it."""
    told = read_as_nobody(shared, program=_CHECKED)
    assert told == f"{shared} was written while it was read: read it again\n"


@as_nobody
def test_a_folder_that_may_not_be_entered(shared: Path) -> None:
    """It is reported like any other problem of a ledger."""
    shared.parent.chmod(0o700)
    told = f"cannot open {shared} as a ledger: Permission denied; expected a file in"
    assert read_as_nobody(shared).startswith(told)


_KILLED = """
import os, sys
from kept_records import make_record
from bedrock_attrib.ledger import Ledger
ledger = Ledger(sys.argv[1], interval_s=60)
ledger.write(make_record())
assert ledger.flush(600)
os._exit(0)
"""


def write_and_be_killed(path: Path) -> None:
    """Write a call in a process that leaves the log and the memory beside the file."""
    subprocess.run(
        [sys.executable, "-c", _KILLED, path],
        check=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "support")},
    )


@as_nobody
def test_what_a_killed_process_left_is_read(shared: Path) -> None:
    """Its log is read by others too; only a user who may write removes it."""
    write_and_be_killed(shared)
    assert read_as_nobody(shared) == "2 2\n2\n"
    shared.with_name("calls.db-shm").unlink()
    assert "bedrock-attrib ledger check" in read_as_nobody(shared)
    assert check_ledger(shared) == []
    assert read_as_nobody(shared) == "2 2\n2\n"


@as_nobody
def test_a_reader_waits_for_who_is_opening_the_file(shared: Path) -> None:
    """What he shares with others is not ready yet, and he may not make it so."""
    with closing(sqlite3.connect(shared, check_same_thread=False)) as db:
        count = "SELECT count(*) FROM calls"
        assert db.execute(count).fetchone() == (1,)
        # (In this process it would release all locks that are held on it.)
        spoil = "import sys; open(sys.argv[1], 'r+b').write(bytes(136))"
        memory = shared.with_name("calls.db-shm")
        subprocess.run([sys.executable, "-c", spoil, memory], check=True)
        opening = threading.Timer(1, lambda: db.execute(count).fetchone())
        opening.start()
        assert read_as_nobody(shared) == "1 1\n1\n"
        opening.join()
