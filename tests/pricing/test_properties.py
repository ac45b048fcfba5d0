"""Properties of every price: linear, exact, dated, without exceptions."""

from __future__ import annotations

import decimal
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bedrock_attrib._model.model_id import ModelKind, ModelRef, Scope, parse_model_id
from bedrock_attrib._model.record import PriceStatus
from bedrock_attrib._model.usage import Unit, Usage
from bedrock_attrib.pricing import Discount, PriceRow, PriceTable

TABLE = PriceTable.bundled()
NOV = datetime(2026, 11, 15, tzinfo=UTC)
SEEN_IDS = sorted({row.model_id for row in TABLE.rows()})
SEEN_TIERS = sorted({row.tier for row in TABLE.rows()})
SEEN_REGIONS = sorted({row.region for row in TABLE.rows()})

units = st.sampled_from(list(Unit))
usages = st.dictionaries(units, st.integers(0, 10**12), max_size=8).map(Usage)
# A model without long-context rates: those make a bill jump at the threshold.
four_units = st.fixed_dictionaries(
    {
        Unit.INPUT_TOKEN: st.integers(0, 10**15),
        Unit.OUTPUT_TOKEN: st.integers(0, 10**15),
        Unit.CACHE_READ_TOKEN: st.integers(0, 10**15),
        Unit.CACHE_WRITE_5M_TOKEN: st.integers(0, 10**15),
    }
).map(Usage)
prefixes = st.sampled_from(["", "us.", "eu.", "apac.", "jp.", "us-gov.", "global."])
arns = st.builds(
    "arn:aws:bedrock:us-east-1:111122223333:{}/{}".format,
    st.sampled_from(["provisioned-model", "imported-model", "inference-profile", "x"]),
    st.text(max_size=20),
)
model_ids = (
    st.builds("{}{}{}".format, prefixes, st.sampled_from(SEEN_IDS), st.text(max_size=3))
    | st.builds("{}{}".format, prefixes, st.sampled_from(SEEN_IDS))
    | arns
    | st.text(max_size=40)
)
regions = st.sampled_from([*SEEN_REGIONS, "us-iso-east-1", "", "mars-1"]) | st.text()
tiers = st.sampled_from([*SEEN_TIERS, "reserved", ""]) | st.text()
moments = st.datetimes(timezones=st.none() | st.just(UTC))


def total(usage: Usage) -> Decimal:
    """The cost of *usage* with a model that sells all four units."""
    return TABLE.price(
        "us.anthropic.claude-opus-4-8", usage, region="us-east-1", at=NOV
    ).total


@given(four_units, four_units)
def test_cost_is_additive(one: Usage, other: Usage):
    """The cost of two calls equals the cost of their sum."""
    assert total(one + other) == total(one) + total(other)


@given(four_units, st.integers(0, 10**6))
def test_cost_is_linear(usage: Usage, times: int):
    """A call of n times the counts costs n times as much."""
    many = Usage({unit: count * times for unit, count in usage.items()})
    assert total(many) == total(usage) * times


@given(four_units)
def test_application_context_does_not_matter(usage: Usage):
    """Amounts are exact in any decimal context of the application."""
    expected = total(usage)
    with decimal.localcontext(prec=5, rounding=decimal.ROUND_UP) as context:
        context.traps[decimal.Inexact] = True
        assert expected == total(usage)
        table = TABLE.with_overrides(discounts=[Discount(Decimal("12.3456789"))])
        assert (
            Decimal("4.8209876605")
            == table.price(
                "us.anthropic.claude-opus-4-8",
                Usage({Unit.INPUT_TOKEN: 1_000_000}),
                region="us-east-1",
                at=NOV,
            ).total
        )


@given(
    model_ids,
    usages,
    regions,
    tiers,
    st.sampled_from(["standard", "optimized", "", "x"]),
    moments,
    st.none() | units,
)
@settings(max_examples=300)
def test_quote_never_raises(
    model: str,
    usage: Usage,
    region: str,
    tier: str,
    latency_mode: str,
    at: datetime,
    assumed_cache_unit: Unit | None,
):
    """Every quote has a consistent cost, status and reason, without a float."""
    quote = TABLE.quote(
        parse_model_id(model),
        usage,
        region=region,
        tier=tier,
        latency_mode=latency_mode,
        at=at,
        assumed_cache_unit=assumed_cache_unit,
    )
    assert (quote.cost is None) == (quote.status is PriceStatus.UNPRICED)
    assert (quote.reason == "") == (quote.status is PriceStatus.PRICED)
    if quote.cost is None:
        return
    cost = quote.cost
    assert {*cost.by_unit} == {*cost.rates}
    assert {*usage} >= {*cost.by_unit, *cost.unpriced_units}
    assert sum(cost.by_unit.values(), Decimal(0)) == cost.total
    amounts = [cost.total, *cost.by_unit.values()]
    amounts += [rate.price for rate in cost.rates.values()]
    amounts += [rate.amount for rate in cost.rates.values()]
    assert {Decimal} == {type(amount) for amount in amounts}


