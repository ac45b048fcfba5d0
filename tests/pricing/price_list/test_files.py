"""Offer files as they come: two formats, and what people save by accident."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from offers import JsonObject, as_api, as_csv, as_json, offer, product, sold

from bedrock_attrib.errors import ConfigError
from bedrock_attrib.pricing.price_list import Sku, read_offer_file, read_product

LINES = [
    product(
        "USE1-NovaLite-input-tokens-flex",
        "0.0000300000",
        sku="A",
        model="Nova Lite",
        inferenceType="Input tokens flex",
        feature="On-demand Inference",
        service_tier="flex",
        description='$0.00003 per 1K tokens, with a "quote"',
    ),
    product("USE1-TitanText-Premier-input-tokens", "0.0005", sku="B", titanModel="x"),
]
EXPECTED = [
    Sku(
        "A",
        "AmazonBedrock",
        date(2026, 10, 8),
        region="us-east-1",
        usage_type="USE1-NovaLite-input-tokens-flex",
        model="Nova Lite",
        service_name="Amazon Bedrock",
        inference_type="Input tokens flex",
        feature="On-demand Inference",
        service_tier="flex",
        effective="2026-10-01T00:00:00Z",
        unit="1K tokens",
        price="0.0000300000",
        description='$0.00003 per 1K tokens, with a "quote"',
    ),
    Sku(
        "B",
        "AmazonBedrock",
        date(2026, 10, 8),
        region="us-east-1",
        usage_type="USE1-TitanText-Premier-input-tokens",
        titan_model="x",
        service_name="Amazon Bedrock",
        effective="2026-10-01T00:00:00Z",
        unit="1K tokens",
        price="0.0005",
    ),
]


def write(folder: Path, content: str | bytes, name: str = "index.json") -> Path:
    """A file that holds *content*."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(folder: Path, content: str | bytes) -> list[Sku]:
    """Lines of a file that holds *content*."""
    return list(read_offer_file(write(folder, content)))


def test_json(tmp_path: Path):
    """A JSON file gives its priced lines."""
    assert read(tmp_path, as_json(LINES)) == EXPECTED


def test_csv(tmp_path: Path):
    """A CSV file gives the same, with its terms' days for times."""
    expected = [replace(sku, effective="2026-10-01") for sku in EXPECTED]
    assert read(tmp_path, as_csv(LINES)) == expected


def test_api():
    """Products of the Price List API give the same."""
    found = [sku for text in as_api(LINES) for sku in read_product(text)]
    assert found == EXPECTED


@pytest.mark.parametrize("form", [as_json, as_csv])
def test_byte_order_mark(tmp_path: Path, form: Callable[..., str]):
    """A file that an editor has put a mark before is read all the same."""
    assert len(read(tmp_path, b"\xef\xbb\xbf" + form(LINES).encode())) == 2


@pytest.mark.parametrize(
    "code", ["AmazonBedrock", "AmazonBedrockService", "AmazonBedrockFoundationModels"]
)
def test_offers(tmp_path: Path, code: str):
    """The three offers with prices of models are read."""
    found = read(tmp_path, as_json([sold("Claude Opus 5", "x", "1")], code=code))
    assert [(sku.offer, sku.service_name) for sku in found] == [
        (code, "Claude Opus 5 (Amazon Bedrock Edition)")
    ]


@pytest.mark.parametrize(
    ("published", "day"),
    [
        ("2026-10-08", date(2026, 10, 8)),
        ("2026-10-08T09:30:00", date(2026, 10, 8)),
        ("2026-10-08T23:30:00-04:00", date(2026, 10, 9)),
    ],
)
def test_day_of_publication(tmp_path: Path, published: str, day: date):
    """The day of a list is one of UTC, whatever form its time has."""
    found = read(tmp_path, as_json(LINES, published=published))
    assert {sku.published for sku in found} == {day}


def test_price_without_its_product(tmp_path: Path):
    """A term of a product that is not there is a line without attributes."""
    whole = offer(LINES)
    del whole["products"]["A"]
    (first, _) = read(tmp_path, json.dumps(whole))
    assert (first.sku, first.usage_type, first.price) == ("A", "", "0.0000300000")


def test_numbers_are_read_as_they_stand(tmp_path: Path):
    """A price that is a number rather than text passes through no float."""
    text = as_json(LINES).replace('"0.0005"', "0.1000000000000000055511151231257827")
    (_, second) = read(tmp_path, text)
    assert second.price == "0.1000000000000000055511151231257827"


def test_attribute_of_two_spellings(tmp_path: Path):
    """Two spellings of one attribute that differ make a value that nothing knows."""
    line = product("USE1-x", "1", model="Nova Lite", Model="Nova Pro")
    (sku,) = read(tmp_path, as_json([line]))
    assert sku.model == "Nova Lite | Nova Pro"


