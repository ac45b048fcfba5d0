"""Spend by any dimensions: what it says, and that it adds up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kept_records import NOON, make_record
from waiting import HANG_S

from bedrock_attrib import ConfigError, Cost, Ledger, Unit, Usage
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib.reports import select, spend_by, tabulate_spend

Keep = Callable[..., Ledger]
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
# 100 tokens in at 3.30 and 50 out at 16.50 USD for a million.
EACH = Decimal("0.001155")


def test_who_spent_what(keep: Keep) -> None:
    """The most expensive first, calls without the tag among them, and a total."""
    ledger = keep(
        make_record(tags={"team": "ads"}),
        *(make_record(tags={"team": "search"}) for _ in range(3)),
        make_record(tags={}),
        make_record(tags={}),
    )
    report = spend_by(ledger, ["team"])
    assert [(row.keys, row.spend.calls, row.spend.cost) for row in report.rows] == [
        (("search",), 3, {"USD": 3 * EACH}),
        ((None,), 2, {"USD": 2 * EACH}),
        (("ads",), 1, {"USD": EACH}),
    ]
    assert report.total.calls == 6
    assert report.total.cost == {"USD": 6 * EACH}
    shares = [report.share(row.spend, "USD") for row in report.rows]
    assert shares == [50, Decimal("33.3333333333"), Decimal("16.6666666667")]
    assert report.remarks == ()


def test_means_are_of_calls_with_a_whole_price(keep: Keep) -> None:
    """What lacks a price pulls no mean down; images are not in the price of tokens."""
    ledger = keep(
        make_record(),
        make_record(),
        make_record(model="acme.unheard-of-v1:0"),
        make_record(
            None, price_status=PriceStatus.FREE, outcome=Outcome.ERROR, error="X"
        ),
        make_record(
            Usage({Unit.GUARDRAIL_CONTENT_TEXT_UNIT: 3}),
            model="bedrock.guardrail",
            operation="ApplyGuardrail",
        ),
    )
    (row,) = spend_by(ledger, ["team"]).rows
    spend = row.spend
    assert (spend.calls, spend.failed, spend.unpriced) == (5, 1, 1)
    # Three units of a guardrail at 0.15 USD for a thousand.
    assert spend.cost == {"USD": 2 * EACH + Decimal("0.00045")}
    assert spend.per_call("USD") == (2 * EACH + Decimal("0.00045")) / 3
    assert spend.per_1000_tokens("USD") == Decimal("0.0077")
    assert spend.per_call("EUR") is None
    assert (spend.input_tokens, spend.output_tokens) == (300, 150)


def test_currencies_stay_apart(keep: Keep) -> None:
    """Amounts of two currencies are never added; rows go by USD first."""
    ledger = keep(
        make_record(tags={"team": "ads"}, cost=Cost(Decimal(9), "EUR", {}, {})),
        make_record(tags={"team": "search"}),
        make_record(tags={"team": "search"}, cost=Cost(Decimal(1), "EUR", {}, {})),
    )
    report = spend_by(ledger, ["team"])
    assert report.currencies == ("USD", "EUR")
    assert [(row.keys, row.spend.cost) for row in report.rows] == [
        (("search",), {"USD": EACH, "EUR": 1}),
        (("ads",), {"EUR": 9}),
    ]
    assert report.share(report.rows[1].spend, "USD") is None
    assert report.share(report.rows[1].spend, "EUR") == 90


def test_by_unit_nothing_is_lost_and_nothing_is_twice(keep: Keep) -> None:
    """Counts and amounts add up to the total; calls are not counted by unit."""
    ledger = keep(
        make_record(),
        make_record(Usage({Unit.INPUT_TOKEN: 5, Unit.OUTPUT_IMAGE: 2})),
        make_record(cost=Cost(Decimal("0.5"), "USD", {}, {})),
        make_record(None, price_status=PriceStatus.UNPRICED),
    )
    report = spend_by(ledger, ["unit"])
    assert not report.counts_calls
    rows = {row.keys[0]: row.spend for row in report.rows}
    assert {unit: sum(each.usage.values()) for unit, each in rows.items()} == {
        "input_token": 205,
        "output_token": 100,
        "output_image": 2,
        None: 0,
    }
    assert {unit: each.cost.get("USD") for unit, each in rows.items()} == {
        "input_token": Decimal("0.0003465"),  # 105 of them have a rate
        "output_token": Decimal("0.000825"),
        "output_image": None,
        None: Decimal("0.5"),  # given as a whole
    }
    total = sum(
        (each.cost.get("USD", Decimal(0)) for each in rows.values()), Decimal(0)
    )
    assert report.total.cost == {"USD": total}
    assert report.total.calls == 4
    assert rows["input_token"].per_1000_tokens("USD") == Decimal("0.0033")


def test_only_the_top_is_shown_and_the_rest_summed(keep: Keep) -> None:
    """Rows and rest together are the total."""
    teams = ["a"] * 3 + ["b"] * 2 + ["c", "d"]
    ledger = keep(*(make_record(tags={"team": team}) for team in teams))
    report = spend_by(ledger, ["team"], top=2)
    assert [row.keys for row in report.rows] == [("a",), ("b",)]
    assert report.rest is not None
    assert (report.hidden_rows, report.rest.spend.calls) == (2, 2)
    assert report.total.cost == {"USD": 7 * EACH}
    assert spend_by(ledger, ["team"], top=4).rest is None


def test_hours_go_by_time_where_clocks_are_put_back(keep: Keep) -> None:
    """The hour that comes twice has two rows, the first of them first."""
    twice = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    ledger = keep(*(make_record(at=twice + n * HOUR) for n in (1, 0, 0)))
    report = spend_by(ledger, ["hour"], select(zone="Europe/Berlin"))
    assert [(row.keys, row.spend.calls) for row in report.rows] == [
        (("2026-10-25T02:00+02:00",), 2),
        (("2026-10-25T02:00+01:00",), 1),
    ]


def test_days_of_a_zone_of_half_hours(keep: Keep) -> None:
    """India's days begin at half past six in the evening, UTC."""
    border = datetime(2026, 11, 24, 18, 30, tzinfo=UTC)
    second = timedelta(seconds=1)
    ledger = keep(make_record(at=border - second), make_record(at=border))
    report = spend_by(ledger, ["day"], select(zone="Asia/Kolkata"))
    assert [(row.keys, row.spend.calls) for row in report.rows] == [
        (("2026-11-24",), 1),
        (("2026-11-25",), 1),
    ]


