"""The commands ``ledger``, and others that only read one, as users run them."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from waiting import HANG_S

pytest.importorskip("click", reason="needs the extra cli")

from clicking import command_runner
from kept_records import NOON, make_record

from bedrock_attrib import Ledger
from bedrock_attrib.cli import commands

Run = Callable[..., CompletedProcess[str]]
READING = (
    ("report",),
    ("report", "unattributed"),
    ("report", "unpriced"),
    ("analyze", "compare", "team"),
    ("analyze", "forecast", "--until", "2026-11-25"),
    ("analyze", "anomalies"),
    ("analyze", "savings"),
    ("analyze", "what-if", "--model", "us.amazon.nova-lite-v1:0"),
    ("report", "--format", "html"),
    ("watch", "--count", "1"),
    ("ledger", "info"),
    ("ledger", "check"),
    ("doctor",),
)


def run_here(*arguments: str) -> CompletedProcess[str]:
    """Run ``bedrock-attrib`` in this process."""
    done = command_runner().invoke(commands, arguments)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger with calls of two teams."""
    path = tmp_path / "ledger" / "calls.db"
    path.parent.mkdir()
    with closing(Ledger(path)) as kept:
        for team in ("search", "ads"):
            kept.write(make_record(tags={"team": team}))
    return path


def names(folder: Path) -> list[str]:
    """What lies in *folder*."""
    return sorted(each.name for each in folder.iterdir())


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_who_reads_waits_for_nobody(command: tuple[str, ...], path: Path) -> None:
    """A process that holds the write lock is not in the way, and nothing is changed."""
    before = path.read_bytes()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        done = run_here(*command, "--ledger", str(path))
    assert (done.returncode, path.read_bytes()) == (0, before)
    assert names(path.parent) == ["calls.db"]


_AS_NOBODY = """
import os, sys
from bedrock_attrib.cli import commands

def run():
    for command in sys.argv[2:]:
        try:
            commands([*command.split(" "), "--ledger", sys.argv[1]], "bedrock-attrib")
        except SystemExit as done:
            yield f"{done.code} {command}"

list(run())  # so that all is imported: nobody may not read root's Python, perhaps
os.setgid(65534)
os.setuid(65534)
print("as nobody", *run(), sep="\\n", file=sys.stderr, flush=True)
os._exit(0)  # coverage would write a file, and may not either
"""


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root can be another user"
)
def test_who_reads_needs_no_right_to_write() -> None:
    """A report is made by whoever may read the file, in a folder that is root's."""
    commands = [" ".join(each) for each in READING if each != ("doctor",)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with closing(Ledger(folder / "calls.db")) as kept:
            kept.write(make_record())
            kept.write(make_record(tags={"team": "ads"}))
        folder.chmod(0o755)
        (folder / "calls.db").chmod(0o644)
        done = subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, folder / "calls.db", *commands],
            capture_output=True,
            check=True,
            cwd=folder,
            text=True,
            timeout=HANG_S,
        )
        assert names(folder) == ["calls.db"]
    codes = done.stderr.partition("as nobody\n")[2].splitlines()
    assert codes == [f"0 {command}" for command in commands]


