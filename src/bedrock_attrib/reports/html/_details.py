"""Rows of a page with all digits, and its amounts as counts times prices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ..._model.cost import ZERO, add
from ..._model.formatting import counted, decimals_of, digits, exact_money
from ..._model.usage import (
    CACHE_WRITE_UNITS,
    OUTPUT_TOKEN_UNITS,
    PROMPT_UNITS,
    Unit,
    unit_class,
)
from .._tables.spend_totals import SpendTotals
from ._totals import Keys, PageTotals, PricedCount, PriceKey, merged, tokens_of

_MILLION = 1_000_000
_CACHED = CACHE_WRITE_UNITS | {Unit.CACHE_READ_TOKEN}


@dataclass(frozen=True, slots=True)
class AllRows:
    """Calls by the values of all dimensions.

    Attributes:
        rows: Values and totals, by falling cost.
        hidden: How many more rows there are.
        rest: Totals of these.
        decimals: Decimal places that show every amount exactly.
    """

    rows: tuple[tuple[Keys, SpendTotals], ...]
    hidden: int
    rest: SpendTotals
    decimals: int


def all_rows(totals: PageTotals, most: int) -> AllRows:
    """Return the rows of *totals*, *most* at most."""
    ordered = sorted(
        totals.rows.items(),
        key=lambda each: (
            totals.amount(each[1]).copy_negate(),
            -each[1].calls,
            tuple(key or "" for key in each[0]),
        ),
    )
    hidden = ordered[most:]
    return AllRows(
        tuple(ordered[:most]),
        len(hidden),
        merged(spend for _, spend in hidden),
        decimals_of(
            amount for spend in totals.rows.values() for amount in spend.cost.values()
        ),
    )


def row_counts(spend: SpendTotals) -> tuple[int, ...]:
    """Return calls, failed calls, and tokens of input, output and the cache."""
    return (
        spend.calls,
        spend.failed,
        tokens_of(spend, PROMPT_UNITS - _CACHED),
        tokens_of(spend, OUTPUT_TOKEN_UNITS),
        tokens_of(spend, _CACHED),
    )


@dataclass(frozen=True, slots=True)
class PricedCounts:
    """Amounts as counts times prices.

    Attributes:
        rows: Counts at one price each, by falling amount.
        hidden: How many more there are.
        rest: Their amounts by currency.
        decimals: Decimal places that show every amount exactly.
    """

    rows: tuple[tuple[PriceKey, PricedCount], ...]
    hidden: int
    rest: dict[str, Decimal]
    decimals: int


def priced_counts(totals: PageTotals, most: int) -> PricedCounts:
    """Return the amounts of *totals* as counts times prices, *most* at most."""
    ordered = sorted(
        totals.priced_counts.items(),
        key=lambda each: (each[1].amount.copy_negate(), _sort_text(each[0])),
    )
    hidden = ordered[most:]
    rest: dict[str, Decimal] = {}
    for key, priced in hidden:
        rest[key.currency] = add(rest.get(key.currency, ZERO), priced.amount)
    places = decimals_of(priced.amount for _, priced in ordered)
    return PricedCounts(tuple(ordered[:most]), len(hidden), rest, places)


def _sort_text(key: PriceKey) -> tuple[str, str, str]:
    unit = "" if key.unit is None else key.unit.value
    return key.model, unit, digits(key.price or ZERO)


def price_text(key: PriceKey) -> str:
    """Format the price of *key*: of a million tokens, or of one of other units."""
    if key.price is None or key.unit is None:
        return ""
    if key.unit in PROMPT_UNITS | OUTPUT_TOKEN_UNITS:
        return f"{exact_money(key.price * _MILLION, key.currency)} per million"
    return f"{exact_money(key.price, key.currency)} each"


def unit_classes(units: Iterable[Unit]) -> str:
    """Return what was counted, in words."""
    return ", ".join(sorted({unit_class(unit) for unit in units})) or "nothing"


def price_age(gathered: date, today: date) -> str:
    """Return the age of a price table in words."""
    days = max(0, (today - gathered).days)
    return f"gathered {gathered}, {counted(days, 'day')} before this page"
