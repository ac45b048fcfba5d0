"""Long prompts: their rates, and when these are not certain."""

# ruff: noqa: SIM300 - the expected value stands first

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bedrock_attrib._model.model_id import parse_model_id
from bedrock_attrib._model.record import PriceStatus, Quote
from bedrock_attrib._model.usage import Unit, Usage
from bedrock_attrib.pricing import Commitment, Discount, PriceRow, PriceTable

NOV = datetime(2026, 11, 15, tzinfo=UTC)
LONG = Usage({Unit.INPUT_TOKEN: 300_000})
SONNET_4 = "anthropic.claude-sonnet-4-20250514-v1:0"
SONNET_4_5 = "anthropic.claude-sonnet-4-5-20250929-v1:0"
TERRA = "openai.gpt-5.6-terra"
NOVA = "amazon.nova-pro-v1:0"


def quote(table: PriceTable, model: str, usage: Usage = LONG, **call: object) -> Quote:
    """A quote for *model* from us-east-1 in November 2026, with changes by *call*."""
    asked = {"region": "us-east-1", "at": NOV, **call}
    return table.quote(parse_model_id(model), usage, **asked)  # type: ignore[arg-type] # as the test has it


def row(model: str, price: str, **values: object) -> PriceRow:
    """A row of the user's own for a million input tokens."""
    fields = {
        "region": "default",
        "scope": "regional",
        "tier": "default",
        "latency_mode": "standard",
        "context_band": "",
        "unit": Unit.INPUT_TOKEN,
        "per": 1_000_000,
        **values,
    }
    return PriceRow(model, price=Decimal(price), **fields)  # type: ignore[arg-type] # as the test has it


def outcome(answer: Quote) -> tuple[str, str, str]:
    """Amount without trailing zeros, status and reason."""
    assert answer.cost is not None
    amount = f"{answer.cost.total.normalize():f}"
    return amount, answer.status.value, answer.reason


def no_long_price(where: str, *, threshold: int = 272_000, taken: str = "") -> str:
    """The reason that a long prompt is an estimate."""
    return (
        f"the prompt is longer than {threshold} tokens, and no source confirms a "
        f"long-context price for {where}; {taken or 'the ordinary price'} is taken"
    )


# Model, call, amount of 300,000 input tokens at the ordinary price, and reason.
SHORT_RATES = [
    pytest.param(
        f"global.{SONNET_4}",
        {"tier": "batch"},
        "0.45",  # 1.5 per million
        no_long_price("global, tier batch, in us-east-1", threshold=200_000),
        id="global-batch",
    ),
    pytest.param(
        f"eu.{SONNET_4}",
        {"tier": "batch", "region": "eu-west-1"},
        "0.45",
        no_long_price("geo, tier batch, in eu-west-1", threshold=200_000),
        id="geo-batch",
    ),
    pytest.param(
        f"us.{SONNET_4_5}",
        {"tier": "batch"},
        "0.495",  # 1.65 per million
        no_long_price("geo, tier batch, in us-east-1", threshold=200_000),
        id="batch-of-an-unconfirmed-claim",
    ),
    pytest.param(
        SONNET_4_5,
        {},
        "0.99",  # 3.3 per million
        no_long_price("regional, tier default, in us-east-1", threshold=200_000),
        id="regional-where-only-profiles-have-long-rows",
    ),
    pytest.param(
        f"us.{TERRA}",
        {"tier": "flex"},
        "0.33",  # 1.1 per million
        no_long_price("geo, tier flex, in us-east-1"),
        id="geo-flex",
    ),
    pytest.param(
        TERRA,
        {"tier": "priority"},
        "1.32",  # 4.4 per million
        no_long_price("regional, tier priority, in us-east-1"),
        id="regional-priority",
    ),
    pytest.param(
        f"global.{TERRA}",
        {"tier": "batch"},
        "0.3",  # 1 per million
        no_long_price("global, tier batch, in us-east-1"),
        id="global-openai-batch",
    ),
    pytest.param(
        "openai.gpt-5.4",
        {"region": "us-gov-west-1"},
        "0.99",  # 3.3 per million
        no_long_price("regional, tier default, in us-gov-west-1"),
        id="region-without-long-rows",
    ),
]


