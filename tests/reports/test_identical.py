"""Requests that were made again, and what it would have saved to keep answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from kept_records import NOON, make_record

from bedrock_attrib import CallRecord, ConfigError, Cost, Unit, Usage
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib.ledger import Ledger
from bedrock_attrib.reports import (
    IdenticalRequests,
    IdenticalRequestsRow,
    RepeatedCalls,
    identical_requests,
    select,
)

Keep = Callable[..., Ledger]
NOVA = "us.amazon.nova-pro-v1:0"
PRO = "amazon.nova-pro-v1:0"
USAGE = Usage({Unit.INPUT_TOKEN: 10_000, Unit.OUTPUT_TOKEN: 100})
COST = Decimal("0.00832")  # 10,000 x 0.8 and 100 x 3.2 for a million
A, B = "aa" * 16, "bb" * 16
MINUTE = timedelta(minutes=1)


def asked(
    request_hash: str | None, minute: float = 0, team: str = "search", **fields: Any
) -> CallRecord:
    """A call of Nova Pro, some minutes after noon."""
    return make_record(
        USAGE,
        model=NOVA,
        at=NOON + minute * MINUTE,
        tags={"team": team},
        request_hash=request_hash,
        **fields,
    )


def repeated(found: IdenticalRequests) -> dict[str | None, tuple[int, Decimal]]:
    """Repeats and their cost, by team."""
    return {r.keys[0]: (r.repeats.calls, r.repeats.cost) for r in found.rows}


def test_repeats_are_counted_for_who_asked_again(keep: Keep) -> None:
    """The first call is needed; each later one counts for its caller."""
    ledger = keep(
        asked(A, 0),
        asked(A, 1),
        asked(A, 2, "ads"),
        asked(B, 3, "ads"),
        asked(None, 4, "ads"),
    )
    found = identical_requests(ledger, ("team",))
    assert found.rows == (
        IdenticalRequestsRow(("ads", PRO), 2, 2, 1, RepeatedCalls(1, COST)),
        IdenticalRequestsRow(("search", PRO), 2, 1, 0, RepeatedCalls(1, COST)),
    )
    assert found.total == IdenticalRequestsRow((), 4, 2, 1, RepeatedCalls(2, 2 * COST))
    assert (found.by, found.currency) == (("team", "model"), "USD")


def test_requests_are_named_by_what_their_repeats_cost(keep: Keep) -> None:
    """Those that cost most come first, with who made them; the rest is not named."""
    ledger = keep(
        *(asked(A, minute) for minute in range(2)),
        *(asked(B, minute, "ads") for minute in range(5)),
        asked(B, 9),
        *(asked("cc" * 16, minute) for minute in range(2)),
        asked("dd" * 16),
    )
    found = identical_requests(ledger, ("team",), top=2)
    first, second = found.top
    assert (first.request_hash, first.calls, first.repeats) == (
        B,
        6,
        RepeatedCalls(5, 5 * COST),
    )
    assert (first.first_at, first.last_at) == (NOON, NOON + 9 * MINUTE)
    assert first.made_by == (("ads", PRO), ("search", PRO))
    assert second.repeats.calls == 1
    assert len(identical_requests(ledger).top) == 3
    assert identical_requests(ledger, top=0).top == ()


def test_answers_are_kept_for_some_time(keep: Keep) -> None:
    """An expired answer is requested again, and cached anew."""
    minutes = (0, 4, 8, 12, 100, 60 * 24, 60 * 30)
    found = identical_requests(
        keep(*(asked(A, minute) for minute in minutes)), within=timedelta(minutes=5)
    )
    # 4 and 12 are there; 0, 8 and each that comes alone are asked for.
    assert found.total.repeats.calls == 2
    assert (found.within_s, found.total.requests) == (300.0, 1)
    assert [(each.within_s, each.repeats.calls) for each in found.lifetimes] == [
        (300.0, 2),
        (3600.0, 3),
        (86400.0, 5),
        (None, 6),
    ]


def test_a_time_is_over_after_its_last_microsecond(keep: Keep) -> None:
    """Exactly as old is not too old."""
    ledger = keep(asked(A, 0), asked(A, 5))
    (five, *_) = identical_requests(ledger).lifetimes
    assert five.repeats.calls == 1
    almost = timedelta(minutes=5) - timedelta(microseconds=1)
    assert identical_requests(ledger, within=almost).total.repeats.calls == 0


def test_only_an_answer_can_be_kept(keep: Keep) -> None:
    """Failed and abandoned calls leave nothing to give to the next."""
    free = {"cost": None, "price_status": PriceStatus.FREE}
    ledger = keep(
        asked(A, 0, outcome=Outcome.ERROR, error="ThrottlingException", **free),
        asked(A, 1, outcome=Outcome.ABANDONED),
        asked(A, 2),
        asked(A, 3, outcome=Outcome.ERROR, error="ThrottlingException", **free),
        asked(A, 4, outcome=Outcome.ABANDONED),
    )
    found = identical_requests(ledger)
    assert (found.total.calls, found.total.requests) == (5, 1)
    assert found.total.repeats == RepeatedCalls(2, COST)


def test_repeats_without_a_price_are_told(keep: Keep) -> None:
    """What is not known is counted, and never zero."""
    odd = {"cost": None, "price_status": PriceStatus.UNPRICED}
    found = identical_requests(keep(asked(A), asked(A, 1, **odd), asked(A, 2)))
    assert found.total.repeats == RepeatedCalls(2, COST, unpriced=1)
    none = identical_requests(keep(asked(B, 3, **odd), asked(B, 4, **odd)), top=1)
    (found,) = (each for each in none.lifetimes if each.within_s is None)
    assert found.repeats == RepeatedCalls(3, COST, unpriced=2)
    alone = select("2026-11-25T12:03")
    total = identical_requests(keep(), selection=alone).total
    assert total.repeats == RepeatedCalls(1, None, unpriced=1)


def test_calls_that_are_never_hashed_are_not_missing(keep: Keep) -> None:
    """A free operation saves nothing and needs no hash."""
    found = identical_requests(keep(asked(None, operation="CountTokens"), asked(None)))
    assert (found.total.calls, found.total.unhashed) == (0, 1)


def test_filters_and_the_span_hold(keep: Keep) -> None:
    """Calls outside the selection neither answer nor repeat others."""
    ledger = keep(asked(A, 0), asked(A, 70), asked(A, 71, "ads"), asked(A, 72, "ads"))
    found = identical_requests(ledger, ("team",), select(where=["team=ads"]))
    assert repeated(found) == {"ads": (1, COST)}
    found = identical_requests(ledger, ("team",), select("2026-11-25T13:00"))
    assert repeated(found) == {"ads": (2, 2 * COST), "search": (0, Decimal(0))}
    none = identical_requests(ledger, selection=select("2020-01-01", "2020-01-02"))
    assert (none.total.calls, none.rows, none.remarks) == (0, (), ())


def test_calls_that_were_forgotten_are_told(keep: Keep) -> None:
    """Sums do not say what was asked, so that a report says what is missing."""
    ledger = keep(asked(A, 0), asked(A, 1), asked(A, 60), asked(A, 61))
    assert identical_requests(ledger).remarks == ()
    assert identical_requests(ledger, selection=select("2026-01-01")).remarks == ()
    ledger.prune(calls_before=datetime(2026, 11, 25, 13, tzinfo=UTC))
    found = identical_requests(ledger)
    assert found.total.repeats.calls == 1
    assert found.remarks == (
        (
            "Single calls before 2026-11-25 13:00 UTC were deleted and are "
            "excluded from these figures"
        ),
    )
    assert identical_requests(ledger, selection=select("2026-11-25T13:00")).remarks == (
        ()
    )
    ledger.prune(calls_before=datetime(2026, 11, 26, tzinfo=UTC))
    assert identical_requests(ledger).remarks == (
        "All single calls were deleted, so that repeats are unknown",
    )


def test_amounts_of_several_currencies_are_refused(keep: Keep) -> None:
    """They cannot be added up."""
    euros = Cost(Decimal(1), "EUR", {}, {})
    with pytest.raises(ConfigError, match="EUR, USD"):
        identical_requests(keep(asked(A), asked(A, 1, cost=euros)))


def test_a_ledger_without_calls(keep: Keep) -> None:
    """Where nothing was asked, nothing was asked again."""
    found = identical_requests(keep())
    assert (found.total, found.since, found.top) == (IdenticalRequestsRow(()), None, ())
