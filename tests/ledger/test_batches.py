"""Batches of a ledger: few statements each, whatever is new in them; bounded memory."""

from __future__ import annotations

import gc
import sqlite3
import tracemalloc
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest
from kept_records import make_record
from waiting import HANG_S

from bedrock_attrib import Ledger, Unit, Usage
from bedrock_attrib.ledger import check_ledger
from bedrock_attrib.ledger._sqlite.store import SQLiteStore


def count_steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement of later connections; one of many rows counts for each."""
    seen: list[str] = []

    class Counted(sqlite3.Connection):
        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
            seen.append(sql)
            return super().execute(sql, *values)  # type: ignore[arg-type]

        def executemany(self, sql: str, rows: object) -> sqlite3.Cursor:
            listed = list(rows)  # type: ignore[call-overload]
            seen.extend([sql] * len(listed))
            return super().executemany(sql, listed)

    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3,
        "connect",
        lambda *args, **kwargs: connect(*args, factory=Counted, **kwargs),
    )
    return seen


def test_a_batch_takes_few_statements(
    monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    """A busy process waits for the interpreter at each, and once locked the fewer."""
    seen = count_steps(monkeypatch)
    with closing(Ledger(path, interval_s=3600)) as ledger:
        ledger.write(make_record())
        assert ledger.flush(HANG_S)
        seen.clear()
        for number in range(1000):
            images = Usage({Unit.OUTPUT_IMAGE: number % 7 + 1})
            ledger.write(make_record(images, tags={"session": str(number)}))
        assert ledger.flush(HANG_S)
        assert len(seen) < 40
        start = next(n for n, sql in enumerate(seen) if sql.startswith("BEGIN"))
        end = seen.index("COMMIT")
        assert end - start < 20
        assert check_ledger(ledger) == []
        with ledger.reading() as reader:
            assert reader.count_calls() == 1001


def test_memory_of_long_tags_is_bounded(path: Path) -> None:
    """What the ledger remembers of texts is bounded by their length."""
    values = [f"{n:05}" + "x" * 225 for n in range(8)]
    with closing(Ledger(path, interval_s=3600)) as ledger:
        ledger.write(make_record())
        assert ledger.flush(HANG_S)
        tracemalloc.start()
        for number in range(1500):
            tags = {f"k{key}": f"{number}{values[key % 8]}" for key in range(49)}
            ledger.write(make_record(tags=tags))
            if number % 250 == 249:
                assert ledger.flush(HANG_S)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert held < 12_000_000


def test_an_interrupt_loses_the_batch_in_hand_alone(tmp_path: Path) -> None:
    """What is not begun is written after it, and what is lost is counted."""

    class Interrupted(SQLiteStore):
        transactions = 0

        def transaction(self) -> AbstractContextManager[Any]:
            self.transactions += 1
            if self.transactions == 2:
                raise KeyboardInterrupt
            return super().transaction()

    one = make_record()
    with closing(Ledger(Interrupted(tmp_path / "calls.db"), interval_s=60)) as ledger:
        for number in range(45_000):  # three batches
            ledger.write(one._replace(id=f"{one.id[:-5]}{number:05}"))
        while not ledger.flush(HANG_S):
            pass
        with ledger.reading() as reader:
            assert reader.count_calls() == 25_000
        assert ledger.dropped == 20_000
    assert check_ledger(tmp_path / "calls.db") == []