@pytest.mark.parametrize(("model", "call", "total", "reason"), SHORT_RATES)
def test_tier_without_a_long_rate(
    bundled: PriceTable, model: str, call: dict[str, object], total: str, reason: str
):
    """A tier without long-context rows prices a long prompt as an estimate."""
    answer = quote(bundled, model, **call)
    assert (total, "estimated", reason) == outcome(answer)


@pytest.mark.parametrize(
    ("counts", "status"),
    [
        ({Unit.INPUT_TOKEN: 200_000, Unit.OUTPUT_TOKEN: 9}, PriceStatus.PRICED),
        ({Unit.INPUT_TOKEN: 200_001}, PriceStatus.ESTIMATED),
        ({Unit.INPUT_TOKEN: 1, Unit.OUTPUT_TOKEN: 999_999}, PriceStatus.PRICED),
        # The cache has no batch price, so the read is missing, and the rest is doubted.
        ({Unit.INPUT_TOKEN: 1, Unit.CACHE_READ_TOKEN: 200_000}, PriceStatus.PARTIAL),
    ],
)
def test_threshold(bundled: PriceTable, counts: dict[Unit, int], status: PriceStatus):
    """A prompt is long above the threshold, cached tokens counted, output not."""
    answer = quote(bundled, f"global.{SONNET_4}", Usage(counts), tier="batch")
    assert status == answer.status


@pytest.mark.parametrize("order", [1, -1])
def test_same_shape_short_and_long(bundled: PriceTable, order: int):
    """Rates resolved for short prompts do not price long ones, or vice versa."""
    table = bundled.with_overrides()
    short = Usage({Unit.INPUT_TOKEN: 1000})
    statuses = [
        quote(table, f"global.{SONNET_4}", usage, tier="batch").status
        for usage in (short, LONG, short, LONG)[::order]
    ]
    expected = [PriceStatus.PRICED, PriceStatus.ESTIMATED] * 2
    assert expected[::order] == statuses


def test_cached_tokens_make_a_prompt_long(bundled: PriceTable):
    """Cache reads alone can make a prompt long, and have the long rate."""
    usage = Usage({Unit.INPUT_TOKEN: 1, Unit.CACHE_READ_TOKEN: 272_000})
    answer = quote(bundled, "us.openai.gpt-5.4", usage)
    # 1 x 5.5 + 272000 x 0.55 per million
    assert ("0.1496055", "priced", "") == outcome(answer)


def test_long_rate_of_the_tier(bundled: PriceTable):
    """A tier with long-context rows prices a long prompt by them."""
    answer = quote(bundled, TERRA, region="us-gov-west-1", tier="flex")
    assert ("0.792", "priced", "") == outcome(answer)  # 2.64 per million


def test_unit_without_a_long_rate(bundled: PriceTable):
    """A token unit without a long rate is unpriced, never priced at its short one."""
    own = [
        row(NOVA, "9", context_band="over-64k"),
        row(NOVA, "0.5", unit=Unit.CACHE_READ_TOKEN),
    ]
    table = bundled.with_overrides(rows=own)
    usage = Usage({Unit.INPUT_TOKEN: 100_000, Unit.CACHE_READ_TOKEN: 1000})
    answer = quote(table, NOVA, usage)
    assert answer.cost is not None
    assert (Unit.CACHE_READ_TOKEN,) == answer.cost.unpriced_units
    assert (
        "0.9",
        "partial",
        "cache_read_token: no price for regional, tier default, prompts over-64k",
    ) == outcome(answer)


