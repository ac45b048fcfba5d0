"""The command ``report unattributed``: calls that lack tags."""

from __future__ import annotations

from datetime import datetime

import click
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ..._model.formatting import counted, share
from ..._model.model_names import short_model
from ...ledger import Ledger
from ...reports import (
    Selection,
    UnattributedReport,
    tabulate_unattributed,
    unattributed,
)
from .._console import shortened
from .._ledgers import by_option, ledger_option, names_option, selection_options
from .._numbers import Within
from .._price_table import json_option
from .._tables import NO_TAG, Column, new_list, new_table
from ._json import unattributed_json
from ._output import (
    LIST_FORMATS,
    chosen_format,
    format_option,
    output_option,
    write_list,
)
from ._spend_table import cost_cell, cost_heading, span_text

_EPILOG = """
\b
Examples:
  bedrock-attrib report unattributed --ledger calls.db
  bedrock-attrib report unattributed --tag team,app --since 7d
  bedrock-attrib report unattributed --tag team --by app,model --json

With --fail-above, exit code 1 means that more calls than that lack a tag.
"""
_TOO_MANY = 1


@click.command("unattributed", epilog=_EPILOG, short_help="Show calls that lack tags.")
@names_option("--tag", "Comma-separated tags that every call should have.", "team")
@by_option("model,region,operation")
@click.option(
    "--fail-above",
    type=Within(0, 100),
    metavar="PERCENT",
    help="Exit with code 1 if more than PERCENT of calls lack a tag.",
)
@format_option(LIST_FORMATS)
@output_option()
@json_option
@selection_options
@ledger_option
@click.pass_context
def show_unattributed(  # noqa: PLR0913 - one for each option
    ctx: click.Context,
    /,
    *,
    ledger: Ledger,
    selection: Selection,
    tag: tuple[str, ...],
    by: tuple[str, ...],
    fail_above: float | None,
    format_name: str | None,
    output: str,
    as_json: bool,
) -> None:
    """Report calls that lack tags: where they come from, and what they cost."""
    name = chosen_format(LIST_FORMATS, format_name, output, as_json=as_json)
    found = unattributed(ledger, tag, selection, by=by)
    write_list(
        name,
        output,
        block=lambda: _block(found),
        table=lambda: tabulate_unattributed(found),
        content=lambda: unattributed_json(found),
        remarks=found.remarks,
    )
    percent = 100 * found.lacking.calls / (found.total.calls or 1)
    if fail_above is not None and percent > fail_above:
        ctx.exit(_TOO_MANY)


def _block(found: UnattributedReport) -> Group:
    tags = shortened(", ".join(found.tags))
    title = f"Calls without {tags}, {span_text(found.since, found.until)}"
    total = found.total.calls
    if not total:
        return Group(new_list(title, ["no calls match"]))
    if not found.rows:
        return Group(new_list(title, [f"none of {counted(total, 'call')}"]))
    closing = f"\n{share(found.lacking.calls / total)} of {counted(total, 'call')}."
    return Group(Text(title, style="bold"), _table(found), Text(closing))


def _table(found: UnattributedReport) -> Table:
    lacking = found.lacking
    no_price = [Column("no\nprice", is_number=True)] if lacking.unpriced else []
    costs = [
        Column(cost_heading(currency), is_number=True) for currency in found.currencies
    ]
    table = new_table(
        "",
        (
            Column("missing"),
            *(Column(name) for name in found.by),
            Column("first (UTC)"),
            Column("last"),
            Column("calls", is_number=True),
            *no_price,
            *costs,
        ),
        (
            "total",
            *[""] * (len(found.by) + 2),
            f"{lacking.calls:,}",
            *(f"{lacking.unpriced:,}" for _ in no_price),
            *(cost_cell(lacking, currency) for currency in found.currencies),
        ),
    )
    for row in found.rows:
        table.add_row(
            shortened(", ".join(row.missing)),
            *(_name(by, key) for by, key in zip(found.by, row.keys, strict=True)),
            _hour(row.first_hour),
            _hour(row.last_hour),
            f"{row.spend.calls:,}",
            *(f"{row.spend.unpriced:,}" for _ in no_price),
            *(cost_cell(row.spend, currency) for currency in found.currencies),
        )
    return table


def _name(by: str, key: str | None) -> str:
    if key is None:
        return NO_TAG
    return shortened(short_model(key) if by == "model" else key)


def _hour(at: datetime) -> str:
    return f"{at:%Y-%m-%d %Hh}"
