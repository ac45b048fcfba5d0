"""The part of ``savings`` on identical requests."""

from __future__ import annotations

import re
from datetime import timedelta

import click
from rich.table import Table

from ..._model.formatting import counted, duration, money, share
from ...reports import (
    IdenticalRequests,
    IdenticalRequestsRow,
    RepeatedCalls,
    RepeatedRequest,
)
from .._console import printable, results
from .._price_table import print_block
from .._tables import Column, new_table
from ._output import named, print_assumptions

_HEADING = "Possible savings by caching answers to identical requests"
_TIME = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_PREFIX = 12


def _time(
    _ctx: click.Context, _param: click.Parameter, text: str | None
) -> timedelta | None:
    if text is None:
        return None
    found = _TIME.fullmatch(text.strip().lower())
    if found is None or not int(found[1]):
        raise click.BadParameter(
            f"{text!r} is not a duration; expected for example 5m, 1h or 7d"
        )
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


within_option = click.option(
    "--within",
    metavar="TIME",
    callback=_time,
    help="How long an answer would be cached, for example 5m, 1h or 7d (default: "
    "for ever).",
)
top_option = click.option(
    "--top",
    type=click.IntRange(0, 1_000),
    default=10,
    show_default=True,
    metavar="N",
    help="Show the N most expensive rows of each table, and as many repeated requests.",
)


def print_identical(found: IdenticalRequests) -> None:
    """Print which requests were repeated, and what that cost."""
    out, total = results(), found.total
    if not total.calls and not total.unhashed:
        return
    out.print()
    if not total.calls:
        out.print(
            f"{_HEADING}: unknown, as no request was hashed; set request_hash_key to "
            f"hash them",
            soft_wrap=True,
        )
    elif total.repeats.calls:
        print_block(_by_row(found))
        out.print()
        _print_lifetimes(found)
        if found.top:
            out.print()
            print_block(_most_repeated(found))
        print_assumptions(found.assumptions)
    else:
        out.print(
            f"{_HEADING}: none, as no request of {counted(total.calls, 'call')} was "
            f"repeated{_in(found.within_s)}",
            soft_wrap=True,
        )
    _print_remarks(found)


def _print_remarks(found: IdenticalRequests) -> None:
    out, total = results(), found.total
    if total.calls and total.unhashed:
        out.print(
            f"\n{counted(total.unhashed, 'call')} without a hash: repeats unknown.",
            soft_wrap=True,
        )
    for remark in found.remarks:
        out.print(f"\n{remark}.", soft_wrap=True)


def _by_row(found: IdenticalRequests) -> Table:
    columns = (
        *map(Column, found.by),
        *(
            Column(name, is_number=True)
            for name in ("calls", "requests", "repeats", "share", "cost of\nrepeats")
        ),
    )
    blank = [""] * (len(found.by) - 1)
    is_timed = found.within_s is not None
    title = f"{_HEADING} {_for(found.within_s)}" if is_timed else _HEADING
    table = new_table(title, columns, ("total", *blank, *_cells(found.total, found)))
    for row in found.rows:
        if row.repeats.calls:
            table.add_row(*named(row.keys), *_cells(row, found))
    return table


def _cells(row: IdenticalRequestsRow, found: IdenticalRequests) -> tuple[str, ...]:
    return (
        f"{row.calls:,}",
        f"{row.requests:,}",
        f"{row.repeats.calls:,}",
        share(row.repeats.calls / row.calls if row.calls else None),
        _cost(row.repeats, found),
    )


def _cost(repeats: RepeatedCalls, found: IdenticalRequests) -> str:
    lacking = f"{repeats.unpriced:,} unpriced" if repeats.unpriced else ""
    if repeats.cost is None:
        return lacking
    amount = money(repeats.cost, found.currency)
    return f"{amount} + {lacking}" if lacking else amount


def _print_lifetimes(found: IdenticalRequests) -> None:
    parts = [
        f"{_for(each.within_s)}: {counted(each.repeats.calls, 'call')}, "
        f"{_cost(each.repeats, found)}"
        for each in found.lifetimes
    ]
    results().print(f"Repeats if cached {'; '.join(parts)}.", soft_wrap=True)


def _most_repeated(found: IdenticalRequests) -> Table:
    columns = (
        Column("request"),
        *(
            Column(name, is_number=True)
            for name in ("calls", "repeats", "cost of\nrepeats")
        ),
        Column("last (UTC)"),
        Column(" / ".join(found.by)),
    )
    table = new_table("Requests whose repeats cost most", columns)
    for each in found.top:
        table.add_row(
            printable(each.request_hash[:_PREFIX]),
            f"{each.calls:,}",
            f"{each.repeats.calls:,}",
            _cost(each.repeats, found),
            f"{each.last_at:%Y-%m-%d %H:%M}",
            _made_by(each),
        )
    return table


def _made_by(request: RepeatedRequest) -> str:
    first, *others = request.made_by
    more = f" and {len(others)} more" if others else ""
    return " / ".join(named(first)) + more


def _in(within_s: float | None) -> str:
    return "" if within_s is None else f" within {duration(within_s)}"


def _for(within_s: float | None) -> str:
    return "for ever" if within_s is None else f"for {duration(within_s)}"
