"""Remarks of reports: invalid dimensions, misspelt tags, calls without a price."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from kept_records import NOON, make_record
from kept_spend import HAIKU

from bedrock_attrib import CallRecord, ConfigError, Unit, Usage
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib.ledger import Ledger
from bedrock_attrib.reports import (
    Alternative,
    Selection,
    anomalies,
    compare,
    forecast,
    savings,
    select,
    spend_by,
    unattributed,
    unpriced,
    what_if,
)
from bedrock_attrib.reports.focus import Account, focus_table
from bedrock_attrib.reports.html import make_page

Keep = Callable[..., Ledger]
BATCH = Alternative(tier="batch")
DAY = timedelta(days=1)

# Each report, by dimensions and of a selection.
BY: dict[str, Callable[[Ledger, list[str]], object]] = {
    "anomalies": anomalies,
    "compare": lambda ledger, by: compare(ledger, *by),
    "savings": savings,
    "unattributed": lambda ledger, by: unattributed(ledger, by=by),
    "what-if": lambda ledger, by: what_if(ledger, BATCH, by),
    "the page": lambda ledger, by: make_page(ledger, by=by),
}
OF: dict[str, Callable[[Ledger, Selection], tuple[str, ...]]] = {
    "anomalies": lambda ledger, chosen: anomalies(ledger, selection=chosen).remarks,
    "forecast": lambda ledger, chosen: forecast(ledger, chosen, now=NOON + DAY).remarks,
    "savings": lambda ledger, chosen: savings(ledger, selection=chosen).remarks,
    "spend": lambda ledger, chosen: spend_by(ledger, selection=chosen).remarks,
    "unattributed": lambda ledger, chosen: (
        unattributed(ledger, selection=chosen).remarks
    ),
    "unpriced": lambda ledger, chosen: unpriced(ledger, chosen).remarks,
    "what-if": lambda ledger, chosen: what_if(ledger, BATCH, selection=chosen).remarks,
    "focus": lambda ledger, chosen: (
        focus_table(ledger, chosen, account=Account("1")).remarks
    ),
    "html": lambda ledger, chosen: make_page(ledger, chosen).remarks,
}


@pytest.mark.parametrize("name", BY)
@pytest.mark.parametrize("dimension", ["unit", "hour", "day", "week", "month"])
def test_time_and_units_are_refused(name: str, dimension: str, keep: Keep) -> None:
    """What came, what is possible and what to do instead are said."""
    message = (
        f"{name} cannot be grouped by {dimension}; expected a tag, or one of model, .* "
        f"\\(a tag of that name: tag:{dimension}\\)\\. [A-Z]"
    )
    with pytest.raises(ConfigError, match=message):
        BY[name](keep(make_record()), [dimension])
    if name != "compare":
        BY[name](keep(), [f"tag:{dimension}"])


@pytest.mark.parametrize("name", [name for name in BY if name != "compare"])
def test_a_dimension_that_is_named_twice(name: str, keep: Keep) -> None:
    """It is refused, rather than shown twice."""
    with pytest.raises(ConfigError, match="names a dimension twice"):
        BY[name](keep(make_record()), ["team", "team"])


def test_what_is_no_tag_cannot_be_lacking(keep: Keep) -> None:
    """A dimension is no tag, unless it is said to be one."""
    ledger = keep(make_record(tags={"day": "x"}), make_record())
    for name in ("model", "day"):
        with pytest.raises(
            ConfigError, match=f"expects tags such as team, and {name} is not one"
        ):
            unattributed(ledger, [name])
    assert unattributed(ledger, ["tag:day"]).lacking.calls == 1
    assert unattributed(ledger, ["temas"]).remarks == (
        "No call has a tag 'temas' (there are app, day, team); did you mean team?",
    )


def test_misspelt_tags_of_unattributed_calls_are_named(keep: Keep) -> None:
    """Whoever looks for the culprit sees the tag that was meant."""
    ledger = keep(
        make_record(tags={"taem": "search"}),
        make_record(tags={"taem": "ads", "app": "x"}),
        make_record(tags={"Team": "ads"}),
        make_record(),
    )
    assert set(unattributed(ledger).remarks) == {
        "Of these calls, 2 with a tag 'taem': is 'team' meant?",
        "Of these calls, 1 with a tag 'Team': is 'team' meant?",
    }
    assert unattributed(ledger, ["team", "taem"]).lacking.calls == 4


@pytest.mark.parametrize("name", OF)
def test_a_misspelt_filter_is_told(name: str, keep: Keep) -> None:
    """A key that no call has is no filter that anybody meant."""
    ledger = keep(make_record())
    assert "No call has a tag 'temas' (there are app, team); did you mean team?" in (
        OF[name](ledger, select(where=["temas=search"]))
    )
    assert OF[name](ledger, select(where=["team=search"])) == ()


@pytest.mark.parametrize("name", OF)
def test_a_filter_on_a_tag_of_other_times_is_told(name: str, keep: Keep) -> None:
    """In this span no call has it, although it is spelt right."""
    ledger = keep(make_record(), make_record(tags={"squad": "x"}, at=NOON - 9 * DAY))
    chosen = select("2026-11-25", where=["squad!=y"])
    told = OF[name](ledger, chosen)
    # Those that look back have a longer span.
    expected = "No call in this span has a tag 'squad', but calls before or after it do"
    assert (expected in told) is (name not in ("anomalies", "forecast"))


def test_many_and_long_keys_make_no_long_remark(keep: Keep) -> None:
    """Ten keys are named, and no more than 40 characters of each."""
    ledger = keep(make_record(tags={f"{n:02}{'k' * 200}": "x" for n in range(12)}))
    (told,) = spend_by(ledger, [f"team{'x' * 200}"]).remarks
    assert told.startswith(f"No call has a tag 'team{'x' * 36}…' (there are 00kkk")
    assert "2 others)" in told
    assert len(told) < 600


def of(**fields: object) -> CallRecord:
    """A call of a million tokens at a dollar, within the team search."""
    return make_record(Usage({Unit.INPUT_TOKEN: 1_000_000}), model=HAIKU, **fields)


UNPRICED = {"cost": None, "price_status": PriceStatus.UNPRICED}
DOUBTS = (
    r"1 of 4 calls has no price: .*bedrock-attrib report unpriced",
    r"1 of 4 calls has a price for a part: .*bedrock-attrib report unpriced",
    r"1 of 4 calls has an estimated price, as their counts or prices .*",
)


@pytest.mark.parametrize("name", ["anomalies", "forecast", "savings", "what-if"])
def test_calls_without_a_plain_price_are_counted(name: str, keep: Keep) -> None:
    """How many have none, a part of one, or an estimate, and where to look."""
    ledger = keep(
        of(),
        of(**UNPRICED),
        of(price_status=PriceStatus.PARTIAL),
        of(price_status=PriceStatus.ESTIMATED),
    )
    told = OF[name](ledger, Selection())
    assert len(told) == 3
    for remark, pattern in zip(told, DOUBTS, strict=True):
        assert re.fullmatch(pattern, remark), remark


def test_a_group_without_any_price_saves_nothing_known(keep: Keep) -> None:
    """Its amounts are not known, rather than zero."""
    ledger = keep(of(**UNPRICED), of(tags={"team": "ads"}))
    rows = {row.keys: row.repricing for row in what_if(ledger, BATCH).rows}
    lost, known = rows["search",], rows["ads",]
    assert (lost.calls, lost.excluded) == (0, 1)
    assert (lost.actual, lost.instead, lost.saved, lost.excluded_cost) == (None,) * 4
    assert (known.actual, known.excluded_cost) == (Decimal(1), Decimal(0))
    (excluded,) = what_if(ledger, BATCH).excluded
    assert (excluded.calls, excluded.cost) == (1, None)


def test_waste_without_any_price(keep: Keep) -> None:
    """What abandoned calls cost is not known; failed ones that are free cost zero."""
    failed = {"outcome": Outcome.ERROR, "price_status": PriceStatus.FREE, "cost": None}
    ledger = keep(of(outcome=Outcome.ABANDONED, **UNPRICED))
    found = savings(ledger)
    assert found.spent is None
    (waste,) = found.wasted
    assert (waste.abandoned, waste.abandoned_cost, waste.cost) == (1, None, None)
    ledger = keep(of(**failed))
    (waste,) = [each for each in savings(ledger).wasted if each.failed]
    assert (waste.failed, waste.failed_cost) == (1, Decimal(0))


def test_a_month_without_any_price(keep: Keep) -> None:
    """Nothing is known to be spent, and nothing is expected."""
    found = forecast(keep(of(**UNPRICED)), now=NOON + DAY)
    assert (found.spent, found.expected) == (None, None)
    assert forecast(keep(), Selection(), now=NOON - 400 * DAY).spent == 0


def test_hours_that_were_not_cut_are_not_told(keep: Keep) -> None:
    """Only where a forgotten hour is divided is something missing."""
    ledger = keep(
        make_record(at=NOON - 3 * DAY), make_record(at=NOON - DAY), make_record(at=NOON)
    )
    ledger.prune(calls_before=NOON - 2 * DAY)
    for since in ("2026-11-20T12:30", "2026-11-24T12:05", "2026-11-23T12:00"):
        assert spend_by(ledger, (), select(since)).remarks == ()
    (told,) = spend_by(ledger, (), select("2026-11-22T12:30")).remarks
    assert "(as at 2026-11-22T12:30+00:00), calls of that hour are missing" in told


def test_an_hour_that_is_kept_from_its_middle_on_is_whole(keep: Keep) -> None:
    """Where nothing was forgotten, no call is missing before the first."""
    ledger = keep(make_record(at=NOON + timedelta(minutes=30)))
    assert spend_by(ledger, (), select("2026-11-25T12:15")).remarks == ()


def test_what_of_partly_priced_calls_is_in_the_amounts(keep: Keep) -> None:
    """Reports that compare whole prices leave them out, the others have the part."""
    part = make_record(price_status=PriceStatus.PARTIAL)
    ledger = keep(make_record(tags={"team": "ads"}), part)
    start = "1 of 2 calls has a price for a part: "
    assert f"{start}excluded from these amounts" in (what_if(ledger, BATCH).remarks[0])
    assert f"{start}only that part is in these amounts" in savings(ledger).remarks[0]
