"""The command ``budget status``: what is left of each budget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import click
from rich.table import Table

from ..._model.formatting import money
from ...budgets import Budget, BudgetStatus
from ...budgets.stores import Store
from .._console import printable
from .._json import JsonObject, amount_json
from .._price_table import json_option, print_block, print_json
from .._tables import Column, fitting, new_table
from ._options import budgets_option, statuses, store_option

_EPILOG = """
\b
Examples:
  bedrock-attrib budget status --budgets budgets.toml --store sqlite:///budgets.db
  bedrock-attrib budget status --json | jq '.budgets[] | select(.remaining < "0")'
"""


@click.command(epilog=_EPILOG)
@json_option
@store_option
@budgets_option
def status(*, budgets: Sequence[Budget], store: Store, as_json: bool) -> None:
    """Show limit, spent, reserved and remaining of each budget."""
    found = statuses(budgets, store)
    now = datetime.now(UTC)
    if as_json:
        print_json({"budgets": [status_json(each, now) for each in found]})
        return
    print_statuses(found, now)


def print_statuses(found: Iterable[BudgetStatus], at: datetime) -> None:
    """Print a table of statuses, as wide as the terminal allows."""
    shown = list(found)
    print_block(fitting(lambda _: status_table(shown, at), _LEAST_NEEDED))


_LEAST_NEEDED = ("per hour", "resets at", "reserved", "limit")


def status_json(status: BudgetStatus, at: datetime) -> JsonObject:
    """Return *status* at that moment as an object of JSON."""
    ends, rate = status.resets_at, status.per_hour(at)
    runs_out = status.runs_out_at(at)
    return {
        "name": status.name,
        "key": status.key,
        "measure": status.measure,
        "limit": amount_json(status.limit),
        "spent": amount_json(status.spent),
        "reserved": amount_json(status.reserved),
        "remaining": amount_json(status.remaining),
        "granted": amount_json(status.granted),
        "window": status.window,
        "resets_at": None if ends is None else ends.isoformat(),
        "per_hour": None if rate is None else amount_json(rate),
        "runs_out_at": None if runs_out is None else runs_out.isoformat(),
        "mode": status.mode,
        "is_frozen": status.is_frozen,
    }


def status_table(found: Iterable[BudgetStatus], at: datetime) -> Table:
    """Return a table of statuses at that moment."""
    columns = [
        Column("budget"),
        Column("for"),
        Column("limit", is_number=True),
        Column("spent", is_number=True),
        Column("reserved", is_number=True),
        Column("remaining", is_number=True),
        Column("used", is_number=True),
        Column("per hour", is_number=True),
        Column("runs out"),
        Column("resets at"),
        Column("state"),
    ]
    table = new_table("Budgets", columns)
    for each in found:
        rate = each.per_hour(at)
        table.add_row(
            printable(each.name),
            printable(each.key or "-"),
            amount_text(each.measure, each.limit),
            amount_text(each.measure, each.spent),
            amount_text(each.measure, each.reserved),
            amount_text(each.measure, each.remaining),
            used_text(each),
            rate_text(each.measure, rate),
            _time_text(each.runs_out_at(at)),
            _time_text(each.resets_at),
            state_text(each),
        )
    return table


def rate_text(measure: str, rate: Decimal | None) -> str:
    """Return an amount per hour for people."""
    if rate is None:
        return "-"
    return amount_text(measure, rate if measure == "usd" else round(rate, 1))


def _time_text(at: datetime | None) -> str:
    return "-" if at is None else f"{at:%m-%d %H:%M} UTC"


def amount_text(measure: str, amount: Decimal) -> str:
    """Return an amount for people."""
    if measure == "usd":
        return money(amount)
    noun = measure.removesuffix("s")
    return f"{amount:,} {noun if amount == 1 else measure}"


def used_text(status: BudgetStatus) -> str:
    """Return the part of the limit that is spent and reserved."""
    if not status.limit:
        return "-"
    return f"{(status.spent + status.reserved) / status.limit:.0%}"


def state_text(status: BudgetStatus) -> str:
    """Return what is out of the ordinary, and the mode."""
    if status.is_frozen:
        return "frozen"
    if status.remaining <= 0:
        return "used up"
    return status.mode
