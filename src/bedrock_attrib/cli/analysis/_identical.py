"""The part of ``savings`` about requests that were made again."""

from __future__ import annotations

import re
from datetime import timedelta

import click
from rich.table import Table

from ...reports import (
    IdenticalRequests,
    IdenticalRequestsRow,
    RepeatedCalls,
    RepeatedRequest,
)
from .._console import printable, results
from .._price_table import print_block
from .._tables import Column, new_table
from ._shown import calls, money, named, print_assumptions, share

_HEADING = "Could be saved by keeping answers to identical requests"
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
        raise click.BadParameter(f"{text!r} is no time; expected such as 5m, 1h or 7d")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


within_option = click.option(
    "--within",
    metavar="TIME",
    callback=_time,
    help="For how long the answer to a request is kept, such as 5m, 1h or 7d; "
    "for good if not given.",
)
top_option = click.option(
    "--top",
    type=click.IntRange(0, 1_000),
    default=5,
    show_default=True,
    metavar="COUNT",
    help="How many requests that were made again to name.",
)


def print_identical(found: IdenticalRequests) -> None:
    """Tell which requests were made again, and what that cost."""
    out, total = results(), found.total
    if not total.calls and not total.unhashed:
        return
    out.print()
    if not total.calls:
        out.print(
            f"{_HEADING}: not known, as no request was hashed; the setting "
            f"request_hash_key does that",
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
            f"{_HEADING}: nothing, as none of {calls(total.calls)} asked what another "
            f"had asked{_in(found.within_s)}",
            soft_wrap=True,
        )
    _print_remarks(found)


def _print_remarks(found: IdenticalRequests) -> None:
    out, total = results(), found.total
    if total.calls and total.unhashed:
        is_one = total.unhashed == 1
        told = "it repeats another" if is_one else "they repeat others"
        out.print(
            f"\n{calls(total.unhashed)} without a hash: whether {told} is not known.",
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
    told = [
        f"{_for(each.within_s)}: {calls(each.repeats.calls)}, "
        f"{_cost(each.repeats, found)}"
        for each in found.lifetimes
    ]
    results().print(f"Were they kept {'; '.join(told)}.", soft_wrap=True)


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
    table = new_table("Requests whose repeats cost most", columns, [""] * len(columns))
    table.show_footer = False
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
    return "" if within_s is None else f" within {_length(within_s)}"


def _for(within_s: float | None) -> str:
    return "for good" if within_s is None else f"for {_length(within_s)}"


def _length(seconds: float) -> str:
    """A time in the largest unit of which it has a whole number: ``24 h``."""
    for width, unit in ((3_600, "h"), (60, "min")):
        if seconds >= width and not seconds % width:
            return f"{seconds / width:g} {unit}"
    return f"{seconds:g} s"
