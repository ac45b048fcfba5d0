"""Price files: their content, checks and searches."""

# ruff: noqa: SIM300 - the expected value stands first

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bedrock_attrib._model.usage import Unit, Usage
from bedrock_attrib.errors import ConfigError
from bedrock_attrib.pricing import PriceTable, _load, _schema

COLUMNS = (
    "model region scope tier latency_mode context_band unit price per valid_from "
    "valid_to sources independent_sources remarks"
).split()


def content(**changes: Any) -> dict[str, Any]:
    """A price file with one row, and *changes* to its keys."""
    return {
        "schema": 1,
        "generated": "2026-11-01",
        "currency": "USD",
        "columns": COLUMNS,
        "sources": {"own": {"id": "own-list", "about": "our list", "seen": "2026"}},
        "rows": [row()],
        **changes,
    }


def row(**changes: Any) -> list[Any]:
    """A row of a price file, and *changes* to its columns."""
    values = {
        "model": "acme.own-model",
        "region": "default",
        "scope": "regional",
        "tier": "default",
        "latency_mode": "standard",
        "context_band": "",
        "unit": "input_token",
        "price": "2.5",
        "per": 1_000_000,
        "valid_from": None,
        "valid_to": "2027-01-31",
        "sources": "own",
        "independent_sources": 1,
        "remarks": {},
        **changes,
    }
    return list(values.values())


def write(folder: Path, whole: object) -> Path:
    """A price file with the content *whole*."""
    path = folder / "prices.json"
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


def test_load(tmp_path: Path):
    """A user's own file replaces the bundled table."""
    table = PriceTable.load(write(tmp_path, content()))
    cost = table.price(
        "acme.own-model",
        Usage({Unit.INPUT_TOKEN: 2}),
        region="us-east-1",
        at=datetime(2027, 1, 31, tzinfo=UTC),
    )
    assert Decimal("0.000005") == cost.total
    assert ("own-list",) == cost.rates[Unit.INPUT_TOKEN].sources
    assert date(2026, 11, 1) == table.generated_on
    assert timedelta(days=14) == table.age(datetime(2026, 11, 15, tzinfo=UTC))
    assert {"own-list": "our list"} == table.sources


def test_load_another_currency(tmp_path: Path):
    """Amounts are in the currency of the file."""
    table = PriceTable.load(write(tmp_path, content(currency="EUR")))
    at = datetime(2026, 11, 15, tzinfo=UTC)
    usage = Usage({Unit.INPUT_TOKEN: 2})
    cost = table.price("acme.own-model", usage, region="us-east-1", at=at)
    assert ("EUR", "EUR") == (cost.currency, cost.rates[Unit.INPUT_TOKEN].currency)


BAD_CONTENT = [
    (content(schema=2), "schema: "),
    (content(generated="soon"), "generated: "),
    (content(currency="dollar"), "currency: "),
    (content(columns=COLUMNS[:3]), "columns must be model, region"),
    (content(extra=1), "extra: "),
    (content(rows=[["acme.own-model"]]), "rows[0]: has 1 values"),
    (
        content(rows=[["us.amazon.nova-pro-v1:0", *content()["rows"][0][1:]]]),
        "rows[0]: model 'us.amazon.nova-pro-v1:0' is a profile id; expected 'amazon.",
    ),
    (content(rows=["acme.own-model"]), "rows[0]: "),
    (content(rows=[row(), row(price=2.5)]), "rows[1].price: "),
    (content(rows=[row(price="-1")]), "rows[0].price: "),
    (content(rows=[row(per=7)]), "rows[0].per: "),
    (content(rows=[row(unit="token")]), "rows[0].unit: "),
    (content(rows=[row(scope="world")]), "rows[0].scope: "),
    (content(rows=[row(context_band="long")]), "rows[0].context_band: "),
    (content(rows=[row(sources="nobody")]), "rows[0].sources: 'nobody'"),
    (content(rows=[row(valid_from="2027-02-01")]), "comes before valid_from"),
    (content(rows=[row(), row()]), "rows[1]: prices acme.own-model"),
]


@pytest.mark.parametrize(("whole", "problem"), BAD_CONTENT)
def test_bad_file(tmp_path: Path, whole: object, problem: str):
    """A file in another format is an error that names the file and the key."""
    path = write(tmp_path, whole)
    with pytest.raises(ConfigError) as caught:
        PriceTable.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert problem in str(caught.value)


def test_unreadable_file(tmp_path: Path):
    """A file that is not JSON is an error that names it."""
    path = tmp_path / "prices.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"prices\.json: cannot be read as JSON"):
        PriceTable.load(path)


def test_bundled_file_is_as_documented():
    """The bundled file passes the check of users' files."""
    path = Path(_load.__file__).with_name("prices.json")
    checked = _schema.check_price_file(json.loads(path.read_bytes()), path=path)
    assert len(checked.rows) > 5000


def test_bundled_table_is_shared(bundled: PriceTable):
    """The bundled table is read once."""
    assert bundled is PriceTable.bundled()


def test_calls_never_import_pydantic():
    """Pricing a call does not import pydantic, which takes longer than most calls."""
    code = (
        "import sys, datetime as d\n"
        "from bedrock_attrib.pricing import PriceTable\n"
        "from bedrock_attrib._model.usage import Usage\n"
        "PriceTable.bundled().price('amazon.nova-micro-v1:0', "
        "Usage({'input_token': 1}), region='us-east-1', at=d.datetime.now(d.UTC))\n"
        "print('pydantic' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert "False" == found.stdout.strip()


def test_search_rows(bundled: PriceTable):
    """Rows are found by model, region, terms and day."""
    found = bundled.rows(
        model="openai.gpt-5.6-terra",
        region="default",
        scope="geo",
        tier="default",
        unit=Unit.INPUT_TOKEN,
    )
    assert [
        ("2.75", "2026-07-13", "2026-07-29", ""),
        ("2.2", "2026-07-30", "None", ""),
        ("4.4", "2026-08-03", "None", "over-272k"),
    ] == [
        (str(each.price), str(each.valid_from), str(each.valid_to), each.context_band)
        for each in found
    ]
    on_a_day = bundled.rows(
        model="openai.gpt-5.6-terra",
        scope="geo",
        unit=Unit.INPUT_TOKEN,
        on=date(2026, 7, 20),
    )
    assert [Decimal("2.75")] == [each.price for each in on_a_day]
    assert [] == list(bundled.rows(model="acme.unheard-of"))


def test_rows_tell_how_well_they_are_known(bundled: PriceTable):
    """Rows state whether they have one source, are disputed or unconfirmed."""
    rows = list(bundled.rows())
    assert 3168 == sum(each.is_single_source for each in rows)
    assert 174 == sum(bool(each.disputed) for each in rows)
    (cache_read,) = bundled.rows(
        model="anthropic.claude-3-7-sonnet-20250219-v1:0",
        scope="regional",
        region="default",
        unit=Unit.CACHE_READ_TOKEN,
    )
    assert Decimal("0.3") == cache_read.price
    assert ((Decimal("3.75"), "portkey"),) == cache_read.disputed
    assert 25 == sum(each.is_unconfirmed for each in rows)
    assert {"eu-north-1", "ap-south-1"} == {
        each.priced_in for each in rows if each.priced_in
    }
