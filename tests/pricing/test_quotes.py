"""Quotes: price statuses and their reasons."""

# ruff: noqa: SIM300 - the expected value stands first

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from bedrock_attrib._model.model_id import ModelKind, ModelRef, Scope, parse_model_id
from bedrock_attrib._model.record import PriceReason, PriceStatus, Quote
from bedrock_attrib._model.usage import Unit, Usage
from bedrock_attrib.errors import PriceNotFoundError
from bedrock_attrib.pricing import PriceRow, PriceTable

NOV = datetime(2026, 11, 15, tzinfo=UTC)
ACCOUNT = "arn:aws:bedrock:us-east-1:111122223333"
TEXT = Usage({Unit.INPUT_TOKEN: 1000, Unit.OUTPUT_TOKEN: 100})


def quote(table: PriceTable, model: str, usage: Usage = TEXT, **call: object) -> Quote:
    """A quote for *model*, from us-east-1 in November 2026 unless *call* says other."""
    asked = {"region": "us-east-1", "at": NOV, **call}
    return table.quote(parse_model_id(model), usage, **asked)  # type: ignore[arg-type] # as the test has it


def test_priced(bundled: PriceTable):
    """A call is priced without a reason when every unit has a rate."""
    answer = quote(bundled, "us.anthropic.claude-opus-4-8")
    assert answer.cost is not None
    assert (PriceStatus.PRICED, "") == (answer.status, answer.reason)
    assert Decimal("0.00825") == answer.cost.total
    assert "USD" == answer.cost.currency
    assert {
        Unit.INPUT_TOKEN: Decimal("0.0055"),
        Unit.OUTPUT_TOKEN: Decimal("0.00275"),
    } == answer.cost.by_unit


def test_rate_names_its_row(bundled: PriceTable):
    """A rate names its row and the sources of that row."""
    cost = quote(bundled, "us.openai.gpt-5.6-terra").cost
    assert cost is not None
    rate = cost.rates[Unit.INPUT_TOKEN]
    assert (Decimal("2.2"), 1_000_000) == (rate.price, rate.per)
    assert Decimal("0.0000022") == rate.amount
    assert ("default", "geo", "default", "") == (
        rate.region,
        rate.scope,
        rate.tier,
        rate.context_band,
    )
    assert "2026-07-30" == str(rate.valid_from)
    assert rate.valid_to is None
    assert (
        "aws-model-card-20260914",
        "aws-pricelist-marketplace-20261008",
        "genai-prices",
        "litellm",
        "portkey",
        "portkey:in",
    ) == rate.sources
    assert 5 == rate.independent_sources


def test_quote_can_be_pickled(bundled: PriceTable):
    """A quote can be sent between processes."""
    answer = quote(bundled, "us.anthropic.claude-opus-4-8")
    assert answer == pickle.loads(pickle.dumps(answer))  # noqa: S301 - our own bytes


def test_free_by_price(bundled: PriceTable):
    """A list price of zero is a price: the call is free."""
    usage = Usage({Unit.GUARDRAIL_WORD_TEXT_UNIT: 5})
    answer = quote(bundled, "bedrock.guardrail", usage)
    assert answer.cost is not None
    assert PriceStatus.FREE == answer.status
    assert Decimal(0) == answer.cost.total
    assert "the list price is zero" == answer.reason


@pytest.mark.parametrize("counts", [{}, {Unit.INPUT_TOKEN: 0}])
def test_free_without_counts(bundled: PriceTable, counts: dict[Unit, int]):
    """A call that counted nothing is free, whatever the model."""
    answer = quote(bundled, "acme.unheard-of", Usage(counts))
    assert answer.cost is not None
    assert PriceStatus.FREE == answer.status
    assert Decimal(0) == answer.cost.total
    assert "nothing was counted" == answer.reason


def test_partial(bundled: PriceTable):
    """A unit without a rate is named and excluded from the amount."""
    usage = TEXT + Usage({Unit.CACHE_WRITE_1H_TOKEN: 10})
    answer = quote(bundled, "amazon.nova-micro-v1:0", usage)
    assert answer.cost is not None
    assert PriceStatus.PARTIAL == answer.status
    assert (Unit.CACHE_WRITE_1H_TOKEN,) == answer.cost.unpriced_units
    assert Decimal("0.000049") == answer.cost.total
    assert "cache_write_1h_token: no price for regional, tier default" == answer.reason


def test_unreported_zero_is_not_missing(bundled: PriceTable):
    """A count of zero needs no rate."""
    usage = TEXT + Usage({Unit.CACHE_WRITE_1H_TOKEN: 0})
    answer = quote(bundled, "amazon.nova-micro-v1:0", usage)
    assert PriceStatus.PRICED == answer.status


