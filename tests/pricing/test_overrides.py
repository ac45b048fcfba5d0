"""Overrides: own prices, discounts, commitments and mappings."""

# ruff: noqa: SIM300 - the expected value stands first

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from bedrock_attrib._model.model_id import parse_model_id
from bedrock_attrib._model.record import PriceStatus
from bedrock_attrib._model.usage import Unit, Usage
from bedrock_attrib.errors import ConfigError, PriceNotFoundError
from bedrock_attrib.pricing import Commitment, Discount, PriceRow, PriceTable

NOV = datetime(2026, 11, 15, tzinfo=UTC)
MILLION = Usage({Unit.INPUT_TOKEN: 1_000_000})
OPUS = "us.anthropic.claude-opus-4-8"  # 5.5 USD per million input tokens
PROFILE = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc"
TUNED = "arn:aws:bedrock:us-east-1:111122223333:custom-model-deployment/abc"
PROVISIONED = "arn:aws:bedrock:us-east-1:111122223333:provisioned-model/abc"
IMPORTED = "arn:aws:bedrock:us-east-1:111122223333:imported-model/abc"


def own_row(**values: object) -> PriceRow:
    """A row of the user's own, for Claude Opus 4.8 unless *values* override it."""
    row = {
        "model_id": "anthropic.claude-opus-4-8",
        "region": "default",
        "scope": "geo",
        "tier": "default",
        "latency_mode": "standard",
        "context_band": "",
        "unit": Unit.INPUT_TOKEN,
        "price": Decimal("4.1"),
        "per": 1_000_000,
        **values,
    }
    return PriceRow(**row)  # type: ignore[arg-type] # as the test has it


def cost_of(table: PriceTable, model: str = OPUS, at: datetime = NOV) -> Decimal:
    """The cost of a million input tokens in us-east-1."""
    return table.price(model, MILLION, region="us-east-1", at=at).total


def write(folder: Path, text: str) -> Path:
    """An overrides file with *text* in it."""
    path = folder / "prices.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_own_row_comes_first(bundled: PriceTable):
    """The user's own price is taken, even where the list has a row for the region."""
    row = own_row(model_id="amazon.nova-2-lite-v1:0", scope="regional")
    table = bundled.with_overrides(rows=[row])
    usage = Usage({Unit.INPUT_TOKEN: 1_000_000, Unit.OUTPUT_TOKEN: 1_000_000})
    cost = table.price("amazon.nova-2-lite-v1:0", usage, region="eu-central-1", at=NOV)
    assert Decimal("4.1") == cost.by_unit[Unit.INPUT_TOKEN]
    assert Decimal("3.597") == cost.by_unit[Unit.OUTPUT_TOKEN]


def test_original_table_is_untouched(bundled: PriceTable):
    """A table with overrides is another table."""
    table = bundled.with_overrides(rows=[own_row()])
    assert Decimal("4.1") == cost_of(table)
    assert Decimal("5.5") == cost_of(bundled)
    assert bundled.generated_on == table.generated_on


def test_later_overrides_come_before_earlier_ones(bundled: PriceTable):
    """Overrides of overrides win."""
    table = bundled.with_overrides(rows=[own_row()])
    assert Decimal(2) == cost_of(table.with_overrides(rows=[own_row(price=Decimal(2))]))


def test_own_row_of_some_days(bundled: PriceTable):
    """Outside its days, an own price does not apply."""
    row = own_row(valid_from=date(2026, 11, 1), valid_to=date(2026, 11, 30))
    table = bundled.with_overrides(rows=[row])
    prices = [
        cost_of(table, at=datetime(2026, 10, 31, tzinfo=UTC)),
        cost_of(table, at=datetime(2026, 11, 1, tzinfo=UTC)),
        cost_of(table, at=datetime(2026, 11, 30, 23, 59, tzinfo=UTC)),
        cost_of(table, at=datetime(2026, 12, 1, tzinfo=UTC)),
    ]
    assert [Decimal("5.5"), Decimal("4.1"), Decimal("4.1"), Decimal("5.5")] == prices


