"""A period priced another way, to the last digit."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kept_records import NOON, make_record
from kept_spend import HAIKU
from waiting import HANG_S

from bedrock_attrib import CallRecord, ConfigError, Cost, PriceTable, Unit, Usage
from bedrock_attrib._model.model_id import Scope, parse_model_id
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib.ledger import Ledger
from bedrock_attrib.pricing import PriceRow
from bedrock_attrib.reports import Alternative, what_if

Keep = Callable[..., Ledger]
SONNET_5 = "us.anthropic.claude-sonnet-5"
NOVA = "us.amazon.nova-pro-v1:0"
BANDED = "us.anthropic.claude-sonnet-4-20250514-v1:0"
MILLION = Usage({Unit.INPUT_TOKEN: 1_000_000, Unit.OUTPUT_TOKEN: 100_000})
CACHED = Usage(
    {
        Unit.INPUT_TOKEN: 100_000,
        Unit.CACHE_READ_TOKEN: 800_000,
        Unit.CACHE_WRITE_5M_TOKEN: 100_000,
    }
)

# Model, what was counted, the alternative, and what it costs then.
PRICED = {
    # 2.2 + 1.1 becomes 0.8 + 0.32
    "model": (SONNET_5, MILLION, Alternative(model=NOVA), "1.12"),
    # 10 % less: 2.0 + 1.0
    "scope": (SONNET_5, MILLION, Alternative(scope=Scope.GLOBAL), "3.0"),
    "geo": (HAIKU, MILLION, Alternative(scope=Scope.GEO), "1.65"),
    "regional": (HAIKU, MILLION, Alternative(scope=Scope.REGIONAL), "1.65"),
    # Half of 0.8 + 0.32
    "flex": (NOVA, MILLION, Alternative(tier="flex"), "0.56"),
    "batch": (NOVA, MILLION, Alternative(tier="batch"), "0.56"),
    # All of it at 2.2 a million
    "no cache": (SONNET_5, CACHED, Alternative(cached_share=Decimal(0)), "2.2"),
    # 500,000 at 2.2, 450,000 at 0.22, 50,000 at 2.75
    "half cached": (
        SONNET_5,
        CACHED,
        Alternative(cached_share=Decimal("0.5")),
        "1.3365",
    ),
    # Cached tokens become plain input, at half of 1.1
    "batch has no cache": (
        "us.anthropic.claude-haiku-4-5-20251001-v1:0",
        CACHED,
        Alternative(tier="batch"),
        "0.55",
    ),
    # A long prompt of Claude Sonnet 4: 6.0 + 2.25, instead of 3.0 + 1.5
    "long prompt": (SONNET_5, MILLION, Alternative(model=BANDED), "8.25"),
}


@pytest.mark.parametrize("name", PRICED)
def test_priced_another_way(name: str, keep: Keep) -> None:
    """Amounts are list prices times counts."""
    model, usage, alternative, expected = PRICED[name]
    found = what_if(keep(make_record(usage, model=model)), alternative)
    assert found.excluded == ()
    assert found.total.instead == Decimal(expected)
    assert found.total.actual == make_record(usage, model=model).cost.total  # type: ignore[union-attr] -- it has a price


def test_by_tags_and_only_like_with_like(keep: Keep) -> None:
    """Calls without one of the prices are listed, and in neither sum."""
    ledger = keep(
        make_record(MILLION, model=SONNET_5, tags={"team": "search"}),
        make_record(MILLION, model=NOVA, tags={"team": "search"}),
        make_record(MILLION, model=SONNET_5, tags={"team": "ads"}),
        make_record(model="acme.unheard-of-v1:0", tags={}),
        make_record(
            None,
            model=SONNET_5,
            tags={"team": "ads"},
            outcome=Outcome.ERROR,
            price_status=PriceStatus.FREE,
        ),
    )
    found = what_if(ledger, Alternative(scope=Scope.GLOBAL), ("team",))
    rows = {row.keys: row.repricing for row in found.rows}
    search, ads = rows["search",], rows["ads",]
    assert (search.calls, search.actual, search.instead) == (1, Decimal("3.3"), 3)
    assert (search.excluded, search.excluded_cost) == (1, Decimal("1.12"))
    assert (ads.calls, ads.saved) == (2, Decimal("0.3"))
    assert rows[None,].calls == 0
    assert {each.model: each.calls for each in found.excluded} == {
        NOVA: 1,
        "acme.unheard-of-v1:0": 1,
    }
    reason = next(each.reason for each in found.excluded if each.model == NOVA)
    assert reason.startswith("input_token: no price for global")


def test_long_prompts_are_priced_one_by_one(keep: Keep) -> None:
    """Short prompts that add up to a long one keep the price of short ones."""
    usage = Usage({Unit.INPUT_TOKEN: 150_000})
    ledger = keep(*(make_record(usage, model=SONNET_5) for _ in range(4)))
    found = what_if(ledger, Alternative(model=BANDED))
    assert found.total.instead == Decimal("1.8")  # 600,000 x 3


def test_long_prompts_at_a_tier_without_long_prices(keep: Keep) -> None:
    """Long prompts make an estimate where the other tier prices short ones alone."""
    short, long = (Usage({Unit.INPUT_TOKEN: n}) for n in (100_000, 300_000))
    model = "us.openai.gpt-5.6-terra"
    ledger = keep(*(make_record(each, model=model) for each in (short, long)))
    total = what_if(ledger, Alternative(tier="flex")).total
    # 100,000 x 2.2 and 300,000 x 4.4 become 400,000 x 1.1
    assert (total.actual, total.instead) == (Decimal("1.54"), Decimal("0.44"))
    assert total.estimated == Decimal("0.33")


def test_calls_that_are_gone_are_told(keep: Keep) -> None:
    """Where a price hangs on single calls, sums alone do not do."""
    ledger = keep(make_record(MILLION, model=SONNET_5))
    ledger.prune(calls_before=datetime(2026, 12, 1, tzinfo=UTC))
    found = what_if(ledger, Alternative(model=BANDED))
    assert (found.total.calls, found.total.excluded) == (0, 1)
    assert "were deleted" in found.excluded[0].reason
    other = what_if(ledger, Alternative(model=NOVA))
    assert other.total.instead == Decimal("1.12")


def own(
    price: str, band: str = "", since: date | None = None, until: date | None = None
) -> PriceRow:
    """A row of one's own for a million input tokens of `NOVA`."""
    return PriceRow(
        model_id="amazon.nova-pro-v1:0",
        region="us-east-1",
        scope="geo",
        tier="default",
        latency_mode="standard",
        context_band=band,
        unit=Unit.INPUT_TOKEN,
        price=Decimal(price),
        per=1_000_000,
        currency="USD",
        sources=("contract",),
        valid_from=since,
        valid_to=until,
    )


