"""What a report cannot tell: calls without tags, and calls without prices."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from kept_records import NOON, make_record

from bedrock_attrib import ConfigError, Ledger, Unit, Usage
from bedrock_attrib._model.record import Outcome, PriceReason, PriceStatus
from bedrock_attrib.reports import (
    select,
    tabulate_unattributed,
    tabulate_unpriced,
    unattributed,
    unpriced,
)

Keep = Callable[..., Ledger]
DAY = timedelta(days=1)
EACH = Decimal("0.001155")
SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
PROFILE = (
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/x1evals7q2m9"
)


def test_calls_without_tags_and_what_they_cost(keep: Keep) -> None:
    """Which tag is missing, from where, since when, and how much."""
    ledger = keep(
        make_record(),
        make_record(tags={"app": "ranker"}, at=NOON - 2 * DAY),
        make_record(tags={"app": "ranker"}),
        make_record(tags={}, region="eu-central-1"),
    )
    report = unattributed(ledger, ["team", "app"], by=["app", "region"])
    assert [
        (row.missing, row.keys, row.spend.calls, row.spend.cost) for row in report.rows
    ] == [
        (("team",), ("ranker", "us-east-1"), 2, {"USD": 2 * EACH}),
        (("team", "app"), (None, "eu-central-1"), 1, {"USD": EACH}),
    ]
    assert report.rows[0].first_hour == datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert report.rows[0].last_hour == datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert (report.lacking.calls, report.total.calls) == (3, 4)
    table = tabulate_unattributed(report)
    assert table.names[:3] == ("missing", "app", "region")
    assert [row[0] for row in table.rows] == ["team", "team,app"]


def test_columns_of_tags_that_are_called_as_others(keep: Keep) -> None:
    """No two columns have one name: who reads them by it would take the wrong one."""
    table = tabulate_unattributed(unattributed(keep(), by=["missing", "calls"]))
    assert table.names[:3] == ("missing", "tag:missing", "tag:calls")


def test_every_call_has_its_tags(keep: Keep) -> None:
    """No rows; and an empty ledger has none either."""
    assert unattributed(keep()).rows == ()
    report = unattributed(keep(make_record()), ["team"])
    assert (report.rows, report.lacking.calls, report.total.calls) == ((), 0, 1)
    with pytest.raises(ConfigError, match="no required tag is named"):
        unattributed(keep(), [])


def test_calls_without_a_price_by_reason(keep: Keep) -> None:
    """Why, what was used, which units, and what to do about it."""
    ledger = keep(
        make_record(),
        *(make_record(model="acme.unheard-of-v1:0") for _ in range(2)),
        make_record(Usage({Unit.INPUT_TOKEN: 5, Unit.OUTPUT_IMAGE: 1})),
        make_record(model=PROFILE),
        make_record(
            None,
            price_status=PriceStatus.UNPRICED,
            price_reason="the answer states no usage",
            outcome=Outcome.ABANDONED,
        ),
    )
    report = unpriced(ledger)
    assert (report.calls, report.all_calls) == (5, 6)
    rows = {row.model: row for row in report.rows if row.usage}
    unheard = rows["acme.unheard-of-v1:0"]
    assert report.rows[0] is unheard
    assert unheard.reason == "model 'acme.unheard-of-v1:0' is not in the price table"
    assert (unheard.calls, unheard.usage) == (
        2,
        {Unit.INPUT_TOKEN: 200, Unit.OUTPUT_TOKEN: 100},
    )
    assert "[[prices]]" in unheard.advice
    partial = rows[SONNET]
    assert partial.status is PriceStatus.PARTIAL
    assert partial.usage == {Unit.INPUT_TOKEN: 5, Unit.OUTPUT_IMAGE: 1}
    assert partial.unpriced_units == (Unit.OUTPUT_IMAGE,)
    assert "ProfileResolver()" in rows[PROFILE].advice
    (unknown,) = [row for row in report.rows if not row.usage]
    assert unknown.reason == "the answer states no usage"
    assert unknown.advice.startswith("the response did not state its usage")
    table = tabulate_unpriced(report)
    assert next(iter(table.rows))[6] == "input_token=200 output_token=100"


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (PriceReason.USAGE_NOT_STATED, "the response did not state its usage"),
        (PriceReason.STREAM_UNFINISHED, "read streams to their end"),
        (PriceReason.GUARDRAIL_NOT_STATED, "enable the trace of guardrails"),
        (PriceReason.PROFILE_UNKNOWN, "configure(profiles=ProfileResolver())"),
        (PriceReason.CUSTOM_MODEL, "under [base_models]"),
        (PriceReason.PRICING_FAILED, "look for the error in the log"),
        (PriceReason.MODEL_NOT_LISTED, "add the price under [[prices]]"),
    ],
)
def test_advice_follows_the_reason_code(
    code: PriceReason, advice: str, keep: Keep
) -> None:
    """The code decides, whatever the text says, and stays when calls are pruned."""
    unpriced_call = {
        "price_status": PriceStatus.UNPRICED,
        "price_reason": "any text",
        "price_reason_code": code,
        "cost": None,
    }
    ledger = keep(make_record(**unpriced_call), make_record(at=NOON + DAY))
    (row,) = unpriced(ledger).rows
    assert (row.reason, row.reason_code) == ("any text", code)
    assert advice in row.advice
    ledger.prune(calls_before=NOON + timedelta(hours=1))
    (pruned,) = unpriced(ledger).rows
    assert (pruned.reason_code, pruned.advice) == (code, row.advice)


def test_reasons_of_forgotten_calls_are_not_made_up(keep: Keep) -> None:
    """Their number and usage are still reported."""
    ledger = keep(
        make_record(model="acme.unheard-of-v1:0", at=NOON - 9 * DAY),
        make_record(model="acme.unheard-of-v1:0"),
    )
    ledger.prune(calls_before=NOON - DAY)
    rows = {row.reason: row for row in unpriced(ledger).rows}
    assert {reason: row.calls for reason, row in rows.items()} == {
        "model 'acme.unheard-of-v1:0' is not in the price table": 1,
        "unknown: the single calls were deleted": 1,
    }
    assert all(row.usage[Unit.OUTPUT_TOKEN] == 50 for row in rows.values())


def test_filters_and_spans_hold(keep: Keep) -> None:
    """Only the calls that were asked for."""
    ledger = keep(
        make_record(model="acme.unheard-of-v1:0"),
        make_record(model="acme.unheard-of-v1:0", tags={"team": "ads"}),
        make_record(model="acme.unheard-of-v1:0", at=NOON - 2 * DAY),
    )
    chosen = select("2026-11-25", where=["team=search"])
    assert [row.calls for row in unpriced(ledger, chosen).rows] == [1]
    assert unattributed(ledger, ["x"], chosen).lacking.calls == 1
    assert unpriced(ledger, select("2030-01-01")).rows == ()


def test_the_first_and_the_last_hour_are_of_all_kinds(keep: Keep) -> None:
    """Calls that end otherwise are of the same row, and widen its hours."""
    failed = {"outcome": Outcome.ERROR, "error": "X", "price_status": PriceStatus.FREE}
    ledger = keep(
        make_record(tags={}),
        make_record(tags={}, at=NOON - DAY, **failed),
        make_record(tags={}, at=NOON + DAY, **(failed | {"error": "Y"})),
    )
    (row,) = unattributed(ledger).rows
    assert row.first_hour == datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert row.last_hour == datetime(2026, 11, 26, 12, tzinfo=UTC)


def test_what_is_left_of_forgotten_calls_has_no_units_of_others(keep: Keep) -> None:
    """A unit of remaining calls only is not among those of deleted ones."""
    odd = {"model": "acme.unheard-of-v1:0"}
    image = Usage({Unit.INPUT_TOKEN: 5, Unit.OUTPUT_IMAGE: 1})
    ledger = keep(make_record(at=NOON - DAY, **odd), make_record(image, **odd))
    ledger.prune(calls_before=datetime(2026, 11, 25, tzinfo=UTC))
    usage = {row.reason[:7]: row.usage for row in unpriced(ledger).rows}
    assert usage["unknown"] == {Unit.INPUT_TOKEN: 100, Unit.OUTPUT_TOKEN: 50}