def test_row_until_the_last_day_of_the_calendar(bundled: PriceTable):
    """The last day of the calendar can be the end of a price."""
    table = bundled.with_overrides(rows=[own_row(valid_to=date.max)])
    assert Decimal("4.1") == cost_of(table)


def test_own_model(bundled: PriceTable):
    """An own price can be of a model that no list has."""
    row = own_row(model_id="acme.own-model", scope="regional", price=Decimal(7))
    table = bundled.with_overrides(rows=[row])
    assert Decimal(7) == cost_of(table, "acme.own-model")
    assert [row] == list(table.rows(model="acme.own-model"))
    assert row in list(table.rows(tier="default", unit=Unit.INPUT_TOKEN))


def test_own_long_rate(bundled: PriceTable):
    """An own long-context price holds for prompts above its threshold."""
    row = own_row(context_band="over-64k", price=Decimal(9))
    table = bundled.with_overrides(rows=[row])
    short = Usage({Unit.INPUT_TOKEN: 64_000})
    long = Usage({Unit.INPUT_TOKEN: 64_001})
    call = {"region": "us-east-1", "at": NOV}
    assert Decimal("0.352") == table.price(OPUS, short, **call).total  # type: ignore[arg-type] # as above
    assert Decimal("0.576009") == table.price(OPUS, long, **call).total  # type: ignore[arg-type] # as above


def test_long_rate_lacks_a_unit(bundled: PriceTable):
    """The whole request has the long rate; a unit without one is unpriced."""
    row = own_row(context_band="over-64k", price=Decimal(9))
    table = bundled.with_overrides(rows=[row])
    usage = Usage({Unit.INPUT_TOKEN: 64_001, Unit.OUTPUT_TOKEN: 5})
    quote = table.quote(parse_model_id(OPUS), usage, region="us-east-1", at=NOV)
    assert PriceStatus.PARTIAL == quote.status
    assert (
        "output_token: no price for geo, tier default, prompts over-64k" == quote.reason
    )


@pytest.mark.parametrize("order", [1, -1])
def test_long_rates_of_two_lists(bundled: PriceTable, order: int):
    """A band of one list only is found in any order of lists."""
    abroad = own_row(region="eu-west-1", context_band="over-64k", price=Decimal(8))
    here = own_row(context_band="over-64k", price=Decimal(9))
    table = bundled
    for row in (abroad, here)[::order]:
        table = table.with_overrides(rows=[row])
    usage = Usage({Unit.INPUT_TOKEN: 100_000})
    cost = table.price(OPUS, usage, region="us-east-1", at=NOV)
    assert Decimal("0.9") == cost.total


def test_no_long_rate_for_this_tier(bundled: PriceTable):
    """A long prompt keeps the price of its tier where only others have long rates."""
    nova = "amazon.nova-pro-v1:0"
    long = own_row(model_id=nova, scope="regional", context_band="over-64k")
    table = bundled.with_overrides(rows=[long])
    usage = Usage({Unit.INPUT_TOKEN: 100_000})
    quote = table.quote(
        parse_model_id(nova), usage, region="us-east-1", tier="flex", at=NOV
    )
    assert quote.cost is not None
    assert PriceStatus.ESTIMATED == quote.status
    assert Decimal("0.04") == quote.cost.total  # 0.4 per million


def test_discount_is_exact(bundled: PriceTable):
    """A percentage is subtracted without rounding and named among the sources."""
    table = bundled.with_overrides(discounts=[Discount(Decimal("12.345"))])
    cost = table.price(OPUS, MILLION, region="us-east-1", at=NOV)
    assert Decimal("4.821025") == cost.total
    assert "discount:12.345%" == cost.rates[Unit.INPUT_TOKEN].sources[-1]