def test_prices_of_their_days(keep: Keep) -> None:
    """A price that changes within the span holds from its day on."""
    prices = PriceTable.bundled().with_overrides(
        rows=[
            own("1", until=date(2026, 11, 24)),
            own("10", since=date(2026, 11, 25)),
        ]
    )
    usage = Usage({Unit.INPUT_TOKEN: 1_000_000})
    ledger = keep(
        make_record(usage, at=NOON.replace(day=20), model=SONNET_5),
        make_record(usage, at=NOON, model=SONNET_5),
    )
    found = what_if(ledger, Alternative(model=NOVA), prices=prices)
    assert found.total.instead == Decimal(11)


def test_gone_calls_that_cost_nothing_or_nobody_knows_what(keep: Keep) -> None:
    """What was free stays so, and what has no price is not left out at zero."""
    free = {"outcome": Outcome.ERROR, "price_status": PriceStatus.FREE}
    lacking = {"price_status": PriceStatus.UNPRICED, "cost": None}
    ledger = keep(make_record(None, **free), make_record(MILLION, **lacking))
    ledger.prune(calls_before=datetime(2026, 12, 1, tzinfo=UTC))
    total = what_if(ledger, Alternative(model=BANDED)).total
    assert (total.calls, total.actual, total.instead) == (1, 0, 0)
    assert (total.excluded, total.excluded_cost) == (1, None)


