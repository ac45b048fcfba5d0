"""Price file reader."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ._price_list import FreeUnit, PriceList, RawRow

MAX_PRICE_FILE_BYTES = 64 << 20
"""Size of a price file at most; the bundled one has about 1 MB."""

# Not a path, as the package may be in a zip file.
_BUNDLED = files(__package__).joinpath("prices.json")


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
    try:
        data = read_bounded(path)
        content = json.loads(data)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot be read as JSON: {error}") from error
    if not _was_checked(Path(path), data):
        # Pydantic takes 150 ms to import, and a second for the prices of all regions.
        from ._schema import check_price_file  # noqa: PLC0415

        check_price_file(content, path=path)
    return _read(content)


def checksum_path(path: Path) -> Path:
    """Return the file with the SHA-256 of a price file that was checked."""
    return path.with_name(f"{path.name}.sha256")


def checksum_line(path: Path, data: bytes) -> str:
    """Return the line of *data*, the content of *path*, as ``sha256sum`` writes it."""
    return f"{hashlib.sha256(data).hexdigest()}  {path.name}\n"


def _was_checked(path: Path, data: bytes) -> bool:
    """Return whether the program that wrote *path* has checked what is there now."""
    try:
        return checksum_path(path).read_text("utf-8") == checksum_line(path, data)
    except (OSError, ValueError):
        return False


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