def test_most_specific_discount_alone(bundled: PriceTable):
    """A model's discount replaces its vendor's, which replaces a general one."""
    table = bundled.with_overrides(
        discounts=[
            Discount(Decimal(10)),
            Discount(Decimal(20), vendor="anthropic"),
            Discount(Decimal(50), model="anthropic.claude-opus-4-8"),
        ]
    )
    assert Decimal("2.75") == cost_of(table)
    assert Decimal("2.64") == cost_of(table, "us.anthropic.claude-sonnet-4-6")
    assert Decimal("0.0315") == cost_of(table, "amazon.nova-micro-v1:0")


def test_discount_of_some_days(bundled: PriceTable):
    """A discount holds on its days, both ends included."""
    discount = Discount(
        Decimal(50), valid_from=date(2026, 11, 1), valid_to=date(2026, 11, 30)
    )
    table = bundled.with_overrides(discounts=[discount])
    prices = [
        cost_of(table, at=datetime(2026, 10, 31, tzinfo=UTC)),
        cost_of(table, at=datetime(2026, 11, 1, tzinfo=UTC)),
        cost_of(table, at=datetime(2026, 12, 1, tzinfo=UTC)),
    ]
    assert [Decimal("5.5"), Decimal("2.75"), Decimal("5.5")] == prices


def test_own_price_is_not_discounted(bundled: PriceTable):
    """A discount does not apply to an own price."""
    table = bundled.with_overrides(
        rows=[own_row()], discounts=[Discount(Decimal(50), vendor="anthropic")]
    )
    assert Decimal("4.1") == cost_of(table)


def test_newer_discount_of_equal_rank(bundled: PriceTable):
    """Of two equal targets, the discount added later applies."""
    table = bundled.with_overrides(discounts=[Discount(Decimal(10))])
    table = table.with_overrides(discounts=[Discount(Decimal(20))])
    assert Decimal("4.4") == cost_of(table)


def test_full_discount_is_free(bundled: PriceTable):
    """A discount of 100% makes a call free."""
    table = bundled.with_overrides(discounts=[Discount(Decimal(100))])
    quote = table.quote(parse_model_id(OPUS), MILLION, region="us-east-1", at=NOV)
    assert PriceStatus.FREE == quote.status


def test_mapped_profile(bundled: PriceTable):
    """A profile is priced as its mapped model, scope included."""
    table = bundled.with_overrides(models={PROFILE: "global.anthropic.claude-opus-4-8"})
    assert Decimal(5) == cost_of(table, PROFILE)


def test_mapped_base_model(bundled: PriceTable):
    """A custom model that is mapped to its base is priced as its base."""
    table = bundled.with_overrides(base_models={TUNED: "amazon.nova-micro-v1:0"})
    assert Decimal("0.035") == cost_of(table, TUNED)


def test_commitment_at_its_own_price(bundled: PriceTable):
    """Provisioned capacity has a cost per hour, and its calls are unpriced."""
    commitment = Commitment(
        "ranker", PROVISIONED, "us-east-1", usd_per_hour=Decimal("79.20")
    )
    table = bundled.with_overrides(commitments=[commitment])
    quote = table.quote(
        parse_model_id(PROVISIONED), MILLION, region="us-east-1", at=NOV
    )
    assert PriceStatus.UNPRICED == quote.status
    assert "paid by the hour under commitment 'ranker'" == quote.reason
    assert (commitment,) == table.commitments
    assert Decimal("79.20") == table.hourly_cost(commitment, at=NOV)


def test_reserved_tokens_per_minute(bundled: PriceTable):
    """Reserved capacity costs its list price per 1,000 tokens a minute and hour."""
    commitment = Commitment(
        "search",
        "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "us-east-1",
        hourly_usage=Usage(
            {Unit.INPUT_TPM_HOUR: 200_000, Unit.OUTPUT_TPM_HOUR: 20_000}
        ),
        tier="reserved-1-month",
        valid_from=date(2026, 11, 1),
        valid_to=date(2026, 11, 30),
    )
    december = datetime(2026, 12, 1, tzinfo=UTC)
    # 200 * 0.18 + 20 * 0.9
    assert Decimal(54) == bundled.hourly_cost(commitment, at=NOV)
    assert Decimal(0) == bundled.hourly_cost(commitment, at=december)


