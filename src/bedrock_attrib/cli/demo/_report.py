"""Closing report of the demo, as text."""

from __future__ import annotations

from decimal import Decimal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..._model.formatting import decimals_of, exact_money
from ...reports import SpendReport
from .._console import results as results_console
from .._tables import new_list
from ..report._charges import charges_table
from ..report._spend_table import spend_table
from ..report._unpriced import unpriced_block
from ._results import Results

ESTIMATES = (
    "Costs are estimates from AWS's public list prices: no discounts, credits or taxes."
)
_TITLES = {
    "by_team": "By team",
    "by_app": "By app and experiment",
    "by_model": "By model",
    "by_outcome": "By outcome and price status",
}


def report(results: Results) -> list[RenderableType]:
    """Make the parts of the closing report."""
    return [
        _facts(results),
        *(titled(_TITLES[name], found) for name, found in results.spend.items()),
        charges_table("Charges, to check by hand", results.charges),
        unpriced_block(results.unpriced),
        _cross_check(results),
    ]


def titled(title: str, found: SpendReport) -> Table:
    """Make a table of *found* with exact amounts."""
    table = spend_table(found, is_exact=True, width=results_console().width)
    table.title = title
    return table


def _facts(results: Results) -> Text:
    how_far = "" if results.is_complete else ", cut short"
    return Text.assemble(
        ("Closing report", "bold"),
        f"\n{results.calls} of {results.planned} calls in "
        f"{results.elapsed_s:.1f} s{how_far}, by boto3 over sockets to "
        f"{results.endpoint_url}.\nList prices of {results.prices_of}. ",
        (ESTIMATES, "bold"),
    )


def _cross_check(results: Results) -> RenderableType:
    sums = results.sums()
    decimals = decimals_of(sums)
    added = " or ".join(exact_money(each, "USD", decimals) for each in sorted(sums))
    counted = exact_money(_rounded(results.metrics_cost, decimals), "USD", decimals)
    return new_list(
        "Cross-check",
        [
            f"The rows of each table above add up to {added}, exactly.",
            f"OpenTelemetry's counter bedrock_attrib.cost adds up to {counted}.",
        ],
    )


def _rounded(amount: float, decimals: int) -> Decimal:
    # The SDK adds up binary fractions, which are exact to far more digits.
    return Decimal(f"{amount:.{decimals}f}")
