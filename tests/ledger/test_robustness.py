"""Whatever happens to the file or the process, calls go on and losses are counted."""

from __future__ import annotations

import io
import json
import logging
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kept_records import make_record
from waiting import HANG_S

from bedrock_attrib._runtime.sqlite_forks import FORKS
from bedrock_attrib.ledger import Ledger
from bedrock_attrib.ledger._sqlite.store import SQLiteStore

ALWAYS = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
ROOT = Path(__file__).parents[2]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork")
needs_posix = pytest.mark.skipif(os.name != "posix", reason="POSIX only")


def write(ledger: Ledger, count: int = 1, **fields: object) -> None:
    """Write some records."""
    for _ in range(count):
        ledger.write(make_record(**fields))


def calls_in(path: Path) -> tuple[int, int]:
    """How many calls a file holds, and how many its sums count; the file is whole."""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (calls,) = db.execute("SELECT count(*) FROM calls").fetchone()
        sums = db.execute("SELECT sum(calls) FROM sums GROUP BY level").fetchall()
        assert len(set(sums)) <= 1
        return calls, sums[0][0] if sums else 0


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Warnings that were logged."""
    return [
        each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING
    ]


@needs_posix
def test_a_ledger_opened_twice_keeps_its_locks(path: Path) -> None:
    """Else another process would take the file for unused, and delete its log."""
    ledger = Ledger(path, interval_s=60)
    write(ledger)
    assert ledger.flush(HANG_S)
    Ledger(path).close()
    run("import sqlite3, sys; sqlite3.connect(sys.argv[1]).close()", path)
    run(
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); "
        "db.execute('SELECT * FROM calls').fetchall(); db.close()",
        path,
    )
    assert path.with_name("calls.db-wal").exists()
    write(ledger)
    ledger.close()
    assert calls_in(path) == (2, 2)


def test_a_file_that_was_deleted_is_made_anew(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Later calls go to a new file, with names of its own."""
    ledger = Ledger(path)
    write(ledger, tags={"team": "a"})
    write(ledger, tags={"team": "b"})
    assert ledger.flush(HANG_S)
    for each in path.parent.iterdir():
        each.unlink()
    write(ledger, tags={"team": "b"})
    assert ledger.flush(HANG_S)
    with ledger.reading() as reader:
        assert [each.tags for each in reader.sums(*ALWAYS)] == [{"team": "b"}]
    assert path.stat().st_mode & 0o777 == 0o600 or os.name != "posix"
    assert ledger.dropped == 0
    assert warnings_of(caplog) == []
    ledger.close()


