"""The charts of the page, and the tables with their figures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from ..._model.cost import ZERO, add
from ..._model.usage import (
    OUTPUT_TOKEN_UNITS,
    PROMPT_UNITS,
    Unit,
)
from .._calendar import Step
from .._tables.spend import Spend
from ._common import MOST_SHOWN, REST, TOKENS, TOP, card, dearest, label_of, tokens_of
from ._figures import Figures
from ._markup import (
    NONE,
    Column,
    money,
    name,
    plain,
    share,
    table,
    text,
)


def tick_of(step: Step, start: datetime) -> str:
    """The same on an axis."""
    if step is Step.HOUR:
        return f"{start:%H}:00" if start.hour else f"{start.day} {start:%b}"
    if step is Step.MONTH:
        return f"{start:%b} {start.year}"
    return f"{start.day} {start:%b}"


def shown_values(figures: Figures, of: str) -> list[str | None]:
    """The values of a dimension that a chart tells apart, the dearest first."""
    return [value for value, _ in dearest(figures, of)[:TOP]]


def _amount_at(figures: Figures, of: str, value: str | None, at: int) -> Decimal:
    return figures.stretches[at].cost[of].get(value, ZERO)


def _rest_at(
    figures: Figures, of: str, values: Sequence[str | None], at: int
) -> Decimal:
    total = ZERO
    for value, amount in figures.stretches[at].cost[of].items():
        if value not in values:
            total = add(total, amount)
    return total


def chart_data(figures: Figures) -> dict[str, object]:
    """What the charts draw; rounded, as a picture is."""
    steps = range(len(figures.stretches))
    dimensions = []
    for of in figures.by:
        values = shown_values(figures, of)
        series: list[dict[str, object]] = [
            {
                "name": NONE if value is None else plain(value) or "(empty)",
                "values": [_drawn(_amount_at(figures, of, value, at)) for at in steps],
            }
            for value in values
        ]
        if len(figures.of.get(of, {})) > len(values):
            rest = [_drawn(_rest_at(figures, of, values, at)) for at in steps]
            series.append({"name": REST, "values": rest, "rest": 1})
        dimensions.append({"name": of, "series": series})
    return {
        "currency": figures.currency,
        "sign": "$" if figures.currency == "USD" else "",
        "labels": [label_of(figures.step, each.start) for each in figures.stretches],
        "ticks": [tick_of(figures.step, each.start) for each in figures.stretches],
        "dimensions": dimensions,
        "tokens": [
            {
                "name": named,
                "values": [tokens_of(each.spend, units) for each in figures.stretches],
            }
            for named, units in TOKENS
        ],
    }


def _drawn(amount: Decimal) -> float:
    return float(f"{amount:.6g}")


def over_time(figures: Figures) -> str:
    """Spend over time, stacked by each dimension."""
    buttons = "".join(
        f'<button type="button" aria-pressed="{"false" if at else "true"}">{text(of)}'
        "</button>"
        for at, of in enumerate(figures.by)
    )
    tables = "".join(
        f'<details class="chart-data" data-of="{text(of)}">'
        f"<summary>Figures of this chart, by {text(of)}</summary>"
        f"{_over_time_table(figures, of)}</details>"
        for of in figures.by
    )
    return card(
        "over-time",
        f"Spend by {figures.step.value}",
        f'<div class="switch js-only" role="group" aria-label="Stacked by">{buttons}'
        "</div>",
        '<div class="chart js-only" role="group" tabindex="0" aria-label="Stacked bars '
        f"of spend by {figures.step.value}. Arrow keys read one bar after the other; "
        'the figures are in the table below."></div>'
        '<output class="hidden-but-read" aria-live="polite"></output>'
        '<ul class="legend js-only"></ul>'
        f"{tables}",
    )


def _over_time_table(figures: Figures, of: str) -> str:
    values = shown_values(figures, of)
    has_rest = len(figures.of.get(of, {})) > len(values)
    heads = [
        Column(figures.step.value),
        *(Column(name(value), is_number=True) for value in values),
        *([Column(REST, is_number=True)] if has_rest else []),
        Column("total", is_number=True),
    ]
    rows = []
    for at, stretch in enumerate(figures.stretches):
        cells = [_amount_at(figures, of, value, at) for value in values]
        if has_rest:
            cells.append(_rest_at(figures, of, values, at))
        cells.append(figures.amount(stretch.spend))
        label = label_of(figures.step, stretch.start)
        rows.append([label, *(_short_money(figures, cell) for cell in cells)])
    spends = [figures.amount(figures.of[of][value]) for value in values]
    total = figures.amount(figures.total)
    if has_rest:
        rest = total
        for spend in spends:
            rest = add(rest, spend.copy_negate())
        spends.append(rest)
    foot = ["total", *(_short_money(figures, each) for each in [*spends, total])]
    return table(
        f"Spend by {figures.step.value} and {text(of)}, {figures.currency}",
        heads,
        rows,
        foot,
    )


def _short_money(figures: Figures, amount: Decimal) -> str:
    return text(money(amount, figures.currency)) if amount else "&ndash;"


def tokens(figures: Figures) -> str:
    """Tokens over time, and how much of the prompts came from the cache."""
    rows = [
        [
            label_of(figures.step, stretch.start),
            *(f"{tokens_of(stretch.spend, units):,}" for _, units in TOKENS),
            _cache_share(stretch.spend),
        ]
        for stretch in figures.stretches
    ]
    columns = [
        Column(figures.step.value),
        *(Column(named, is_number=True) for named, _ in TOKENS),
        Column("cache share", is_number=True),
    ]
    foot = [
        "total",
        *(f"{tokens_of(figures.total, units):,}" for _, units in TOKENS),
        _cache_share(figures.total),
    ]
    data = table(f"Tokens by {figures.step.value}", columns, rows, foot)
    of = "model" if "model" in figures.by else figures.by[-1]
    return card(
        "tokens-over-time",
        "Tokens and the prompt cache",
        "",
        '<p class="soft">The cache share is the part of all prompt tokens that was '
        "read from the prompt cache, which costs a fraction of fresh input.</p>"
        '<div class="chart low js-only" role="group" tabindex="0" aria-label="Stacked '
        f"bars of tokens by {figures.step.value}. Arrow keys read one bar after the "
        'other; the figures are in the table below."></div>'
        '<output class="hidden-but-read" aria-live="polite"></output>'
        '<ul class="legend js-only"></ul>'
        f'<details class="chart-data"><summary>Figures of this chart</summary>{data}'
        f"</details>{_tokens_by(figures, of)}",
    )


def _cache_share(spend: Spend) -> str:
    read = spend.usage.get(Unit.CACHE_READ_TOKEN, 0)
    return share(read, tokens_of(spend, PROMPT_UNITS))


def _tokens_by(figures: Figures, of: str) -> str:
    every = [
        (value, spend)
        for value, spend in dearest(figures, of)
        if tokens_of(spend, PROMPT_UNITS | OUTPUT_TOKEN_UNITS)
    ]
    if not every:
        return '<p class="note quiet">No call used tokens.</p>'
    rows = [
        [
            name(value),
            *(f"{tokens_of(spend, units):,}" for _, units in TOKENS),
            _cache_share(spend),
        ]
        for value, spend in every[:MOST_SHOWN]
    ]
    columns = [
        Column(text(of)),
        *(Column(named, is_number=True) for named, _ in TOKENS),
        Column("cache share", is_number=True),
    ]
    return table(f"Tokens by {text(of)}", columns, rows)
