"""A ledger in the columns of FOCUS."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from kept_records import NOON, make_record

from bedrock_attrib import ConfigError, Cost, Ledger, PriceTable, Unit, Usage
from bedrock_attrib._model.record import PriceStatus
from bedrock_attrib.pricing import Discount, PriceRow
from bedrock_attrib.reports import select
from bedrock_attrib.reports.focus import Account, focus_table, unit_noun

Keep = Callable[..., Ledger]
DAY = timedelta(days=1)
ACCOUNT = Account("123456789012", "Example")
SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"


def test_a_row_says_what_it_must(keep: Keep) -> None:
    """Period, cost, quantity, price, service, resource, tags, and their basis."""
    ledger = keep(make_record(), make_record(request_id=None))
    row, output = focus_table(ledger, account=ACCOUNT).records()
    assert {name: value for name, value in row.items() if value is not None} == {
        "BilledCost": Decimal("0.00066"),
        "BillingAccountId": "123456789012",
        "BillingAccountName": "Example",
        "BillingAccountType": "Account",
        "BillingCurrency": "USD",
        "BillingPeriodEnd": datetime(2026, 12, 1, tzinfo=UTC),
        "BillingPeriodStart": datetime(2026, 11, 1, tzinfo=UTC),
        "ChargeCategory": "Usage",
        "ChargeDescription": (
            f"{SONNET} in us-east-1: input_token, priced (estimate from list prices "
            f"by bedrock_attrib)"
        ),
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": datetime(2026, 11, 26, tzinfo=UTC),
        "ChargePeriodStart": datetime(2026, 11, 25, tzinfo=UTC),
        "ConsumedQuantity": 200,
        "ConsumedUnit": "Tokens",
        "ContractedCost": Decimal("0.00066"),
        "ContractedUnitPrice": Decimal("0.0000033"),
        "EffectiveCost": Decimal("0.00066"),
        "InvoiceIssuerName": "AWS",
        "ListCost": Decimal("0.00066"),
        "ListUnitPrice": Decimal("0.0000033"),
        "PricingCategory": "Standard",
        "PricingCurrency": "USD",
        "PricingCurrencyContractedUnitPrice": Decimal("0.0000033"),
        "PricingCurrencyEffectiveCost": Decimal("0.00066"),
        "PricingCurrencyListUnitPrice": Decimal("0.0000033"),
        "PricingQuantity": 200,
        "PricingUnit": "Tokens",
        "ProviderName": "AWS",
        "PublisherName": "AWS",
        "RegionId": "us-east-1",
        "RegionName": "us-east-1",
        "ResourceId": f"us.{SONNET}",
        "ResourceName": SONNET,
        "ResourceType": "Inference Profile",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "Amazon Bedrock",
        "ServiceSubcategory": "Generative AI",
        "SkuId": f"{SONNET}/input_token",
        "SkuMeter": "input token",
        "SkuPriceDetails": row["SkuPriceDetails"],
        "SkuPriceId": f"{SONNET}/input_token/default/geo/default/standard",
        "SubAccountId": "123456789012",
        "SubAccountName": "123456789012",
        "SubAccountType": "Account",
        "Tags": '{"app": "ranker", "team": "search"}',
        "x_CostBasis": "estimate from list prices",
        "x_LatencyMode": "standard",
        "x_ModelId": SONNET,
        "x_ModelVendor": "anthropic",
        "x_Operation": "Converse",
        "x_PriceSources": row["x_PriceSources"],
        "x_PriceStatus": "priced",
        "x_Scope": "geo",
        "x_ServiceTier": "default",
        "x_Unit": "input_token",
    }
    assert all(
        name.startswith("x_") for name in json.loads(str(row["SkuPriceDetails"]))
    )
    assert output["x_Unit"] == "output_token"


def test_columns_by_version(keep: Keep) -> None:
    """57 columns of 1.2, and the names of 1.4 for who provides; ours come last."""
    ledger = keep()
    first = focus_table(ledger, account=ACCOUNT).names
    later = focus_table(ledger, account=ACCOUNT, version="1.4").names
    assert [len([n for n in names if n[:2] != "x_"]) for names in (first, later)] == [
        57,
        57,
    ]
    assert set(first) - set(later) == {"ProviderName", "PublisherName"}
    assert set(later) - set(first) == {"ServiceProviderName", "HostProviderName"}
    assert all(name.startswith("x_") for name in first[57:])


def test_each_row_multiplies_out_and_all_add_up(keep: Keep) -> None:
    """List cost is list price times quantity; the sum is that of the ledger."""
    records = [
        make_record(),
        make_record(tags={}, at=NOON - DAY),
        make_record(Usage({Unit.INPUT_TOKEN: 7, Unit.CACHE_READ_TOKEN: 11})),
        make_record(
            Usage({Unit.GUARDRAIL_TOPIC_TEXT_UNIT: 3}), model="bedrock.guardrail"
        ),
        make_record(cost=Cost(Decimal("0.25"), "USD", {}, {})),
    ]
    rows = list(focus_table(keep(*records), account=ACCOUNT).records())
    for row in rows:
        if row["ListUnitPrice"] is not None:
            price, quantity = row["ListUnitPrice"], row["PricingQuantity"]
            assert price * quantity == row["ListCost"]  # type: ignore[operator]
    total = sum((record.cost.total for record in records if record.cost), Decimal(0))
    assert sum((row["BilledCost"] for row in rows), Decimal(0)) == total  # type: ignore[arg-type,misc]
    given = next(row for row in rows if row["x_Unit"] is None)
    assert (given["ConsumedQuantity"], given["ConsumedUnit"]) == (1, "Calls")
    assert given["PricingQuantity"] is None


def test_what_has_no_price_is_marked(keep: Keep) -> None:
    """FOCUS takes no null for a cost: it is zero, and its status says why."""
    ledger = keep(
        make_record(model="acme.unheard-of-v1:0"),
        make_record(Usage({Unit.INPUT_TOKEN: 5, Unit.OUTPUT_IMAGE: 1})),
        make_record(None, price_status=PriceStatus.UNPRICED),
    )
    rows = [
        (row["ResourceName"], row["x_Unit"], row["BilledCost"], row["x_PriceStatus"])
        for row in focus_table(ledger, account=ACCOUNT).records()
    ]
    assert rows == [
        ("acme.unheard-of-v1:0", "input_token", 0, "unpriced"),
        ("acme.unheard-of-v1:0", "output_token", 0, "unpriced"),
        (SONNET, "input_token", Decimal("0.0000165"), "priced"),
        (SONNET, "output_image", 0, "unpriced"),
    ]


def test_periods_of_hours_and_what_was_asked_for(keep: Keep) -> None:
    """Hours of UTC, whatever the zone; filters and spans hold."""
    ledger = keep(
        make_record(at=NOON),
        make_record(at=NOON + timedelta(hours=1)),
        make_record(at=NOON - DAY),
        make_record(at=NOON, tags={"team": "ads"}),
    )
    chosen = select("2026-11-25", zone="Asia/Kolkata", where=["team=search"])
    table = focus_table(ledger, chosen, account=ACCOUNT, period="hour")
    assert {
        (row["ChargePeriodStart"], row["ChargePeriodEnd"]) for row in table.records()
    }
    starts = [
        row["ChargePeriodStart"]
        for row in focus_table(ledger, chosen, account=ACCOUNT, period="hour").records()
        if row["x_Unit"] == "input_token"
    ]
    assert starts == [
        datetime(2026, 11, 25, 12, tzinfo=UTC),
        datetime(2026, 11, 25, 13, tzinfo=UTC),
    ]


def test_units_have_names_as_focus_writes_them() -> None:
    """Every unit that AWS bills has a noun."""
    nouns = {unit: unit_noun(unit) for unit in Unit}
    assert nouns[Unit.CACHE_WRITE_5M_TOKEN] == "Tokens"
    assert nouns[Unit.OUTPUT_IMAGE_512_STANDARD] == "Images"
    assert nouns[Unit.GUARDRAIL_TOPIC_TEXT_UNIT] == "Text Units"
    assert nouns[Unit.SEARCH_UNIT] == "Search Units"
    assert nouns[Unit.WEB_SEARCH_QUERY] == "Queries"
    assert nouns[Unit.VCPU_HOUR_V2] == "vCPU-Hours"
    assert nouns[Unit.MEMORY_GB_HOUR] == "GB-Hours"
    assert nouns[Unit.INDEX_STORAGE_GB_MONTH] == "GB-Months"
    assert nouns[Unit.DOCUMENT_PAGE_CUSTOM] == "Pages"
    assert nouns[Unit.NODE_TRANSITION] == "Node Transitions"
    assert nouns[Unit.TRAINING_HOUR] == "Hours"
    assert "Units" not in nouns.values()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"version": "1.3"}, "unknown FOCUS version '1.3'; expected 1.2 or 1.4"),
        ({"period": "week"}, "'week'; expected hour or day"),
    ],
)
def test_what_is_not_focus_is_told(
    keep: Keep, arguments: dict[str, str], message: str
) -> None:
    """The error says what is known."""
    with pytest.raises(ConfigError, match=message):
        focus_table(keep(), account=ACCOUNT, **arguments)  # type: ignore[arg-type]


def test_what_is_estimated_stands_apart(keep: Keep) -> None:
    """Amounts of another status are not added to those of plain prices."""
    ledger = keep(make_record(), make_record(price_status=PriceStatus.ESTIMATED))
    rows = focus_table(ledger, account=ACCOUNT).records()
    found = {
        (row["x_Unit"], row["x_PriceStatus"], row["ConsumedQuantity"]) for row in rows
    }
    assert found == {
        ("input_token", "priced", 100),
        ("input_token", "estimated", 100),
        ("output_token", "priced", 50),
        ("output_token", "estimated", 50),
    }


@pytest.mark.parametrize(("month", "following"), [(10, 11), (2, 3), (11, 12)])
def test_a_billing_period_is_a_month(keep: Keep, month: int, following: int) -> None:
    """It ends where the next month begins, however many days it has."""
    ledger = keep(make_record(at=NOON.replace(month=month)))
    row = next(focus_table(ledger, account=ACCOUNT).records())
    assert row["BillingPeriodStart"] == datetime(2026, month, 1, tzinfo=UTC)
    assert row["BillingPeriodEnd"] == datetime(2026, following, 1, tzinfo=UTC)


def test_periods_before_and_after_the_ledger_are_not_looked_at(keep: Keep) -> None:
    """A long span takes no longer than what there is in it."""
    steps: list[tuple[int, int]] = []
    table = focus_table(
        keep(make_record()),
        select("1971-01-01", "2299-01-01"),
        account=ACCOUNT,
        progress=lambda done, of: steps.append((done, of)),
    )
    assert len(list(table.rows)) == 2
    assert steps == [(1, 1)]


def test_list_prices_under_discounts_and_own_prices(keep: Keep) -> None:
    """List columns have the list price, whatever the user pays."""
    own = PriceRow(
        SONNET,
        *("default", "geo", "default", "standard", ""),
        Unit.OUTPUT_TOKEN,
        Decimal(15),
        1_000_000,
    )
    prices = PriceTable.bundled().with_overrides(
        rows=[own], discounts=[Discount(Decimal(10), vendor="anthropic")]
    )
    record = make_record()
    usage = record.usage or Usage({})
    quote = prices.quote(record.model, usage, region="us-east-1", at=record.started_at)
    ledger = keep(record._replace(cost=quote.cost))
    table = focus_table(ledger, account=ACCOUNT)
    rows = {row["x_Unit"]: row for row in table.records()}
    assert [
        [rows[unit][name] for name in ("ListUnitPrice", "ListCost", "ContractedCost")]
        for unit in ("input_token", "output_token")
    ] == [
        [Decimal("0.0000033"), Decimal("0.00033"), Decimal("0.000297")],
        [Decimal("0.0000165"), Decimal("0.000825"), Decimal("0.00075")],
    ]
    (basis,) = {row["x_CostBasis"] for row in rows.values()}
    assert basis == "estimate from discounts and own prices"
    assert all(row["BilledCost"] == row["ContractedCost"] for row in rows.values())


def test_own_price_of_an_unlisted_model(keep: Keep) -> None:
    """Where no list has a price, the own price is the list price too."""
    own = PriceRow(
        "acme.model",
        *("default", "regional", "default", "standard", ""),
        Unit.INPUT_TOKEN,
        Decimal(7),
        1_000_000,
    )
    prices = PriceTable.bundled().with_overrides(rows=[own])
    record = make_record(Usage({Unit.INPUT_TOKEN: 100}), model="acme.model")
    quote = prices.quote(
        record.model, record.usage or Usage({}), region="us-east-1", at=NOON
    )
    ledger = keep(record._replace(cost=quote.cost, price_status=quote.status))
    (row,) = focus_table(ledger, account=ACCOUNT).records()
    assert (row["ListUnitPrice"], row["ListCost"]) == (
        Decimal("0.000007"),
        Decimal("0.0007"),
    )