STARTS = st.datetimes(datetime(2026, 2, 1), datetime(2026, 12, 1))  # noqa: DTZ001


@given(
    starts=st.lists(STARTS, min_size=1, max_size=12),
    zone=st.sampled_from(sorted(available_timezones())),
    step=st.sampled_from(["hour", "day", "week", "month"]),
    span=st.none() | st.tuples(STARTS, STARTS).map(sorted),
)
@settings(max_examples=25, deadline=None)
def test_stretches_add_up_to_the_total(
    tmp_path_factory: pytest.TempPathFactory,
    starts: list[datetime],
    zone: str,
    step: str,
    span: list[datetime] | None,
) -> None:
    """In every zone the sum over stretches is the report without time."""
    ledger = Ledger(tmp_path_factory.mktemp("spend") / "calls.db")
    for start in starts:
        ledger.write(make_record(at=start.replace(tzinfo=UTC)))
    assert ledger.flush(HANG_S)
    if span is not None and span[0] == span[1]:
        span = None
    ends = [None, None] if span is None else [at.replace(tzinfo=UTC) for at in span]
    # Few steps: an hour is a query, and the calls lie within ten months.
    chosen = select(ends[0], ends[1], zone=zone)
    if step == "hour" and span is not None:
        chosen = select(ends[0], min(ends[1], ends[0] + DAY), zone=zone)  # type: ignore[type-var,operator]
    elif step == "hour":
        step = "day"
    stepped, whole = spend_by(ledger, [step], chosen), spend_by(ledger, [], chosen)
    assert stepped.total == whole.total
    assert sum(row.spend.calls for row in stepped.rows) == whole.total.calls
    costs = (row.spend.cost.get("USD", Decimal(0)) for row in stepped.rows)
    assert sum(costs, Decimal(0)) == whole.total.cost.get("USD", Decimal(0))
    ledger.close()


def test_a_name_that_nothing_has_is_told(keep: Keep) -> None:
    """A misspelt tag or dimension looks like calls without it, so it is named."""
    ledger = keep(make_record())
    report = spend_by(ledger, ["modl", "tag:model"], select(where=["tam!=x"]))
    assert report.remarks == (
        "No call has a tag 'modl' (there are app, team); did you mean model?",
        "No call has a tag 'model' (there are app, team); did you mean model?",
        "No call has a tag 'tam' (there are app, team); did you mean team?",
    )


def test_hours_that_cannot_be_divided_any_more_are_told(keep: Keep) -> None:
    """Where single calls were forgotten, a cut through an hour misses some."""
    ledger = keep(make_record(at=NOON - 9 * DAY), make_record())
    ledger.prune(calls_before=NOON - DAY)
    chosen = select(NOON - 9 * DAY + HOUR / 4)
    (remark,) = spend_by(ledger, ["team"], chosen).remarks
    assert remark.startswith("Single calls before 2026-11-25 12:00 UTC were deleted")
    assert spend_by(ledger, ["team"]).remarks == ()
    assert spend_by(ledger, ["team"]).total.calls == 2
    assert spend_by(ledger, ["day"]).total.calls == 2


