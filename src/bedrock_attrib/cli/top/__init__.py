"""The command ``top``: watch who spends how much at this moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from ...errors import ConfigError, LedgerError
from ...ledger import Ledger
from ...reports import Selection, select
from ...reports._dimensions import Dimension, dimensions_of
from ...reports._tables.remarks import remarks_of
from .._console import is_animated, print_remarks, remarks, results
from .._ledgers import by_option, ledger_option, where_option
from .._numbers import Within
from .._price_table import json_option
from ._rates import Rates, read_rates
from ._show import frame, json_line, plain_line

_EPILOG = """
\b
Examples:
  bedrock-attrib top --ledger calls.db
  bedrock-attrib top --by team,app --interval 5
  bedrock-attrib top --where environment=prod
  bedrock-attrib top --count 1 --json | jq .total.last_hour.cost
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
    help="How often to look.",
)
@click.option(
    "--count",
    type=click.IntRange(1),
    metavar="N",
    help="End after looking so many times; until Ctrl-C if not given.",
)
@where_option
@json_option
@ledger_option
def top(
    *,
    ledger: Ledger,
    by: tuple[str, ...],
    interval: float,
    count: int | None,
    where: Sequence[str],
    as_json: bool,
) -> None:
    """Watch who spends how much now: 5 minutes, an hour, a day.

    A terminal shows a table that redraws itself; a pipe gets a line each time, with
    --json one of JSON. Calls are seen once the ledger has written them, a second or so
    after they end. Ctrl-C ends it with code 0.
    """
    dimensions = _dimensions(by)
    selection = select(where=where)
    print_remarks(remarks_of(ledger, selection, dimensions))
    try:
        with _display(results(), as_json=as_json) as show:
            _watch(ledger, dimensions, selection, interval, count, show)
    except KeyboardInterrupt:
        return


def _dimensions(names: Sequence[str]) -> list[Dimension]:
    if not names:
        raise ConfigError("top goes by one or more dimensions, such as team,model")
    return dimensions_of("top", names)


def _watch(
    ledger: Ledger,
    dimensions: Sequence[Dimension],
    selection: Selection,
    interval_s: float,
    count: int | None,
    show: Show,
) -> None:
    """Look and show, again and again.

    Raises:
        LedgerError: If the ledger cannot be read the first time; later it may be
            locked for a while, which is shown.
    """
    last: Rates | None = None
    seen = 0
    while True:
        began = time.monotonic()
        try:
            last = read_rates(ledger, dimensions, selection, datetime.now(UTC))
            show(last, None)
        except LedgerError as error:
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
        click.echo(line(rates))  # which flushes, so that a pipe sees it at once