@pytest.mark.parametrize(
    "command", [*READING[:-1], ("ledger", "prune", "--calls-older-than", "1d")]
)
def test_a_ledger_that_is_missing_is_not_made(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    """Its name was mistyped, which is told."""
    for name in ("typo.db", "typo/calls.db"):
        done = run_here(*command, "--ledger", str(tmp_path / name))
        assert (done.returncode, done.stdout) == (2, "")
        assert "there is no ledger" in " ".join(done.stderr.split())
    assert names(tmp_path) == []


def test_a_dry_run_only_reads(path: Path) -> None:
    """It tells what would be forgotten of a ledger that is locked just now."""
    prune = ("ledger", "prune", "--calls-older-than", "0h", "--ledger", str(path))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        done = run_here(*prune, "--dry-run", "--json")
    assert (done.returncode, json.loads(done.stdout)["dry_run"]) == (0, True)


@pytest.mark.parametrize(
    "size", [0, 50, 512, 5000, 40_000], ids="{} bytes are left".format
)
def test_a_file_that_was_cut_off_is_no_sound_ledger(path: Path, size: int) -> None:
    """The report is written, with code 1, however little can be read."""
    path.write_bytes(path.read_bytes()[:size])
    check = ("ledger", "check", "--ledger", str(path))
    shown, told = run_here(*check), run_here(*check, "--json")
    assert (shown.returncode, shown.stderr) == (told.returncode, told.stderr) == (1, "")
    assert shown.stdout.startswith("the file is damaged: ")
    found = json.loads(told.stdout)
    assert found["sound"] is False
    assert found["problems"][0].startswith("the file is damaged: ")


def test_a_value_that_nobody_wrote_is_a_problem_too(path: Path) -> None:
    """Pages may be whole and hold nonsense."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO other_sums VALUES (0, 1, 1, 1, 'search_unit', 'many')")
    done = run_here("ledger", "check", "--ledger", str(path))
    assert done.returncode == 1
    assert done.stdout.startswith("a value was not written by the ledger: ")


def test_late_calls_after_a_prune_are_no_problem(path: Path) -> None:
    """Neither while the ledger is pruned on, nor when months are forgotten."""
    with closing(Ledger(path)) as kept:
        kept.write(make_record(at=NOON.replace(year=2025)))
    prune = ("ledger", "prune", "--ledger", str(path))
    assert run_here(*prune, "--calls-older-than", "30d").returncode == 0
    with closing(Ledger(path)) as kept:
        kept.write(make_record(at=NOON.replace(year=2025)))
    check = ("ledger", "check", "--ledger", str(path))
    assert (run_here(*check).returncode, run_here(*check).stdout) == (
        0,
        "no problems: the file is intact, and its sums match its calls\n",
    )
    assert run_here(*prune, "--sums-older-than", "60d").returncode == 0
    assert run_here(*check).returncode == 0


def test_an_export_is_read_by_duckdb(path: Path, tmp_path: Path) -> None:
    """Each day is a file, and its rows add up to what the ledger says."""
    pytest.importorskip("pyarrow", reason="needs the extra reports")
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    with closing(Ledger(path)) as kept:
        kept.write(make_record(at=NOON - timedelta(days=1)))
    folder = tmp_path / "export"
    export = ("ledger", "export", str(folder), "--ledger", str(path), "--tag", "team")
    done = run_here(*export, "--json")
    found = json.loads(done.stdout)
    size = sum(each.stat().st_size for each in folder.glob("*/*"))
    assert found == {
        "folder": str(folder),
        "calls": 3,
        "deleted_calls": 0,
        "files": 2,
        "bytes": size,
        "days": [
            {
                "day": f"2026-11-{day}",
                "path": str(folder / f"day=2026-11-{day}" / "part-0.parquet"),
                "calls": calls,
                "deleted_calls": 0,
            }
            for day, calls in ((24, 1), (25, 2))
        ],
    }
    with duckdb.connect() as db:
        rows = db.execute(
            "SELECT CAST(day AS VARCHAR), tag_team, sum(cost) "  # noqa: S608 -- ours
            f"FROM read_parquet('{folder}/*/*.parquet') GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    each = Decimal("0.001155")
    assert rows == [
        ("2026-11-24", "search", each),
        ("2026-11-25", "ads", each),
        ("2026-11-25", "search", each),
    ]
    shown = run_here(*export, "--since", "2026-11-25", "--until", "2026-11-25")
    assert shown.stdout.startswith("calls: 2; files: 1; bytes: ")


def test_an_export_of_what_was_forgotten_says_so(path: Path, tmp_path: Path) -> None:
    """The file that is there stays; a span without calls is no error."""
    pytest.importorskip("pyarrow", reason="needs the extra reports")
    export = ("ledger", "export", str(tmp_path / "export"), "--ledger", str(path))
    assert run_here(*export).returncode == 0
    with closing(Ledger(path)) as kept:
        kept.write(make_record(at=NOON.replace(hour=20)))
        assert kept.flush(HANG_S)
        kept.prune(calls_before=NOON.replace(hour=19))
    done = run_here(*export, "--json")
    assert json.loads(done.stdout)["deleted_calls"] == 2
    told = " ".join(done.stderr.split())
    assert told == "2026-11-25: 2 calls deleted before; no file was written"
    none = run_here(*export, "--since", "2020-01", "--until", "2020-12")
    assert none.stdout.startswith("calls: 0; files: 0; bytes: 0; in ")
    wrong = run_here(*export, "--part", "../up")
    assert (wrong.returncode, wrong.stdout) == (2, "")


def test_an_export_names_the_extra_that_it_needs(run_without: Run, path: Path) -> None:
    """Without it there is a message, and nothing is written."""
    done = run_without(
        "pyarrow", "ledger", "export", str(path.parent / "out"), "--ledger", str(path)
    )
    assert done.returncode == 2
    assert "bedrock-attrib[reports]" in done.stderr
    assert not (path.parent / "out").exists()
