"""The price table that commands ask, and how its rows are told."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import click
from rich.console import RenderableType

from .._config import Config
from ..pricing import PriceRow, PriceTable
from ._console import results
from ._json import JsonObject

BUNDLED = "bundled"
_PRICE_FILE = ".json"
_WIDEST = 10_000

DAY = click.DateTime(formats=["%Y-%m-%d"])
"""A day as an argument, UTC."""

overrides_option = click.option(
    "--overrides",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Prices that come before those of the settings: overrides or a price file.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON.")


def price_table(overrides: Iterable[Path]) -> PriceTable:
    """The table that the settings name, with *overrides* before it.

    Raises:
        ConfigError: If a setting or a file is not as documented.
    """
    config = Config.load()
    table = PriceTable.bundled() if config.prices is None else _load(config.prices)
    if config.price_overrides is not None:
        table = table.with_overrides(file=config.price_overrides)
    for path in overrides:
        table = table.with_overrides(file=path)
    return table


def named_table(name: str) -> PriceTable:
    """The bundled table, or the file that *name* names.

    Raises:
        ConfigError: If the file is not as documented.
    """
    return PriceTable.bundled() if name == BUNDLED else _load(Path(name))


def _load(path: Path) -> PriceTable:
    return PriceTable.load(path)


def is_price_file(path: Path) -> bool:
    """Whether *path* is a price file, rather than overrides."""
    return path.suffix.lower() == _PRICE_FILE


def day_of(at: datetime | None) -> date:
    """The day that was asked for, or today, UTC."""
    return datetime.now(UTC).date() if at is None else at.date()


def moment_of(day: date) -> datetime:
    """The first moment of *day*, UTC."""
    return datetime.combine(day, time.min, tzinfo=UTC)


def age_days(table: PriceTable) -> int:
    """For how many whole days the prices of *table* have been known; zero at least."""
    return max(0, table.age(datetime.now(UTC)).days)


def age_line(table: PriceTable) -> str:
    """How old *table* is, in words."""
    return f"List prices gathered {table.generated_on}, {age_days(table)} days ago."


def print_block(content: RenderableType) -> None:
    """Print *content*: within a terminal's width, and in whole lines into a pipe."""
    out = results()
    if out.is_terminal:
        out.print(content)
        return
    options = out.options.update(max_width=_WIDEST)
    out.width = max(out.width, out.measure(content, options=options).maximum)
    with out.capture() as captured:
        out.print(content)
    # Cells are filled up with spaces, which mean nothing to whoever reads the pipe.
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def print_json(content: object) -> None:
    """Print *content* as JSON."""
    click.echo(json.dumps(content, indent=2))


def plain(amount: Decimal) -> str:
    """*amount* with all its digits and no zeros behind them."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def day_text(day: date | None) -> str:
    """*day*, or nothing where it is open or not known."""
    return "" if day is None else day.isoformat()


def row_json(row: PriceRow) -> JsonObject:
    """All that a row says."""
    return {
        "model": row.model_id,
        "region": row.region,
        "scope": row.scope,
        "tier": row.tier,
        "latency_mode": row.latency_mode,
        "context_band": row.context_band,
        "unit": row.unit.value,
        "price": plain(row.price),
        "per": row.per,
        "currency": row.currency,
        "valid_from": day_text(row.valid_from) or None,
        "valid_to": day_text(row.valid_to) or None,
        "sources": list(row.sources),
        "independent_sources": row.independent_sources,
        "same_price_regions": list(row.same_price_regions),
        "disputed": [
            {"price": plain(price), "source": source} for price, source in row.disputed
        ],
        "unconfirmed": row.is_unconfirmed,
    }
