"""The command ``what-if``: a period priced with another model, tier or scope."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import click
from rich.table import Table

from ..._model.formatting import money, signed_share
from ..._model.model_id import Scope
from ...reports import Alternative, Repricing, WhatIfReport, what_if
from .._console import print_remarks, results
from .._ledgers import by_option
from .._numbers import Within
from .._price_table import overrides_option, price_table, print_block, print_json
from .._tables import Column, fitting, new_table
from ._asked import Asked, asks
from ._output import (
    as_json,
    heading_span,
    named,
    print_assumptions,
    print_excluded,
)

_EPILOG = """
\b
Examples:
  bedrock-attrib analyze what-if --model us.amazon.nova-pro-v1:0 --by team \\
      --since last-month --ledger calls.db
  bedrock-attrib analyze what-if --scope global --by model --ledger calls.db
  bedrock-attrib analyze what-if --batch --where app=indexer --ledger calls.db
  bedrock-attrib analyze what-if --cached 0.6 --cache-uses 20 --ledger calls.db --json
"""


_CALLS = ("calls",)


@click.command("what-if", epilog=_EPILOG, short_help="Price a period in another way.")
@click.option("--model", metavar="ID", help="Another model, as passed to Bedrock.")
@click.option("--tier", metavar="TIER", help="Another tier, such as flex or priority.")
@click.option("--batch", is_flag=True, help="Batch jobs; the same as --tier batch.")
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in Scope]),
    help="Another scope: where calls may be served.",
)
@click.option(
    "--cached",
    type=Within(0, 1),
    metavar="SHARE",
    help="Share of each prompt that is a cached prefix, 0 to 1; 0 for no caching.",
)
@click.option(
    "--cache-uses",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    metavar="N",
    help="Calls that use a prefix before it is written again.",
)
@by_option("team")
@overrides_option
@asks
def what_if_command(  # noqa: PLR0913 - one for each option
    *,
    asked: Asked,
    model: str | None,
    tier: str | None,
    batch: bool,
    scope: str | None,
    cached: float | None,
    cache_uses: int,
    by: tuple[str, ...],
    overrides: tuple[Path, ...],
) -> None:
    """Price a period with another model, tier, scope or use of the prompt cache."""
    if batch and tier not in (None, "batch"):
        raise click.UsageError("--batch and --tier exclude each other")
    alternative = Alternative(
        model=model,
        tier="batch" if batch else tier,
        scope=None if scope is None else Scope(scope),
        cached_share=None if cached is None else Decimal(str(cached)),
        cache_uses=cache_uses,
    )
    prices = price_table(overrides)
    with asked.ledger() as ledger:
        found = what_if(ledger, alternative, by, asked.selection, prices=prices)
    if asked.as_json:
        print_json(as_json(found))
        return
    _show(found)
    print_remarks(found.remarks)


def _show(found: WhatIfReport) -> None:
    print_block(fitting(lambda is_short: _table(found, is_short=is_short), _CALLS))
    print_excluded(found.excluded, found.currency)
    print_assumptions(found.assumptions)
    if found.total.estimated:
        results().print("\n~ estimated price")
    results().print(f"\n{heading_span(found.since, found.until)}.", soft_wrap=True)


def _table(found: WhatIfReport, *, is_short: bool) -> Table:
    columns = (
        *map(Column, found.by),
        *(
            Column(heading, is_number=True)
            for heading in (*_CALLS, "cost", "instead", "saved", "change")
        ),
    )
    totals = ("total", *[""] * (len(found.by) - 1), *_figures(found.total, found))
    table = new_table("", columns, totals)
    for row in found.rows:
        names = named(row.keys, found.by, is_short=is_short)
        table.add_row(*names, *_figures(row.repricing, found))
    return table


def _figures(repricing: Repricing, found: WhatIfReport) -> tuple[str, ...]:
    if repricing.excluded and not repricing.calls:
        actual = money(repricing.excluded_cost, found.currency)
        return ("0", actual, "no price", "", "")
    mark = "~" if repricing.estimated else ""
    saved = repricing.saved_share
    return (
        f"{repricing.calls:,}",
        money(repricing.actual, found.currency),
        f"{mark}{money(repricing.instead, found.currency)}",
        money(repricing.saved, found.currency),
        signed_share(None if saved is None else saved.copy_negate()),
    )
