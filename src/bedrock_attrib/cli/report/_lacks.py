"""The commands ``unattributed`` and ``unpriced``: what a report cannot tell."""

from __future__ import annotations

from datetime import datetime

import click
from rich.console import Group, RenderableType
from rich.text import Text

from ...ledger import Ledger
from ...reports import (
    Selection,
    UnattributedReport,
    UnattributedRow,
    UnpricedReport,
    tabulate_unattributed,
    tabulate_unpriced,
    unattributed,
    unpriced,
)
from .._console import print_remarks, printable, shortened
from .._figures import short_count, short_model
from .._ledgers import by_option, ledger_option, names_option, selection_options
from .._numbers import Within
from .._price_table import json_option
from .._tables import Column, new_list, new_table
from ._formats import write_block, write_by_suffix, write_object
from ._json import unattributed_json, unpriced_json
from ._money import Money
from ._output import output_option
from ._table import NONE, span_text

_UNATTRIBUTED_EPILOG = """
\b
Examples:
  bedrock-attrib unattributed --ledger calls.db
  bedrock-attrib unattributed --tag team,app --since 7d
  bedrock-attrib unattributed --tag team --by app,model --json

With --fail-above, exit code 1 when more calls than that lack a tag.
"""
_UNPRICED_EPILOG = """
\b
Examples:
  bedrock-attrib unpriced --ledger calls.db
  bedrock-attrib unpriced --since this-month --json
"""
_TOO_MANY = 1
_LISTS = (".csv", ".parquet", ".pq")
_to_file = output_option(
    "Write to FILE: a table, or by its ending .csv, .json or .parquet."
)


@click.command("unattributed", epilog=_UNATTRIBUTED_EPILOG)
@names_option("--tag", "Tags that every call should have, with commas between.", "team")
@by_option("model,region,operation", "What to tell of calls without.")
@click.option(
    "--fail-above",
    type=Within(0, 100),
    metavar="PERCENT",
    help="End with code 1 when more calls than this lack a tag.",
)
@_to_file
@json_option
@selection_options
@ledger_option
@click.pass_context
def show_unattributed(
    ctx: click.Context,
    /,
    *,
    ledger: Ledger,
    selection: Selection,
    tag: tuple[str, ...],
    by: tuple[str, ...],
    fail_above: float | None,
    output: str,
    as_json: bool,
) -> None:
    """Find calls that lack tags: where they come from, and what they cost."""
    found = unattributed(ledger, tag, selection, by=by)
    if as_json or output.lower().endswith(".json"):
        write_object(unattributed_json(found), output)
    elif output.lower().endswith(_LISTS):
        write_by_suffix(tabulate_unattributed(found), output)
        print_remarks(found.remarks)
    else:
        write_block(_unattributed_block(found), output)
        print_remarks(found.remarks)
    percent = 100 * found.lacking.calls / (found.total.calls or 1)
    if fail_above is not None and percent > fail_above:
        ctx.exit(_TOO_MANY)


def _unattributed_block(found: UnattributedReport) -> Group:
    named = shortened(", ".join(found.tags))
    title = f"Calls without {named}, {span_text(found.since, found.until)}"
    if not found.total.calls:
        return Group(new_list(title, ["there are no calls"]))
    if not found.rows:
        count = found.total.calls
        whole = f"none: {_all(count)} {'has its' if count == 1 else 'have their'} tags"
        return Group(new_list(title, [whole]))
    monies = [
        Money.of(
            currency,
            [
                row.spend.cost[currency]
                for row in found.rows
                if currency in row.spend.cost
            ],
            is_exact=False,
        )
        for currency in found.currencies
    ]

    def amounts(row: UnattributedRow) -> list[str]:
        return [money.text(row.spend.cost.get(money.currency)) for money in monies]

    lacking = found.lacking
    no_price = [Column("no\nprice", is_number=True)] if lacking.unpriced else []
    table = new_table(
        "",
        (
            Column("missing"),
            *(Column(name) for name in found.by),
            Column("first (UTC)"),
            Column("last"),
            Column("calls", is_number=True),
            *no_price,
            *(Column(money.heading, is_number=True) for money in monies),
        ),
        (
            "total",
            *[""] * (len(found.by) + 2),
            f"{lacking.calls:,}",
            *(f"{lacking.unpriced:,}" for _ in no_price),
            *(money.text(lacking.cost.get(money.currency)) for money in monies),
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
            *amounts(row),
        )
    percent = 100 * lacking.calls / found.total.calls
    closing = f"{percent:.1f}% of {found.total.calls:,} calls."
    return Group(Text(title, style="bold"), table, Text(f"\n{closing}"))


def _all(count: int) -> str:
    return "the one call" if count == 1 else f"all {count:,} calls"


def _name(by: str, key: str | None) -> str:
    if key is None:
        return NONE
    return shortened(short_model(key) if by == "model" else key)


def _hour(at: datetime) -> str:
    return f"{at:%Y-%m-%d %Hh}"


@click.command("unpriced", epilog=_UNPRICED_EPILOG)
@_to_file
@json_option
@selection_options
@ledger_option
def show_unpriced(
    *, ledger: Ledger, selection: Selection, output: str, as_json: bool
) -> None:
    """Find calls without a whole price: why, what they used, and what to do."""
    found = unpriced(ledger, selection)
    if as_json or output.lower().endswith(".json"):
        write_object(unpriced_json(found), output)
    elif output.lower().endswith(_LISTS):
        write_by_suffix(tabulate_unpriced(found), output)
        print_remarks(found.remarks)
    else:
        write_block(_unpriced_block(found), output)
        print_remarks(found.remarks)


def _unpriced_block(found: UnpricedReport) -> Group:
    title = f"Calls without a whole price, {span_text(found.since, found.until)}"
    if not found.all_calls:
        return Group(new_list(title, ["there are no calls"]))
    if not found.rows:
        count = found.all_calls
        have = "has its own" if count == 1 else "have theirs"
        return Group(new_list(title, [f"none: {_all(count)} {have}"]))
    blocks: list[RenderableType] = [
        Text(f"{title}: {found.calls:,} of {found.all_calls:,}", style="bold")
    ]
    for row in found.rows:
        used = ", ".join(
            f"{short_count(count)} {unit}" for unit, count in row.usage.items()
        )
        calls = "1 call" if row.calls == 1 else f"{row.calls:,} calls"
        tier = "" if row.tier == "default" else f", tier {row.tier}"
        items = [
            f"why: {printable(row.reason) or 'not recorded'}",
            f"used: {used or 'not known'}",
        ]
        if row.unpriced_units:
            items.append(f"without a price: {', '.join(row.unpriced_units)}")
        items.append(f"to do: {row.advice}")
        heading = (
            f"{calls} of {printable(row.model)} in {row.region}{tier} ({row.status})"
        )
        blocks += [Text(), new_list(heading, items)]
    return Group(*blocks)
