"""Tables and lists of commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ._console import results

NO_TAG = "-"
"""Value of a tag or dimension that a call does not have."""
_WIDEST = 10_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        heading: Its heading.
        is_number: Whether it is right-aligned, and never cut.
    """

    heading: str
    is_number: bool = False


def new_table(
    title: str, columns: Iterable[Column], totals: Iterable[str] | None = None
) -> Table:
    """Make a table without rows, with a line of *totals* at its foot, if any."""
    heads = list(columns)
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE,
        show_edge=False,
        show_footer=totals is not None,
        footer_style="bold",
        header_style="dim",
        padding=0,  # the box has a space between columns
    )
    for column, total in zip(heads, totals or [""] * len(heads), strict=True):
        table.add_column(
            column.heading,
            total,
            justify="right" if column.is_number else "left",
            no_wrap=column.is_number,
            overflow="fold",
        )
    return table


def fitting(build: Callable[[bool], Table], least_needed: Iterable[str] = ()) -> Table:
    """Make a table that fits the terminal if possible; a pipe has room for any.

    Args:
        build: Makes the table, with short model ids if its argument is true.
        least_needed: Headings of columns that are left out, one after the other.
    """
    table = build(False)  # noqa: FBT003 - its only argument
    if not _is_too_wide(table):
        return table
    table = build(True)  # noqa: FBT003 - its only argument
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
    """Make a list whose items are indented below its title."""
    grid = Table.grid()
    for item in items:
        grid.add_row(item)
    return Group(Text(title, style="bold"), Padding(grid, (0, 0, 0, 2), expand=False))
