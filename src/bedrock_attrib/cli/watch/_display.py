"""Display of ``watch``: a table for terminals, plain lines, or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..._model.cost import add
from ..._model.formatting import counted, digits, money, short_count
from ..._model.model_names import short_model
from ...reports import SpendTotals
from .._json import JsonObject
from .._tables import NO_TAG
from ..budget._status import amount_text, rate_text, status_json, used_text
from ._rates import Keys, Rates, Spends

_WIDE_FROM = 100
_LINES_AROUND = 7  # heading, head, rules, total and legend
_LINES_OF_BUDGETS = 3  # head and rules
_FEWEST_ROWS = 3
_SHORT, _HOUR, _DAY = range(3)
_NAMED = 4
_NO_CONTROL = dict.fromkeys((*range(32), 127), "�")
_NO_CONTROL |= dict.fromkeys(
    (*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
    "\N{REPLACEMENT CHARACTER}",
)


def _name(dimension: str, value: str | None) -> str:
    if value is None:
        return NO_TAG
    # A tag value must not control the terminal.
    shown = value.translate(_NO_CONTROL)
    return short_model(shown) if dimension in ("model", "requested_model") else shown


def frame(
    rates: Rates, width: int, height: int, remark: str | None = None
) -> RenderableType:
    """Make a table of *rates* for a terminal of *width* columns and *height* lines."""
    is_wide = width >= _WIDE_FROM
    table = Table(box=box.SIMPLE_HEAD, expand=True, show_edge=False, padding=0)
    for number, name in enumerate(rates.by):
        last = number == len(rates.by) - 1
        table.add_column(
            name, no_wrap=True, overflow="ellipsis", ratio=2 if last else 1
        )
    for heading in _headings(is_wide=is_wide):
        style = "green" if heading in ("last 5 min", "5 min") else None
        table.add_column(heading, justify="right", no_wrap=True, style=style)
    ordered = rates.ordered()
    around = _LINES_AROUND + (_LINES_OF_BUDGETS + len(rates.budgets))
    room = max(_FEWEST_ROWS, height - (around if rates.budgets else _LINES_AROUND))
    # With one line too many, one more is needed for the sum of the rest.
    shown = ordered if len(ordered) <= room else ordered[: room - 1]
    for keys, spends in shown:
        names = map(_name, rates.by, keys)
        style = None if spends[_HOUR].calls else "dim"
        table.add_row(*names, *_cells(rates, spends, is_wide=is_wide), style=style)
    hidden = ordered[len(shown) :]
    blanks = [""] * (len(rates.by) - 1)
    if hidden:
        rest = _together(hidden)
        label = f"{len(hidden)} more"
        cells = _cells(rates, rest, is_wide=is_wide)
        table.add_row(label, *blanks, *cells, style="dim")
    table.add_section()
    cells = _cells(rates, rates.total, is_wide=is_wide)
    table.add_row("total", *blanks, *cells, style="bold")
    parts: list[RenderableType] = [_heading(rates, is_wide=is_wide), table]
    if rates.budgets:
        parts.append(_budgets(rates))
    return Group(*parts, _closing(rates, remark))


def _budgets(rates: Rates) -> Table:
    """Return what is left of each budget, those with the least first."""
    table = Table(box=box.SIMPLE_HEAD, expand=True, show_edge=False, padding=0)
    table.add_column("budget", no_wrap=True, overflow="ellipsis", ratio=2)
    for heading in ("used", "spent", "left", "per hour", "runs out"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in sorted(rates.budgets, key=lambda status: status.remaining):
        end = each.runs_out_at(rates.at)
        named = each.name if each.key is None else f"{each.name} {each.key or NO_TAG}"
        style = "bold red" if each.remaining <= 0 or each.is_frozen else None
        table.add_row(
            named.translate(_NO_CONTROL),
            "frozen" if each.is_frozen else used_text(each),
            amount_text(each.measure, each.spent),
            amount_text(each.measure, each.remaining),
            rate_text(each.measure, each.per_hour(rates.at)),
            "-" if end is None else f"{end:%m-%d %H:%M}",
            style=style,
        )
    return table


def _together(lines: Sequence[tuple[Keys, Spends]]) -> Spends:
    """Add up *lines*, as far as a line of the table shows them."""
    total = (SpendTotals(), SpendTotals(), SpendTotals())
    for _, spends in lines:
        for into, spend in zip(total, spends, strict=True):
            into.calls += spend.calls
            into.failed += spend.failed
            into.unpriced += spend.unpriced
            for currency, amount in spend.cost.items():
                into.cost[currency] = add(into.cost.get(currency, Decimal(0)), amount)
    return total


def _heading(rates: Rates, *, is_wide: bool) -> Text:
    per_minute = rates.per_minute(rates.total)
    _, hour, day = rates.amounts(rates.total)
    words = _WORDS if is_wide else _SHORT_WORDS
    return Text.assemble(
        (words[0], "bold"),
        f"{rates.at:%H:%M:%S} UTC   ",
        (money(per_minute, rates.currency), "bold green"),
        words[1],
        (money(hour, rates.currency), "bold"),
        words[2],
        (money(day, rates.currency), "bold"),
        words[3],
        no_wrap=True,
        overflow="ellipsis",
    )


_WORDS = (
    "Amazon Bedrock spend  ",
    " per minute   ",
    " in the last hour   ",
    " in 24 h",
)
_SHORT_WORDS = ("Bedrock  ", "/min  ", " in 1 h  ", " in 24 h")


def _closing(rates: Rates, remark: str | None) -> Text:
    others = rates.others(rates.total[_DAY])
    if remark is None and others:
        remark = f"Excluded from these amounts, in 24 h: {_listed(others)}"
    if remark is not None:
        return Text(remark, style="yellow", no_wrap=True, overflow="ellipsis")
    legend = "Estimates from list prices   ? has calls without a price   Ctrl-C to end"
    return Text(legend, style="dim", no_wrap=True, overflow="ellipsis")


def _listed(amounts: Mapping[str, Decimal]) -> str:
    return ", ".join(money(each, currency) for currency, each in amounts.items())


def _headings(*, is_wide: bool) -> tuple[str, ...]:
    if is_wide:
        return (
            "$/min",
            "last 5 min",
            "last hour",
            "last 24 h",
            "calls/h",
            "failed/h",
            "",
        )
    return "5 min", "1 h", "24 h", "calls/h", ""


def _cells(rates: Rates, spends: Spends, *, is_wide: bool) -> tuple[str, ...]:
    short, hour, day = (
        _amount(amount, rates.currency) for amount in rates.amounts(spends)
    )
    mark = "?" if spends[_DAY].unpriced else ""
    calls = short_count(spends[_HOUR].calls)
    if not is_wide:
        return short, hour, day, calls, mark
    per_minute = rates.per_minute(spends)
    failed = str(spends[_HOUR].failed or "")
    rate = _amount(per_minute, rates.currency)
    return rate, short, hour, day, calls, failed, mark


def _amount(amount: Decimal | None, currency: str) -> str:
    return "-" if amount is not None and not amount else money(amount, currency)


def plain_line(rates: Rates) -> str:
    """Format *rates* as one line, for logs and pipes."""
    currency = rates.currency
    short, hour, day = (money(each, currency) for each in rates.amounts(rates.total))
    dearest = "  ".join(
        f"{'/'.join(map(_name, rates.by, keys))} {money(amount, currency)}"
        for keys, spends in rates.ordered()[:_NAMED]
        if (amount := rates.amounts(spends)[_HOUR])
    )
    rate = money(rates.per_minute(rates.total), currency)
    calls = counted(rates.total[_HOUR].calls, "call")
    lacking = rates.total[_HOUR].unpriced
    without = f" ({lacking:,} without a price)" if lacking else ""
    others = rates.others(rates.total[_DAY])
    more = f" and {_listed(others)}" if others else ""
    line = (
        f"{rates.at:%Y-%m-%dT%H:%M:%SZ}  {rate}/min  5 min {short}  1 h {hour}  "
        f"24 h {day}{more}  {calls} in 1 h{without}  {dearest}"
    )
    used = "  ".join(
        f"{each.name}{f' {each.key}' if each.key else ''} {used_text(each)}"
        for each in rates.budgets
    )
    return f"{line.rstrip()}{f'  budgets: {used}' if used else ''}"


def json_line(rates: Rates) -> str:
    """Format *rates* as one line of JSON; amounts are exact, so they are text."""
    lines = [
        {**dict(zip(rates.by, keys, strict=True)), **_windows(rates, spends)}
        for keys, spends in rates.ordered()
    ]
    return json.dumps(
        {
            "at": rates.at.isoformat(timespec="milliseconds"),
            "currency": rates.currency,
            "total": _windows(rates, rates.total),
            "lines": lines,
            "budgets": [status_json(each, rates.at) for each in rates.budgets],
        },
        ensure_ascii=False,
    )


def _windows(rates: Rates, spends: Spends) -> JsonObject:
    return {
        name: {
            "calls": spend.calls,
            "failed_calls": spend.failed,
            "unpriced_calls": spend.unpriced,
            # An unknown cost is not zero.
            "cost": None if amount is None else digits(amount),
            "other_costs": {
                currency: digits(other)
                for currency, other in rates.others(spend).items()
            },
        }
        for name, spend, amount in zip(
            ("last_5_min", "last_hour", "last_24_h"),
            spends,
            rates.amounts(spends),
            strict=True,
        )
    }
