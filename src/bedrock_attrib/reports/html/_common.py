"""What several parts of the page have in common."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ..._model.usage import (
    CACHE_WRITE_UNITS,
    OUTPUT_TOKEN_UNITS,
    PROMPT_UNITS,
    Unit,
)
from .._calendar import Step
from .._tables.spend_totals import SpendTotals
from ._figures import Figures

TOP = 8
"""Values of a dimension that have a colour of their own."""
MOST_SHOWN = 12
REST = "all others"
TOKENS = (
    ("input", frozenset(PROMPT_UNITS) - CACHE_WRITE_UNITS - {Unit.CACHE_READ_TOKEN}),
    ("read from cache", frozenset({Unit.CACHE_READ_TOKEN})),
    ("written to cache", CACHE_WRITE_UNITS),
    ("output", OUTPUT_TOKEN_UNITS),
)


def tokens_of(spend: SpendTotals, units: Iterable[Unit]) -> int:
    """How many of *units* were used."""
    return sum(spend.usage.get(unit, 0) for unit in units)


def label_of(step: Step, start: datetime) -> str:
    """How a stretch is named in words: the day, the hour, the week or the month."""
    if step is Step.HOUR:
        return f"{start:%Y-%m-%d %H}:00"
    if step is Step.WEEK:
        return f"week from {start:%Y-%m-%d}"
    return f"{start:%Y-%m}" if step is Step.MONTH else f"{start:%Y-%m-%d}"


def dearest(figures: Figures, of: str) -> list[tuple[str | None, SpendTotals]]:
    """The values of a dimension with their spend, the dearest first."""
    return sorted(
        figures.of.get(of, {}).items(),
        key=lambda each: (
            figures.amount(each[1]).copy_negate(),
            -each[1].calls,
            each[0] or "",
        ),
    )


def card(
    ident: str | None, title: str, beside: str, content: str, *, is_long: bool = False
) -> str:
    place = "" if ident is None else f' id="{ident}"'
    long = " long" if is_long else ""
    heading = f"<h2>{title}</h2>"
    head = f'<div class="head">{heading}{beside}</div>' if beside else heading
    return f'<section class="card{long}"{place}>{head}{content}</section>'
