"""The setting `ledger`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import HANG_S

from bedrock_attrib import (
    ConfigError,
    Ledger,
    LedgerError,
    attribution,
    configure,
    instrument,
)
from bedrock_attrib._default_recorder import _losses
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


def test_a_ledger_that_cannot_be_opened_is_told_at_once(tmp_path: Path) -> None:
    """Settings are read when clients are instrumented, not within a call."""
    with pytest.raises(LedgerError, match="nowhere"):
        configure(ledger=tmp_path / "nowhere" / "calls.db")
    with pytest.raises(ConfigError, match="a ledger cannot be stored in ftp://"):
        configure(ledger="ftp://host/calls")


def test_losses_are_shown_by_whoever_tells(path: Path) -> None:
    """Any sink that counts what it lost is on the metrics; others are not."""
    ledger = Ledger(path, max_pending=0)
    assert _losses([ListSink(), ledger, ledger]) == {"Ledger": 0}
    ledger.close()
    for _ in range(2):
        ledger.write(None)  # type: ignore[arg-type] # what it is does not matter
    assert _losses([ListSink(), ledger]) == {"Ledger": 2}


def test_who_reads_makes_no_ledger(tmp_path: Path) -> None:
    """A mistyped name is an error and no new file."""
    with pytest.raises(LedgerError, match=r"there is no ledger .*typo\.db"):
        open_ledger(tmp_path / "typo.db", must_exist=True)
    assert list(tmp_path.iterdir()) == []
