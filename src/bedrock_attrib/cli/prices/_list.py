"""The command ``prices list``: list prices that match, one per line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from ..._model.formatting import digits
from ..._model.usage import Unit
from ...pricing import PriceRow, PriceTable
from ...pricing._rows import DEFAULT_REGION
from ...pricing._suggest import similar_model_ids
from .._console import remarks
from .._price_table import (
    DAY,
    age_days,
    age_line,
    day_of,
    day_text,
    json_option,
    overrides_option,
    price_table,
    print_block,
    print_json,
    row_json,
    unknown_region,
)
from .._tables import Column, new_table

if TYPE_CHECKING:
    _UnitType = click.ParamType[Unit]
else:
    _UnitType = click.ParamType  # not generic in click 8.1


class _UnitName(_UnitType):
    """Name of a unit; an unknown one gets the nearest."""

    name = "unit"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Unit:
        """Return the unit of a name."""
        try:
            return Unit(str(value))
        except ValueError:
            near = get_close_matches(str(value), [unit.value for unit in Unit], 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            self.fail(f"unknown unit {value!r}{hint}", param, ctx)


@click.command("list")
@click.option("--model", metavar="PART", help="Part of the model id.")
@click.option("--vendor", metavar="NAME", help="First part of the model id.")
@click.option(
    "--region",
    metavar="REGION",
    help="Calling region, for the prices that hold there; or default.",
)
@click.option(
    "--unit",
    type=_UnitName(),
    metavar="UNIT",
    help="Unit, for example input_token.",
)
@click.option("--tier", metavar="TIER", help="Service tier.")
@click.option(
    "--single-source", is_flag=True, help="Only prices that a single source confirms."
)
@click.option(
    "--conflicts", is_flag=True, help="Only prices on which sources disagree."
)
@click.option(
    "--at", type=DAY, metavar="DATE", help="Day on which they hold (default: today)."
)
@click.option("--any-day", is_flag=True, help="Include past and future prices.")
@overrides_option
@json_option
def list_prices(  # noqa: PLR0913 - one for each option
    *,
    model: str | None,
    vendor: str | None,
    region: str | None,
    unit: Unit | None,
    tier: str | None,
    single_source: bool,
    conflicts: bool,
    at: datetime | None,
    any_day: bool,
    overrides: tuple[Path, ...],
    as_json: bool,
) -> None:
    """List prices, one per line."""
    if any_day and at is not None:
        raise click.UsageError("--any-day and --at exclude each other")
    table = price_table(overrides)
    day = None if any_day else day_of(at)
    rows = [
        row
        for row in _rows(table, region, day)
        if (model or "").lower() in row.model_id
        and tier in {None, row.tier}
        and unit in {None, row.unit}
        and vendor in {None, row.model_id.partition(".")[0]}
        and (row.is_single_source or not single_source)
        and (row.disputed or not conflicts)
    ]
    if as_json:
        print_json(_as_json(rows, table, day))
        return
    if rows:
        print_block(_table_of(rows))
    remarks().print(f"{len(rows):,} prices. {age_line(table)}", soft_wrap=True)
    if hint := unknown_region(table, region):
        remarks().print(hint, soft_wrap=True)
    if not rows:
        for line in _near_names(table, model, vendor, tier):
            remarks().print(line, soft_wrap=True)


def _rows(
    table: PriceTable, region: str | None, day: date | None
) -> Iterable[PriceRow]:
    if region is None or region == DEFAULT_REGION:
        return table.rows(region=region, on=day)
    if day is not None:
        return table.rows_in(region, on=day)
    return (row for row in table.rows() if row.region in {region, DEFAULT_REGION})


def _near_names(
    table: PriceTable, model: str | None, vendor: str | None, tier: str | None
) -> Iterator[str]:
    """Yield what to say of names that no price has."""
    known = list(table.rows())
    vendors = sorted({name.partition(".")[0] for name in table.model_ids})
    if vendor is not None and vendor not in vendors:
        near = get_close_matches(vendor.lower(), vendors, 1)
        yield f"No price names the vendor {vendor!r}.{_did_you_mean(near)}"
    tiers = sorted({row.tier for row in known})
    if tier is not None and tier not in tiers:
        near = get_close_matches(tier, tiers, 1)
        yield f"No price names the tier {tier!r}.{_did_you_mean(near)}"
    if model is not None and not any(model.lower() in row.model_id for row in known):
        alike = similar_model_ids(model, table.model_ids, limit=1)
        yield f"No price names the model {model!r}.{_did_you_mean(alike)}"


def _did_you_mean(near: Sequence[str]) -> str:
    return f" Did you mean {near[0]}?" if near else ""


def _as_json(rows: list[PriceRow], table: PriceTable, day: date | None) -> object:
    return {
        "prices_of": table.generated_on.isoformat(),
        "age_days": age_days(table),
        "on": day_text(day) or None,
        "rows": [row_json(row) for row in rows],
    }


def _table_of(rows: list[PriceRow]) -> Table:
    columns = (
        *map(Column, ("model", "region", "scope", "terms", "unit")),
        Column(f"price\n{rows[0].currency}", is_number=True),
        Column("per", is_number=True),
        *map(Column, ("from", "to")),
        Column("sources", is_number=True),
        Column("disputed"),
    )
    shown = new_table("", columns)
    for row in rows:
        shown.add_row(
            row.model_id,
            row.region,
            row.scope,
            " ".join(terms_of(row)),
            row.unit.value,
            digits(row.price),
            f"{row.per:,}",
            day_text(row.valid_from),
            day_text(row.valid_to),
            str(row.independent_sources),
            ", ".join(f"{digits(price)} {source}" for price, source in row.disputed),
        )
    return shown


def terms_of(row: PriceRow) -> Iterator[str]:
    """Return the terms of a row that differ from the default."""
    yield from (row.tier,) if row.tier != "default" else ()
    yield from (row.latency_mode,) if row.latency_mode != "standard" else ()
    yield from (row.context_band,) if row.context_band else ()
