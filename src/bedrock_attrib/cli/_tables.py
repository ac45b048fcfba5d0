"""Tables and lists that several commands show."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .._model.record import PriceStatus
from .._model.usage import Unit
from ._bill import NO_TAG, Bill, Key, Line
from ._console import results
from ._figures import dollars, short_model

_WIDEST = 10_000
_NO_AMOUNT = {PriceStatus.UNPRICED: "no price", PriceStatus.FREE: "free"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, and whether it holds numbers, which are never cut."""

    heading: str
    is_number: bool = False


def new_table(title: str, columns: Iterable[Column], totals: Iterable[str]) -> Table:
    """A table without rows, with a line of totals at its foot."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE,
        show_edge=False,
        show_footer=True,
        footer_style="bold",
        header_style="dim",
        padding=0,  # the box has a space between columns
    )
    for column, total in zip(columns, totals, strict=True):
        table.add_column(
            column.heading,
            total,
            justify="right" if column.is_number else "left",
            no_wrap=column.is_number,
            overflow="fold",
        )
    return table


def fitting(build: Callable[[bool], Table], least_needed: Iterable[str] = ()) -> Table:
    """A table that fits a terminal, as far as it can be made to; a pipe has room.

    Args:
        build: Makes the table; with model ids in short where it is told so.
        least_needed: Headings of columns that are left out, one after the other.
    """
    table = build(False)  # noqa: FBT003 - the one thing that it is told
    if not _is_too_wide(table):
        return table
    table = build(True)  # noqa: FBT003 - the one thing that it is told
    for heading in least_needed:
        if not _is_too_wide(table):
            break
        table.columns = [each for each in table.columns if each.header != heading]
    return table


def _is_too_wide(table: Table) -> bool:
    console = results()
    if not console.is_terminal:
        return False
    options = console.options.update(max_width=_WIDEST)
    return console.measure(table, options=options).maximum > console.width


def new_list(title: str, items: Iterable[str]) -> RenderableType:
    """A list whose items are indented below its title."""
    grid = Table.grid()
    for item in items:
        grid.add_row(item)
    return Group(Text(title, style="bold"), Padding(grid, (0, 0, 0, 2), expand=False))


def amount(line: Line, decimals: int) -> str:
    """The cost of *line*, or why there is none."""
    if not line.cost and len(line.statuses) == 1:
        return _NO_AMOUNT.get(next(iter(line.statuses)), dollars(line.cost, decimals))
    return dollars(line.cost, decimals)


def statuses(line: Line) -> str:
    """The price statuses of *line*, with the number of calls where they differ."""
    if len(line.statuses) == 1:
        return next(iter(line.statuses)).value
    return ", ".join(
        f"{line.statuses[status]} {status}"
        for status in PriceStatus
        if line.statuses[status]
    )


def calls(line: Line) -> str:
    """The number of calls of *line*: ``1 call``, ``2 calls``."""
    return "1 call" if line.calls == 1 else f"{line.calls:,} calls"


_MODEL_COLUMNS = (
    Column("model"),
    Column("calls", is_number=True),
    Column("failed", is_number=True),
    Column("input", is_number=True),
    Column("output", is_number=True),
    Column("cache\nread", is_number=True),
    Column("cache\nwrite", is_number=True),
    Column("cost", is_number=True),
    Column("price status"),
)


def model_table(title: str, bill: Bill, decimals: int) -> Table:
    """A bill by model, with its counts of tokens."""
    total = bill.total
    totals = ("total", *_counts(total), dollars(total.cost, decimals), "")
    table = new_table(title, _MODEL_COLUMNS, totals)
    for key, line in bill.dearest_first():
        cost = amount(line, decimals)
        table.add_row(short_model(key[0]), *_counts(line), cost, statuses(line))
    return table


def _counts(line: Line) -> tuple[str, ...]:
    figures = (
        line.calls,
        line.failed,
        line.counts[Unit.INPUT_TOKEN],
        line.counts[Unit.OUTPUT_TOKEN],
        line.cache_read,
        line.cache_write,
    )
    return tuple(f"{figure:,}" for figure in figures)


def not_priced_list(bill: Bill) -> RenderableType:
    """The calls of *bill*, which is grouped by reason."""
    items = [f"{whose(key, line)}: {key[-1]}" for key, line in bill.ordered()]
    return new_list(
        "Not, or not wholly, in these amounts",
        items or ["nothing: every call has its price"],
    )


def estimated_list(bill: Bill, decimals: int) -> RenderableType:
    """The calls of *bill*, which is grouped by reason, with counts and amounts."""
    items = [
        f"{whose(key, line)}: {dollars(line.cost, decimals)} for {_usage(line)}; "
        f"{key[-1]}"
        for key, line in bill.ordered()
    ]
    return new_list(
        "In these amounts as an estimate", items or ["nothing: AWS stated every count"]
    )


def _usage(line: Line) -> str:
    return ", ".join(f"{count:,} {unit}" for unit, count in line.ordered_counts())


def whose(key: Key, line: Line) -> str:
    """Whose calls a line of a bill by reason adds up, and how they ended."""
    _, app, experiment, model, outcome, status, _ = key
    by = "" if app == NO_TAG else f" by {app} {experiment}"
    return f"{calls(line)} of {short_model(model)}{by} ({outcome}, {status})"