def test_prices_of_long_prompts_change_on_days_of_their_own(keep: Keep) -> None:
    """A price that long prompts alone have holds from its day on."""
    prices = PriceTable.bundled().with_overrides(
        rows=[
            own("1"),
            own("2", "over-200k", until=date(2026, 11, 24)),
            own("20", "over-200k", since=date(2026, 11, 25)),
        ]
    )
    long, short = (Usage({Unit.INPUT_TOKEN: n}) for n in (1_000_000, 100_000))
    ledger = keep(
        *(
            make_record(usage, at=at, model=SONNET_5)
            for usage in (long, short)
            for at in (NOON.replace(day=20), NOON)
        )
    )
    found = what_if(ledger, Alternative(model=NOVA), prices=prices)
    assert found.total.instead == Decimal("22.2")  # 2 + 20, and 0.1 twice


COUNTS = st.fixed_dictionaries(
    {},
    optional={
        Unit.INPUT_TOKEN: st.integers(0, 300_000),
        Unit.OUTPUT_TOKEN: st.integers(0, 50_000),
        Unit.CACHE_READ_TOKEN: st.integers(0, 300_000),
        Unit.CACHE_WRITE_5M_TOKEN: st.integers(0, 9_000),
    },
)


@given(
    counts=st.lists(COUNTS, min_size=1, max_size=8),
    target=st.sampled_from([BANDED, HAIKU, "global.anthropic.claude-sonnet-5"]),
)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_sums_are_those_of_single_quotes(
    tmp_path_factory: pytest.TempPathFactory,
    counts: list[dict[Unit, int]],
    target: str,
) -> None:
    """However calls are added up, the amount is that of a quote for each."""
    ledger = Ledger(tmp_path_factory.mktemp("ledger") / "calls.db")
    records = [make_record(Usage(each), model=SONNET_5) for each in counts]
    for record in records:
        ledger.write(record)
    assert ledger.flush(HANG_S)
    found = what_if(ledger, Alternative(model=target))
    ledger.close()
    assert found.total.instead == sum(map(quoted(target), records), Decimal(0))


def quoted(target: str) -> Callable[[CallRecord], Decimal]:
    """What a record costs as a call of *target*; nothing was used at no cost."""

    def price(record: CallRecord) -> Decimal:
        quote = PriceTable.bundled().quote(
            parse_model_id(target),
            record.usage or Usage({}),
            region=record.region,
            at=record.started_at,
        )
        return quote.cost.total if quote.cost and record.cost else Decimal(0)

    return price


ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
NOT_POSSIBLE = {
    # A profile whose id names no model has no global id either.
    "no model": ({"model": ARN}, Alternative(scope=Scope.GLOBAL), "has no global id"),
    "no geography": (
        {"model": HAIKU, "region": "me-central-1"},
        Alternative(scope=Scope.GEO),
        "has no geo id in me-central-1",
    ),
    "no flex, by the call": (
        {"model": SONNET_5},
        Alternative(model=BANDED, tier="flex"),
        "no price for",
    ),
    "not wholly priced, by the call": (
        {"model": SONNET_5, "price_status": PriceStatus.PARTIAL},
        Alternative(model=BANDED),
        r"not fully known \(partial\)",
    ),
}


@pytest.mark.parametrize("name", NOT_POSSIBLE)
def test_what_has_no_price_says_why(name: str, keep: Keep) -> None:
    """The call is left out with its reason and its cost."""
    fields, alternative, reason = NOT_POSSIBLE[name]
    cost = Cost(Decimal(3), "USD", {}, {})
    fields = {"price_status": PriceStatus.PRICED, "cost": cost} | fields
    (found,) = what_if(keep(make_record(MILLION, **fields)), alternative).excluded
    assert (found.calls, found.cost) == (1, 3)
    assert re.search(reason, found.reason)