UNPRICED = [
    ("acme.unheard-of", {}, "model 'acme.unheard-of' is not in the price table"),
    (
        "us.anthropic.claude-opus-4-8-v9:9",
        {},
        "model 'anthropic.claude-opus-4-8-v9:9' is not in the price table",
    ),
    (
        "us.anthropic.claude-opus-4-8",
        {"tier": "flex"},
        "no price for tier 'flex'; known: default",
    ),
    (
        "us.anthropic.claude-opus-4-8",
        {"tier": "reserved"},
        "reserved capacity is billed by the hour, not per token",
    ),
    (
        "amazon.nova-micro-v1:0",
        {"latency_mode": "optimized"},
        "no price for latency mode 'optimized'",
    ),
    (
        "anthropic.claude-opus-4-6-v1",
        {"region": "us-gov-east-1"},
        "no price for us-gov-east-1, which default prices do not cover",
    ),
    (
        "us-gov.anthropic.claude-opus-4-6-v1",
        {"region": "us-east-1"},
        "no price for us-east-1, which default prices do not cover",
    ),
    (
        "amazon.nova-lite-v1:0",
        {"region": "cn-north-1"},
        "no price for cn-north-1, which default prices do not cover",
    ),
    (
        "ap.amazon.nova-2-lite-v1:0",
        {"region": "me-south-1"},
        "a US price, and the prices of this model differ between continents",
    ),
    (
        "us.openai.gpt-6-luna",
        {"at": datetime(2026, 9, 21, tzinfo=UTC)},
        "no price for geo, tier default",
    ),
    (
        f"{ACCOUNT}:application-inference-profile/abc",
        {},
        "the ARN of an application inference profile names no model",
    ),
    (f"{ACCOUNT}:provisioned-model/abc", {}, "billed by the hour, not per token"),
    (f"{ACCOUNT}:imported-model/abc", {}, "billed by custom model units and minutes"),
    (f"{ACCOUNT}:custom-model-deployment/abc", {}, "no list price of its own"),
    (f"{ACCOUNT}:prompt/ABC:1", {}, "the ARN of a prompt names no model"),
    (f"{ACCOUNT}:prompt-router/abc", {}, "a prompt router names no model"),
    (
        "arn:aws:sagemaker:us-east-1:111122223333:endpoint/abc",
        {},
        "billed by the hour of its instances",
    ),
]


@pytest.mark.parametrize(("model", "call", "reason"), UNPRICED)
def test_unpriced(
    bundled: PriceTable, model: str, call: dict[str, object], reason: str
):
    """A call without a row is unpriced with a reason, whatever other rows exist."""
    answer = quote(bundled, model, **call)
    assert answer.cost is None
    assert PriceStatus.UNPRICED == answer.status
    assert reason in answer.reason


def test_price_raises_when_unpriced(bundled: PriceTable):
    """`price` raises where `quote` returns ``unpriced``; the error names the call."""
    with pytest.raises(PriceNotFoundError, match="not in the price table") as caught:
        bundled.price("acme.unheard-of", TEXT, region="us-east-1", at=NOV)
    assert "acme.unheard-of" == caught.value.model_id
    assert "us-east-1" == caught.value.region
    assert NOV == caught.value.at


def test_price_returns_partial_cost(bundled: PriceTable):
    """`price` returns the cost of the priced units and names the others."""
    usage = TEXT + Usage({Unit.SEARCH_UNIT: 1})
    model = parse_model_id("amazon.nova-micro-v1:0")
    cost = bundled.price(model, usage, region="us-east-1", at=NOV)
    assert Decimal("0.000049") == cost.total
    assert (Unit.SEARCH_UNIT,) == cost.unpriced_units


def test_guardrail_of_unpriced_model(bundled: PriceTable):
    """Guardrail units are priced even if the tokens of the model cannot be."""
    usage = TEXT + Usage({Unit.GUARDRAIL_CONTENT_TEXT_UNIT: 2})
    answer = quote(bundled, f"{ACCOUNT}:provisioned-model/abc", usage, tier="flex")
    assert answer.cost is not None
    assert PriceStatus.PARTIAL == answer.status
    assert Decimal("0.0003") == answer.cost.total
    assert (Unit.INPUT_TOKEN, Unit.OUTPUT_TOKEN) == answer.cost.unpriced_units


