"""The setting `ledger`."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kept_records import make_record
from waiting import HANG_S, wait_until

from bedrock_attrib import (
    ConfigError,
    Ledger,
    LedgerError,
    Recorder,
    attribution,
    configure,
    instrument,
)
from bedrock_attrib.ledger import open_ledger
from bedrock_attrib.reports import spend_by
from bedrock_attrib.testing import ListSink, Reply, bedrock_simulator, tokens

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger is."""
    return tmp_path / "calls.db"


@pytest.fixture(autouse=True)
def default_again() -> Iterator[None]:
    """The default recorder of other tests has no ledger."""
    yield
    configure()


def test_the_default_recorder_keeps_every_call(path: Path) -> None:
    """One setting, and a real client's calls are in the ledger with their tags."""
    recorder = configure(ledger=path)
    with bedrock_simulator() as simulator:
        simulator.reply(Reply(usage=tokens(input_tokens=1200, output_tokens=540)))
        bedrock = instrument(simulator.client())
        with attribution(team="search"):
            for _ in range(3):
                bedrock.converse(modelId=MODEL, messages=MESSAGES)
    recorder.flush(HANG_S)
    ledger = Ledger(path)
    (row,) = spend_by(ledger, ["team"]).rows
    assert (row.keys, row.spend.calls, row.spend.output_tokens) == (
        ("search",),
        3,
        1620,
    )
    ledger.close()


def test_calls_are_kept_when_the_process_ends(path: Path) -> None:
    """The environment is enough, and no flush is needed."""
    code = f"""
from bedrock_attrib import instrument
from bedrock_attrib.testing import bedrock_simulator
with bedrock_simulator() as simulator:
    instrument(simulator.client()).converse(modelId={MODEL!r}, messages={MESSAGES!r})
"""
    environ = os.environ | {"BEDROCK_ATTRIB_LEDGER": str(path)}
    subprocess.run(
        [sys.executable, "-c", code], check=True, env=environ, timeout=HANG_S
    )
    ledger = Ledger(path)
    assert spend_by(ledger, []).total.calls == 1
    ledger.close()


def missing_folder(path: Path) -> Callable[[], object]:
    """The folder of a ledger is not there yet."""
    path.parent.rmdir()
    return path.parent.mkdir


def locked(path: Path) -> Callable[[], object]:
    """Another process writes the ledger for long."""
    Ledger(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other.close


def something_else(path: Path) -> Callable[[], object]:
    """The file is no ledger."""
    path.write_text("costs " * 1000, encoding="utf-8")
    return path.unlink


def newer(path: Path) -> Callable[[], object]:
    """The file was written by a newer library."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    return path.unlink


@pytest.mark.parametrize("spoil", [missing_folder, locked, something_else, newer])
def test_an_application_starts_with_any_ledger(
    tmp_path: Path,
    spoil: Callable[[Path], Callable[[], object]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is metered; its records wait until the ledger can be opened."""
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "calls.db"
    mend = spoil(path)
    sink = ListSink()
    recorder = configure(ledger=path, sinks=[sink])
    with bedrock_simulator() as simulator:
        bedrock = instrument(simulator.client())
        bedrock.converse(modelId=MODEL, messages=MESSAGES)
    assert caplog.text.count("the ledger cannot write now") == 1
    mend()
    assert recorder.flush(HANG_S)
    assert len(sink.records) == 1
    with Ledger(path).reading() as reader:
        assert reader.count_calls() == 1


def test_a_server_that_is_away_delays_no_start(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The ledger of a URL connects on its own thread, and logs what is wrong."""
    pytest.importorskip("psycopg", reason="the extra postgres is not installed")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        recorder = configure(
            ledger=f"postgresql://meter:secret@127.0.0.1:{port}/costs?connect_timeout=2"
        )
    recorder.flush(HANG_S)  # the socket is closed, so that nobody waits for it
    wait_until(lambda: "the ledger cannot write now" in caplog.text)
    assert "secret" not in caplog.text


def test_what_holds_no_ledger_is_a_wrong_setting() -> None:
    """It raises, as every wrong setting does."""
    with pytest.raises(ConfigError, match="a ledger cannot be stored in ftp://"):
        configure(ledger="ftp://host/calls")


@pytest.mark.parametrize("spoil", [missing_folder, locked])
def test_what_may_pass_does_not_keep_a_ledger_from_being_made(
    tmp_path: Path, spoil: Callable[[Path], Callable[[], object]]
) -> None:
    """An argument is treated as a setting is; only what will not pass raises."""
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "calls.db"
    mend = spoil(path)
    ledger = Ledger(path)
    ledger.write(make_record())
    mend()
    assert ledger.flush(HANG_S)
    ledger.close()
    with pytest.raises(LedgerError, match="is a SQLite file of something else"):
        Ledger(_foreign(tmp_path / "other.db"))


def test_a_name_that_no_file_can_have() -> None:
    """It is an error of the ledger's own, whichever way it is opened."""
    for read_only in (False, True):
        with pytest.raises(LedgerError, match=r"a.{1,4}b"):
            open_ledger("a\0b", read_only=read_only)


def _foreign(path: Path) -> Path:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE customers (id)")
    db.close()
    return path


def test_losses_are_shown_by_whoever_tells(path: Path) -> None:
    """Any sink that counts what it lost is on the metrics; others are not."""
    ledger = Ledger(path, max_pending=0)
    assert Recorder(sinks=[ListSink(), ledger, ledger]).losses == {"Ledger": 0}
    ledger.close()
    for _ in range(2):
        ledger.write(None)  # type: ignore[arg-type] # what it is does not matter
    assert Recorder(sinks=[ListSink(), ledger]).losses == {"Ledger": 2}


def test_who_reads_makes_no_ledger(tmp_path: Path) -> None:
    """A mistyped name is an error and no new file."""
    with pytest.raises(LedgerError, match=r"there is no ledger .*typo\.db"):
        open_ledger(tmp_path / "typo.db", must_exist=True)
    assert list(tmp_path.iterdir()) == []
