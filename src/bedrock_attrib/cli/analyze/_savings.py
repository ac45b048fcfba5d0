"""The command ``savings``: past savings, waste, and ways to spend less."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import cast

import click
from rich.table import Table

from ..._model.formatting import money
from ...reports import (
    IdenticalRequests,
    SavingsOption,
    SavingsOptionReport,
    SavingsReport,
    identical_requests,
    savings,
)
from .._command import runnable
from .._console import print_remarks, results
from .._ledgers import by_option
from .._price_table import overrides_option, price_table, print_block, print_json
from .._tables import Column, fitting, new_table
from ._asked import Asked, asks
from ._identical import print_identical, top_option, within_option
from ._output import as_json, named, print_assumptions, print_excluded, span

_EPILOG = """
\b
Examples:
  bedrock-attrib analyze savings --since last-month --ledger calls.db
  bedrock-attrib analyze savings --by app --where team=search --ledger calls.db
  bedrock-attrib analyze savings --within 1h --top 20 --ledger calls.db
  bedrock-attrib analyze savings --ledger calls.db --json
"""
_HEADINGS = {
    SavingsOption.CACHED: "Saved by the prompt cache (negative: writes cost more)",
    SavingsOption.CACHE_MORE: "Possible savings by caching half of each prompt",
    SavingsOption.GLOBAL: "Possible savings by global ids",
    SavingsOption.FLEX: (
        "Possible savings by the flex tier, for calls that seem to be in the background"
    ),
    SavingsOption.BATCH: (
        "Possible savings by batch jobs, for calls that seem to be in the background"
    ),
}


@click.command("savings", epilog=_EPILOG, short_help="Show past and possible savings.")
@by_option(
    "team,app", "Comma-separated tags or dimensions to group by, besides the model."
)
@within_option
@top_option
@overrides_option
@asks
def savings_command(
    *,
    asked: Asked,
    by: tuple[str, ...],
    within: timedelta | None,
    top: int,
    overrides: tuple[Path, ...],
) -> None:
    """Show what caching saved, what failures cost, and ways to spend less."""
    prices = price_table(overrides)
    with asked.ledger() as ledger:
        found = savings(ledger, by, asked.selection, prices=prices)
        identical = identical_requests(
            ledger, by, asked.selection, within=within, top=top
        )
    if asked.as_json:
        content = cast("dict[str, object]", as_json(found))
        print_json(content | {"identical": as_json(identical)})
        return
    _show(found, identical, top)
    print_remarks(found.remarks)


def _show(found: SavingsReport, identical: IdenticalRequests, top: int) -> None:
    out = results()
    spent = f"Spent {money(found.spent, found.currency)}"
    if found.spent is None:
        spent = "No call is priced"
    if found.since is None:
        out.print("No calls match.")
        return
    out.print(f"{spent} {span(found.since, found.until)}.", soft_wrap=True)
    _print_summary(found)
    _print_wasted(found, top)
    for report in found.options:
        out.print()
        _print_way(report, found, top)
    print_identical(identical)
    closing = (
        "\nThese savings overlap, so do not add them up. Check one with: "
        "bedrock-attrib analyze what-if"
    )
    out.print(runnable(closing), soft_wrap=True)


def _print_summary(found: SavingsReport) -> None:
    """Print the possible savings, the largest first, in one line."""
    totals = {
        each.option: each.total
        for each in found.options
        if each.rows and each.option in _WAYS
    }
    if totals:
        ways = [
            f"{money(totals[option], found.currency)} {_WAYS[option]}"
            for option in sorted(totals, key=totals.__getitem__, reverse=True)
        ]
        results().print(f"Possible savings: {', '.join(ways)}.", soft_wrap=True)
    results().print()


_WAYS = {
    SavingsOption.CACHE_MORE: "by more caching",
    SavingsOption.GLOBAL: "by global ids",
    SavingsOption.FLEX: "by the flex tier",
    SavingsOption.BATCH: "by batch jobs",
}


def _print_wasted(found: SavingsReport, top: int) -> None:
    if not found.wasted:
        results().print("No failed or abandoned calls, and no retries.")
        return
    print_block(
        fitting(lambda is_short: _wasted(found, top, is_short=is_short), ("retries",))
    )


def _wasted(found: SavingsReport, top: int, *, is_short: bool) -> Table:
    columns = (
        *map(Column, found.by),
        *(
            Column(heading, is_number=True)
            for heading in ("failed", "cost", "abandoned", "cost", "retries")
        ),
    )
    table = new_table("Spent on failed and abandoned calls", columns)
    for each in found.wasted[:top]:
        table.add_row(
            *named(each.keys, found.by, is_short=is_short),
            f"{each.failed:,}",
            _cost(each.failed, each.failed_cost, found.currency),
            f"{each.abandoned:,}",
            _cost(each.abandoned, each.abandoned_cost, found.currency),
            f"{each.retries:,}",
        )
    _add_rest(table, len(found.wasted) - top)
    return table


def _add_rest(table: Table, hidden: int) -> None:
    if hidden > 0:
        table.add_row(f"{hidden:,} more")


def _cost(calls: int, cost: Decimal | None, currency: str) -> str:
    return money(cost, currency) if calls else ""


def _print_way(report: SavingsOptionReport, found: SavingsReport, top: int) -> None:
    heading = _HEADINGS[report.option]
    if not report.rows:
        results().print(f"{heading}: none", soft_wrap=True)
        print_excluded(report.excluded, found.currency)
        return
    print_block(
        fitting(
            lambda is_short: _table_of(report, found, top, is_short=is_short),
            ("calls", "cost"),
        )
    )
    print_excluded(report.excluded, found.currency)
    if report.option is not SavingsOption.CACHED:
        print_assumptions(report.assumptions)


def _table_of(
    report: SavingsOptionReport, found: SavingsReport, top: int, *, is_short: bool
) -> Table:
    columns = (
        *map(Column, found.by),
        *(Column(name, is_number=True) for name in ("calls", "cost", "saved")),
        Column("because"),
    )
    total = money(report.total, found.currency)
    blank = [""] * (len(found.by) - 1)
    heading = _HEADINGS[report.option]
    table = new_table(heading, columns, ("total", *blank, "", "", total, ""))
    for each in report.rows[:top]:
        table.add_row(
            *named(each.keys, found.by, is_short=is_short),
            f"{each.repricing.calls:,}",
            money(each.repricing.actual, found.currency),
            money(each.amount, found.currency),
            "; ".join(each.evidence),
        )
    _add_rest(table, len(report.rows) - top)
    if not any(each.evidence for each in report.rows):
        table.columns.pop()
    return table