def test_guardrail_checks_have_their_own_price(bundled: PriceTable):
    """Units of the checks API have other prices than those of a guardrail."""
    usage = Usage({Unit.GUARDRAIL_CHECKS_CONTENT_TEXT_UNIT: 1})
    answer = quote(bundled, "bedrock.guardrail-checks", usage)
    assert answer.cost is not None
    rate = answer.cost.rates[Unit.GUARDRAIL_CHECKS_CONTENT_TEXT_UNIT]
    (row,) = bundled.rows(
        model="bedrock.guardrail-checks", unit=Unit.GUARDRAIL_CHECKS_CONTENT_TEXT_UNIT
    )
    assert row.amount == rate.amount == answer.cost.total


def test_assumed_lifetime_is_a_guess(bundled: PriceTable):
    """A cache write of unknown lifetime is estimated if the model sells two."""
    usage = Usage({Unit.CACHE_WRITE_5M_TOKEN: 1000})
    answer = quote(
        bundled,
        "us.anthropic.claude-opus-4-8",
        usage,
        assumed_cache_unit=Unit.CACHE_WRITE_5M_TOKEN,
    )
    assert answer.cost is not None
    assert PriceStatus.ESTIMATED == answer.status
    assert Decimal("0.006875") == answer.cost.total
    assert (
        "cache_write_5m_token is assumed; the model also sells cache_write_1h_token"
        == answer.reason
    )


def test_assumed_lifetime_without_a_choice(bundled: PriceTable):
    """The rate is exact if the model sells one lifetime only."""
    usage = Usage({Unit.CACHE_WRITE_5M_TOKEN: 1000})
    answer = quote(
        bundled,
        "us.openai.gpt-5.6-terra",
        usage,
        assumed_cache_unit=Unit.CACHE_WRITE_5M_TOKEN,
    )
    assert answer.cost is not None
    assert PriceStatus.PRICED == answer.status
    assert Decimal("0.00275") == answer.cost.total
    rate = answer.cost.rates[Unit.CACHE_WRITE_5M_TOKEN]
    assert Unit.CACHE_WRITE_30M_TOKEN == rate.unit


def test_assumed_lifetime_that_is_not_sold(bundled: PriceTable):
    """No rate is taken if the model sells other lifetimes than the assumed one."""
    usage = TEXT + Usage({Unit.CACHE_WRITE_30M_TOKEN: 1000})
    answer = quote(
        bundled,
        "us.anthropic.claude-opus-4-8",
        usage,
        assumed_cache_unit=Unit.CACHE_WRITE_30M_TOKEN,
    )
    assert answer.cost is not None
    assert PriceStatus.PARTIAL == answer.status
    assert (Unit.CACHE_WRITE_30M_TOKEN,) == answer.cost.unpriced_units


def test_assumed_without_count(bundled: PriceTable):
    """An assumed lifetime without a count changes nothing."""
    usage = TEXT + Usage({Unit.CACHE_WRITE_5M_TOKEN: 0})
    answer = quote(
        bundled,
        "us.anthropic.claude-opus-4-8",
        usage,
        assumed_cache_unit=Unit.CACHE_WRITE_5M_TOKEN,
    )
    assert PriceStatus.PRICED == answer.status


def test_us_price_where_the_region_is_known_to_differ(bundled: PriceTable):
    """A default rate is an estimate where the region has prices of its own."""
    usage = Usage({Unit.INPUT_TOKEN: 1000, Unit.CACHE_READ_TOKEN: 1000})
    answer = quote(bundled, "amazon.nova-lite-v1:0", usage, region="eu-central-1")
    assert answer.cost is not None
    assert PriceStatus.ESTIMATED == answer.status
    assert Decimal("0.000093") == answer.cost.total  # 78 + 15 per million
    assert (
        "US price; other prices of the model in eu-central-1 differ from the US"
        == answer.reason
    )


def test_price_of_another_region(bundled: PriceTable):
    """A default row of one region is exact there and an estimate elsewhere."""
    model = "anthropic.claude-opus-5-5"
    abroad = quote(bundled, model)
    at_home = quote(bundled, model, region="eu-north-1")
    assert PriceStatus.ESTIMATED == abroad.status
    assert "price of eu-north-1; none is known for us-east-1" == abroad.reason
    assert PriceStatus.PRICED == at_home.status


def test_equal_price_seen_in_the_region(bundled: PriceTable):
    """A geo call abroad takes the default row where that price was seen there."""
    usage = Usage({Unit.INPUT_TOKEN: 1000})
    answer = quote(bundled, "ap.amazon.nova-lite-v1:0", usage, region="me-central-1")
    assert answer.cost is not None
    assert PriceStatus.PRICED == answer.status
    assert Decimal("0.00006") == answer.cost.total