def test_a_folder_that_vanishes(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Records wait for the folder; failure and recovery are logged once."""
    folder = path.parent / "logs"
    folder.mkdir()
    ledger = Ledger(folder / "calls.db", interval_s=60)
    write(ledger)
    assert ledger.flush(HANG_S)
    shutil.rmtree(folder)
    for _ in range(3):
        write(ledger)
        assert not ledger.flush(10)
    folder.mkdir()
    assert ledger.flush(HANG_S)
    assert calls_in(folder / "calls.db") == (3, 3)
    first, last = warnings_of(caplog)
    assert "No such file or directory" in first
    assert last == "the ledger writes again; 0 records were lost in all"
    ledger.close()


def test_a_file_that_breaks_in_the_middle(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Losses are counted; moved away, the file is replaced."""
    ledger = Ledger(path, interval_s=60, max_pending=5)
    write(ledger, 5)
    assert ledger.flush(HANG_S)
    ledger.store.close()
    path.write_bytes(path.read_bytes()[:1000] + b"Z" * 60_000)
    write(ledger, 5)
    assert not ledger.flush(10)
    write(ledger, 3)
    assert not ledger.flush(10)
    assert ledger.dropped == 3
    path.rename(path.parent / "broken.db")
    assert ledger.flush(HANG_S)
    assert calls_in(path) == (5, 5)
    first, lost, last = warnings_of(caplog)
    assert "damaged" in first or "not a database" in first
    assert lost.startswith("the ledger has lost 3 records")
    assert last == "the ledger writes again; 3 records were lost in all"
    ledger.close()


def test_a_full_database(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that may not grow takes what fits, whole batches only."""
    ledger = Ledger(path, interval_s=60, max_pending=2000)
    write(ledger)
    assert ledger.flush(HANG_S)
    store = ledger.store
    assert isinstance(store, SQLiteStore)
    store._writer.execute("PRAGMA max_page_count = 40")  # type: ignore[union-attr] # noqa: SLF001
    write(ledger, 2000)
    assert not ledger.flush(10)
    assert calls_in(path) == (1, 1)
    assert ledger.flush(HANG_S)  # a new connection has no bound
    assert calls_in(path) == (2001, 2001)
    assert "free space on the disk" in warnings_of(caplog)[0]
    assert ledger.dropped == 0
    ledger.close()


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of 2 MB at *folder*; skips where it cannot be mounted."""
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if (
        shutil.which("mount") is None
        or subprocess.run(command, check=False, capture_output=True).returncode
    ):
        pytest.skip("a file system can be mounted by root on Linux only")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _fill(file: io.RawIOBase) -> None:
    while True:
        file.write(bytes(4096))


def test_a_full_disk(tmp_path: Path) -> None:
    """What does not fit waits until there is room; the file stays whole."""
    with small_disk(tmp_path):
        path = tmp_path / "calls.db"
        ledger = Ledger(path, interval_s=60)
        write(ledger, 100)
        assert ledger.flush(HANG_S)
        ballast = tmp_path / "ballast"
        with ballast.open("wb", 0) as file, pytest.raises(OSError, match="No space"):
            _fill(file)
        write(ledger, 3000)
        assert not ledger.flush(10)
        assert not ledger.flush(10)
        ballast.unlink()
        assert ledger.flush(HANG_S)
        ledger.close()
        assert calls_in(path) == (3100, 3100)
        assert ledger.dropped == 0


_AS_NOBODY = """
import os, sys
from bedrock_attrib import LedgerError
from bedrock_attrib.ledger import Ledger
os.seteuid(65534)
for path in sys.argv[1:]:
    try:
        Ledger(path)
    except LedgerError as error:
        print(error)
"""


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root can be another user"
)
def test_what_may_not_be_written_is_told_at_once() -> None:
    """Opening a read-only file, or one in such a folder, fails at once."""
    with tempfile.TemporaryDirectory() as name:  # a folder that others may enter
        folder, path = Path(name), Path(name, "calls.db")
        Ledger(path).close()
        path.chmod(0o444)
        folder.chmod(0o777)
        of_file = run(_AS_NOBODY, path)
        folder.chmod(0o755)
        of_folder = run(_AS_NOBODY, folder / "new.db")
    readonly = "attempt to write a readonly database; make the file and its folder"
    assert readonly in of_file
    assert "Permission denied; expected a file in a folder that exists" in of_folder


@pytest.mark.parametrize(
    "record",
    [
        make_record(duration_s=float("nan")),
        make_record(attempts=2**70),
        make_record(at=datetime(9000, 1, 1, tzinfo=UTC)),
        make_record(attempts=None),
    ],
    ids=["no duration", "countless attempts", "far future", "no attempts"],
)
def test_a_record_that_cannot_be_written_is_lost_alone(
    record: object, path: Path
) -> None:
    """Others of its batch are written, and it is counted."""
    ledger = Ledger(path, interval_s=60)
    write(ledger, 3)
    ledger.write(record)  # type: ignore[arg-type] # on purpose
    write(ledger, 3)
    assert ledger.flush(HANG_S)
    assert ledger.dropped == 1
    ledger.close()
    assert calls_in(path) == (6, 6)


@pytest.mark.parametrize(
    "fields",
    [
        {"tags": {"team": "größer"}, "error": "Ähem"},
        {"request_id": "sixteen letters!"},
        {"request_id": "\x00seventeen letters"},
        {"id": "ABCDEFABCDEFABCDEFABCDEFABCDEFAB"},
        {"id": "abcdefabcdefabcdefab +1_00000000"},
    ],
    ids=str,
)
def test_odd_texts_come_back_as_they_were(
    fields: dict[str, object], path: Path
) -> None:
    """Text that resembles a UUID or a number of ours is stored as it is."""
    record = make_record(**fields)
    ledger = Ledger(path, interval_s=60)
    ledger.write(record)
    assert ledger.flush(HANG_S)
    with ledger.reading() as reader:
        assert list(reader.calls(*ALWAYS)) == [record]
    ledger.close()


def test_a_clock_that_stands_still(path: Path) -> None:
    """As many calls of one moment as there are find a place."""
    ledger = Ledger(path, interval_s=60)
    write(ledger, 3000)
    assert ledger.flush(HANG_S)
    write(ledger, 3000)
    assert ledger.flush(HANG_S)
    ledger.close()
    assert calls_in(path) == (6000, 6000)


def test_threads_that_flush_and_forget_at_once(path: Path) -> None:
    """Writers, flushes and retention of one ledger do not come into each other."""
    ledger = Ledger(path, interval_s=0.001)
    faults: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for _ in range(20):
                write(ledger, 10)
                if number % 2:
                    ledger.flush(HANG_S)
                else:
                    ledger.prune(calls_before=datetime(2026, 1, 1, tzinfo=UTC))
                with ledger.reading() as reader:
                    reader.sums(*ALWAYS)
        except BaseException as error:  # noqa: BLE001 -- shown below
            faults.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    ledger.close()
    assert faults == []
    assert ledger.dropped == 0
    assert calls_in(path) == (800, 800)


def test_a_relative_path_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that goes elsewhere writes on to the same file."""
    monkeypatch.chdir(tmp_path)
    ledger = Ledger("calls.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    write(ledger)
    ledger.close()
    assert calls_in(tmp_path / "calls.db") == (1, 1)


def run(code: str, *arguments: object) -> str:
    """Run *code* in a new interpreter that knows the fixtures' records."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "tests" / "support")},
        timeout=HANG_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


_OPEN = """
import os, sys, threading, time
from kept_records import make_record
from bedrock_attrib.ledger import Ledger
path = sys.argv[1]
ledger = Ledger(path, interval_s=60)
def write(count):
    for _ in range(count):
        ledger.write(make_record())
"""


def test_what_is_pending_is_written_when_python_exits(path: Path) -> None:
    """A ledger that was not closed is flushed."""
    run(f"{_OPEN}write(5)", path)
    assert calls_in(path) == (5, 5)


@needs_posix
def test_what_was_flushed_survives_a_hard_exit(path: Path) -> None:
    """After `os._exit` all is there but what was pending."""
    run(f"{_OPEN}write(5); ledger.flush(600); write(1); os._exit(0)", path)
    assert calls_in(path) == (5, 5)


@needs_fork
def test_parent_and_child_go_on(path: Path) -> None:
    """Both write after a fork, and each holds locks of its own on the file."""
    locks = run(
        f"""{_OPEN}
write(5)
assert ledger.flush(600)
pid = os.fork()
write(7)
assert ledger.flush(600)
if pid == 0:
    inode = f":{{os.stat(path).st_ino}} "
    held = open("/proc/locks").read() if os.path.exists("/proc/locks") else ""
    mine = [each for each in held.splitlines() if f" {{os.getpid()}} " in each]
    print(any(inode in each for each in mine) or not held, flush=True)
    ledger.close()
    os._exit(0)
os.waitpid(pid, 0)
write(2)
""",
        path,
    )
    assert locks == "True\n"
    assert calls_in(path) == (21, 21)


@needs_fork
@pytest.mark.slow
def test_forks_while_threads_write(path: Path) -> None:
    """No child hangs, and no call of parent or children is lost or doubled."""
    run(
        f"""{_OPEN}
ledger.close()
ledger = Ledger(path, interval_s=0.001)
is_over = False
def keep_on():
    while not is_over:
        write(50); ledger.flush(600); time.sleep(0.001)
        counts.append(50)
counts = []
threads = [threading.Thread(target=keep_on) for _ in range(2)]
for each in threads: each.start()
for _ in range(20):
    pid = os.fork()
    if pid == 0:
        write(3)
        os._exit(0 if ledger.flush(20) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
is_over = True
for each in threads: each.join()
ledger.close()
assert ledger.dropped == 0
open(path + ".count", "w").write(str(sum(counts) + 60))
""",
        path,
    )
    expected = int(Path(f"{path}.count").read_text("ascii"))
    assert calls_in(path) == (expected, expected)


@needs_fork
def test_a_child_that_was_forked_within_a_report(path: Path) -> None:
    """It says so rather than use what it inherited; the parent is not disturbed."""
    told = run(
        f"""{_OPEN}
write(5)
assert ledger.flush(600)
with ledger.reading() as reader:
    pid = os.fork()
    if pid == 0:
        write(1)
        print(ledger.flush(600), flush=True)
        ledger.close()
        print(ledger.dropped, flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
    print(reader.count_calls())
write(1)
""",
        path,
    )
    assert told == "False\n1\n5\n"
    assert calls_in(path) == (6, 6)


_SPAWNED = f"{_OPEN}write(int(sys.argv[2])); ledger.close(); print(ledger.dropped)"


@pytest.mark.slow
def test_processes_that_start_at_once(path: Path) -> None:
    """They make the file together, and all write to it."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests" / "support")}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _SPAWNED, path, "300"],
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        for _ in range(6)
    ]
    outputs = [process.communicate(timeout=HANG_S)[0] for process in processes]
    assert outputs == ["0\n"] * 6
    assert calls_in(path) == (1800, 1800)


@needs_fork
@pytest.mark.slow
def test_killed_writers_leave_a_sound_file() -> None:
    """Some of the rounds of `benchmarks/kill_ledger.py`, with a seed of the day."""
    seed = str(random.SystemRandom().randrange(10**6))
    script = ROOT / "benchmarks" / "kill_ledger.py"
    command = [sys.executable, script, "--rounds", "4", "--seed", seed]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=HANG_S
    )
    assert done.returncode == 0, f"--seed {seed}: {done.stderr}"
    assert json.loads(done.stdout)["kills"] == 16


def test_nothing_is_held_of_a_ledger_that_was_closed(path: Path) -> None:
    """Opening, reading and closing many times leaves no file open."""
    files = Path("/proc/self/fd")
    if not files.exists():
        pytest.skip("counts open files in /proc")
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 0
    Ledger(path).close()
    before = len(list(files.iterdir()))
    for _ in range(20):
        ledger = Ledger(path)
        write(ledger)
        ledger.flush(HANG_S)
        with ledger.reading() as reader:
            list(reader.totals(*ALWAYS, {}))
        ledger.close()
    assert len(list(files.iterdir())) == before
    assert FORKS.inherited == set()