def test_imported_model(bundled: PriceTable):
    """An imported model costs its custom model units by the minute."""
    commitment = Commitment(
        "own weights",
        IMPORTED,
        "us-east-1",
        hourly_usage=Usage({Unit.CUSTOM_MODEL_UNIT_MINUTE: 2 * 60}),
    )
    # 120 * 0.05718
    assert Decimal("6.8616") == bundled.hourly_cost(commitment, at=NOV)


def test_commitment_without_list_price(bundled: PriceTable):
    """Capacity without a list price raises an error."""
    commitment = Commitment(
        "x", "acme.model", "us-east-1", hourly_usage=Usage({Unit.INPUT_TPM_HOUR: 1})
    )
    with pytest.raises(PriceNotFoundError, match="not in the price table"):
        bundled.hourly_cost(commitment, at=NOV)


WHOLE_FILE = f"""
[models]
"{PROFILE}" = "us.anthropic.claude-opus-4-8"

[base_models]
"{TUNED}" = "amazon.nova-micro-v1:0"

[[prices]]
model = "acme.own-model"
unit = "input_token"
price = 0.1
valid_from = 2026-11-01

[[prices]]
model = "acme.own-model"
unit = "output_image"
price = "0.25"
source = "contract 17"

[[discounts]]
percent = 10
vendor = "amazon"

[[commitments]]
name = "ranker"
model = "{PROVISIONED}"
region = "us-east-1"
usd_per_hour = 79.20

[[commitments]]
name = "own weights"
model = "{IMPORTED}"
region = "us-east-1"
hourly_usage = {{ "custom_model_unit_minute[v1.0]" = 120 }}
"""


def test_whole_file(bundled: PriceTable, tmp_path: Path):
    """A file can hold everything that arguments can."""
    table = bundled.with_overrides(file=write(tmp_path, WHOLE_FILE))
    usage = Usage({Unit.INPUT_TOKEN: 3, Unit.OUTPUT_IMAGE: 1})
    cost = table.price("acme.own-model", usage, region="eu-west-1", at=NOV)
    assert Decimal("0.2500003") == cost.total
    assert ("file:prices.toml",) == cost.rates[Unit.INPUT_TOKEN].sources
    assert ("contract 17",) == cost.rates[Unit.OUTPUT_IMAGE].sources
    assert Decimal("5.5") == cost_of(table, PROFILE)
    assert Decimal("0.0315") == cost_of(table, TUNED)
    assert ["ranker", "own weights"] == [each.name for each in table.commitments]
    assert [Decimal("79.20"), Decimal("6.8616")] == [
        table.hourly_cost(each, at=NOV) for each in table.commitments
    ]


def test_arguments_come_before_the_file(bundled: PriceTable, tmp_path: Path):
    """Arguments come before the file."""
    row = own_row(model_id="acme.own-model", scope="regional", price=Decimal(7))
    table = bundled.with_overrides(file=write(tmp_path, WHOLE_FILE), rows=[row])
    assert Decimal(7) == cost_of(table, "acme.own-model")


