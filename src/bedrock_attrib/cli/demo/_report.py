"""What the demo has to say at its end, as text."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..._model.cost import Rate
from ..._model.record import PriceStatus
from ..._model.usage import Unit
from .._bill import Bill, Line, add_exactly, estimated, not_priced
from .._figures import decimals_of, dollars, list_price, short_model
from .._tables import (
    Column,
    amount,
    estimated_list,
    model_table,
    new_list,
    new_table,
    not_priced_list,
)
from ._closing import Closing

ESTIMATES = (
    "Costs are estimates from AWS' public list prices: no discounts, credits or taxes."
)


def report(closing: Closing) -> RenderableType:
    """The closing report."""
    bills = closing.bills()
    decimals = decimals_of(_amounts(bills["by_app_and_model"]))
    parts: tuple[RenderableType, ...] = (
        _facts(closing),
        _tag_table("By team", bills["by_team"], decimals),
        _tag_table("By app and experiment", bills["by_app"], decimals),
        model_table("By model", bills["by_model"], decimals),
        _endings(bills["by_outcome"]),
        not_priced_list(not_priced(closing.records)),
        estimated_list(estimated(closing.records), decimals),
        _by_hand(bills["by_model"], decimals),
        _cross_check(closing, decimals),
    )
    return Group(*(line for part in parts for line in (Text(), part)))


def _amounts(bill: Bill) -> Iterator[Decimal]:
    for line in bill.lines.values():
        yield line.cost
        yield from (charged for _, _, charged in line.ordered_charges())


def _facts(closing: Closing) -> Text:
    how_far = "" if closing.is_complete else ", cut short"
    return Text.assemble(
        ("Closing report", "bold"),
        f"\n{len(closing.records)} of {closing.planned} calls in "
        f"{closing.elapsed_s:.1f} s{how_far}, by boto3 over sockets to "
        f"{closing.endpoint_url}.\nList prices of {closing.prices_of}. ",
        (ESTIMATES, "bold"),
    )


def _tag_table(title: str, bill: Bill, decimals: int) -> Table:
    numbers = ("calls", "input", "output", "cached", "cost", "share")
    columns = (
        *map(Column, bill.names),
        *(Column(heading, is_number=True) for heading in numbers),
    )
    blanks = [""] * (len(bill.names) - 1)
    total = bill.total
    cost = dollars(total.cost, decimals)
    table = new_table(title, columns, ("total", *blanks, *_counts(total), cost, ""))
    for key, line in bill.ordered():
        share = f"{100 * line.cost / (total.cost or 1):.1f}%"
        table.add_row(*key, *_counts(line), amount(line, decimals), share)
    return table


def _counts(line: Line) -> tuple[str, ...]:
    figures = (
        line.calls,
        line.counts[Unit.INPUT_TOKEN],
        line.counts[Unit.OUTPUT_TOKEN],
        line.cache_read + line.cache_write,
    )
    return tuple(f"{figure:,}" for figure in figures)


def _endings(bill: Bill) -> Table:
    columns = (
        Column("outcome"),
        *(Column(status.value, is_number=True) for status in PriceStatus),
        Column("calls", is_number=True),
    )
    table = new_table(
        "Calls by outcome and price status", columns, ("total", *_ends(bill.total))
    )
    for key, line in bill.ordered():
        table.add_row(*key, *_ends(line))
    return table


def _ends(line: Line) -> tuple[str, ...]:
    return (*(str(line.statuses[s]) for s in PriceStatus), str(line.calls))


def _by_hand(bill: Bill, decimals: int) -> Table:
    columns = (
        Column("model and unit"),
        Column("count", is_number=True),
        Column("× list price"),  # noqa: RUF001 - a sign, not a letter
        Column("= amount", is_number=True),
    )
    charges = [line.ordered_charges() for line in bill.lines.values()]
    total = add_exactly(charged for each in charges for _, _, charged in each)
    totals = ("all of these amounts", "", "", dollars(total, decimals))
    table = new_table("Check it by hand", columns, totals)
    for key, line in bill.dearest_first():
        if line.charges:
            cost = dollars(line.cost, decimals)
            table.add_row(short_model(key[0]), "", "", cost, style="bold")
        for rate, count, charged in line.ordered_charges():
            price = f"{list_price(rate)}{_told_apart(rate)}"
            cost = dollars(charged, decimals)
            table.add_row(f"  {rate.unit}", f"{count:,}", price, cost)
    return table


def _told_apart(rate: Rate) -> str:
    """What tells the price of *rate* from others of the same model and unit."""
    region = "" if rate.region == "default" else f", {rate.region}"
    tier = "" if rate.tier == "default" else f", {rate.tier}"
    return f", {rate.scope}{region}{tier}"


def _cross_check(closing: Closing, decimals: int) -> RenderableType:
    sums = {bill.sum_of_lines() for bill in closing.bills().values()}
    added = " or ".join(dollars(each, decimals) for each in sorted(sums))
    counted = dollars(Decimal(closing.metrics_cost), decimals)
    return new_list(
        "Cross-check",
        [
            f"The lines of each table above add up to {added}, exactly.",
            f"OpenTelemetry's counter bedrock_attrib.cost adds up to {counted}.",
        ],
    )
