"""The command ``budget replay``: what budgets would have refused of past calls."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ...budgets import Budget
from ...budgets.replay import Replayed, replay_calls
from ...ledger import Ledger
from ...reports import Selection
from .._console import printable
from .._json import JsonObject, amount_json
from .._ledgers import ledger_option, span_options
from .._price_table import json_option, print_block, print_json
from .._tables import Column, new_table
from ._options import budgets_option
from ._status import amount_text

_EPILOG = """
\b
Examples:
  bedrock-attrib budget replay --ledger calls.db --since last-month --budgets new.toml

A call is refused where its own use would have passed the limit, as if that had been
known before. With `strict`, which reserves the most that a call may use, some more are
refused while others are on their way.
"""


@click.command(epilog=_EPILOG)
@span_options
@json_option
@ledger_option
@budgets_option
def replay(
    *,
    budgets: Sequence[Budget],
    ledger: Ledger,
    selection: Selection,
    as_json: bool,
) -> None:
    """Show what budgets would have refused of the calls of a ledger."""
    with ledger.reading() as reader:
        span = reader.span()
        calls = iter(()) if span is None else reader.calls(*selection.span(span))
        found = replay_calls(budgets, calls)
    if as_json:
        print_json({"budgets": [_json(each) for each in found]})
        return
    columns = [
        Column("budget"),
        Column("for"),
        Column("calls", is_number=True),
        Column("refused", is_number=True),
        Column("saved", is_number=True),
        Column("first refused"),
    ]
    table = new_table("Budgets, replayed", columns)
    for each in found:
        first = each.first_refused_at
        table.add_row(
            printable(each.name),
            printable(each.key or "-"),
            f"{each.calls:,}",
            f"{each.refused:,}",
            amount_text(each.measure, each.saved),
            "-" if first is None else f"{first:%Y-%m-%d %H:%M} UTC",
        )
    print_block(table)


def _json(each: Replayed) -> JsonObject:
    first = each.first_refused_at
    return {
        "name": each.name,
        "key": each.key,
        "measure": each.measure,
        "calls": each.calls,
        "refused": each.refused,
        "saved": amount_json(each.saved),
        "first_refused_at": None if first is None else first.isoformat(),
    }