def test_free_calls_of_a_model_with_bands_stay_free(keep: Keep) -> None:
    """A refused call costs nothing, whichever model it is of."""
    free = {"outcome": Outcome.ERROR, "price_status": PriceStatus.FREE}
    found = what_if(keep(make_record(None, **free)), Alternative(model=BANDED))
    assert (found.total.calls, found.total.instead) == (1, 0)


def test_an_empty_ledger(keep: Keep) -> None:
    """Nothing was spent, and nothing would have been."""
    found = what_if(keep(), Alternative(model=NOVA))
    assert (found.rows, found.total.instead, found.since) == ((), Decimal(0), None)


WRONG = {
    "says nothing": (Alternative(), "nothing is changed"),
    "share": (Alternative(cached_share=Decimal(2)), "the cached share is 2"),
    "no share": (Alternative(cached_share=Decimal("NaN")), "cached share is NaN"),
    "uses": (Alternative(tier="flex", cache_uses=0), "cache uses are 0"),
    "cached batch": (
        Alternative(tier="batch", cached_share=Decimal("0.5")),
        "batch jobs have no prompt cache",
    ),
    "unknown tier": (
        Alternative(tier="felx"),
        "no price for the tier 'felx'; expected one of batch, custom-model",
    ),
    "unknown model": (
        Alternative(model="us.amazon.nova-pro-v2:0"),
        "no price for the model 'us.amazon.nova-pro-v2:0'",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_alternative_that_makes_no_sense(name: str, keep: Keep) -> None:
    """The message says what is wrong with it."""
    alternative, message = WRONG[name]
    with pytest.raises(ConfigError, match=message):
        what_if(keep(), alternative)


def test_assumptions_are_stated() -> None:
    """Everything that is taken for granted is said."""
    alternative = Alternative(NOVA, None, Scope.GEO, Decimal("0.25"))
    text = "\n".join(alternative.assumptions())
    assert f"{NOVA} (geo) would have the same token counts" in text
    assert "25% of each prompt" in text
    assert "with their geo ids" in text
    assert "failed calls remain free" in text


def test_an_amount_at_a_price_that_is_only_likely(keep: Keep) -> None:
    """The part of the alternative sum with unconfirmed prices is stated."""
    likely = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    ledger = keep(make_record(MILLION, model=SONNET_5))
    total = what_if(ledger, Alternative(model=likely)).total
    assert total.instead
    assert total.estimated == total.instead
    assert what_if(ledger, Alternative(model=NOVA)).total.estimated == 0


def test_calls_of_which_some_are_gone(keep: Keep) -> None:
    """Remaining calls are priced, the others listed with their cost."""
    early = datetime(2026, 11, 20, tzinfo=UTC)
    ledger = keep(
        *(make_record(MILLION, model=SONNET_5, at=early) for _ in range(2)),
        *(make_record(MILLION, model=SONNET_5) for _ in range(3)),
    )
    ledger.prune(calls_before=datetime(2026, 11, 21, tzinfo=UTC))
    total = what_if(ledger, Alternative(model=BANDED)).total
    assert (total.calls, total.actual) == (3, Decimal("9.9"))
    assert (total.excluded, total.excluded_cost) == (2, Decimal("6.6"))


def test_amounts_of_two_currencies_are_not_compared(keep: Keep) -> None:
    """What was paid in one currency is no saving in another."""
    euros = make_record(MILLION, model=NOVA, cost=Cost(Decimal(9), "EUR", {}, {}))
    found = what_if(keep(euros), Alternative(tier="batch"))
    assert (found.currency, found.total.saved) == ("EUR", None)
    (excluded,) = found.excluded
    assert (excluded.reason, excluded.cost) == ("the alternative price is in USD", 9)