@given(st.sampled_from(["region", "tier", "latency_mode"]), st.none() | st.floats())
def test_quote_survives_what_is_no_text(place: str, value: float | None):
    """A response with another type in place of a name is unpriced."""
    call = {"region": "us-east-1", place: value}
    usage = Usage({Unit.INPUT_TOKEN: 1})
    model = parse_model_id("us.anthropic.claude-opus-4-8")
    quote = TABLE.quote(model, usage, at=NOV, **call)  # type: ignore[arg-type] # the case in point
    assert quote.status is PriceStatus.UNPRICED


@given(
    st.sampled_from(list(ModelKind)),
    st.none() | st.sampled_from(SEEN_IDS),
    st.none() | st.sampled_from(list(Scope)),
)
def test_any_reference_has_an_answer(
    kind: ModelKind, model_id: str | None, scope: Scope | None
):
    """A hand-made model reference is priced, or has a reason."""
    model = ModelRef(f"{kind} {scope}", model_id, None, scope, kind)
    usage = Usage({Unit.INPUT_TOKEN: 1})
    quote = TABLE.quote(model, usage, region="us-east-1", at=NOV)
    assert quote.cost is not None or quote.reason


rows = st.builds(
    PriceRow,
    model_id=st.just("amazon.nova-2-lite-v1:0"),
    region=st.sampled_from(["default", "eu-central-1", "us-east-1", "sa-east-1"]),
    scope=st.sampled_from(["regional", "geo", "global"]),
    tier=st.sampled_from(["default", "flex"]),
    latency_mode=st.just("standard"),
    context_band=st.sampled_from(["", "over-100k"]),
    unit=st.sampled_from([Unit.INPUT_TOKEN, Unit.OUTPUT_TOKEN]),
    price=st.decimals(0, 100, places=4),
    per=st.just(1_000_000),
    valid_from=st.dates(date(2026, 11, 16), date(2027, 12, 31)),
)


@given(
    st.lists(rows, max_size=5, unique_by=lambda row: (row.key, row.valid_from)),
    st.sampled_from(["", "us.", "eu.", "jp.", "global."]),
    st.sampled_from(["us-east-1", "eu-central-1", "sa-east-1", "me-south-1"]),
    st.sampled_from(["default", "flex"]),
    st.integers(0, 300_000),
)
def test_appended_rows_leave_the_past_alone(
    appended: list[PriceRow], prefix: str, region: str, tier: str, count: int
):
    """A row appended for later days never changes the price of an earlier call."""
    table = TABLE.with_overrides(rows=appended)
    model = parse_model_id(f"{prefix}amazon.nova-2-lite-v1:0")
    usage = Usage({Unit.INPUT_TOKEN: count, Unit.OUTPUT_TOKEN: 10})
    call = {"region": region, "tier": tier, "at": NOV}
    assert TABLE.quote(model, usage, **call) == table.quote(model, usage, **call)  # type: ignore[arg-type] # as written above


@given(st.lists(rows, min_size=1, max_size=1), st.integers(0, 400))
def test_newest_row_holds(appended: list[PriceRow], days: int):
    """From its first day on, an appended row replaces the older one."""
    (row,) = appended
    assume(not row.context_band)
    assert row.valid_from is not None
    table = TABLE.with_overrides(rows=[row])
    start = datetime.combine(row.valid_from, datetime.min.time(), tzinfo=UTC)
    cost = table.price(
        {"regional": "", "geo": "us.", "global": "global."}[row.scope] + row.model_id,
        Usage({row.unit: 1_000_000}),
        region="us-east-1" if row.region == "default" else row.region,
        tier=row.tier,
        at=start + timedelta(days=days),
    )
    assert row.price == cost.total
