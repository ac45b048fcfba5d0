"""Table of a spend report, as wide as the terminal allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from rich.table import Table

from ..._model.formatting import decimals_of, exact_money, money, share, short_count
from ..._model.model_names import short_model
from ...reports import SpendReport, SpendRow, SpendTotals
from .._console import printable, results, shortened
from .._tables import NO_TAG, Column, new_table
from ._output import WIDEST

_MODELS = frozenset({"model", "requested_model"})
# Left out one after the other where a terminal is too narrow.
_LEAST_NEEDED = ("per 1,000\ntokens", "per call", "failed", "output", "input")


class _Figure(NamedTuple):
    heading: str
    text: Callable[[SpendRow], str]


def spend_table(report: SpendReport, *, is_exact: bool, width: int) -> Table:
    """Make a table of *report* whose last line is the total.

    Args:
        report: The report.
        is_exact: Whether to show every digit of counts and amounts, and whole names.
        width: Columns of the terminal; the least needed figures make room for names.
    """
    figures = list(_figures(report, is_exact=is_exact))
    table = _table_of(report, figures, is_exact=is_exact)
    for heading in _LEAST_NEEDED:
        if _natural_width(table) <= width:
            break
        figures = [figure for figure in figures if figure.heading != heading]
        table = _table_of(report, figures, is_exact=is_exact)
    return table


def _natural_width(table: Table) -> int:
    console = results()
    options = console.options.update(max_width=WIDEST)
    return console.measure(table, options=options).maximum


def _table_of(
    report: SpendReport, figures: Sequence[_Figure], *, is_exact: bool
) -> Table:
    total = SpendRow((), report.total)
    heads = [Column(shortened(name)) for name in report.by] or [Column("")]
    blanks = [""] * (len(heads) - 1)
    table = new_table(
        "",
        (*heads, *(Column(figure.heading, is_number=True) for figure in figures)),
        ("total", *blanks, *(figure.text(total) for figure in figures)),
    )
    names = _names(report, is_exact=is_exact)
    for row in report.rows:
        keys = [
            names(by, key) for by, key in zip(report.by, row.keys, strict=True)
        ] or [""]
        table.add_row(*keys, *(figure.text(row) for figure in figures))
    if report.rest is not None:
        others = f"{report.hidden_rows:,} more"
        rest = report.rest
        table.add_row(others, *blanks, *(figure.text(rest) for figure in figures))
    return table


def _figures(report: SpendReport, *, is_exact: bool) -> Iterator[_Figure]:
    def count(number: int) -> str:
        return f"{number:,}" if is_exact else short_count(number)

    total = report.total
    if report.counts_calls:
        yield _Figure("calls", lambda row: f"{row.spend.calls:,}")
        if total.failed:
            yield _Figure("failed", lambda row: f"{row.spend.failed:,}")
        if total.unpriced:
            yield _Figure("no\nprice", lambda row: f"{row.spend.unpriced:,}")
        yield _Figure("input", lambda row: count(row.spend.input_tokens))
        yield _Figure("output", lambda row: count(row.spend.output_tokens))
    else:
        yield _Figure("count", lambda row: _count_of(row, count))
    for currency in report.currencies:
        yield from _amounts(report, currency, is_exact=is_exact)
    if report.currencies:
        yield from _means(report, report.currencies[0])


def _count_of(row: SpendRow, count: Callable[[int], str]) -> str:
    # Counts of different units add up to nothing that has a name.
    counts = list(row.spend.usage.values())
    return count(counts[0]) if len(counts) == 1 else ""


def _amounts(
    report: SpendReport, currency: str, *, is_exact: bool
) -> Iterator[_Figure]:
    rows = (*report.rows, SpendRow((), report.total))
    amounts = [row.spend.cost[currency] for row in rows if currency in row.spend.cost]
    decimals = decimals_of(amounts) if is_exact else None
    yield _Figure(
        cost_heading(currency),
        lambda row: cost_cell(row.spend, currency, decimals),
    )


def cost_heading(currency: str) -> str:
    """Return the heading of a column of costs."""
    return "cost" if currency == "USD" else f"cost\n{currency}"


def cost_cell(spend: SpendTotals, currency: str, decimals: int | None = None) -> str:
    """Return the cost of *spend* in a currency; empty where it is in others only.

    Args:
        spend: The calls.
        currency: ISO 4217 code.
        decimals: Decimal places of exact amounts; None to round them.
    """
    amount = spend.cost.get(currency)
    if amount is None:
        return "" if spend.cost or not spend.calls else _without_amount(spend)
    if decimals is None:
        return money(amount, currency)
    return exact_money(amount, currency, decimals)


def _without_amount(spend: SpendTotals) -> str:
    return money(None) if spend.unpriced else "free"


def _means(report: SpendReport, currency: str) -> Iterator[_Figure]:
    def mean(amount: Decimal | None) -> str:
        return "" if amount is None else money(amount, currency)

    yield _Figure("share", lambda row: _percent(report.share(row.spend, currency)))
    if report.counts_calls:
        yield _Figure("per call", lambda row: mean(row.spend.per_call(currency)))
    heading = "per 1,000\ntokens" if report.counts_calls else "per 1,000"
    yield _Figure(heading, lambda row: mean(_per_1000(row, currency, report)))


def _per_1000(row: SpendRow, currency: str, report: SpendReport) -> Decimal | None:
    is_sum_of_units = not report.counts_calls and len(row.spend.usage) > 1
    return None if is_sum_of_units else row.spend.per_1000_tokens(currency)


def _percent(percent: Decimal | None) -> str:
    return "" if percent is None else share(percent / 100)


def _names(report: SpendReport, *, is_exact: bool) -> Callable[[str, str | None], str]:
    """Return how keys are written: models short, where they stay different."""
    write = printable if is_exact else shortened
    short: dict[str, str] = {}
    for place, by in enumerate(report.by):
        if by in _MODELS:
            models = {row.keys[place] or "" for row in report.rows}
            names = {model: short_model(model) for model in models}
            if len(set(names.values())) == len(models):
                short |= names

    def name(by: str, key: str | None) -> str:
        if key is None:
            return NO_TAG
        return write(short.get(key, key) if by in _MODELS else key)

    return name


def spend_title(report: SpendReport) -> str:
    """Return the title of *report*."""
    by = f" by {', '.join(report.by)}" if report.by else ""
    return f"Spend{by}, {span_text(report.since, report.until)}"


def span_text(since: datetime | None, until: datetime | None) -> str:
    """Format a span; whole days as dates, the last included."""
    if since is None or until is None:
        return "no calls"
    zone = f"{since.tzinfo}"
    if since == until:
        return f"at {since:%Y-%m-%d %H:%M} ({zone})"
    if _is_midnight(since) and _is_midnight(until):
        last = (until - timedelta(days=1)).date()
        if last == since.date():
            return f"{last} ({zone})"
        return f"{since.date()} to {last} ({zone})"
    return f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} ({zone})"


def _is_midnight(at: datetime) -> bool:
    return (at.hour, at.minute, at.second, at.microsecond) == (0, 0, 0, 0)
