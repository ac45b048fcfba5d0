"""Price table of a command, its options, and rows as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from pathlib import Path

import click
from rich.console import RenderableType

from .._config import Config
from .._default_recorder import price_table_of
from .._model.formatting import counted, digits
from ..pricing import PriceRow, PriceTable
from ..pricing._override_checks import similar_regions
from ._console import results
from ._json import JsonObject

BUNDLED = "bundled"
_PRICE_FILE = ".json"
_WIDEST = 10_000

DAY = click.DateTime(formats=["%Y-%m-%d"])
"""A day as an argument, UTC."""

overrides_option = click.option(
    "--price-overrides",
    "overrides",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Overrides or price file that takes precedence over the settings; may be "
    "repeated.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Write JSON to stdout."
)


def price_table(overrides: Iterable[Path]) -> PriceTable:
    """Load the table of the settings, and put *overrides* before it.

    Raises:
        ConfigError: If a setting or a file is invalid.
    """
    table = price_table_of(Config.load())
    for path in overrides:
        table = table.with_overrides(file=path)
    return table


def named_table(name: str) -> PriceTable:
    """Load the bundled table, or the price file *name*.

    Raises:
        ConfigError: If the file is invalid.
    """
    return PriceTable.bundled() if name == BUNDLED else _load(Path(name))


def unknown_region(table: PriceTable, region: str | None) -> str:
    """Return what to say of a region that no price names; empty if one does."""
    known = sorted({row.region for row in table.rows()})
    if region is None or region in known:
        return ""
    near = similar_regions(region, known)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"No price names the region {region!r}.{hint}"


def _load(path: Path) -> PriceTable:
    return PriceTable.load(path)


def is_price_file(path: Path) -> bool:
    """Return whether *path* is a price file, rather than overrides."""
    return path.suffix.lower() == _PRICE_FILE


def day_of(at: datetime | None) -> date:
    """Return the day of an option, or today, UTC."""
    return datetime.now(UTC).date() if at is None else at.date()


def moment_of(day: date) -> datetime:
    """Return the first moment of *day*, UTC."""
    return datetime.combine(day, time.min, tzinfo=UTC)


def age_days(table: PriceTable) -> int:
    """Return the age of the prices of *table* in whole days."""
    return max(0, table.age(datetime.now(UTC)).days)


def age_line(table: PriceTable) -> str:
    """Return a sentence on the age of *table*."""
    age = counted(age_days(table), "day")
    return f"List prices gathered {table.generated_on}, {age} ago."


def print_block(content: RenderableType) -> None:
    """Print *content* in the width of a terminal, or in whole lines to a pipe."""
    out = results()
    if out.is_terminal:
        out.print(content)
        return
    options = out.options.update(max_width=_WIDEST)
    out.width = max(out.width, out.measure(content, options=options).maximum)
    with out.capture() as captured:
        out.print(content)
    # Cells are padded with spaces, which mean nothing in a pipe.
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def print_json(content: object) -> None:
    """Print *content* as JSON."""
    click.echo(json.dumps(content, indent=2))


def day_text(day: date | None) -> str:
    """Return *day* in ISO form, or nothing where it is open or unknown."""
    return "" if day is None else day.isoformat()


def row_json(row: PriceRow) -> JsonObject:
    """Return *row* with all its fields as JSON."""
    return {
        "model": row.model_id,
        "region": row.region,
        "scope": row.scope,
        "tier": row.tier,
        "latency_mode": row.latency_mode,
        "context_band": row.context_band,
        "unit": row.unit.value,
        "price": digits(row.price),
        "per": row.per,
        "currency": row.currency,
        "valid_from": day_text(row.valid_from) or None,
        "valid_to": day_text(row.valid_to) or None,
        "sources": list(row.sources),
        "independent_sources": row.independent_sources,
        "same_price_regions": list(row.same_price_regions),
        "disputed": [
            {"price": digits(price), "source": source} for price, source in row.disputed
        ],
        "unconfirmed": row.is_unconfirmed,
        "until": day_text(row.until) or None,
    }
