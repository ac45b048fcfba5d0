"""Check of a ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from kept_records import NOON, make_record
from waiting import HANG_S

from bedrock_attrib import CallRecord, Cost, Ledger, Unit, Usage
from bedrock_attrib.ledger import check_ledger
from bedrock_attrib.ledger._sqlite.store import SQLiteStore
from bedrock_attrib.ledger._store import Store

Keep = Callable[..., Ledger]
DAY = timedelta(days=1)


@pytest.fixture
def keep_in_file(path: Path) -> Keep:
    """Writes records to a file."""

    def write(*records: CallRecord) -> Ledger:
        ledger = Ledger(path)
        for record in records:
            ledger.write(record)
        assert ledger.flush(HANG_S)
        return ledger

    return write


RECORDS = (
    *(make_record(at=NOON - n * DAY) for n in (0, 0, 1, 40)),
    make_record(Usage({Unit.GUARDRAIL_TOPIC_TEXT_UNIT: 3, Unit.SEARCH_UNIT: 1})),
    make_record(cost=Cost(Decimal("0.5"), "EUR", {}, {})),
    make_record(Usage({Unit.INPUT_TOKEN: 10**30})),
)


@pytest.fixture
def ledger(keep: Keep) -> Ledger:
    """Calls of two months, with units that have a column and units that have none."""
    return keep(*RECORDS)


def test_a_sound_ledger(ledger: Ledger) -> None:
    """Nothing is found, before and after pruning."""
    assert check_ledger(ledger) == []
    ledger.prune(calls_before=NOON - DAY)
    assert check_ledger(ledger) == []
    ledger.prune(calls_before=NOON - DAY, sums_before=NOON - DAY)
    ledger.compact()
    assert check_ledger(ledger) == []
    ledger.close()


def test_an_empty_ledger(keep: Keep) -> None:
    """It is sound too."""
    ledger = keep()
    assert check_ledger(ledger) == []
    ledger.close()


@pytest.fixture
def path(place: Callable[[], Store]) -> Path:
    """The file of the ledger; what has none is not damaged here."""
    store = place()
    if not isinstance(store, SQLiteStore):
        store.close()
        pytest.skip("only a file can be damaged")
    store.close()
    return store.path


DAMAGE = {
    "DELETE FROM calls WHERE rowid = (SELECT max(rowid) FROM calls)": (
        "the hour 2026-11-25 12:00 UTC and its calls differ"
    ),
    "UPDATE calls SET input_token = input_token + 1": "the hour 2026-10-16 12:00 UTC",
    "UPDATE sums SET calls = calls + 1 WHERE level = 1": (
        "the day 2026-10-16 and its hours differ"
    ),
    "UPDATE sums SET output_token = 0 WHERE level = 2": (
        "the month 2026-10 and its hours differ"
    ),
    "DELETE FROM sums WHERE level = 2": "the month 2026-10 and its hours differ",
    "UPDATE other_sums SET total = '9' WHERE level = 0": (
        "the hour 2026-11-25 12:00 UTC and its calls differ in 'guardrail_topic_text"
    ),
    "DELETE FROM other_sums WHERE level = 1": (
        "a day and its hours differ in 'guardrail_topic_text_unit'"
    ),
}


@pytest.mark.parametrize("statement", DAMAGE)
def test_sums_that_differ_are_found(
    keep_in_file: Keep, path: Path, statement: str
) -> None:
    """Each level is compared with the one below it."""
    keep_in_file(*RECORDS).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(statement)
    db.close()
    again = Ledger(path)
    problems = check_ledger(again)
    assert problems[0].startswith(DAMAGE[statement])
    again.close()


def test_a_damaged_file_is_found(keep_in_file: Keep, path: Path) -> None:
    """The file's own pages are checked before anything is added up."""
    ledger = keep_in_file(*(make_record(at=NOON + n * DAY) for n in range(200)))
    ledger.compact()
    ledger.close()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(content)
    again = Ledger(path)
    assert check_ledger(again)[0].startswith("the file is damaged: ")
    again.close()
