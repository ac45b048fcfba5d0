"""An explanation tells how a price was found."""

# ruff: noqa: SIM300 - the expected value stands first

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from bedrock_attrib._model.usage import Unit, Usage
from bedrock_attrib.pricing import Discount, PriceTable

NOV = datetime(2026, 11, 15, tzinfo=UTC)


def test_rows_and_tries(bundled: PriceTable):
    """It names each row chosen, and where it was looked for before."""
    told = bundled.explain(
        "eu.amazon.nova-2-lite-v1:0",
        Usage({Unit.INPUT_TOKEN: 1000}),
        region="eu-central-1",
        at=NOV,
    )
    (unit,) = told.units
    assert unit.row is not None
    assert unit.rate is not None
    assert (Decimal("0.429"), Decimal("0.000429")) == (unit.rate.price, unit.amount)
    assert [
        ("eu-central-1", "geo", "no row"),
        ("eu-central-1", "regional", ""),
    ] == [(each.region, each.scope, each.passed_over) for each in unit.tries]
    assert "" == unit.remark


def test_what_was_asked(bundled: PriceTable):
    """It tells what the call was taken for, the long-context band included."""
    told = bundled.explain(
        "global.anthropic.claude-haiku-5-5",
        Usage({Unit.INPUT_TOKEN: 100_001}),
        region="us-east-1",
        at=datetime(2026, 11, 15),  # noqa: DTZ001 - taken as UTC
    )
    assert "anthropic.claude-haiku-5-5" == told.model_id
    assert ("global", "us-east-1") == (told.scope, told.region)
    assert ("default", "standard") == (told.tier, told.latency_mode)
    assert date(2026, 11, 15) == told.day
    assert (100_001, "over-100k") == (told.prompt_tokens, told.context_band)
    assert ", prompt over-100k\n" in str(told)


def test_the_day_is_that_of_the_call(bundled: PriceTable):
    """A call of another day that has the same prices is told with its own day."""
    usage = Usage({Unit.INPUT_TOKEN: 1})
    days = [date(2026, 11, 14), date(2026, 11, 16)]
    told = [
        bundled.explain(
            "amazon.nova-micro-v1:0",
            usage,
            region="us-east-1",
            at=datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
        ).day
        for day in days
    ]
    assert days == told


def test_rows_passed_over(bundled: PriceTable):
    """It says why a row that stood there was not taken."""
    told = bundled.explain(
        "ap.amazon.nova-2-lite-v1:0",
        Usage({Unit.INPUT_TOKEN: 1}),
        region="me-south-1",
        at=NOV,
    )
    (unit,) = told.units
    assert unit.row is None
    assert "default/geo: a US price, and the prices of this model differ" in str(told)
    assert "input_token x 1 = no price" in str(told)


def test_text(bundled: PriceTable):
    """As text it can be read from top to bottom."""
    table = bundled.with_overrides(discounts=[Discount(Decimal(10))])
    told = table.explain(
        "us.openai.gpt-5.6-terra",
        Usage({Unit.INPUT_TOKEN: 1000, Unit.CACHE_WRITE_5M_TOKEN: 10}),
        region="us-east-1",
        at=NOV,
        assumed=Unit.CACHE_WRITE_5M_TOKEN,
    )
    assert (
        "us.openai.gpt-5.6-terra from us-east-1 on 2026-11-15: 0.00200475 (priced)\n"
        "  prices of openai.gpt-5.6-terra, geo, tier default, latency standard\n"
        "  input_token x 1000 = 0.00198\n"
        "    1.98 per 1000000, valid from 2026-07-30 to …\n"
        "    read in aws-model-card-20260914, aws-pricelist-marketplace-20261008, "
        "genai-prices, litellm, portkey, portkey:in, discount:10%\n"
        "    us-east-1/geo: no row\n"
        "    us-east-1/regional: no row\n"
        "    default/geo: taken\n"
        "  cache_write_5m_token x 10 = 0.00002475\n"
        "    2.475 per 1000000, valid from 2026-07-30 to …\n"
        "    read in aws-model-card-20260914, genai-prices, litellm, portkey, "
        "portkey:in, discount:10%\n"
        "    us-east-1/geo: no row\n"
        "    us-east-1/regional: no row\n"
        "    default/geo: taken"
    ) == str(told)


def test_opaque_model(bundled: PriceTable):
    """It tells why an ARN has no price, and what to do."""
    told = bundled.explain(
        "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc",
        Usage({Unit.INPUT_TOKEN: 1}),
        region="us-east-1",
        at=NOV,
    )
    assert told.model_id is None
    assert () == told.units[0].tries
    assert "map it to its model or profile id under [models]" in str(told)
