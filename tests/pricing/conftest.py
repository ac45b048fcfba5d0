"""What tests of prices share: the bundled table, and the facts it is made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from bedrock_attrib.pricing import PriceTable


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
