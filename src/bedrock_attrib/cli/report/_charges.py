"""The command ``report charges``: every amount as a count times a price."""

from __future__ import annotations

from itertools import groupby

import click
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ..._model.cost import ZERO, add
from ..._model.formatting import decimals_of, exact_money, list_price
from ..._model.model_names import short_model
from ...ledger import Ledger
from ...reports import ChargeRow, ChargesReport, Selection, charges, tabulate_charges
from .._console import shortened
from .._ledgers import ledger_option, selection_options
from .._price_table import json_option
from .._tables import Column, new_list, new_table
from ._json import charges_json
from ._output import (
    LIST_FORMATS,
    chosen_format,
    format_option,
    output_option,
    write_list,
)
from ._spend_table import span_text

_EPILOG = """
\b
Examples:
  bedrock-attrib report charges --ledger calls.db
  bedrock-attrib report charges --where team=search --since last-month
  bedrock-attrib report charges -o charges.csv
"""
_UNIT, _COUNT = Column("model and unit"), Column("count", is_number=True)
_AMOUNT = Column("= amount", is_number=True)
_AT_LIST_PRICES = (
    _UNIT,
    _COUNT,
    Column("× list price"),  # noqa: RUF001 - a sign, not a letter
    _AMOUNT,
)
# With discounts or own prices.
_AT_OTHER_PRICES = (
    _UNIT,
    Column("list price", is_number=True),
    _COUNT,
    Column("× price"),  # noqa: RUF001 - a sign, not a letter
    _AMOUNT,
)


@click.command(
    "charges", epilog=_EPILOG, short_help="Show amounts as counts times list prices."
)
@format_option(LIST_FORMATS)
@output_option()
@json_option
@selection_options
@ledger_option
def show_charges(
    *,
    ledger: Ledger,
    selection: Selection,
    format_name: str | None,
    output: str,
    as_json: bool,
) -> None:
    """Report every amount as a count times a price, to check it by hand.

    List prices have a column of their own where discounts or own prices apply.
    """
    name = chosen_format(LIST_FORMATS, format_name, output, as_json=as_json)
    found = charges(ledger, selection)
    write_list(
        name,
        output,
        block=lambda: _block(found),
        table=lambda: tabulate_charges(found),
        content=lambda: charges_json(found),
        remarks=found.remarks,
    )


def _block(found: ChargesReport) -> Group:
    title = f"Charges, {span_text(found.since, found.until)}"
    if not found.rows:
        return Group(new_list(title, ["no amounts"]))
    return Group(charges_table(title, found))


def charges_table(title: str, found: ChargesReport) -> Table:
    """Make a table of *found*, by model, with exact amounts."""
    decimals = decimals_of(row.amount for row in found.rows)
    total = "\n".join(
        exact_money(amount, currency, decimals)
        for currency, amount in sorted(found.total.items())
    )
    is_at_list_prices = all(row.is_at_list_price for row in found.rows)
    columns = _AT_LIST_PRICES if is_at_list_prices else _AT_OTHER_PRICES
    blanks = ("",) * (len(columns) - 2)
    table = new_table(title, columns, ("total", *blanks, total))
    for (model, currency), group in groupby(
        found.rows, lambda row: (row.model, row.currency)
    ):
        rows = list(group)
        cost = ZERO
        for row in rows:
            cost = add(cost, row.amount)
        name = shortened(short_model(model))
        shown = exact_money(cost, currency, decimals)
        table.add_row(name, *blanks, Text(shown), style="bold")
        for row in rows:
            unit, *others = _cells(row, decimals)
            listed = () if is_at_list_prices else (_list_price(row),)
            table.add_row(unit, *listed, *others)
    return table


def _list_price(row: ChargeRow) -> str:
    if row.list_price is None or row.per is None:
        return ""
    return list_price(row.list_price, row.per, row.currency)


def _cells(row: ChargeRow, decimals: int) -> tuple[str, ...]:
    amount = exact_money(row.amount, row.currency, decimals)
    if row.price is None or row.per is None:
        unit = "given amounts, calls" if row.unit is None else row.unit.value
        return (f"  {unit}", f"{row.count:,}", "", amount)
    price = list_price(row.price, row.per, row.currency)
    return (f"  {row.unit}", f"{row.count:,}", f"{price}, {row.terms}", amount)
