"""What the demo shows while it runs: a table that grows, or a line each second."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..._model.usage import Unit
from .._bill import Bill, Key, Line
from .._console import is_animated
from .._figures import LEGEND, dollars, marks, short_count, short_model
from .._tables import amount

_WIDE_FROM = 100
_DECIMALS = 4
_LINE_EVERY_S = 1.0
_PACE_OVER_S = 5.0
_FRAME_S = 0.1  # No pace is told over less than this.


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the demo has come.

    Attributes:
        elapsed_s: Seconds since its start.
        planned: Calls in its plan.
        bill: Finished calls by team, app, experiment and model.
        pace: Spend per minute.
    """

    elapsed_s: float
    planned: int
    bill: Bill
    pace: Pace


class Pace:
    """Spend per minute over the last seconds."""

    def __init__(self) -> None:
        """Start with nothing spent."""
        self._seen: deque[tuple[float, dict[Key, Decimal]]] = deque([(0.0, {})])

    def note(self, elapsed_s: float, bill: Bill) -> None:
        """Remember what *bill* stood at."""
        costs = {key: line.cost for key, line in bill.lines.items()}
        self._seen.append((elapsed_s, costs))
        while len(self._seen) > 2 and elapsed_s - self._seen[1][0] > _PACE_OVER_S:  # noqa: PLR2004
            self._seen.popleft()

    def per_minute(self, key: Key) -> Decimal:
        """USD per minute of the line *key* of the bill."""
        (since, before), (until, now) = self._seen[0], self._seen[-1]
        spent = now.get(key, Decimal(0)) - before.get(key, Decimal(0))
        return spent * 60 / Decimal(max(until - since, _FRAME_S))

    @property
    def total_per_minute(self) -> Decimal:
        """USD per minute of all lines."""
        return sum((self.per_minute(key) for key in self._seen[-1][1]), Decimal(0))


Show = Callable[[Progress], None]
"""Shows progress, or nothing if it is too soon."""


@contextmanager
def display(console: Console) -> Iterator[Show]:
    """What suits *console*, for the length of a ``with`` block."""
    if not is_animated(console):
        yield _Lines(console).show
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda progress: live.update(frame(progress, console.width), refresh=True)


class _Lines:
    """Writes a line each second, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_s = _LINE_EVERY_S

    def show(self, progress: Progress) -> None:
        """Write a line if a second has passed since the last."""
        if progress.elapsed_s < self._next_s:
            return
        self._next_s = progress.elapsed_s // 1 + _LINE_EVERY_S
        self._console.print(plain_line(progress), soft_wrap=True)


def plain_line(progress: Progress) -> str:
    """*progress* in one line."""
    teams: dict[str, Decimal] = {}
    for key, line in progress.bill.ordered():
        teams[key[0]] = teams.get(key[0], Decimal(0)) + line.cost
    spent = "  ".join(f"{t} {dollars(c, _DECIMALS)}" for t, c in teams.items())
    total = progress.bill.total
    return (
        f"{progress.elapsed_s:5.1f} s  {total.calls:3} of {progress.planned} calls  "
        f"{dollars(total.cost, _DECIMALS)}  "
        f"{dollars(progress.pace.total_per_minute, 2)}/min  {spent}"
    )


def frame(progress: Progress, width: int) -> RenderableType:
    """*progress* as a table for a terminal of *width* columns."""
    columns = _WIDE if width >= _WIDE_FROM else _NARROW
    table = _empty_table(columns)
    _add_rows(table, columns, progress)
    return Group(_heading(progress), table, Text(LEGEND, style="dim"))


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of numbers: its heading, and its cell for a line and its pace."""

    heading: str
    cell: Callable[[Line, Decimal], str]


def _cached(line: Line) -> int:
    return line.cache_read + line.cache_write


_NARROW = (
    _Column("calls", lambda line, _: str(line.calls)),
    _Column("in", lambda line, _: short_count(line.counts[Unit.INPUT_TOKEN])),
    _Column("out", lambda line, _: short_count(line.counts[Unit.OUTPUT_TOKEN])),
    _Column("cached", lambda line, _: short_count(_cached(line))),
    _Column("cost", lambda line, _: amount(line, _DECIMALS)),
)
_WIDE = (
    _Column("calls", lambda line, _: str(line.calls)),
    _Column("failed", lambda line, _: str(line.failed or "")),
    _Column("input", lambda line, _: f"{line.counts[Unit.INPUT_TOKEN]:,}"),
    _Column("output", lambda line, _: f"{line.counts[Unit.OUTPUT_TOKEN]:,}"),
    _Column("cached", lambda line, _: f"{_cached(line):,}"),
    _Column("$/min", lambda _, per_minute: f"{per_minute:,.3f}"),
    _Column("cost", lambda line, _: amount(line, _DECIMALS)),
)


def _heading(progress: Progress) -> RenderableType:
    calls = progress.bill.total.calls
    told = Text.assemble(
        ("Amazon Bedrock spend", "bold"),
        f"  {progress.elapsed_s:4.1f} s  {calls} of {progress.planned} calls  ",
        (dollars(progress.pace.total_per_minute, 2), "green"),
        " per minute ",
    )
    heading = Table.grid(expand=True)
    heading.add_column(no_wrap=True)
    heading.add_column(ratio=1)
    heading.add_row(told, ProgressBar(total=progress.planned, completed=calls))
    return heading


def _empty_table(columns: tuple[_Column, ...]) -> Table:
    # No padding, as the box has a space between columns.
    table = Table(box=box.SIMPLE_HEAD, expand=True, show_edge=False, padding=0)
    for heading in ("team", "app", "experiment"):
        table.add_column(heading, no_wrap=True)
    table.add_column("model", no_wrap=True, ratio=1, overflow="ellipsis")
    for column in columns:
        style = "green" if column.heading == "cost" else None
        table.add_column(column.heading, justify="right", no_wrap=True, style=style)
    table.add_column("", no_wrap=True, style="yellow")
    return table


def _add_rows(table: Table, columns: tuple[_Column, ...], progress: Progress) -> None:
    pace = progress.pace
    for team, rows in groupby(progress.bill.ordered(), lambda row: row[0][0]):
        for number, (key, line) in enumerate(rows):
            table.add_row(
                Text("" if number else team, style="bold cyan"),
                *key[1:3],
                short_model(key[3]),
                *(column.cell(line, pace.per_minute(key)) for column in columns),
                marks(line.statuses),
            )
    total = progress.bill.total
    cells = (column.cell(total, pace.total_per_minute) for column in columns)
    table.add_section()
    table.add_row("total", "", "", "", *cells, style="bold")