OWN_NOVA = (
    "[[prices]]\nmodel = 'amazon.nova-micro-v1:0'\nunit = '{unit}'\nprice = {price}\n"
)
DISCOUNT = "[[discounts]]\npercent = 10\n{}\n"
BAD_FILES = [
    ("[[prices]\n", "cannot be read as TOML"),
    ("[[prices]]\nmodel = 'm'\nunit = 'input_token'\n", "prices[0].price: "),
    (
        "[[prices]]\nmodel = 'm'\nunit = 'token'\nprice = 1\n",
        "prices[0].unit: ",
    ),
    (
        "[[prices]]\nmodel = 'm'\nunit = 'input_token'\nprice = 1\nper = 3\n",
        "prices[0].per: ",
    ),
    (
        "[[prices]]\nmodel = 'm'\nunit = 'input_token'\nprice = -1\n",
        "prices[0].price: ",
    ),
    (
        (
            "[[prices]]\nmodel = 'm'\nunit = 'input_token'\nprice = 1\n"
            "valid_from = 2026-02-01\nvalid_to = 2026-01-01\n"
        ),
        "prices[0]: valid_to 2026-01-01 comes before",
    ),
    ("[[discounts]]\npercent = 101\n", "discounts[0]: discount of"),
    (
        "[[discounts]]\npercent = 1\nmodel = 'm'\nvendor = 'v'\n",
        "discounts[0]: a discount is for a model or",
    ),
    (
        "[[discounts]]\npercent = 1\n[[discounts]]\npercent = 2\n",
        "discounts of 1% and 2% for everything hold on the same days",
    ),
    ("[models]\n'arn:x' = 'arn:aws:bedrock:::prompt/a'\n", "which names no model"),
    (
        "[[commitments]]\nname = 'x'\nmodel = 'm'\nregion = 'r'\n",
        "commitments[0]: commitment 'x': give",
    ),
    (
        (
            "[[commitments]]\nname = 'x'\nmodel = 'm'\nregion = 'r'\n"
            "hourly_usage = {a = 1}\n"
        ),
        "commitments[0].hourly_usage.a",
    ),
    ("[[price]]\n", "price: unknown key; did you mean 'prices'?"),
    (OWN_NOVA.format(unit="input_tokens", price=1), "did you mean 'input_token'?"),
    (OWN_NOVA.format(unit="zzz", price=1), "unknown unit 'zzz'; see Unit for all"),
    (OWN_NOVA.format(unit="input_token", price=-0.05), "expected a number from 0 on"),
    (OWN_NOVA.format(unit="input_token", price="1e999999999"), "at most 12 digits"),
    (OWN_NOVA.format(unit="input_token", price="nan"), "expected a number from 0 on"),
    ("[[prices]]\nmodle = 'x'\n", "prices[0].modle: unknown key; did you mean 'model'"),
    ("[[prices]]\nmodel = 'x y'\n", "prices[0].model: expected a name without spaces"),
    ("a = " + "[" * 20_000, "cannot be read as TOML"),
    (DISCOUNT.format("vendor = 'Anthropic'"), "did you mean 'anthropic'?"),
    (DISCOUNT.format("vendor = 'antropic'"), "did you mean 'anthropic'?"),
    (DISCOUNT.format("vendor = 'xxxx'"), "no model of vendor 'xxxx' has a list price"),
    (
        DISCOUNT.format("model = 'us.anthropic.claude-sonet-4-5'"),
        "has no list price; did you mean 'anthropic.claude-sonnet-4-5-20250929-v1:0'?",
    ),
    (DISCOUNT.format("model = 'arn:aws:bedrock:::prompt/a'"), "has no list price"),
    (
        DISCOUNT.format("model = 'qwen.qwen3-32b'")
        + DISCOUNT.format("model = 'qwen.qwen3-32b-v1:0'"),
        "for qwen.qwen3-32b-v1:0 hold on the same days",
    ),
    (
        OWN_NOVA.format(unit="input_token", price=1).replace("'am", "'us.am")
        + "scope = 'regional'\n",
        "the id is that of a geo profile, and the scope is 'regional'",
    ),
]


@pytest.mark.parametrize(("text", "problem"), BAD_FILES)
def test_bad_file(bundled: PriceTable, tmp_path: Path, text: str, problem: str):
    """A file in another format is an error that names the file and the key."""
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        bundled.with_overrides(file=path)
    assert str(caught.value).startswith(f"{path}: ")
    assert problem in str(caught.value)


