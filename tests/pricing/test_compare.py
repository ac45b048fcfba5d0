"""Comparison of two price tables."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from offers import as_json, product

from bedrock_attrib._model.usage import Unit
from bedrock_attrib.pricing import PriceChange, PriceRow, PriceTable
from bedrock_attrib.pricing.price_list import collect, read_offer_file, write_prices

OCTOBER = date(2026, 10, 15)


def table_of(folder: Path, *lines: dict[str, object]) -> PriceTable:
    """A price file of AWS's prices for two regions."""
    offer = folder / "index.json"
    offer.write_text(as_json(lines), encoding="utf-8")
    write_prices(collect(read_offer_file(offer)), folder / "aws.json")
    return PriceTable.load(folder / "aws.json")


def line(kind: str, price: str, region: str = "us-east-1") -> dict[str, object]:
    """A line for tokens of Nova Lite."""
    code = {"us-east-1": "USE1", "eu-central-1": "EUC1"}[region]
    usage_type = f"{code}-NovaLite-{kind}-tokens"
    return product(usage_type, price, model="Nova Lite", regionCode=region)


def told(change: PriceChange) -> str:
    """A change in one line."""
    asked = change.key
    prices = [row and str(row.price) for row in (change.before, change.after)]
    return f"{change.kind} {asked.region} {asked.scope} {asked.unit} {prices}"


def test_default_prices_against_regions(tmp_path: Path, bundled: PriceTable):
    """Default prices are compared in the regions of the other table."""
    aws = table_of(
        tmp_path,
        line("input", "0.00007"),
        line("output", "0.00024"),
        line("input", "0.000078", "eu-central-1"),
        line("output", "0.000312", "eu-central-1"),
    )
    changes = bundled.compare(aws, on=OCTOBER)
    found = [told(c) for c in changes if c.key.tier == "default"]
    assert found == [
        "removed eu-central-1 regional cache_read_token ['0.015', None]",
        "removed us-east-1 geo cache_read_token ['0.015', None]",
        "changed us-east-1 geo input_token ['0.06', '0.07']",
        "removed us-east-1 regional cache_read_token ['0.015', None]",
        "changed us-east-1 regional input_token ['0.06', '0.07']",
    ]


def test_added_price(tmp_path: Path, bundled: PriceTable):
    """A price of the second table only is added."""
    aws = table_of(
        tmp_path,
        product("USE1-Nova2.0Pro-input-tokens-batch", "0.0007", model="Nova 2.0 Pro"),
    )
    assert "batch" in {c.key.tier for c in bundled.compare(aws, on=OCTOBER)}


def own(price: str, **changes: object) -> PriceRow:
    """A row of a model for tests."""
    values = {
        "model_id": "acme.model",
        "region": "default",
        "scope": "regional",
        "tier": "default",
        "latency_mode": "standard",
        "context_band": "",
        "unit": Unit.INPUT_TOKEN,
        "price": Decimal(price),
        "per": 1_000_000,
        **changes,
    }
    return PriceRow(**values)  # type: ignore[arg-type] # as the test has it


CASES = [
    ([own("1")], [own("1")], []),
    ([own("1")], [own("2")], ["changed default regional input_token ['1', '2']"]),
    # The same amount, stated for another number of tokens.
    ([own("1")], [own("0.001", per=1000)], []),
    (
        [own("1"), own("3", unit=Unit.OUTPUT_TOKEN)],
        [own("1")],
        ["removed default regional output_token ['3', None]"],
    ),
    (
        [own("1")],
        [own("1"), own("3", scope="global")],
        ["added default global input_token [None, '3']"],
    ),
    # Not on that day.
    ([own("1")], [own("1"), own("2", valid_from=date(2026, 11, 1))], []),
    # A default price is what the other's region pays.
    ([own("1")], [own("1", region="us-west-1")], []),
    (
        [own("1"), own("9", scope="geo")],
        [own("1", region="eu-west-1"), own("8", region="us-west-1", scope="geo")],
        [
            "changed eu-west-1 geo input_token ['9', '1']",
            "changed us-west-1 geo input_token ['9', '8']",
            "removed us-west-1 regional input_token ['1', None]",
        ],
    ),
]


@pytest.mark.parametrize(("before", "after", "expected"), CASES)
def test_changes(
    bundled: PriceTable,
    before: list[PriceRow],
    after: list[PriceRow],
    expected: list[str],
):
    """Prices are compared as calls look them up."""
    old, new = bundled.with_overrides(rows=before), bundled.with_overrides(rows=after)
    found = [
        told(change)
        for change in old.compare(new, on=OCTOBER)
        if change.key.model_id == "acme.model"
    ]
    assert found == expected


def test_models_that_the_other_does_not_know(bundled: PriceTable):
    """Models that the second table does not list are left out."""
    old = bundled.with_overrides(rows=[own("1")])
    assert old.compare(bundled, on=OCTOBER) == ()


def test_a_table_is_as_itself(bundled: PriceTable):
    """A table has no difference from itself."""
    assert bundled.compare(bundled, on=OCTOBER) == ()