def test_missing_and_doubted(bundled: PriceTable):
    """A partial cost names the uncertainty of the units that it prices."""
    usage = LONG + Usage({Unit.CACHE_READ_TOKEN: 5})
    answer = quote(bundled, f"us.{TERRA}", usage, tier="flex")
    assert (
        "0.33",
        "partial",
        "cache_read_token: no price for geo, tier flex; "
        + no_long_price("geo, tier flex, in us-east-1"),
    ) == outcome(answer)


def test_other_units_than_tokens_have_one_price(bundled: PriceTable):
    """Searches and guardrails cost the same for a prompt of any length."""
    searches = LONG + Usage({Unit.WEB_SEARCH_QUERY: 2})
    checks = LONG + Usage({Unit.GUARDRAIL_CONTENT_TEXT_UNIT: 4})
    # 300000 x 4.4 per million, and 2 x 0.012 or 4 x 0.00015
    assert ("1.344", "priced", "") == outcome(quote(bundled, TERRA, searches))
    assert ("1.3206", "priced", "") == outcome(quote(bundled, TERRA, checks))


def test_stated_long_price_of_another_unit(bundled: PriceTable):
    """A long-context price of a search is taken where a list states one."""
    own = row(TERRA, "1", unit=Unit.WEB_SEARCH_QUERY, per=1, context_band="over-272k")
    table = bundled.with_overrides(rows=[own])
    usage = LONG + Usage({Unit.WEB_SEARCH_QUERY: 2})
    assert ("3.32", "priced", "") == outcome(quote(table, TERRA, usage))


def test_latency_mode_without_a_long_rate(bundled: PriceTable):
    """Optimized latency has no long rate because standard latency has one."""
    table = bundled.with_overrides(rows=[row(NOVA, "9", context_band="over-64k")])
    answer = quote(table, NOVA, latency_mode="optimized")
    reason = no_long_price(
        "regional, tier default, optimized latency, in us-east-1", threshold=64_000
    )
    assert ("0.3", "estimated", reason) == outcome(answer)  # 1 per million


def test_scope_without_a_long_rate(bundled: PriceTable):
    """A long rate of the global profile prices no call in a region."""
    own = row(SONNET_4_5, "9", scope="global", context_band="over-64k")
    table = bundled.with_overrides(rows=[own])
    usage = Usage({Unit.INPUT_TOKEN: 100_000})
    reason = no_long_price("regional, tier default, in us-east-1", threshold=64_000)
    assert ("0.33", "estimated", reason) == outcome(quote(table, SONNET_4_5, usage))


def test_own_band_below_a_band_of_other_tiers(bundled: PriceTable):
    """An own price with a band holds up to the next band of the same tier."""
    own = [
        row(NOVA, "9", context_band="over-64k"),
        row(NOVA, "20", context_band="over-200k", tier="flex"),
    ]
    table = bundled.with_overrides(rows=own)
    assert ("2.7", "priced", "") == outcome(quote(table, NOVA))


def test_higher_band_of_other_tiers_in_a_list(price_file: Callable[..., PriceTable]):
    """The band below is taken from a list as an estimate, which the reason names."""
    table = price_file(
        ["default", "over-64k", "9"], ["flex", "over-200k", "20"], ["default", "", "1"]
    )
    reason = no_long_price(
        "regional, tier default, in us-east-1",
        threshold=200_000,
        taken="the price of prompts over-64k",
    )
    assert ("2.7", "estimated", reason) == outcome(quote(table, "acme.model"))


def test_own_price_without_a_band(bundled: PriceTable):
    """An own price that states no band is a short rate, and estimates a long prompt."""
    own = row(SONNET_4, "1", tier="batch", scope="global")
    table = bundled.with_overrides(rows=[own])
    reason = no_long_price("global, tier batch, in us-east-1", threshold=200_000)
    answer = quote(table, f"global.{SONNET_4}", tier="batch")
    assert ("0.3", "estimated", reason) == outcome(answer)


