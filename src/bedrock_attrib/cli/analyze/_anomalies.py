"""The command ``anomalies``: spend outside the range expected from the past."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import click

from ..._model.formatting import counted, money
from ...reports import Anomaly, AnomalyReport, Step, anomalies
from .._console import print_remarks, printable, results
from .._ledgers import by_option
from .._numbers import Within, amount
from .._price_table import print_block, print_json
from .._tables import new_list
from ._asked import Asked, asks
from ._output import as_json, named, span

_EPILOG = """
\b
Examples:
  bedrock-attrib analyze anomalies --since yesterday --ledger calls.db
  bedrock-attrib analyze anomalies --step hour --since 24h --ledger calls.db
  bedrock-attrib analyze anomalies --by team --at-least 5 --ledger calls.db --json
"""


@click.command("anomalies", epilog=_EPILOG)
@by_option("team,model", "Comma-separated tags or dimensions that make a series.")
@click.option(
    "--step",
    type=click.Choice([Step.DAY.value, Step.HOUR.value]),
    default=Step.DAY.value,
    show_default=True,
    help="Length of the periods to check.",
)
@click.option(
    "--threshold",
    type=Within(0, min_open=True),
    metavar="SIGMAS",
    help="Distance from the expected amount (default: chosen to keep false alarms "
    "rare).",
)
@click.option(
    "--at-least",
    callback=amount,
    default="1",
    show_default=True,
    metavar="AMOUNT",
    help="Ignore differences below AMOUNT.",
)
@asks
def anomalies_command(
    *,
    asked: Asked,
    by: tuple[str, ...],
    step: str,
    threshold: float | None,
    at_least: Decimal,
) -> None:
    """Find spend outside the expected range, and what drove it.

    The history of each series is what lies before the span: six weeks of days or four
    weeks of hours.
    """
    with asked.ledger() as ledger:
        found = anomalies(
            ledger,
            by,
            asked.selection,
            step=Step(step),
            threshold=threshold,
            at_least=at_least,
        )
    if asked.as_json:
        print_json(as_json(found))
        return
    _show(found)
    print_remarks(found.remarks)


def _show(found: AnomalyReport) -> None:
    out = results()
    for each in found.anomalies:
        print_block(new_list(_heading(each, found), _story(each, found)))
        out.print()
    if found.since is None:
        out.print("No calls, so there is nothing to check.")
        return
    count = len(found.anomalies)
    out.print(
        f"{counted(count, 'anomaly', 'anomalies') if count else 'No anomalies'} "
        f"{span(found.since, found.until)}. "
        f"Series by {', '.join(found.by)}: {found.judged} checked, {found.too_short} "
        f"with too little history, {found.irregular} too irregular.",
        soft_wrap=True,
    )


def _heading(each: Anomaly, found: AnomalyReport) -> str:
    at = f"{each.start:%Y-%m-%d %H:%M}" if found.step is Step.HOUR else ""
    at = at or f"{each.start:%a %Y-%m-%d}"
    whose = " ".join(named(each.keys)) or "all calls"
    if len(each.keys) < len(found.by):
        whose += ", including new values"
    return f"{at}  {whose}: {money(each.actual, found.currency)}"


def _story(each: Anomaly, found: AnomalyReport) -> Iterator[str]:
    currency = found.currency
    same = "hour of the week" if found.step is Step.HOUR else "weekday"
    like = f"the same {same} in " if each.is_seasonal else ""
    yield (
        f"{'more' if each.is_high else 'less'} than expected: "
        f"{money(each.expected, currency)} "
        f"({money(each.low, currency)} to {money(each.high, currency)}), "
        f"by {like}the {each.stretches} {found.step}s before"
    )
    for driver in each.drivers:
        unit = "" if driver.unit is None else f" {driver.unit}"
        yield (
            f"{printable(driver.model)}{unit}: {money(driver.amount, currency)}, "
            f"{money(driver.usual, currency)} on average"
        )
