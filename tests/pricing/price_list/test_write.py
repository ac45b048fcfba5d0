"""Imported prices as files that price tables read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest
from offers import product, sold

from bedrock_attrib._model.usage import Unit, Usage
from bedrock_attrib.errors import ConfigError
from bedrock_attrib.pricing import Discount, PriceRow, PriceTable
from bedrock_attrib.pricing.price_list import ImportedPrices, collect, write_prices

Import = Callable[..., ImportedPrices]
OCTOBER = datetime(2026, 10, 15, tzinfo=UTC)
SEPTEMBER = datetime(2026, 9, 15, tzinfo=UTC)
TOKENS = Usage({Unit.INPUT_TOKEN: 1_000_000})


@pytest.fixture
def found(imported: Import) -> ImportedPrices:
    """Prices of three kinds, dearer than those of the bundled table."""
    return imported(
        product("USE1-NovaLite-input-tokens", "0.00007", model="Nova Lite"),
        product(
            "USE1-NovaCanvas-T2I-1024-Premium",
            "0.07",
            model="Nova Canvas",
            unit="image",
        ),
        sold(
            "Claude Haiku 4.5",
            "Reserved_1Month_InputTPM_Geo",
            "0.07",
            unit="1M TPM Hour",
        ),
    )


@pytest.mark.parametrize("name", ["aws.json", "aws.toml"])
def test_round_trip(
    tmp_path: Path, bundled: PriceTable, found: ImportedPrices, name: str
):
    """What is written is read again as it was, from either kind of file."""
    write_prices(found, tmp_path / name)
    table = bundled.with_overrides(file=tmp_path / name)
    assert len(found.rows) == 3
    # Lists come before the bundled one, in the order of their models.
    assert tuple(islice(table.rows(), 3)) == found.rows


def test_price_file_alone(tmp_path: Path, found: ImportedPrices):
    """A price file is a table of its own, which knows its day and its source."""
    write_prices(found, tmp_path / "aws.json")
    table = PriceTable.load(tmp_path / "aws.json")
    assert (table.generated_on, len(list(table.rows()))) == (date(2026, 10, 8), 3)
    assert table.sources == {
        "aws-pricelist-20261008": "AWS Price List as of 2026-10-08"
    }


def test_overrides_file(tmp_path: Path, found: ImportedPrices):
    """Overrides say where their prices are from, and leave out what is usual."""
    write_prices(found, tmp_path / "aws.toml")
    text = (tmp_path / "aws.toml").read_text(encoding="utf-8")
    assert text.startswith(
        "# 3 list prices of AWS: AmazonBedrock of 2026-10-08\n"
        "\n"
        "[[list_prices]]\n"
        'model = "amazon.nova-canvas-v1:0"\n'
        'unit = "output_image[up-to-1024x1024/premium]"\n'
        "price = 0.07\n"
        'region = "us-east-1"\n'
        'scope = "regional"\n'
        "valid_from = 2026-10-01\n"
        'source = "aws-pricelist-20261008"\n'
    )
    assert "per = 1000\n" in text


@pytest.mark.parametrize("name", ["aws.json", "aws.toml"])
def test_imported_prices_hold_from_their_day(
    tmp_path: Path, bundled: PriceTable, found: ImportedPrices, name: str
):
    """An imported price comes before the bundled one, and leaves the past alone."""
    write_prices(found, tmp_path / name)
    table = bundled.with_overrides(file=tmp_path / name)
    costs = [
        table.price(model, TOKENS, region=region, at=at).total
        for model, region, at in (
            ("amazon.nova-lite-v1:0", "us-east-1", OCTOBER),
            ("us.amazon.nova-lite-v1:0", "us-east-1", OCTOBER),
            ("amazon.nova-lite-v1:0", "us-east-1", SEPTEMBER),
            ("amazon.nova-lite-v1:0", "us-west-2", OCTOBER),
        )
    ]
    assert costs == [Decimal("0.07"), Decimal("0.07"), Decimal("0.06"), Decimal("0.06")]


@pytest.mark.parametrize("name", ["aws.json", "aws.toml"])
def test_discounts_apply_to_imported_prices(
    tmp_path: Path, bundled: PriceTable, found: ImportedPrices, name: str
):
    """A list price is discounted, whoever brought it; a negotiated one is not."""
    write_prices(found, tmp_path / name)
    own = PriceRow(
        "amazon.nova-canvas-v1:0",
        "default",
        "regional",
        "default",
        "standard",
        "",
        Unit.OUTPUT_IMAGE_UP_TO_1024_PREMIUM,
        Decimal("0.05"),
        1,
    )
    table = bundled.with_overrides(rows=[own], discounts=[Discount(Decimal(10))])
    table = table.with_overrides(file=tmp_path / name)
    image = Usage({Unit.OUTPUT_IMAGE_UP_TO_1024_PREMIUM: 1})
    call = {"region": "us-east-1", "at": OCTOBER}
    costs = [
        table.price("amazon.nova-lite-v1:0", TOKENS, **call).total,  # type: ignore[arg-type] # as above
        table.price("amazon.nova-canvas-v1:0", image, **call).total,  # type: ignore[arg-type] # as above
    ]
    assert costs == [Decimal("0.063"), Decimal("0.05")]


def test_list_of_another_currency(tmp_path: Path, bundled: PriceTable):
    """Lists of two currencies are not mixed."""
    path = tmp_path / "euro.json"
    text = '{"schema": 1, "generated": "2026-10-08", "currency": "EUR", "sources": {}, '
    columns = "model region scope tier latency_mode context_band unit price per "
    columns += "valid_from valid_to sources independent_sources remarks"
    quoted = ", ".join(f'"{name}"' for name in columns.split())
    path.write_text(text + f'"columns": [{quoted}], "rows": []}}', encoding="utf-8")
    with pytest.raises(ConfigError, match="a price list in EUR cannot come before one"):
        bundled.with_overrides(file=path)


def test_same_list_price_twice(tmp_path: Path, bundled: PriceTable):
    """Two list prices for the same from one day contradict one another."""
    one = '[[list_prices]]\nmodel = "a.b"\nunit = "input_token"\nprice = 1\n'
    path = tmp_path / "aws.toml"
    path.write_text(one * 2, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"two prices for a\.b default"):
        bundled.with_overrides(file=path)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("aws.csv", r"expected a name that ends in \.json or \.toml"),
        ("none/aws.json", "cannot be written: "),
    ],
)
def test_cannot_be_written(
    tmp_path: Path, found: ImportedPrices, name: str, problem: str
):
    """A file that cannot be written is told by name, and nothing is left behind."""
    with pytest.raises(ConfigError, match=problem):
        write_prices(found, tmp_path / name)
    assert sorted(tmp_path.glob(".*")) == []


def test_nothing_to_write(tmp_path: Path):
    """A file without prices is not written."""
    with pytest.raises(ConfigError, match="there are no prices to write"):
        write_prices(collect([]), tmp_path / "aws.json")
    assert list(tmp_path.iterdir()) == []
