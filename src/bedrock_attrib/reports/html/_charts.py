"""Charts of a page, and the tables with their figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ..._model.cost import ZERO, add
from ..._model.usage import (
    CACHE_WRITE_UNITS,
    OUTPUT_TOKEN_UNITS,
    PROMPT_UNITS,
    Unit,
)
from .._tables.spend_totals import SpendTotals
from ._overview import COLORS
from ._text import axis_label, period_label, share_of, value_name
from ._totals import MOST_SHOWN, ChartPeriod, PageTotals, tokens_of

REST = "all others"
TOKENS = (
    ("input", frozenset(PROMPT_UNITS) - CACHE_WRITE_UNITS - {Unit.CACHE_READ_TOKEN}),
    ("read from cache", frozenset({Unit.CACHE_READ_TOKEN})),
    ("written to cache", CACHE_WRITE_UNITS),
    ("output", OUTPUT_TOKEN_UNITS),
)
_TOKEN_UNITS = PROMPT_UNITS | OUTPUT_TOKEN_UNITS


def _charted_values(totals: PageTotals, dimension: str) -> list[str | None]:
    """Return the values that have a series of their own, the most expensive first."""
    return [value for value, _ in totals.most_expensive(dimension)[:COLORS]]


def _has_rest(totals: PageTotals, dimension: str, values: Sequence[str | None]) -> bool:
    return len(totals.by_value.get(dimension, {})) > len(values)


def _amount_of_rest(
    period: ChartPeriod, dimension: str, values: Sequence[str | None]
) -> Decimal:
    total = ZERO
    for value, amount in period.cost[dimension].items():
        if value not in values:
            total = add(total, amount)
    return total


def chart_data(totals: PageTotals) -> dict[str, object]:
    """Return what the charts draw; amounts are rounded."""
    starts = [period.start for period in totals.periods]
    return {
        "currency": totals.currency,
        "sign": "$" if totals.currency == "USD" else "",
        "labels": [period_label(totals.step, start) for start in starts],
        "ticks": [axis_label(totals.step, start) for start in starts],
        "dimensions": [
            {"name": name, "series": _series(totals, name)} for name in totals.by
        ],
        "tokens": [
            {
                "name": name,
                "values": [tokens_of(each.spend, units) for each in totals.periods],
            }
            for name, units in TOKENS
        ],
    }


def _series(totals: PageTotals, dimension: str) -> list[dict[str, object]]:
    values = _charted_values(totals, dimension)
    series: list[dict[str, object]] = [
        {
            "name": value_name(value),
            "values": [
                _rounded(period.cost[dimension].get(value, ZERO))
                for period in totals.periods
            ],
        }
        for value in values
    ]
    if _has_rest(totals, dimension, values):
        rest = [
            _rounded(_amount_of_rest(period, dimension, values))
            for period in totals.periods
        ]
        series.append({"name": REST, "values": rest, "rest": 1})
    return series


def _rounded(amount: Decimal) -> float:
    return float(f"{amount:.6g}")


@dataclass(frozen=True, slots=True)
class SpendOverTime:
    """Amounts by period and value of a dimension.

    Attributes:
        dimension: Name of the dimension.
        values: Values that have a column of their own.
        has_rest: Whether a column adds up the other values.
        rows: Name of each period with its amounts; the last is the total.
        total: Amounts of all periods.
    """

    dimension: str
    values: tuple[str | None, ...]
    has_rest: bool
    rows: tuple[tuple[str, tuple[Decimal, ...]], ...]
    total: tuple[Decimal, ...]


def spend_over_time(totals: PageTotals) -> list[SpendOverTime]:
    """Return the figures of the spend chart, for each dimension."""
    return [_over_time(totals, name) for name in totals.by]


def _over_time(totals: PageTotals, dimension: str) -> SpendOverTime:
    values = _charted_values(totals, dimension)
    has_rest = _has_rest(totals, dimension, values)
    rows = []
    for period in totals.periods:
        amounts = [period.cost[dimension].get(value, ZERO) for value in values]
        if has_rest:
            amounts.append(_amount_of_rest(period, dimension, values))
        amounts.append(totals.amount(period.spend))
        rows.append((period_label(totals.step, period.start), tuple(amounts)))
    total = totals.amount(totals.total)
    sums = [totals.amount(totals.by_value[dimension][value]) for value in values]
    if has_rest:
        rest = total
        for each in sums:
            rest = add(rest, each.copy_negate())
        sums.append(rest)
    return SpendOverTime(
        dimension, tuple(values), has_rest, tuple(rows), (*sums, total)
    )


@dataclass(frozen=True, slots=True)
class TokenRow:
    """Tokens of some calls.

    Attributes:
        name: Period, or value of a dimension; None for calls that have none.
        counts: Tokens of each kind in `TOKENS`.
        cache_share: Part of the prompt tokens that was read from the cache, in words.
    """

    name: str | None
    counts: tuple[int, ...]
    cache_share: str


def token_row(name: str | None, spend: SpendTotals) -> TokenRow:
    """Return the tokens of *spend*."""
    cached = spend.usage.get(Unit.CACHE_READ_TOKEN, 0)
    return TokenRow(
        name,
        tuple(tokens_of(spend, units) for _, units in TOKENS),
        share_of(cached, tokens_of(spend, PROMPT_UNITS)),
    )


def tokens_over_time(totals: PageTotals) -> list[TokenRow]:
    """Return the figures of the token chart."""
    return [
        token_row(period_label(totals.step, period.start), period.spend)
        for period in totals.periods
    ]


def tokens_by_value(totals: PageTotals) -> tuple[str, list[TokenRow]]:
    """Return a dimension, the model if there is one, and the tokens of its values."""
    dimension = "model" if "model" in totals.by else totals.by[-1]
    rows = [
        token_row(value, spend)
        for value, spend in totals.most_expensive(dimension)
        if tokens_of(spend, _TOKEN_UNITS)
    ]
    return dimension, rows[:MOST_SHOWN]