def test_other_currency(tmp_path: Path):
    """A price in another currency alone is told with its currency."""
    (sku,) = read(tmp_path, as_json([product("CNN1-x", "7", currency="CNY")]))
    assert (sku.price, sku.currency) == ("7", "CNY")


def test_reserved_terms_are_not_read(tmp_path: Path):
    """A CSV row of another term than on demand is passed over."""
    text = as_csv(LINES).replace('"OnDemand"', '"Reserved"', 1)
    assert [sku.sku for sku in read(tmp_path, text)] == ["B"]


def test_empty_csv_row(tmp_path: Path):
    """An empty line in a table is passed over."""
    assert len(read(tmp_path, as_csv(LINES) + "\r\n")) == 2


def changed(**changes: Any) -> str:
    """An offer file with *changes* to its keys."""
    return json.dumps({**offer(LINES), **changes})


def without(key: str) -> str:
    """An offer file that lacks *key*."""
    whole: JsonObject = offer(LINES)
    del whole[key]
    return json.dumps(whole)


BAD_FILES = [
    ("", "is empty"),
    ("  \n", "is empty"),
    ("{", "cannot be read as JSON: Expecting property name"),
    (as_json(LINES)[:-200], "cannot be read as JSON: "),
    ("[" * 100_000, "cannot be read as JSON: "),
    ("[]", "is not a JSON object"),
    (as_json(LINES).encode("utf-16"), "is UTF-16; save it as UTF-8"),
    (as_json(LINES).encode("utf-16-be"), "has no table of prices"),
    (as_json(LINES).encode("utf-32"), "is UTF-16; save it as UTF-8"),
    (b'{"offerCode": "\xff"}', "is not UTF-8: "),
    (b"\x1f\x8b\x08\x00", "is compressed with gzip; unpack it first"),
    (b"PK\x03\x04", "is a ZIP archive; unpack it first"),
    ("<html>no</html>", "is a page, not an offer file"),
    ("{}", "has no offerCode and publicationDate"),
    (without("offerCode"), "has no offerCode and publicationDate"),
    (without("publicationDate"), "has no offerCode and publicationDate"),
    (changed(publicationDate="soon"), "has no offerCode and publicationDate"),
    (
        changed(publicationDate="0001-01-01T00:00:00+14:00"),
        "has no offerCode and publicationDate",
    ),
    (without("products"), "products is not an object of AWS's price list"),
    (changed(products=[]), "products is not an object of AWS's price list"),
    (changed(terms={}), "OnDemand is not an object of AWS's price list"),
    (changed(offerCode="AmazonEC2"), "is the offer 'AmazonEC2'; expected one of"),
    (
        as_json(LINES).replace('"B": {"sku"', '"A": {"sku"'),
        "cannot be read as JSON: the key 'A' occurs twice",
    ),
    ("FormatVersion,v1.0\n", "has no table of prices"),
    ("a,b\n" * 40, "has no table of prices"),
    (as_csv(LINES).replace("Publication Date", "Date"), "does not say its OfferCode"),
    (as_csv(LINES).replace('"OfferCode"', '"Offer"'), "does not say its OfferCode"),
    (as_csv(LINES).replace('"Region Code"', '"Place"'), "lacks regioncode"),
    (as_csv(LINES).replace('"operation"', '"Unit"'), "has twice unit"),
    (as_csv(LINES)[:-30], "cannot be read as CSV: unexpected end of data"),
    (as_csv(LINES) + "C,x\n", "row 3 of its table has 2 values for"),
    (as_csv(LINES) + '"', "cannot be read as CSV: "),
    (as_csv(LINES) + "x" * 200_000, "cannot be read as CSV: field larger"),
    (as_csv(LINES).encode() + b"\xff", "is not UTF-8: "),
]


@pytest.mark.parametrize(("content", "problem"), BAD_FILES)
def test_bad_file(tmp_path: Path, content: str | bytes, problem: str):
    """A file that is none of AWS's is refused, with its name and what is wrong."""
    path = write(tmp_path, content)
    with pytest.raises(ConfigError) as caught:
        list(read_offer_file(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert problem in str(caught.value)


def test_no_such_file(tmp_path: Path):
    """A file that is not there, or a folder, is told by name."""
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read: "):
            list(read_offer_file(path))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"product": {}, "terms": {}}', '{"product": 1}']
)
def test_bad_product(text: str):
    """An answer of the API that is no product is refused."""
    with pytest.raises(ConfigError, match="product of the Price List API: "):
        list(read_product(text))
