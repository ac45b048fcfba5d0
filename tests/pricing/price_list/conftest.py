"""What tests of price lists share: an offer file read from disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from offers import JsonObject, as_json

from bedrock_attrib.pricing.price_list import (
    ImportedPrices,
    collect,
    read_offer_file,
)

Import = Callable[..., ImportedPrices]


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    """Imports products of one offer, by way of a file."""

    def read(*products: JsonObject, **changes: Any) -> ImportedPrices:
        path = tmp_path / "index.json"
        path.write_text(as_json(products, **changes), encoding="utf-8")
        return collect(read_offer_file(path))

    return read
