"""The command ``watch``: spend of the last minutes, hour and day, refreshed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from ...budgets import BudgetStatus
from ...budgets.stores import StoreError
from ...errors import ConfigError, LedgerError
from ...ledger import Ledger
from ...reports import Selection, select
from ...reports._dimensions import Dimension, dimensions_of
from ...reports._tables.remarks import remarks_of
from .._console import harmless, is_animated, print_remarks, remarks, results
from .._ledgers import by_option, ledger_option, where_option
from .._numbers import Within
from .._price_table import json_option
from ..budget._options import shared_budgets
from ._display import frame, json_line, plain_line
from ._rates import Rates, read_rates

_EPILOG = """
\b
Examples:
  bedrock-attrib watch --ledger calls.db
  bedrock-attrib watch --by team,app --interval 5
  bedrock-attrib watch --where environment=prod
  bedrock-attrib watch --count 1 --json | jq .total.last_hour.cost
"""
Show = Callable[[Rates, str | None], None]


@click.command(epilog=_EPILOG)
@by_option("team,model")
@click.option(
    "--interval",
    type=Within(0.2, 3600),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="Seconds between two refreshes.",
)
@click.option(
    "--count",
    type=click.IntRange(1),
    metavar="N",
    help="Number of refreshes (default: run until interrupted).",
)
@where_option
@json_option
@ledger_option
def watch(
    *,
    ledger: Ledger,
    by: tuple[str, ...],
    interval: float,
    count: int | None,
    where: Sequence[str],
    as_json: bool,
) -> None:
    """Watch spend of the last 5 minutes, hour and day.

    Budgets of the settings are shown below, where they are in a shared store. A
    terminal shows a table that is redrawn; a pipe gets one line per refresh, with
    --json one JSON object. A call appears a second or so after it ends, when the ledger
    has written it. Ctrl-C ends the command with code 0.
    """
    dimensions = _dimensions(by)
    selection = select(where=where)
    print_remarks(remarks_of(ledger, selection, dimensions))
    try:
        with shared_budgets() as budgets, _display(results(), as_json=as_json) as show:
            _watch(ledger, dimensions, selection, interval, count, show, budgets)
    except KeyboardInterrupt:
        return


def _dimensions(names: Sequence[str]) -> list[Dimension]:
    if not names:
        raise ConfigError("--by is empty; expected for example team,model")
    return dimensions_of("watch", names)


def _watch(
    ledger: Ledger,
    dimensions: Sequence[Dimension],
    selection: Selection,
    interval_s: float,
    count: int | None,
    show: Show,
    read_budgets: Callable[[], list[BudgetStatus]],
) -> None:
    """Read the ledger and show it, repeatedly.

    Raises:
        LedgerError: If the ledger cannot be read the first time. Later failures, such
            as a lock, are shown, and it is read again.
    """
    last: Rates | None = None
    seen = 0
    while True:
        began = time.monotonic()
        try:
            last = read_rates(ledger, dimensions, selection, datetime.now(UTC))
            last.budgets = read_budgets()
            show(last, None)
        except (LedgerError, StoreError) as error:
            if last is None:
                raise
            show(last, f"Not read at {datetime.now(UTC):%H:%M:%S}: {error}")
        seen += 1
        if count is not None and seen >= count:
            return
        time.sleep(max(0.0, interval_s - (time.monotonic() - began)))


@contextmanager
def _display(console: Console, *, as_json: bool) -> Iterator[Show]:
    if as_json or not is_animated(console):
        line = json_line if as_json else plain_line
        yield lambda rates, remark: _print_line(rates, remark, line)
        return
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:

        def draw(rates: Rates, remark: str | None) -> None:
            width, height = console.size
            live.update(frame(rates, width, height, remark), refresh=True)

        yield draw


def _print_line(rates: Rates, remark: str | None, line: Callable[[Rates], str]) -> None:
    if remark is not None:
        remarks().print(Text(remark), soft_wrap=True)
    else:
        click.echo(
            harmless(line(rates))
        )  # which flushes, so that a pipe sees it at once