def test_unconfirmed_tier(bundled: PriceTable):
    """A price that no source of AWS confirms is an estimate."""
    answer = quote(
        bundled, "anthropic.claude-3-5-sonnet-20240620-v1:0", tier="extended-access"
    )
    assert PriceStatus.ESTIMATED == answer.status
    assert "no source of AWS confirms this price" == answer.reason


def test_unconfirmed_long_rate(bundled: PriceTable):
    """A long rate of a single source makes the price an estimate, not higher."""
    usage = Usage({Unit.INPUT_TOKEN: 200_001})
    answer = quote(bundled, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", usage)
    assert answer.cost is not None
    assert PriceStatus.ESTIMATED == answer.status
    assert Decimal("0.6600033") == answer.cost.total  # 3.3 per million
    assert "longer than 200000 tokens" in answer.reason


def test_day_is_taken_in_utc(bundled: PriceTable):
    """The day in UTC decides, not the caller's local day."""
    tokyo = timezone(timedelta(hours=9))
    usage = Usage({Unit.INPUT_TOKEN: 1_000_000})
    before = datetime(2026, 7, 30, 8, 59, tzinfo=tokyo)  # 23:59 the day before
    after = datetime(2026, 7, 30, 9, 0, tzinfo=tokyo)
    costs = [
        quote(bundled, "us.openai.gpt-5.6-terra", usage, at=at).cost
        for at in (before, after, before)
    ]
    assert [Decimal("2.75"), Decimal("2.2"), Decimal("2.75")] == [
        cost.total for cost in costs if cost is not None
    ]


def test_time_without_zone_is_utc(bundled: PriceTable):
    """A time without a zone is taken as UTC."""
    usage = Usage({Unit.INPUT_TOKEN: 1_000_000})
    naive = datetime(2026, 7, 29, 23, 59)  # noqa: DTZ001 - the case in point
    cost = quote(bundled, "us.openai.gpt-5.6-terra", usage, at=naive).cost
    assert cost is not None
    assert Decimal("2.75") == cost.total


@pytest.mark.parametrize(
    "at",
    [
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
    ],
)
def test_ends_of_the_calendar(bundled: PriceTable, at: datetime):
    """Even the first and last moment have a price."""
    answer = quote(bundled, "us.anthropic.claude-opus-4-8", at=at)
    assert PriceStatus.PRICED == answer.status


def test_resolved_profile_is_priced_as_its_model(bundled: PriceTable):
    """A profile is priced as its model once that is known."""
    profile = ModelRef(
        requested=f"{ACCOUNT}:application-inference-profile/abc",
        model_id="anthropic.claude-opus-4-8",
        vendor="anthropic",
        scope=Scope.GLOBAL,
        kind=ModelKind.APPLICATION_INFERENCE_PROFILE,
    )
    answer = bundled.quote(profile, TEXT, region="us-east-1", at=NOV)
    assert answer.cost is not None
    assert Decimal("0.0075") == answer.cost.total


def test_model_without_scope(bundled: PriceTable):
    """A model without a known scope has no price, because scopes differ in price."""
    profile = ModelRef(
        requested=f"{ACCOUNT}:application-inference-profile/abc",
        model_id="anthropic.claude-opus-4-8",
        vendor="anthropic",
        scope=None,
        kind=ModelKind.APPLICATION_INFERENCE_PROFILE,
    )
    answer = bundled.quote(profile, TEXT, region="us-east-1", at=NOV)
    assert "the id does not say where calls may be served" == answer.reason


def test_models_that_name_nothing(bundled: PriceTable):
    """A foundation model without an id is unpriced."""
    nameless = ModelRef("?", None, None, None, ModelKind.FOUNDATION_MODEL)
    answer = bundled.quote(nameless, TEXT, region="us-east-1", at=NOV)
    assert "the id names no model" == answer.reason


def test_many_kinds_of_calls(bundled: PriceTable):
    """Thousands of kinds of calls and shapes of usage keep their prices."""
    table = bundled.with_overrides()
    for number in range(4200):
        quote(table, "us.anthropic.claude-opus-4-8", region=f"nowhere-{number}")
    units = list(Unit)
    for first in units[:20]:
        for second in units[20:36]:
            quote(table, "acme.unheard-of", Usage({first: 1, second: 1}))
    answer = quote(table, "us.anthropic.claude-opus-4-8")
    assert answer.cost is not None
    assert Decimal("0.00825") == answer.cost.total


@pytest.mark.parametrize(
    ("model", "tier", "total"),
    [
        ("openai.gpt-5.6-terra", "flex", "0.0251"),  # 1000 * 1.1 per million
        ("us.openai.gpt-5.6-terra", "priority", "0.0284"),  # 1000 * 4.4
        ("global.openai.gpt-5.6-terra", "default", "0.026"),  # 1000 * 2
    ],
)
def test_web_search_costs_the_same_on_all_terms(
    bundled: PriceTable, model: str, tier: str, total: str
):
    """A web search has one price for every tier and scope: 2 * 0.012 here."""
    usage = Usage({Unit.INPUT_TOKEN: 1000, Unit.WEB_SEARCH_QUERY: 2})
    answer = quote(bundled, model, usage, tier=tier)
    assert answer.cost is not None
    assert PriceStatus.PRICED == answer.status
    assert Decimal(total) == answer.cost.total


def test_web_search_of_a_stated_tier(bundled: PriceTable):
    """A price of web search that is stated for the tier comes before the flat one."""
    own = PriceRow(
        "openai.gpt-5.6-terra",
        "default",
        "regional",
        "flex",
        "standard",
        "",
        unit=Unit.WEB_SEARCH_QUERY,
        price=Decimal("0.5"),
        per=1,
    )
    table = bundled.with_overrides(rows=[own])
    usage = Usage({Unit.WEB_SEARCH_QUERY: 2})
    flex = quote(table, "openai.gpt-5.6-terra", usage, tier="flex")
    priority = quote(table, "openai.gpt-5.6-terra", usage, tier="priority")
    assert flex.cost is not None
    assert priority.cost is not None
    assert Decimal(1) == flex.cost.total
    assert Decimal("0.024") == priority.cost.total


def test_web_search_of_a_model_without_its_price(bundled: PriceTable):
    """The price of web search is never taken from another model."""
    usage = TEXT + Usage({Unit.WEB_SEARCH_QUERY: 2})
    answer = quote(bundled, "us.anthropic.claude-opus-4-8", usage)
    assert PriceStatus.PARTIAL == answer.status
    assert PriceReason.RATE_NOT_LISTED is answer.code
    assert "web_search_query: no price for geo, tier default" == answer.reason


REASON_CODES = [
    ("acme.unheard-of", {}, PriceReason.MODEL_NOT_LISTED),
    ("us.anthropic.claude-opus-4-8", {"tier": "flex"}, PriceReason.TIER_NOT_LISTED),
    ("us.anthropic.claude-opus-4-8", {"tier": "reserved"}, PriceReason.CAPACITY),
    (
        "amazon.nova-micro-v1:0",
        {"latency_mode": "optimized"},
        PriceReason.LATENCY_MODE_NOT_LISTED,
    ),
    (
        "amazon.nova-lite-v1:0",
        {"region": "cn-north-1"},
        PriceReason.REGION_NOT_LISTED,
    ),
    (
        "ap.amazon.nova-2-lite-v1:0",
        {"region": "me-south-1"},
        PriceReason.REGION_NOT_LISTED,
    ),
    (
        "us.openai.gpt-6-luna",
        {"at": datetime(2026, 9, 21, tzinfo=UTC)},
        PriceReason.RATE_NOT_LISTED,
    ),
    (
        f"{ACCOUNT}:application-inference-profile/abc",
        {},
        PriceReason.MODEL_NOT_NAMED,
    ),
    (f"{ACCOUNT}:provisioned-model/abc", {}, PriceReason.CAPACITY),
    (f"{ACCOUNT}:custom-model-deployment/abc", {}, PriceReason.CUSTOM_MODEL),
    ("anthropic.claude-opus-5-5", {}, PriceReason.RATE_UNCERTAIN),
    ("us.anthropic.claude-opus-4-8", {}, None),
]


@pytest.mark.parametrize(("model", "call", "code"), REASON_CODES)
def test_reason_codes(
    bundled: PriceTable, model: str, call: dict[str, object], code: PriceReason | None
):
    """Every reason has a code, which programs decide by."""
    assert code is quote(bundled, model, **call).code


@pytest.mark.parametrize(
    ("model", "usage", "code"),
    [
        (
            "bedrock.guardrail",
            {Unit.GUARDRAIL_WORD_TEXT_UNIT: 5},
            PriceReason.LIST_PRICE_ZERO,
        ),
        ("acme.unheard-of", {Unit.INPUT_TOKEN: 0}, PriceReason.NOTHING_COUNTED),
    ],
)
def test_codes_of_free_calls(
    bundled: PriceTable, model: str, usage: dict[Unit, int], code: PriceReason
):
    """A code distinguishes the reasons for a cost of zero."""
    assert code is quote(bundled, model, Usage(usage)).code
