"""Live display of the demo: a table that is redrawn, or a line each second."""

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

from ..._model.cost import ZERO, add
from ..._model.formatting import money, short_count
from ..._model.model_names import short_model
from ..._model.usage import CACHE_WRITE_UNITS, Unit
from ...reports import SpendReport, SpendTotals
from .._console import is_animated
from .._tables import NO_TAG
from ..report._spend_table import cost_cell

LIVE_BY = ("team", "app", "experiment", "model")
_USD = "USD"
_WIDE_FROM = 100
_LINE_EVERY_S = 1.0
_PACE_OVER_S = 5.0
_SHORTEST_S = 0.1  # over which a pace is computed
_LEGEND = "~ partly estimated   ? has calls without a price"

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of the demo.

    Attributes:
        elapsed_s: Seconds since its start.
        planned: Calls in its plan.
        spend: Finished calls by team, app, experiment and model.
        pace: Spend per minute.
    """

    elapsed_s: float
    planned: int
    spend: SpendReport
    pace: Pace

    def rows(self) -> list[tuple[Key, SpendTotals]]:
        """Return the rows in the order of their keys."""
        found = ((_key(row.keys), row.spend) for row in self.spend.rows)
        return sorted(found, key=lambda row: row[0])


def _key(keys: tuple[str | None, ...]) -> Key:
    return tuple(NO_TAG if each is None else each for each in keys)


def _usd(spend: SpendTotals) -> Decimal:
    return spend.cost.get(_USD, ZERO)


class Pace:
    """Spend per minute over the last seconds."""

    def __init__(self) -> None:
        """Start without spend."""
        self._seen: deque[tuple[float, dict[Key, Decimal]]] = deque([(0.0, {})])

    def note(self, elapsed_s: float, spend: SpendReport) -> None:
        """Remember *spend* at a moment."""
        costs = {_key(row.keys): _usd(row.spend) for row in spend.rows}
        self._seen.append((elapsed_s, costs))
        while len(self._seen) > 2 and elapsed_s - self._seen[1][0] > _PACE_OVER_S:  # noqa: PLR2004
            self._seen.popleft()

    def per_minute(self, key: Key) -> Decimal:
        """Return the USD per minute of one row."""
        (since, before), (until, now) = self._seen[0], self._seen[-1]
        spent = now.get(key, ZERO) - before.get(key, ZERO)
        return spent * 60 / Decimal(max(until - since, _SHORTEST_S))

    @property
    def total_per_minute(self) -> Decimal:
        """USD per minute of all rows."""
        return sum((self.per_minute(key) for key in self._seen[-1][1]), ZERO)


Show = Callable[[Progress], None]
"""Shows progress, or nothing if it is too soon."""


@contextmanager
def display(console: Console) -> Iterator[Show]:
    """Open the display that suits *console*."""
    if not is_animated(console):
        yield _Lines(console).show
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda progress: live.update(frame(progress, console.width), refresh=True)


class _Lines:
    """A line each second, for logs."""

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
    """Format *progress* as one line."""
    teams: dict[str, Decimal] = {}
    for key, spend in progress.rows():
        teams[key[0]] = add(teams.get(key[0], ZERO), _usd(spend))
    spent = "  ".join(f"{team} {money(cost)}" for team, cost in teams.items())
    total = progress.spend.total
    line = (
        f"{progress.elapsed_s:5.1f} s  {total.calls:3} of {progress.planned} calls  "
        f"{money(_usd(total))}  {money(progress.pace.total_per_minute)}/min  {spent}"
    )
    return line.rstrip()


def frame(progress: Progress, width: int) -> RenderableType:
    """Make a table of *progress* for a terminal of *width* columns."""
    columns = _WIDE if width >= _WIDE_FROM else _NARROW
    table = _empty_table(columns)
    _add_rows(table, columns, progress)
    return Group(_heading(progress), table, Text(_LEGEND, style="dim"))


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of numbers.

    Attributes:
        heading: Its heading.
        cell: Its cell for the spend and the pace of a row.
    """

    heading: str
    cell: Callable[[SpendTotals, Decimal], str]


def _count(spend: SpendTotals, unit: Unit) -> int:
    return spend.usage.get(unit, 0)


def _cached(spend: SpendTotals) -> int:
    units = (Unit.CACHE_READ_TOKEN, *CACHE_WRITE_UNITS)
    return sum(_count(spend, unit) for unit in units)


_NARROW = (
    _Column("calls", lambda spend, _: str(spend.calls)),
    _Column("in", lambda spend, _: short_count(_count(spend, Unit.INPUT_TOKEN))),
    _Column("out", lambda spend, _: short_count(_count(spend, Unit.OUTPUT_TOKEN))),
    _Column("cached", lambda spend, _: short_count(_cached(spend))),
    _Column("cost", lambda spend, _: cost_cell(spend, _USD)),
)
_WIDE = (
    _Column("calls", lambda spend, _: str(spend.calls)),
    _Column("failed", lambda spend, _: str(spend.failed or "")),
    _Column("input", lambda spend, _: f"{_count(spend, Unit.INPUT_TOKEN):,}"),
    _Column("output", lambda spend, _: f"{_count(spend, Unit.OUTPUT_TOKEN):,}"),
    _Column("cached", lambda spend, _: f"{_cached(spend):,}"),
    _Column("$/min", lambda _, per_minute: money(per_minute) if per_minute else "-"),
    _Column("cost", lambda spend, _: cost_cell(spend, _USD)),
)


def _heading(progress: Progress) -> RenderableType:
    calls = progress.spend.total.calls
    text = Text.assemble(
        ("Amazon Bedrock spend", "bold"),
        f"  {progress.elapsed_s:4.1f} s  {calls} of {progress.planned} calls  ",
        (money(progress.pace.total_per_minute), "green"),
        " per minute ",
    )
    heading = Table.grid(expand=True)
    heading.add_column(no_wrap=True)
    heading.add_column(ratio=1)
    heading.add_row(text, ProgressBar(total=progress.planned, completed=calls))
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
    for team, rows in groupby(progress.rows(), lambda row: row[0][0]):
        for number, (key, spend) in enumerate(rows):
            table.add_row(
                Text("" if number else team, style="bold cyan"),
                *key[1:3],
                short_model(key[3]),
                *(column.cell(spend, pace.per_minute(key)) for column in columns),
                _marks(spend),
            )
    total = progress.spend.total
    cells = (column.cell(total, pace.total_per_minute) for column in columns)
    table.add_section()
    table.add_row("total", "", "", "", *cells, style="bold")


def _marks(spend: SpendTotals) -> str:
    return ("~" if spend.estimated else "") + ("?" if spend.unpriced else "")
