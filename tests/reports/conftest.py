"""A ledger of few calls in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bedrock_attrib import CallRecord, Ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger is."""
    return tmp_path / "calls.db"


@pytest.fixture
def keep(path: Path) -> Iterator[Callable[..., Ledger]]:
    """Writes records to the ledger, which then has nothing pending."""
    ledger = Ledger(path)

    def write(*records: CallRecord) -> Ledger:
        for record in records:
            ledger.write(record)
        assert ledger.flush(10)
        return ledger

    yield write
    ledger.close()
