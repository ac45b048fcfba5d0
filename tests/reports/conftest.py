"""Ledgers in a folder of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bedrock_attrib import CallRecord
from bedrock_attrib.ledger import Ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a ledger may be."""
    return tmp_path / "calls.db"


@pytest.fixture
def keep(path: Path) -> Iterator[Callable[..., Ledger]]:
    """Writes records to a new ledger, which then has nothing pending."""
    opened: list[Ledger] = []

    def write(*records: CallRecord) -> Ledger:
        ledger = Ledger(path)
        opened.append(ledger)
        for record in records:
            ledger.write(record)
        assert ledger.flush(20)
        return ledger

    yield write
    for ledger in opened:
        ledger.close()