def test_missing_file(bundled: PriceTable, tmp_path: Path):
    """A missing file is an error."""
    with pytest.raises(ConfigError, match="cannot be read"):
        bundled.with_overrides(file=tmp_path / "none.toml")


def test_many_problems_are_told_in_part(bundled: PriceTable, tmp_path: Path):
    """The error names five problems and the number of the others."""
    text = "".join(f"bad{number} = 1\n" for number in range(8))
    with pytest.raises(ConfigError, match=r"bad4.*\(and 3 more\)"):
        bundled.with_overrides(file=write(tmp_path, text))


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"price": 4.1}, "is 4.1; expected a non-negative Decimal"),
        ({"price": Decimal(-1)}, "expected a non-negative Decimal"),
        ({"price": Decimal("NaN")}, "expected a non-negative Decimal"),
        ({"unit": "input_token"}, "expected one of bedrock_attrib.Unit"),
        ({"per": 0}, "per is 0, expected 1, 1000 or 1000000"),
        ({"per": 3}, "4.1 per 3 units is no exact price per unit"),
    ],
)
def test_bad_row(bundled: PriceTable, values: dict[str, object], problem: str):
    """A row without an exact price is an error."""
    with pytest.raises(ConfigError) as caught:
        bundled.with_overrides(rows=[own_row(**values)])
    assert problem in str(caught.value)


def test_two_rows_from_the_same_day(bundled: PriceTable):
    """Two prices of one key from the same day are an error."""
    problem = (
        "two prices for anthropic.claude-opus-4-8 default geo default standard "
        "input_token from the beginning"
    )
    with pytest.raises(ConfigError, match=problem):
        bundled.with_overrides(rows=[own_row(), own_row(price=Decimal(3))])


def test_two_rows_from_different_days(bundled: PriceTable):
    """A later price is another row; the newest that holds is taken."""
    later = own_row(price=Decimal(3), valid_from=date(2026, 11, 10))
    table = bundled.with_overrides(rows=[own_row(), later])
    assert Decimal("4.1") == cost_of(table, at=datetime(2026, 11, 9, tzinfo=UTC))
    assert Decimal(3) == cost_of(table)


@pytest.mark.parametrize(
    "percent", [Decimal(-1), Decimal("100.1"), Decimal("NaN"), 12.5]
)
def test_bad_discount(percent: Decimal):
    """A percentage is a Decimal from 0 to 100."""
    with pytest.raises(ConfigError, match="expected a Decimal from 0 to 100"):
        Discount(percent)


def test_discounts_of_different_days_or_things(bundled: PriceTable):
    """Discounts on different days are no contradiction."""
    table = bundled.with_overrides(
        discounts=[
            Discount(Decimal(10), valid_to=date(2026, 10, 31)),
            Discount(Decimal(20), valid_from=date(2026, 11, 1)),
            Discount(Decimal(30), vendor="amazon"),
        ]
    )
    assert Decimal("4.4") == cost_of(table)


def test_bad_commitment_amount():
    """A price per hour is a non-negative Decimal."""
    with pytest.raises(
        ConfigError, match=r"usd_per_hour is 1\.5; expected a non-negative Decimal"
    ):
        Commitment("x", "m", "r", usd_per_hour=1.5)  # type: ignore[arg-type] # the case in point


def test_hour_that_lacks_a_list_price(bundled: PriceTable):
    """An hour with one unpriced unit raises an error."""
    usage = Usage({Unit.INPUT_TPM_HOUR: 1000, Unit.MODEL_UNIT_HOUR: 1})
    commitment = Commitment(
        "x",
        "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "us-east-1",
        hourly_usage=usage,
        tier="reserved-1-month",
    )
    with pytest.raises(PriceNotFoundError, match="model_unit_hour: no price for"):
        bundled.hourly_cost(commitment, at=NOV)


