"""Explanations of how a price was found."""

# ruff: noqa: SIM300 - the expected value stands first

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from bedrock_attrib._model.usage import Unit, Usage
from bedrock_attrib.pricing import Discount, PriceTable

NOV = datetime(2026, 11, 15, tzinfo=UTC)


def test_rows_and_steps(bundled: PriceTable):
    """It names each row taken and the searches before it."""
    explanation = bundled.explain(
        "eu.amazon.nova-2-lite-v1:0",
        Usage({Unit.INPUT_TOKEN: 1000}),
        region="eu-central-1",
        at=NOV,
    )
    (unit,) = explanation.units
    assert unit.row is not None
    assert unit.rate is not None
    assert (Decimal("0.429"), Decimal("0.000429")) == (unit.rate.price, unit.amount)
    assert [
        ("eu-central-1", "geo", "no row"),
        ("eu-central-1", "regional", ""),
    ] == [(each.region, each.scope, each.passed_over) for each in unit.steps]
    assert "" == unit.remark


def test_what_was_asked(bundled: PriceTable):
    """It states the terms of the call, the context band included."""
    explanation = bundled.explain(
        "global.anthropic.claude-haiku-5-5",
        Usage({Unit.INPUT_TOKEN: 100_001}),
        region="us-east-1",
        at=datetime(2026, 11, 15),  # noqa: DTZ001 - taken as UTC
    )
    assert "anthropic.claude-haiku-5-5" == explanation.model_id
    assert ("global", "us-east-1") == (explanation.scope, explanation.region)
    assert ("default", "standard") == (explanation.tier, explanation.latency_mode)
    assert date(2026, 11, 15) == explanation.day
    assert (100_001, "over-100k") == (
        explanation.prompt_tokens,
        explanation.context_band,
    )
    assert ", prompt over-100k\n" in str(explanation)


def test_the_day_is_that_of_the_call(bundled: PriceTable):
    """It states the day of the call, even if other days have the same prices."""
    usage = Usage({Unit.INPUT_TOKEN: 1})
    days = [date(2026, 11, 14), date(2026, 11, 16)]
    explanation = [
        bundled.explain(
            "amazon.nova-micro-v1:0",
            usage,
            region="us-east-1",
            at=datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
        ).day
        for day in days
    ]
    assert days == explanation


def test_rows_passed_over(bundled: PriceTable):
    """It states why a row was not taken."""
    explanation = bundled.explain(
        "ap.amazon.nova-2-lite-v1:0",
        Usage({Unit.INPUT_TOKEN: 1}),
        region="me-south-1",
        at=NOV,
    )
    (unit,) = explanation.units
    assert unit.row is None
    assert (
        "default/geo/default: a US price, and the prices of this model differ"
        in str(explanation)
    )
    assert "input_token x 1 = no price" in str(explanation)


def test_text(bundled: PriceTable):
    """As text, it lists the call, its units and the searches for each."""
    table = bundled.with_overrides(discounts=[Discount(Decimal(10))])
    explanation = table.explain(
        "us.openai.gpt-5.6-terra",
        Usage({Unit.INPUT_TOKEN: 1000, Unit.CACHE_WRITE_5M_TOKEN: 10}),
        region="us-east-1",
        at=NOV,
        assumed_cache_unit=Unit.CACHE_WRITE_5M_TOKEN,
    )
    assert (
        "us.openai.gpt-5.6-terra from us-east-1 on 2026-11-15: 0.00200475 (priced)\n"
        "  prices of openai.gpt-5.6-terra, geo, tier default, latency standard\n"
        "  input_token x 1000 = 0.00198\n"
        "    1.98 per 1000000, valid from 2026-07-30 to …\n"
        "    read in aws-model-card-20260914, aws-pricelist-marketplace-20261008, "
        "genai-prices, litellm, portkey, portkey:in, discount:10%\n"
        "    us-east-1/geo/default: no row\n"
        "    us-east-1/regional/default: no row\n"
        "    default/geo/default: used\n"
        "  cache_write_5m_token x 10 = 0.00002475\n"
        "    2.475 per 1000000, valid from 2026-07-30 to …\n"
        "    read in aws-model-card-20260914, genai-prices, litellm, portkey, "
        "portkey:in, discount:10%\n"
        "    us-east-1/geo/default: no row\n"
        "    us-east-1/regional/default: no row\n"
        "    default/geo/default: used"
    ) == str(explanation)


def test_opaque_model(bundled: PriceTable):
    """It states why an ARN has no price and how to map it."""
    explanation = bundled.explain(
        "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc",
        Usage({Unit.INPUT_TOKEN: 1}),
        region="us-east-1",
        at=NOV,
    )
    assert explanation.model_id is None
    assert () == explanation.units[0].steps
    assert "map it to its model or profile id under [models]" in str(explanation)
