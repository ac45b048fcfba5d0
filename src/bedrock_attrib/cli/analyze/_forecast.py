"""The command ``forecast``: cost of the current month, and its budget."""

from __future__ import annotations

from decimal import Decimal

import click

from ..._model.formatting import chance, counted, level, money
from ...reports import Forecast, forecast
from .._console import print_remarks, results
from .._numbers import Within, amount
from .._price_table import print_json
from ._asked import Asked, asks
from ._output import as_json

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
    help="Budget of the month.",
)
@click.option(
    "--confidence",
    type=Within(0.5, 0.99),
    default=0.8,
    show_default=True,
    metavar="SHARE",
    help="Confidence level of the interval.",
)
@asks
def forecast_command(
    *, asked: Asked, budget: Decimal | None, confidence: float
) -> None:
    """Forecast the cost of the current month, with an interval.

    The current month is that of --until, or of today. The forecast uses up to eight
    weeks before.
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
    spent = "no call is priced" if found.spent is None else f"{spent} spent"
    lines = [f"{found.month:%B %Y}: {spent} by {found.as_of:%Y-%m-%d %H:%M %Z}."]
    if found.expected is None:
        lines.append("No full day of history, so there is no forecast.")
        return [*lines, *_of_budget(found)]
    expected = money(found.expected, found.currency)
    days = counted(found.days, "day")
    if found.low is None or found.high is None:
        between = f"no interval, with {days} of history"
    else:
        low, high = money(found.low, found.currency), money(found.high, found.currency)
        between = f"{low} to {high} in {level(found.confidence)} of such months"
    weekdays = "" if found.is_by_weekday else ", without differences between weekdays"
    lines.append(
        f"Expected at the end of the month: {expected} ({between}; {days} of history"
        f"{weekdays})."
    )
    return [*lines, *_of_budget(found)]


def _of_budget(found: Forecast) -> list[str]:
    if found.budget is None:
        return []
    budget = money(found.budget, found.currency)
    if found.spent is not None and found.spent > found.budget:
        return [f"The budget of {budget} has been spent."]
    if found.expected is None:
        return []
    over = found.over_budget
    going = "" if over is None else f" Probability of exceeding it: {chance(over)}."
    if found.budget_day is None:
        return [f"The budget of {budget} should last.{going}"]
    return [f"The budget of {budget} will be spent on {found.budget_day}.{going}"]