@pytest.mark.parametrize(
    ("by", "message"),
    [
        (["team", "team"], "names a dimension twice"),
        (["hour", "day"], "groups by one period only; choose one of hour, day"),
        ([""], "unknown dimension ''"),
        (["tag:"], "unknown dimension 'tag:'"),
    ],
)
def test_what_a_report_cannot_go_by(keep: Keep, by: list[str], message: str) -> None:
    """The error says what was wrong."""
    with pytest.raises(ConfigError, match=message):
        spend_by(keep(), by)


def test_an_empty_ledger_and_an_empty_span(keep: Keep) -> None:
    """No rows, and no error."""
    ledger = keep()
    assert spend_by(ledger, ["team", "day"]).rows == ()
    keep(make_record())
    for chosen in (
        select("2030-01-01"),
        select("2020-01-01", "2020-01-31"),
        select(None, "2020-01-01"),
        select(where=["team=nobody"]),
    ):
        report = spend_by(ledger, ["team", "day"], chosen)
        assert (report.rows, report.total.calls) == ((), 0)


def test_progress_is_told(keep: Keep) -> None:
    """One step after the other, and of how many."""
    ledger = keep(make_record(), make_record(at=NOON - 2 * DAY))
    told: list[tuple[int, int]] = []
    spend_by(ledger, ["day"], progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_report_as_a_plain_table(keep: Keep) -> None:
    """Columns by name; a tag with the name of a figure is prefixed."""
    ledger = keep(*(make_record(tags={"calls": team}) for team in ("a", "a", "b", "c")))
    table = tabulate_spend(spend_by(ledger, ["tag:calls", "day"], top=1))
    assert table.names == (
        "tag:calls",
        "day",
        "calls",
        "failed_calls",
        "abandoned_calls",
        "unpriced_calls",
        "attempts",
        "duration_s",
        "input_token",
        "output_token",
        "cost_usd",
        "estimated_usd",
        "share_usd",
        "per_call_usd",
        "per_1000_tokens_usd",
    )
    first, rest = table.rows
    assert first == (
        *("a", "2026-11-25", 2, 0, 0, 0, 2, 2.5, 200, 100),
        *(2 * EACH, None, 50, EACH, Decimal("0.0077")),
    )
    assert rest[:3] == ("(rest)", None, 2)
    for name in ("calls", "cost_usd", "share_usd"):
        assert tabulate_spend(spend_by(ledger, [name])).names[0] == f"tag:{name}"


def test_what_is_partly_priced_is_in_no_mean(keep: Keep) -> None:
    """It counts among those without a whole price; the part is in the cost."""
    part = {
        "price_status": PriceStatus.PARTIAL,
        "cost": Cost(Decimal(1), "USD", {}, {}),
    }
    total = spend_by(keep(make_record(), make_record(**part)), ()).total
    assert (total.unpriced, total.cost) == (1, {"USD": 1 + EACH})
    assert total.per_call("USD") == EACH
    assert total.per_1000_tokens("USD") == Decimal("0.0077")


def test_the_rest_has_all_figures_of_what_it_sums_up(keep: Keep) -> None:
    """Attempts, seconds, estimates and means of rows that are not shown."""
    estimated = {"price_status": PriceStatus.ESTIMATED, "attempts": 3}
    ledger = keep(
        *(make_record(tags={"team": "a"}) for _ in range(3)),
        make_record(tags={"team": "b"}, **estimated),
        make_record(tags={"team": "c"}, outcome=Outcome.ABANDONED),
    )
    report = spend_by(ledger, ["team"], top=1)
    assert report.rest is not None
    rest = report.rest.spend
    assert (rest.calls, rest.attempts, rest.duration_s) == (2, 4, 2.5)
    assert (rest.failed, rest.abandoned, rest.unpriced) == (0, 1, 0)
    assert (rest.cost, rest.estimated) == ({"USD": 2 * EACH}, {"USD": EACH})
    assert (rest.per_call("USD"), report.hidden_rows) == (EACH, 2)


@pytest.mark.parametrize(
    ("since", "until", "span"),
    [
        ("2030-01-01", None, ("2030-01-01", "2030-01-01")),
        (None, "2001-01-01", ("2001-01-02", "2001-01-02")),
        (None, None, ("2026-11-25T12", "2026-11-25T13")),
    ],
)
def test_a_span_with_one_end_outside_the_ledger_is_empty(
    keep: Keep, since: str | None, until: str | None, span: tuple[str, str]
) -> None:
    """It does not turn round where the ledger begins or ends."""
    report = spend_by(keep(make_record()), (), select(since, until))
    expected = tuple(datetime.fromisoformat(each).replace(tzinfo=UTC) for each in span)
    assert (report.since, report.until) == expected
