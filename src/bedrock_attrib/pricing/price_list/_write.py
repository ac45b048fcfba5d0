"""Writer of imported prices as price files and overrides."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from ...errors import ConfigError
from .._price_file import (
    make_price_file,
    render_list_prices,
    render_price_file,
    write_text,
)
from .._rows import PriceRow
from ._collect import ImportedPrices

_RATE_CARD = "aws-rate-card"


def write_prices(found: ImportedPrices, path: Path) -> None:
    """Write imported prices.

    Args:
        found: Rows and their sources.
        path: A price file when its name ends in ``.json``, overrides with
            ``[[list_prices]]`` when it ends in ``.toml``.

    Raises:
        ConfigError: If there are no rows, the name ends in anything else, or the file
            cannot be written.
    """
    # Pydantic takes 150 ms to import, so it is imported only to write a file.
    from .._schema import check_price_file  # noqa: PLC0415

    suffix = path.suffix.lower()
    if suffix not in {".json", ".toml"}:
        raise ConfigError(f"{path}: expected a name that ends in .json or .toml")
    if found.as_of is None or not found.rows:
        raise ConfigError(f"{path}: there are no prices to write")
    content = make_price_file(
        found.rows, generated=found.as_of, sources=sources_of(found.rows)
    )
    # Checked like any other price file.
    check_price_file(content, path=path)
    if suffix == ".json":
        write_text(path, render_price_file(content))
    else:
        write_text(path, render_list_prices(found.rows, heading=_heading(found)))


def sources_of(rows: Iterable[PriceRow]) -> dict[str, str]:
    """Return the description of each source of imported *rows*, by its name."""
    names = sorted({source for row in rows for source in row.sources})
    return {name: _about(name) for name in names}


def _about(source: str) -> str:
    kind, _, digits = source.rpartition("-")
    day = date.fromisoformat(digits)
    origin = "Rate card of one account" if kind == _RATE_CARD else "AWS Price List"
    return f"{origin} as of {day}"


def _heading(found: ImportedPrices) -> str:
    lists = "; ".join(f"{offer} of {day}" for offer, day in found.published)
    return f"{len(found.rows)} list prices of AWS: {lists}"
