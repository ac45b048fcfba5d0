"""The command ``forecast``: what the month will have cost."""

from __future__ import annotations

from decimal import Decimal

import click

from ...reports import Forecast, forecast
from .._console import print_remarks, results
from .._numbers import Within, amount
from .._price_table import print_json
from ._asked import Asked, asks
from ._shown import as_json, likely, money, percent

_EPILOG = """
\b
Examples:
  bedrock-attrib analyze forecast --ledger calls.db
  bedrock-attrib analyze forecast --where team=search --budget 1500 --ledger calls.db
  bedrock-attrib analyze forecast --until 2026-11-20 --ledger calls.db --json
"""


@click.command("forecast", epilog=_EPILOG)
@click.option(
    "--budget",
    callback=amount,
    metavar="AMOUNT",
    help="What may be spent in the month.",
)
@click.option(
    "--confidence",
    type=Within(0.5, 0.99),
    default=0.8,
    show_default=True,
    metavar="SHARE",
    help="Of the interval.",
)
@asks
def forecast_command(
    *, asked: Asked, budget: Decimal | None, confidence: float
) -> None:
    """Say what the present month will cost, and how sure that is.

    The present is where the span ends, or now. Eight weeks before it are looked at.
    """
    with asked.ledger() as ledger:
        found = forecast(ledger, asked.selection, budget=budget, confidence=confidence)
    if asked.as_json:
        print_json(as_json(found))
        return
    for line in _lines(found):
        results().print(line, soft_wrap=True)
    print_remarks(found.remarks)


def _lines(found: Forecast) -> list[str]:
    spent = money(found.spent, found.currency)
    spent = "no call has a price" if found.spent is None else f"{spent} spent"
    lines = [f"{found.month:%B %Y}: {spent} by {found.as_of:%Y-%m-%d %H:%M %Z}."]
    if found.expected is None:
        lines.append("No whole day of history: nothing can be said of its end.")
        return [*lines, *_of_budget(found)]
    expected = money(found.expected, found.currency)
    if found.low is None or found.high is None:
        between = f"no interval, with {found.days} days of history"
    else:
        low, high = money(found.low, found.currency), money(found.high, found.currency)
        between = f"{low} to {high} in {percent(found.confidence)} of such months"
    weekdays = "" if found.is_by_weekday else ", weekdays not told apart"
    lines.append(
        f"Expected at its end: {expected} ({between}; {found.days} days of history"
        f"{weekdays})."
    )
    return [*lines, *_of_budget(found)]


def _of_budget(found: Forecast) -> list[str]:
    if found.budget is None:
        return []
    budget = money(found.budget, found.currency)
    if found.spent is not None and found.spent > found.budget:
        return [f"The budget of {budget} is spent."]
    if found.expected is None:
        return []
    over = found.over_budget
    going = "" if over is None else f" Going over it: {likely(over)} likely."
    if found.budget_day is None:
        return [f"The budget of {budget} should last.{going}"]
    return [f"The budget of {budget} will be spent on {found.budget_day}.{going}"]
