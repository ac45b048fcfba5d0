"""The commands ``budget grant``, ``freeze``, ``thaw`` and ``reset``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from time import time

import click

from ...budgets import Budget
from ...budgets.measures import to_quanta
from ...budgets.stores import Grant, Store
from .._console import printable, results
from .._price_table import json_option, print_json
from ._options import (
    budgets_option,
    key_option,
    length_option,
    measure_option,
    store_option,
    target_of,
)
from ._status import amount_text

_GRANT_EPILOG = """
\b
Examples:
  bedrock-attrib budget grant search 50 --for 12h
  bedrock-attrib budget grant search 0 --name night    (takes the grant back)
"""
_FREEZE_EPILOG = """
\b
Examples:
  bedrock-attrib budget freeze search
  bedrock-attrib budget freeze search --key crawler --for 2h

Every process refuses the calls of the budget within a second.
"""
_THAW_EPILOG = """
\b
Examples:
  bedrock-attrib budget thaw search
"""
_RESET_EPILOG = """
\b
Examples:
  bedrock-attrib budget reset search --yes
"""


def _amount(_ctx: click.Context, _param: click.Parameter, text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise click.BadParameter(
            f"{text!r} is not an amount; expected for example 50 or 12.50"
        )
    return amount


@click.command(epilog=_GRANT_EPILOG)
@click.argument("budget")
@click.argument("amount", callback=_amount)
@click.option(
    "--name",
    "grant_name",
    default="grant",
    show_default=True,
    metavar="NAME",
    help="Name of the grant; another one of the same name takes its place.",
)
@length_option("When the grant ends (default: never).")
@key_option
@measure_option
@json_option
@store_option
@budgets_option
def grant(  # noqa: PLR0913 -- each is an option of the command
    *,
    budget: str,
    amount: Decimal,
    grant_name: str,
    length: timedelta | None,
    key: str | None,
    measure: str | None,
    budgets: Sequence[Budget],
    store: Store,
    as_json: bool,
) -> None:
    """Raise the limit of BUDGET by AMOUNT for a while.

    AMOUNT is in USD, tokens or calls, as the limit is.
    """
    limit, target = target_of(budgets, budget, key, measure)
    ends = _moment(length)
    store.grant(target, Grant(grant_name, to_quanta(limit.measure, amount), ends))
    text = f"raised by {amount_text(str(limit.measure), amount)} {_until(ends)}"
    _report(budget, key, text, as_json=as_json)


@click.command(epilog=_FREEZE_EPILOG)
@click.argument("budget")
@length_option("When the freeze ends (default: when it is thawed).")
@key_option
@json_option
@store_option
@budgets_option
def freeze(
    *,
    budget: str,
    length: timedelta | None,
    key: str | None,
    budgets: Sequence[Budget],
    store: Store,
    as_json: bool,
) -> None:
    """Refuse every call of BUDGET until it is thawed."""
    _, target = target_of(budgets, budget, key, None)
    ends = _moment(length)
    store.freeze(target, ends)
    _report(budget, key, f"frozen {_until(ends)}", as_json=as_json)


@click.command(epilog=_THAW_EPILOG)
@click.argument("budget")
@key_option
@json_option
@store_option
@budgets_option
def thaw(
    *,
    budget: str,
    key: str | None,
    budgets: Sequence[Budget],
    store: Store,
    as_json: bool,
) -> None:
    """End the freeze of BUDGET."""
    _, target = target_of(budgets, budget, key, None)
    store.thaw(target)
    _report(budget, key, "thawed", as_json=as_json)


@click.command(epilog=_RESET_EPILOG)
@click.argument("budget")
@click.confirmation_option(prompt="Forget what was spent?")
@key_option
@json_option
@store_option
@budgets_option
def reset(
    *,
    budget: str,
    key: str | None,
    budgets: Sequence[Budget],
    store: Store,
    as_json: bool,
) -> None:
    """Forget what was spent on BUDGET in its window."""
    limit, target = target_of(budgets, budget, key, None)
    accounts = [
        each
        for each in store.accounts(f"{limit.budget.name}|")
        if key is None or each == target
    ]
    for each in accounts:
        store.reset(each)
    _report(budget, key, "reset: what was spent is forgotten", as_json=as_json)


def _moment(length: timedelta | None) -> float | None:
    return None if length is None else time() + length.total_seconds()


def _until(ends: float | None) -> str:
    if ends is None:
        return "until it is taken back"
    return f"until {datetime.fromtimestamp(ends, UTC):%Y-%m-%d %H:%M} UTC"


def _report(budget: str, key: str | None, text: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"budget": budget, "key": key, "result": text})
        return
    named = budget if key is None else f"{budget} for {key}"
    results().print(printable(f"{named}: {text}"), soft_wrap=True)
