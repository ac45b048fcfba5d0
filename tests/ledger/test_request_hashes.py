"""Hashes of requests in a ledger: stored unchanged, and equal ones found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from kept_records import NOON, make_record
from waiting import HANG_S

from bedrock_attrib import CallRecord
from bedrock_attrib.ledger import Ledger

Keep = Callable[..., Ledger]
A, B, C = (f"{number:032x}" for number in (10, 11, 12))
HOUR = timedelta(hours=1)


def asked(request_hash: str | None, minute: int) -> CallRecord:
    """A call some minutes after noon."""
    at = NOON + timedelta(minutes=minute)
    return make_record(at=at, request_hash=request_hash)


def test_calls_that_ask_the_same_are_found_together(keep: Keep) -> None:
    """Those of one request follow each other, and what was asked once is left out."""
    hashes = [B, A, None, C, A, B, None, A]
    ledger = keep(*(asked(each, n) for n, each in enumerate(hashes)))
    with ledger.reading() as reader:
        found = [
            (record.request_hash, (record.started_at - NOON).seconds // 60)
            for record in reader.repeated(NOON - HOUR, NOON + HOUR)
        ]
    assert found == [(A, 1), (A, 4), (A, 7), (B, 0), (B, 5)]


def test_what_lies_outside_the_span_is_no_repeat(keep: Keep) -> None:
    """The end is not in it."""
    ledger = keep(asked(A, 0), asked(A, 1), asked(A, 2), asked(B, 0), asked(B, 2))
    with ledger.reading() as reader:
        found = reader.repeated(NOON, NOON + timedelta(minutes=2))
        assert [record.request_hash for record in found] == [A, A]


def test_hashed_calls_are_counted(keep: Keep) -> None:
    """Beside all calls, by what they share."""
    ledger = keep(asked(A, 0), asked(None, 1), asked(B, 2), asked(A, 61))
    with ledger.reading() as reader:
        ((tags, kind, calls, hashed),) = reader.hashed(NOON, NOON + HOUR)
    assert (dict(tags), kind.operation) == (
        {"team": "search", "app": "ranker"},
        "Converse",
    )
    assert (calls, hashed) == (3, 2)


def test_a_corrected_call_keeps_its_hash(keep: Keep) -> None:
    """A price that came late changes nothing about what was asked."""
    before = asked(A, 0)
    ledger = keep(before)
    ledger.correct(before, before._replace(price_reason="priced late"))
    assert ledger.flush(HANG_S)
    with ledger.reading() as reader:
        (found,) = reader.calls(NOON - HOUR, NOON + HOUR)
    assert (found.request_hash, found.price_reason) == (A, "priced late")
