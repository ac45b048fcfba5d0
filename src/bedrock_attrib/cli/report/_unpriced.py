"""The command ``report unpriced``: calls that are not fully priced, by reason."""

from __future__ import annotations

import click
from rich.console import Group, RenderableType
from rich.text import Text

from ..._model.formatting import counted, short_count
from ...ledger import Ledger
from ...reports import (
    Selection,
    UnpricedReport,
    UnpricedRow,
    tabulate_unpriced,
    unpriced,
)
from .._console import printable
from .._ledgers import ledger_option, selection_options
from .._price_table import json_option
from .._tables import new_list
from ._json import unpriced_json
from ._output import (
    LIST_FORMATS,
    chosen_format,
    format_option,
    output_option,
    write_list,
)
from ._spend_table import span_text

_EPILOG = """
\b
Examples:
  bedrock-attrib report unpriced --ledger calls.db
  bedrock-attrib report unpriced --since this-month --json
"""


@click.command(
    "unpriced", epilog=_EPILOG, short_help="Show calls that are not fully priced."
)
@format_option(LIST_FORMATS)
@output_option()
@json_option
@selection_options
@ledger_option
def show_unpriced(
    *,
    ledger: Ledger,
    selection: Selection,
    format_name: str | None,
    output: str,
    as_json: bool,
) -> None:
    """Report calls that are not fully priced: why, their usage, and what to do."""
    name = chosen_format(LIST_FORMATS, format_name, output, as_json=as_json)
    found = unpriced(ledger, selection)
    write_list(
        name,
        output,
        block=lambda: unpriced_block(found),
        table=lambda: tabulate_unpriced(found),
        content=lambda: unpriced_json(found),
        remarks=found.remarks,
    )


def unpriced_block(found: UnpricedReport) -> Group:
    """Make a list of *found*, one part per reason."""
    title = f"Calls that are not fully priced, {span_text(found.since, found.until)}"
    if not found.all_calls:
        return Group(new_list(title, ["no calls match"]))
    if not found.rows:
        return Group(new_list(title, [f"none of {counted(found.all_calls, 'call')}"]))
    blocks: list[RenderableType] = [
        Text(f"{title}: {found.calls:,} of {found.all_calls:,}", style="bold")
    ]
    for row in found.rows:
        blocks += [Text(), _reason(row)]
    return Group(*blocks)


def _reason(row: UnpricedRow) -> RenderableType:
    used = ", ".join(
        f"{short_count(count)} {unit}" for unit, count in row.usage.items()
    )
    tier = "" if row.tier == "default" else f", tier {row.tier}"
    items = [
        f"reason: {printable(row.reason) or 'not recorded'}",
        f"usage: {used or 'unknown'}",
    ]
    if row.unpriced_units:
        items.append(f"units without a price: {', '.join(row.unpriced_units)}")
    items.append(f"what to do: {row.advice}")
    calls = counted(row.calls, "call")
    heading = f"{calls} to {printable(row.model)} in {row.region}{tier} ({row.status})"
    return new_list(heading, items)
