"""Price file reader."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ._price_list import FreeUnit, PriceList, RawRow

_BUNDLED = Path(__file__).with_name("prices.json")


@dataclass(frozen=True, slots=True)
class LoadedPrices:
    """Content of a price file.

    Attributes:
        prices: Its rows.
        generated_on: Day on which they were gathered.
        currency: ISO 4217 code.
    """

    prices: PriceList
    generated_on: date
    currency: str


@lru_cache(maxsize=1)
def load_bundled() -> LoadedPrices:
    """Read the file of this version, which was checked when it was built."""
    return _read(json.loads(_BUNDLED.read_bytes()))


def load_prices(path: Path | str) -> LoadedPrices:
    """Read and check a price file.

    Raises:
        ConfigError: If it cannot be read or is not as documented.
    """
    # Pydantic takes 150 ms to import: only users of own files need it.
    from ._schema import check_price_file  # noqa: PLC0415

    try:
        content = json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as JSON: {error}") from error
    check_price_file(content, path=path)
    return _read(content)


def _read(content: dict[str, Any]) -> LoadedPrices:
    raw_by_model: dict[str, list[RawRow]] = {}
    for raw in content["rows"]:
        raw_by_model.setdefault(raw[0], []).append(raw)
    sources, currency = content["sources"], content["currency"]
    prices = PriceList(
        raw_by_model,
        source_ids={code: source["id"] for code, source in sources.items()},
        sources={source["id"]: source["about"] for source in sources.values()},
        currency=currency,
        aliases={
            alias: known for alias, (known, _) in content.get("aliases", {}).items()
        },
        free=[FreeUnit(*each) for each in content.get("free", ())],
    )
    return LoadedPrices(prices, date.fromisoformat(content["generated"]), currency)
