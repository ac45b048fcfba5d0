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

MAX_PRICE_FILE_BYTES = 64 << 20
"""Size of a price file at most; the bundled one has about 1 MB."""

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


def read_bounded(path: Path | str, max_bytes: int = MAX_PRICE_FILE_BYTES) -> bytes:
    """Read a file that is not larger than *max_bytes*.

    Raises:
        ConfigError: If it is larger.
        OSError: If it cannot be read.
    """
    with Path(path).open("rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ConfigError(f"{path}: is larger than {max_bytes:,} bytes")
    return content


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
        content = json.loads(read_bounded(path))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot be read as JSON: {error}") from error
    check_price_file(content, path=path)
    return _read(content)


def _read(content: dict[str, Any]) -> LoadedPrices:
    raw_by_model: dict[str, list[RawRow]] = {}
    for raw in content["rows"]:
        raw_by_model.setdefault(raw[0], []).append(raw)
    sources, currency = content["sources"], content["currency"]
    aliases = content.get("aliases", {})
    prices = PriceList(
        raw_by_model,
        source_ids={code: source["id"] for code, source in sources.items()},
        sources={source["id"]: source["about"] for source in sources.values()},
        currency=currency,
        aliases={alias: known for alias, (known, _) in aliases.items()},
        free=[FreeUnit(*each) for each in content.get("free", ())],
    )
    return LoadedPrices(prices, date.fromisoformat(content["generated"]), currency)