def test_hour_of_provisioned_throughput(bundled: PriceTable):
    """Provisioned model units cost their list price by the hour and the term."""
    hours = [
        bundled.hourly_cost(
            Commitment(
                "images",
                "amazon.nova-canvas-v1:0",
                "us-east-1",
                hourly_usage=Usage({Unit.MODEL_UNIT_HOUR: 2}),
                tier=f"provisioned-{term}",
            ),
            at=NOV,
        )
        for term in ("no-commitment", "1-month", "6-month")
    ]
    assert [Decimal(121), Decimal(110), Decimal("60.5")] == hours


def test_tokens_are_priced_by_the_million(bundled: PriceTable, tmp_path: Path):
    """A price of tokens is for a million of them, whatever the variant of the unit."""
    text = (
        "[[prices]]\nmodel = 'acme.judge'\n"
        "unit = 'evaluation_input_token[built-in]'\nprice = 3\n"
    )
    table = bundled.with_overrides(file=write(tmp_path, text))
    usage = Usage({Unit.EVALUATION_INPUT_TOKEN_BUILT_IN: 1000})
    cost = table.price("acme.judge", usage, region="us-east-1", at=NOV)
    assert Decimal("0.003") == cost.total


def test_discount_of_a_profile(bundled: PriceTable, tmp_path: Path):
    """A profile id is accepted, and means calls through that profile."""
    path = write(tmp_path, DISCOUNT.format(f"model = '{OPUS}'"))
    table = bundled.with_overrides(file=path)
    base = OPUS.removeprefix("us.")
    prices = [cost_of(table, f"{prefix}{base}") for prefix in ("us.", "eu.", "global.")]
    assert [Decimal("4.95"), Decimal("5.5"), Decimal(5)] == prices
    assert Decimal("5.5") == cost_of(table, base)


def test_discount_of_a_profile_is_the_most_specific(bundled: PriceTable):
    """A discount for one profile goes before that of its model."""
    base = OPUS.removeprefix("us.")
    table = bundled.with_overrides(
        discounts=[
            Discount(Decimal(20), model=f"global.{base}"),
            Discount(Decimal(50), model=base),
        ]
    )
    assert Decimal(4) == cost_of(table, f"global.{base}")
    assert Decimal("2.75") == cost_of(table, OPUS)


@pytest.mark.parametrize(
    ("named", "called"),
    [
        ("us.amazon.nova-micro-v1:0", ["us."]),
        ("eu.amazon.nova-micro-v1:0", ["eu."]),
        ("apac.amazon.nova-micro-v1:0", ["apac."]),
        ("amazon.nova-micro-v1:0", ["us.", "eu.", "apac.", ""]),
        ("global.amazon.nova-2-lite-v1:0", ["global."]),
        ("jp.amazon.nova-2-lite-v1:0", ["jp."]),
    ],
)
def test_own_price_of_a_profile(
    bundled: PriceTable, tmp_path: Path, named: str, called: list[str]
):
    """An own price that names a profile holds for calls through it."""
    text = f"[[prices]]\nmodel = '{named}'\nunit = 'input_token'\nprice = 9\n"
    table = bundled.with_overrides(file=write(tmp_path, text))
    model = parse_model_id(named).model_id
    prefixes = ["us.", "eu.", "apac.", "jp.", "global.", ""]
    found = [
        prefix
        for prefix in prefixes
        if table.quote(
            parse_model_id(f"{prefix}{model}"), MILLION, region="us-east-1", at=NOV
        ).cost
        is not None
        and cost_of(table, f"{prefix}{model}") == Decimal(9)
    ]
    assert {*called} <= {*found}
    assert "global." in called or "global." not in found
    if named.partition(".")[0] != "amazon":
        assert called == found


def test_own_price_of_a_govcloud_profile(bundled: PriceTable, tmp_path: Path):
    """An own price of a `us-gov.` profile holds in GovCloud."""
    text = (
        "[[prices]]\nmodel = 'us-gov.amazon.nova-lite-v1:0'\nunit = 'input_token'\n"
        "price = 9\n"
    )
    table = bundled.with_overrides(file=write(tmp_path, text))
    call = {"region": "us-gov-west-1", "at": NOV}
    assert (
        Decimal(9) == table.price("us-gov.amazon.nova-lite-v1:0", MILLION, **call).total
    )  # type: ignore[arg-type] # as above


