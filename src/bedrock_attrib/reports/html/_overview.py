"""Key figures of a page, and the values that cost most."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ..._model.cost import ZERO
from ..._model.record import Outcome
from ..._model.usage import PROMPT_UNITS, Unit
from .._tables.spend_totals import SpendTotals
from ._text import share_of
from ._totals import MOST_SHOWN, PageTotals, merged, tokens_of

COLORS = 8
"""Values of a dimension that have a colour of their own."""
_BAR_WIDTH = 100


@dataclass(frozen=True, slots=True)
class KeyFigures:
    """Large figures at the top of the page.

    Attributes:
        certainty: How much of the amount is estimated, in words.
        per_call: Mean amount of fully priced calls; None without one.
        prompt_tokens: Tokens of prompts, cached ones included.
        cached_tokens: Those of them that were read from the cache.
        lost: Failed and abandoned calls.
        tag: First tag of the page; empty without one.
        untagged: Calls without that tag.
    """

    certainty: str
    per_call: Decimal | None
    prompt_tokens: int
    cached_tokens: int
    lost: SpendTotals
    tag: str
    untagged: SpendTotals


def key_figures(totals: PageTotals) -> KeyFigures:
    """Return the key figures of *totals*."""
    tag = totals.tags[0] if totals.tags else ""
    return KeyFigures(
        _certainty(totals),
        totals.total.per_call(totals.currency),
        tokens_of(totals.total, PROMPT_UNITS),
        totals.total.usage.get(Unit.CACHE_READ_TOKEN, 0),
        totals.ended(Outcome.ERROR, Outcome.ABANDONED),
        tag,
        totals.without(tag) if tag else SpendTotals(),
    )


def _certainty(totals: PageTotals) -> str:
    total = totals.total
    if not total.cost:
        return "no call is priced" if total.unpriced else "no call had to be paid for"
    estimated = total.estimated.get(totals.currency)
    if estimated:
        part = share_of(estimated, totals.amount(total))
        return f"{part} of it from estimated counts or prices"
    if total.estimated:
        return "some of it from estimated counts or prices"
    return "all counts reported by AWS"


@dataclass(frozen=True, slots=True)
class RankedRow:
    """One value of a dimension, or several that are added up.

    Attributes:
        value: The value; None for calls that have none.
        others: How many values are added up; zero for a single one.
        spend: Totals of its calls.
        bar: Length of its bar, from 0 to 100.
        color: Class that colours the bar.
    """

    value: str | None
    others: int
    spend: SpendTotals
    bar: float
    color: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """Values of a dimension by falling cost.

    Attributes:
        dimension: Name of the dimension.
        rows: Its values; the last row adds up those that are not shown.
    """

    dimension: str
    rows: tuple[RankedRow, ...]


def rankings(totals: PageTotals) -> list[Ranking]:
    """Return a ranking for each dimension of the page."""
    return [Ranking(name, tuple(_ranked(totals, name))) for name in totals.by]


def _ranked(totals: PageTotals, dimension: str) -> list[RankedRow]:
    values = totals.most_expensive(dimension)
    shown, hidden = values[:MOST_SHOWN], values[MOST_SHOWN:]
    largest = max((totals.amount(spend) for _, spend in shown), default=ZERO)

    def bar(spend: SpendTotals) -> float:
        part = float(totals.amount(spend)) / float(largest) if largest else 0.0
        return min(max(part, 0.0), 1.0) * _BAR_WIDTH

    rows = [
        RankedRow(value, 0, spend, bar(spend), f"s{at}" if at < COLORS else "sr")
        for at, (value, spend) in enumerate(shown)
    ]
    if hidden:
        rest = merged(spend for _, spend in hidden)
        rows.append(RankedRow(None, len(hidden), rest, bar(rest), "sr"))
    return rows
