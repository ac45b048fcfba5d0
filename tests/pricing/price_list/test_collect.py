"""Several lines and lists at once: what agrees, follows, or contradicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from offers import JsonObject, as_json, product, sold

from bedrock_attrib.pricing.price_list import ImportedPrices, collect, read_offer_file

Import = Callable[..., ImportedPrices]
Lists = Sequence[tuple[Sequence[JsonObject], dict[str, Any]]]


def nova(price: str, **changes: Any) -> JsonObject:
    """A line for input tokens of Nova Lite."""
    return product("USE1-NovaLite-input-tokens", price, model="Nova Lite", **changes)


def import_lists(folder: Path, lists: Lists, **changes: Any) -> ImportedPrices:
    """Import several offer files at once."""
    skus = []
    for number, (products, about) in enumerate(lists):
        path = folder / f"{number}.json"
        path.write_text(as_json(products, **about), encoding="utf-8")
        skus += read_offer_file(path)
    return collect(skus, **changes)


def prices(found: ImportedPrices) -> list[tuple[str, str]]:
    """First day and price of each row."""
    return [(str(row.valid_from), str(row.price)) for row in found.rows]


def skipped(found: ImportedPrices) -> list[tuple[str, str, int]]:
    """Why lines gave no row, and how many."""
    return [(str(e.reason), e.detail, e.count) for e in found.skipped]


def test_two_skus_of_one_price(imported: Import):
    """A model may have a runtime and a mantle SKU; what agrees is one row."""
    found = imported(
        product("USE1-gpt-oss-120b-input-tokens", "0.00015", model="gpt-oss-120b"),
        product(
            "USE1-openai.gpt-oss-120b-mantle-input-tokens-standard",
            "0.00015",
            model="gpt-oss-120b",
            effective="2026-09-01T00:00:00Z",
        ),
    )
    assert prices(found) == [("2026-09-01", "0.15")]
    assert (found.lines, found.mapped, found.unmapped) == (2, 2, 0)


def test_two_skus_of_two_prices(imported: Import):
    """Two prices for the same are both left out: none is guessed."""
    found = imported(
        product("USE1-gpt-oss-120b-input-tokens", "0.00015", model="gpt-oss-120b"),
        product(
            "USE1-openai.gpt-oss-120b-mantle-input-tokens-standard",
            "0.00014",
            model="gpt-oss-120b",
            effective="2026-09-01T00:00:00Z",
        ),
        product("USE1-gpt-oss-120b-output-tokens", "0.0006", model="gpt-oss-120b"),
    )
    assert [row.unit.value for row in found.rows] == ["output_token"]
    assert skipped(found) == [
        (
            "one list has two prices for the same",
            "openai.gpt-oss-120b-1:0 us-east-1 regional default standard input_token",
            2,
        )
    ]
    assert found.skipped[0].examples == [
        "USE1-gpt-oss-120b-input-tokens",
        "USE1-openai.gpt-oss-120b-mantle-input-tokens-standard",
    ]


def test_two_offers_disagree(tmp_path: Path):
    """What two offers say today must be the same, whenever their terms began."""
    old = product(
        "USE1-Claude3Haiku-input-tokens",
        "0.0003",
        model="Claude 3 Haiku",
        effective="2026-07-01T00:00:00Z",
    )
    new = sold("Claude 3 Haiku", "InputTokenCount", "0.25")
    about = {"code": "AmazonBedrockFoundationModels"}
    found = import_lists(tmp_path, [([old], {}), ([new], about)])
    assert (prices(found), found.unmapped) == ([], 2)


def test_lists_of_two_days(tmp_path: Path):
    """Lists of several days give dated rows; a price that stays is one row."""
    august = {"published": "2026-08-20T00:00:00Z"}
    october = {"published": "2026-10-08T00:00:00Z"}
    found = import_lists(
        tmp_path,
        [
            ([nova("0.00007", effective="2026-10-01T00:00:00Z")], october),
            ([nova("0.00006", effective="2026-08-01T00:00:00Z")], august),
            (
                [nova("0.00006", effective="2026-09-01T00:00:00Z")],
                {"published": "2026-09-11T00:00:00Z"},
            ),
        ],
    )
    assert prices(found) == [("2026-08-01", "0.06"), ("2026-10-01", "0.07")]
    assert found.rows[0].sources == ("aws-pricelist-20260820", "aws-pricelist-20260911")
    assert found.as_of == date(2026, 10, 8)
    assert found.published == (
        ("AmazonBedrock", date(2026, 8, 20)),
        ("AmazonBedrock", date(2026, 9, 11)),
        ("AmazonBedrock", date(2026, 10, 8)),
    )


def test_newer_copy_of_one_term(tmp_path: Path):
    """Of two copies with a price from the same day, the newer holds."""
    found = import_lists(
        tmp_path,
        [
            ([nova("0.00007")], {"published": "2026-10-08T00:00:00Z"}),
            ([nova("0.00006")], {"published": "2026-10-02T00:00:00Z"}),
        ],
    )
    assert prices(found) == [("2026-10-01", "0.07")]
    assert skipped(found) == [
        (
            "a newer copy of the list has another price from the same day",
            "amazon.nova-lite-v1:0 us-east-1 regional default standard input_token",
            1,
        )
    ]
    assert found.unmapped == 0


def test_same_file_twice(tmp_path: Path):
    """A file that is read twice gives what it gives once."""
    once = import_lists(tmp_path, [([nova("0.00006")], {})])
    twice = import_lists(tmp_path, [([nova("0.00006")], {})] * 2)
    assert twice.rows == once.rows


def test_terms_that_follow_one_another(tmp_path: Path):
    """A SKU with a coming term has both prices, each from its day."""
    sku = nova("0.00006", sku="A")
    whole = as_json([sku])
    later = '"SKU.LATER": {"effectiveDate": "2027-01-01", "priceDimensions": {"x": {'
    later += '"unit": "1K tokens", "pricePerUnit": {"USD": "0.00007"}}}}, '
    path = tmp_path / "index.json"
    path.write_text(whole.replace('"A.JRTCKXETXF": {', later + '"A.JRTCKXETXF": {', 1))
    found = collect(read_offer_file(path))
    assert prices(found) == [("2026-10-01", "0.06"), ("2027-01-01", "0.07")]


def test_one_sku_contradicts_itself(tmp_path: Path):
    """A SKU with two prices from one day has none."""
    again = '"SKU.AGAIN": {"effectiveDate": "2026-10-01", "priceDimensions": {"x": {'
    again += '"unit": "1K tokens", "pricePerUnit": {"USD": "0.00007"}}}}, '
    path = tmp_path / "index.json"
    whole = as_json([nova("0.00006", sku="A")])
    path.write_text(whole.replace('"A.JRTCKXETXF": {', again + '"A.JRTCKXETXF": {', 1))
    found = collect(read_offer_file(path))
    assert (prices(found), found.unmapped) == ([], 2)


def test_regions(tmp_path: Path):
    """Only regions that were asked for are kept; the others are counted."""
    lines = [
        nova("0.00006"),
        product(
            "EUC1-NovaLite-input-tokens",
            "0.000078",
            model="Nova Lite",
            regionCode="eu-central-1",
        ),
    ]
    found = import_lists(tmp_path, [(lines, {})], regions=["eu-central-1"])
    assert [row.region for row in found.rows] == ["eu-central-1"]
    assert skipped(found) == [("region was not requested", "us-east-1", 1)]
    assert found.unmapped == 0


def test_what_is_skipped_is_counted(imported: Import):
    """Lines of one reason are one group, with a few examples."""
    found = imported(
        *(
            product(f"USE1-NovaMega-{kind}-tokens{tier}", "0.01", model="Nova Mega")
            for kind in ("input", "output")
            for tier in ("", "-flex", "-batch")
        ),
        nova("0.00006"),
    )
    assert skipped(found) == [("model is not in the table of names", "Nova Mega", 6)]
    assert found.skipped[0].examples == [
        "USE1-NovaMega-input-tokens",
        "USE1-NovaMega-input-tokens-flex",
        "USE1-NovaMega-input-tokens-batch",
    ]
    assert (found.lines, found.mapped, found.unmapped) == (7, 1, 6)


@pytest.mark.parametrize("price", ["0.0000021", "0.0017"])
def test_price_that_may_be_true(imported: Import, price: str):
    """A price within a factor of thirty of a known one is taken."""
    assert len(imported(nova(price)).rows) == 1


def test_nothing():
    """No lines give no prices, and no day."""
    found = collect([])
    assert (found.rows, found.skipped, found.lines) == ((), (), 0)
    assert found.as_of is None