def test_own_price_of_another_id_of_a_model(bundled: PriceTable):
    """An own price under one id of a model holds under its other ids too."""
    row = own_row(model_id="qwen.qwen3-32b", scope="regional", price=Decimal(9))
    table = bundled.with_overrides(rows=[row])
    assert Decimal(9) == cost_of(table, "qwen.qwen3-32b-v1:0")
    assert Decimal(9) == cost_of(table, "qwen.qwen3-32b")


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        (
            "[[discounts]]\npercent = 0.15\n",
            "discount for everything is 0.15 percent, less than one; write 15 if 15 %",
        ),
        ("[[discounts]]\npercent = 0\n", "of 0 percent for everything has no effect"),
        (
            "[models]\n'arn:x' = 'amazon.nova-mikro-v1:0'\n",
            "not in the price table; did you mean 'amazon.nova-micro-v1:0'?",
        ),
        (
            OWN_NOVA.format(unit="input_token", price=1) + "region = 'somewhere'\n",
            "unknown region 'somewhere'",
        ),
    ],
)
def test_doubtful_file(
    bundled: PriceTable,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    text: str,
    doubt: str,
):
    """What is valid but may not do what was meant is warned of."""
    bundled.with_overrides(file=write(tmp_path, text))
    (message,) = caplog.messages
    assert doubt in message


@pytest.mark.parametrize(
    "text",
    [
        "[[discounts]]\npercent = 1\n",
        "[[discounts]]\npercent = 0\nmodel = 'amazon.nova-micro-v1:0'\n",
        # Models and regions that are new, and not like a known one.
        OWN_NOVA.format(unit="input_token", price=1).replace("micro", "max-9")
        + "region = 'mx-central-1'\n",
    ],
)
def test_undoubted_file(
    bundled: PriceTable, tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
):
    """What is unusual but sensible is not warned of."""
    bundled.with_overrides(file=write(tmp_path, text))
    assert [] == caplog.messages


def test_file_without_an_end(bundled: PriceTable):
    """A file that is too large is not read into memory."""
    with pytest.raises(ConfigError, match="is larger than 67,108,864 bytes"):
        bundled.with_overrides(file="/dev/zero")


def test_list_price_of_a_profile(bundled: PriceTable, tmp_path: Path):
    """A list price of a profile is one of its scope; one of a continent is refused."""
    text = (
        "[[list_prices]]\nmodel = '{}.amazon.nova-2-lite-v1:0'\nunit = 'input_token'\n"
        "price = 9\n"
    )
    table = bundled.with_overrides(file=write(tmp_path, text.format("global")))
    assert Decimal(9) == cost_of(table, "global.amazon.nova-2-lite-v1:0")
    assert Decimal("0.33") == cost_of(table, "us.amazon.nova-2-lite-v1:0")
    table = bundled.with_overrides(file=write(tmp_path, text.format("us")))
    assert Decimal(9) == cost_of(table, "us.amazon.nova-2-lite-v1:0")
    with pytest.raises(ConfigError, match="expected a model id; name the region"):
        bundled.with_overrides(file=write(tmp_path, text.format("eu")))


def test_list_price_beside_an_own_price(bundled: PriceTable):
    """The rate of an own price has the list price of as many units."""
    row = own_row(price=Decimal("0.0041"), per=1000)
    table = bundled.with_overrides(rows=[row])
    cost = table.price(OPUS, MILLION, region="us-east-1", at=NOV)
    rate = cost.rates[Unit.INPUT_TOKEN]
    assert (Decimal("0.0041"), 1000) == (rate.price, rate.per)
    assert Decimal("0.0055") == rate.list_price
    assert Decimal("0.0000055") == rate.list_amount
