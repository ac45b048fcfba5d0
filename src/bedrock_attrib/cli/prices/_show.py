"""The command ``prices show``: all prices of one model, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path

import click
from rich.table import Table

from ..._model.formatting import digits
from ..._model.model_id import parse_model_id
from ..._model.model_names import model_named
from ..._model.usage import Unit
from ...pricing import PriceRow, PriceTable
from ...pricing._rows import DEFAULT_REGION
from ...pricing._suggest import similar_model_ids
from .._console import remarks, results
from .._price_table import (
    DAY,
    age_days,
    age_line,
    day_of,
    json_option,
    overrides_option,
    price_table,
    print_block,
    print_json,
    row_json,
    unknown_region,
)
from .._tables import Column, new_list, new_table
from ._list import terms_of

_NOT_KNOWN = 1
_UNIT_ORDER = {unit: number for number, unit in enumerate(Unit)}
_NAMES = {1_000_000: "per million", 1_000: "per 1,000", 1: "each"}

Terms = tuple[str, str, str]


@click.command
@click.argument("model")
@click.option(
    "--region",
    metavar="REGION",
    help="Calling region, for the prices that hold there; or default.",
)
@click.option("--at", type=DAY, metavar="DATE", help="Day, UTC (default: today).")
@overrides_option
@json_option
@click.pass_context
def show(
    ctx: click.Context,
    *,
    model: str,
    region: str | None,
    at: datetime | None,
    overrides: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Show all prices of MODEL side by side.

    MODEL is a model id or profile id. Exit code 1 means that it has no price.
    """
    table = price_table(overrides)
    model = model_named(model, table.model_ids)
    model_id = table.listed_id(model) or parse_model_id(model).model_id or model
    rows = _rows(table, model_id, region, day_of(at))
    if as_json:
        print_json(_as_json(model_id, rows, table))
    elif rows:
        _print(model_id, rows, table)
    else:
        for line in _what_to_do(model_id, table):
            remarks().print(line, soft_wrap=True)
    if not as_json and (hint := unknown_region(table, region)):
        remarks().print(hint, soft_wrap=True)
    if not rows:
        ctx.exit(_NOT_KNOWN)


def _rows(
    table: PriceTable, model_id: str, region: str | None, day: date
) -> list[PriceRow]:
    if region is None or region == DEFAULT_REGION:
        return list(table.rows(model=model_id, region=region, on=day))
    return list(table.rows_in(region, model=model_id, on=day))


def _what_to_do(model_id: str, table: PriceTable) -> Iterator[str]:
    if model_id in table.model_ids:
        yield f"{model_id} has no price in that region on that day."
        return
    yield f"{model_id} is not in the price table."
    similar = similar_model_ids(model_id, table.model_ids)
    if similar:
        yield f"Did you mean {' or '.join(similar)}?"


def _as_json(model_id: str, rows: list[PriceRow], table: PriceTable) -> object:
    is_known = model_id in table.model_ids
    return {
        "model": model_id,
        "prices_of": table.generated_on.isoformat(),
        "age_days": age_days(table),
        "rows": [row_json(row) for row in rows],
        "similar_models": []
        if is_known
        else list(similar_model_ids(model_id, table.model_ids)),
    }


def _print(model_id: str, rows: list[PriceRow], table: PriceTable) -> None:
    units = sorted({row.unit for row in rows}, key=_UNIT_ORDER.__getitem__)
    by_terms: dict[Terms, dict[Unit, PriceRow]] = {}
    for row in rows:
        terms = (row.region, row.scope, " ".join(terms_of(row)))
        # The user's own rows come first, as in the pricing of a call.
        by_terms.setdefault(terms, {}).setdefault(row.unit, row)
    print_block(_table_of(model_id, units, by_terms))
    out = results()
    disputes = [
        f"{' '.join(filter(None, row.key))}: {digits(row.price)}, but {digits(other)} "
        f"in {source}"
        for row in rows
        for other, source in row.disputed
    ]
    if disputes:
        out.print()
        print_block(new_list("Disputed", disputes))
    sources = sorted({source for row in rows for source in row.sources})
    ends = sorted({row.until for row in rows if row.until is not None})
    if ends:
        out.print()
        print_block(new_list("Announced until", [str(day) for day in ends]))
    out.print(f"\n* single source   Sources: {', '.join(sources)}", soft_wrap=True)
    out.print(age_line(table), soft_wrap=True)


def _table_of(
    model_id: str,
    units: list[Unit],
    by_terms: Mapping[Terms, Mapping[Unit, PriceRow]],
) -> Table:
    per = {unit: _per(unit, by_terms) for unit in units}
    columns = (
        *map(Column, ("region", "scope", "terms")),
        *(Column(f"{unit.value}\n{per[unit]}", is_number=True) for unit in units),
    )
    shown = new_table(model_id, columns)
    for terms in sorted(by_terms, key=lambda each: (each[0] != "default", *each)):
        found = by_terms[terms]
        shown.add_row(*terms, *(_cell(found.get(unit)) for unit in units))
    return shown


def _per(unit: Unit, by_terms: Mapping[Terms, Mapping[Unit, PriceRow]]) -> str:
    row = next(rows[unit] for rows in by_terms.values() if unit in rows)
    return f"{row.currency} {_NAMES[row.per]}"


def _cell(row: PriceRow | None) -> str:
    if row is None:
        return "–"  # noqa: RUF001 - a dash, for no price
    mark = "*" if row.is_single_source else " "
    return f"{digits(row.price)}{mark}"
