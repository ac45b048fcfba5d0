"""Fixtures of price tests: the bundled table and its facts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bedrock_attrib.pricing import PriceTable
from bedrock_attrib.pricing._price_list import COLUMNS


@pytest.fixture(scope="session")
def bundled() -> PriceTable:
    """The table that comes with the package."""
    return PriceTable.bundled()


@pytest.fixture(scope="session")
def price_facts(shared: Path) -> Path:
    """Folder of the price facts that the bundled table is made from."""
    folder = shared / "prices"
    if not (folder / "facts.csv").exists():
        pytest.skip(f"no facts.csv in {folder.name}/ of BEDROCK_ATTRIB_SHARED")
    return folder


@pytest.fixture
def price_file(tmp_path: Path) -> Callable[..., PriceTable]:
    """Make a table of a price file: rows of tier, band, price and unit of one model."""

    def load(*rows: list[str]) -> PriceTable:
        path = tmp_path / "prices.json"
        content = {
            "schema": 1,
            "generated": "2026-11-30",
            "currency": "USD",
            "columns": list(COLUMNS),
            "sources": {"x": {"id": "x", "about": "a test", "seen": "2026-11-30"}},
            "rows": [_file_row(*row) for row in rows],
        }
        path.write_text(json.dumps(content), encoding="utf-8")
        return PriceTable.load(path)

    return load


def _file_row(
    tier: str, band: str, price: str, unit: str = "input_token"
) -> list[object]:
    key = ["acme.model", "default", "regional", tier, "standard", band, unit]
    return [*key, price, 1_000_000, None, None, "x", 1, {}]
