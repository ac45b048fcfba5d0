"""The command ``prices diff``: differences between two price files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import click
from rich.table import Table

from ..._model.formatting import counted, list_price
from ...pricing import PriceChange, PriceRow
from .._console import remarks
from .._json import JsonObject
from .._price_table import (
    BUNDLED,
    DAY,
    day_of,
    json_option,
    named_table,
    print_block,
    print_json,
    row_json,
)
from .._tables import Column, new_table

_DIFFERENT = 1


@click.command
@click.argument("before", metavar=f"FILE|{BUNDLED}")
@click.argument("after", metavar="FILE")
@click.option("--at", type=DAY, metavar="DATE", help="Day, UTC (default: today).")
@json_option
@click.pass_context
def diff(
    ctx: click.Context, *, before: str, after: str, at: datetime | None, as_json: bool
) -> None:
    """Show price differences between two price files.

    Prices are looked up as for a call, so that the price of a region is compared with
    the default price that holds there. Models that the second file lacks are left out.
    Exit code 1 means that there is a difference.
    """
    old, new = named_table(before), named_table(after)
    changes = old.compare(new, on=day_of(at))
    left_out = sorted({*old.model_ids} - {*new.model_ids})
    if as_json:
        print_json(_as_json(changes, left_out))
    else:
        if changes:
            print_block(changes_table(changes))
        kinds = Counter(change.kind for change in changes)
        counts = ", ".join(f"{kinds[k]:,} {k}" for k in ("added", "removed", "changed"))
        remarks().print(
            f"{counts}; {counted(len(left_out), 'model')} not compared", soft_wrap=True
        )
    if changes:
        ctx.exit(_DIFFERENT)


def _as_json(changes: Sequence[PriceChange], left_out: list[str]) -> object:
    return {"changes": changes_json(changes), "models_not_compared": left_out}


def changes_json(changes: Sequence[PriceChange]) -> list[JsonObject]:
    """Return *changes* with all their fields as JSON."""
    return [
        {
            "kind": change.kind,
            **change.key._asdict(),
            "unit": change.key.unit.value,
            "before": row_json(change.before) if change.before else None,
            "after": row_json(change.after) if change.after else None,
        }
        for change in changes
    ]


def changes_table(changes: Sequence[PriceChange]) -> Table:
    """Make a table of *changes*, one per line."""
    columns = (
        *map(Column, ("", "model", "region", "scope", "terms", "unit")),
        Column("before", is_number=True),
        Column("after", is_number=True),
    )
    shown = new_table("", columns)
    for change in changes:
        asked = change.key
        special = (
            asked.tier if asked.tier != "default" else "",
            asked.latency_mode if asked.latency_mode != "standard" else "",
            asked.context_band,
        )
        shown.add_row(
            change.kind,
            asked.model_id,
            asked.region,
            asked.scope,
            " ".join(filter(None, special)),
            asked.unit.value,
            _price(change.before),
            _price(change.after),
        )
    return shown


def _price(row: PriceRow | None) -> str:
    return list_price(row.price, row.per, row.currency) if row else ""