def test_own_price_with_a_band(bundled: PriceTable):
    """An own price that states the band prices a long prompt for certain."""
    own = row(SONNET_4, "1", tier="batch", scope="global", context_band="over-200k")
    table = bundled.with_overrides(rows=[own])
    answer = quote(table, f"global.{SONNET_4}", tier="batch")
    assert ("0.3", "priced", "") == outcome(answer)


def test_list_price_of_a_long_prompt_beside_an_own_price(bundled: PriceTable):
    """A listed long rate is uncertain where the short one was negotiated."""
    table = bundled.with_overrides(rows=[row(TERRA, "1")])
    reason = (
        "your own price of input_token states no context band; the list price of "
        "prompts over-272k is taken"
    )
    assert ("1.32", "estimated", reason) == outcome(quote(table, TERRA))


def test_discounted_short_rate(bundled: PriceTable):
    """A discounted estimate is still an estimate."""
    table = bundled.with_overrides(discounts=[Discount(Decimal(10))])
    answer = quote(table, f"global.{SONNET_4}", tier="batch")
    reason = no_long_price("global, tier batch, in us-east-1", threshold=200_000)
    assert ("0.405", "estimated", reason) == outcome(answer)


def test_discounted_long_rate(bundled: PriceTable):
    """A discount applies to long rates as to all list prices."""
    table = bundled.with_overrides(discounts=[Discount(Decimal(10))])
    assert ("1.188", "priced", "") == outcome(quote(table, TERRA))


def test_an_hour_of_a_commitment_is_no_prompt(bundled: PriceTable):
    """Tokens of an hour of capacity have the ordinary price."""
    commitment = Commitment(
        "hourly", TERRA, "us-east-1", hourly_usage=Usage({Unit.INPUT_TOKEN: 1_000_000})
    )
    assert Decimal("2.2") == bundled.hourly_cost(commitment, at=NOV)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (datetime(2026, 8, 2, tzinfo=UTC), ("0.66", "priced", "")),
        (datetime(2026, 8, 3, tzinfo=UTC), ("1.32", "priced", "")),
    ],
)
def test_day_on_which_long_rates_begin(
    bundled: PriceTable, day: datetime, expected: tuple[str, str, str]
):
    """A long prompt is priced as usual before its model has long rates."""
    assert expected == outcome(quote(bundled, f"us.{TERRA}", at=day))


def test_assumed_lifetime_without_a_long_rate(price_file: Callable[..., PriceTable]):
    """A lifetime with a price for short prompts only counts as sold."""
    table = price_file(
        ["default", "", "1"],
        ["default", "", "2", "cache_write_5m_token"],
        ["default", "", "3", "cache_write_1h_token"],
        ["default", "over-64k", "5"],
        ["default", "over-64k", "6", "cache_write_5m_token"],
    )
    answer = quote(
        table,
        "acme.model",
        Usage({Unit.CACHE_WRITE_5M_TOKEN: 100_000}),
        assumed_cache_unit=Unit.CACHE_WRITE_5M_TOKEN,
    )
    assert (
        "0.6",
        "estimated",
        "cache_write_5m_token is assumed; the model also sells cache_write_1h_token",
    ) == outcome(answer)


def test_explanation(bundled: PriceTable):
    """An explanation states for tokens only that no band was taken, and why."""
    told = bundled.explain(
        f"global.{SONNET_4}",
        LONG + Usage({Unit.GUARDRAIL_CONTENT_TEXT_UNIT: 1}),
        region="us-east-1",
        tier="batch",
        at=NOV,
    )
    reason = no_long_price("global, tier batch, in us-east-1", threshold=200_000)
    assert ("", PriceStatus.ESTIMATED) == (told.context_band, told.quote.status)
    assert [reason, ""] == [unit.remark for unit in told.units]
