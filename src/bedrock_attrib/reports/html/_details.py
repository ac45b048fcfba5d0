"""Every row, every amount as counts times a price, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from ..._model.cost import ZERO, add
from ..._model.usage import (
    CACHE_WRITE_UNITS,
    OUTPUT_TOKEN_UNITS,
    PROMPT_UNITS,
    Unit,
    unit_class,
)
from .._tables.spend import Spend, merge
from ._common import card, tokens_of
from ._figures import ChargeKey, Figures
from ._markup import (
    Cell,
    Column,
    Row,
    decimals_of,
    digits,
    money,
    name,
    table,
    text,
)

_MILLION = 1_000_000


def every_row(figures: Figures, most: int) -> str:
    """All calls by all dimensions, with exact amounts."""
    ordered = sorted(
        figures.rows.items(),
        key=lambda each: (
            figures.amount(each[1]).copy_negate(),
            -each[1].calls,
            tuple(key or "" for key in each[0]),
        ),
    )
    shown, hidden = ordered[:most], ordered[most:]
    places = decimals_of(
        amount for spend in figures.rows.values() for amount in spend.cost.values()
    )
    rows = [
        _full_row(figures, [name(key) for key in keys], spend, places)
        for keys, spend in shown
    ]
    if hidden:
        rest = Spend()
        for _, spend in hidden:
            merge(rest, spend)
        label = f'<span class="none">{len(hidden):,} more rows</span>'
        rows.append(
            _full_row(figures, [label] + [""] * (len(figures.by) - 1), rest, places)
        )
    columns = [
        *(Column(text(of)) for of in figures.by),
        *(
            Column(head, is_number=True)
            for head in ("calls", "failed", "input", "output", "cached", "spend")
        ),
    ]
    total = [""] * (len(figures.by) - 1)
    foot = _full_row(figures, ["total", *total], figures.total, places)
    content = table(
        f"Spend by {text(', '.join(figures.by))}",
        columns,
        rows,
        foot,
        attributes=f' id="all-rows" class="sortable" data-sum="{len(columns) - 1}"',
    )
    return card(
        "rows",
        "All rows",
        "",
        '<p class="soft">Amounts have all their digits, so that they add up to the '
        "total exactly.</p>"
        '<div class="find js-only"><label for="find">Filter</label>'
        '<input type="search" id="find" autocomplete="off" spellcheck="false" '
        'placeholder="words that a row has"><output id="found" for="find" '
        'aria-live="polite"></output></div>'
        + content.replace('class="scroll"', 'class="scroll tall"', 1),
        is_long=True,
    )


def _full_row(
    figures: Figures, keys: Sequence[str], spend: Spend, places: int
) -> list[Cell | str]:
    cached = CACHE_WRITE_UNITS | {Unit.CACHE_READ_TOKEN}
    figures_shown = (
        spend.calls,
        spend.failed,
        tokens_of(spend, PROMPT_UNITS - cached),
        tokens_of(spend, OUTPUT_TOKEN_UNITS),
        tokens_of(spend, cached),
    )
    return [
        *keys,
        *(f"{figure:,}" for figure in figures_shown),
        Cell(exactly(spend.cost, places), digits(figures.amount(spend))),
    ]


def exactly(by_currency: dict[str, Decimal], places: int) -> str:
    """Amounts with every digit; those beyond cents are paler."""
    if not by_currency:
        return '<span class="none">&ndash;</span>'
    return " + ".join(
        _paler(money(amount, currency, places))
        for currency, amount in sorted(by_currency.items())
    )


def _paler(written: str) -> str:
    whole, point, part = written.partition(".")
    figures, _, currency = part.partition(" ")
    cents, more = figures[:2], figures[2:]
    rest = f'<span class="d">{more}</span>' if more else ""
    return (
        f"{text(whole)}{point}{cents}{rest}{text(' ' + currency if currency else '')}"
    )


def by_hand(figures: Figures, most: int) -> str:
    """Every amount as counts times a price, to be added up with a calculator."""
    ordered = sorted(
        figures.charges.items(),
        key=lambda each: (each[1].amount.copy_negate(), _charge_text(each[0])),
    )
    shown, hidden = ordered[:most], ordered[most:]
    places = decimals_of(charge.amount for _, charge in ordered)
    rows: list[Row] = [
        [
            name(key.model),
            "given as a whole" if key.unit is None else text(key.unit.value),
            f"{charge.count:,}",
            _price(key),
            exactly({key.currency: charge.amount}, places),
        ]
        for key, charge in shown
    ]
    if hidden:
        rest: dict[str, Decimal] = {}
        for key, charge in hidden:
            rest[key.currency] = add(rest.get(key.currency, ZERO), charge.amount)
        rows.append([f"{len(hidden):,} more", "", "", "", exactly(rest, places)])
    columns = [
        Column("model"),
        Column("unit"),
        Column("count", is_number=True),
        Column("&times; list price", is_number=True),
        Column("= amount", is_number=True),
    ]
    total = exactly(figures.total.cost, places)
    return card(
        "by-hand",
        "Check it by hand",
        "",
        '<p class="soft">Every amount on this page follows from these counts and '
        "prices: count &times; price, added up.</p>"
        + table(
            "Counts and list prices", columns, rows, ["total", "", "", "", total]
        ).replace('class="scroll"', 'class="scroll tall"', 1),
        is_long=True,
    )


def _charge_text(key: ChargeKey) -> tuple[str, str, str]:
    return (
        key.model,
        "" if key.unit is None else key.unit.value,
        digits(key.price or ZERO),
    )


def _price(key: ChargeKey) -> str:
    if key.price is None or key.unit is None:
        return ""
    if key.unit in PROMPT_UNITS | OUTPUT_TOKEN_UNITS:
        million = key.price * _MILLION
        return text(f"{_full(million, key.currency)} per million")
    return text(f"{_full(key.price, key.currency)} each")


def _full(amount: Decimal, currency: str) -> str:
    return money(amount, currency, decimals_of([amount]))


def about(figures: Figures, facts: Sequence[tuple[str, str]]) -> str:
    """Where the figures come from, and how far they can be trusted."""
    items = "".join(
        f"<dt>{text(term)}</dt><dd>{text(fact)}</dd>" for term, fact in facts
    )
    classes = sorted({unit_class(unit) for unit in figures.total.usage})
    units = ", ".join(classes) or "nothing"
    return card(
        "about",
        "About these figures",
        "",
        '<p class="soft">Costs are estimates from public list prices, taken call by '
        "call when each was made. They are no invoice: discounts, credits, "
        "commitments, taxes and the rounding of bills are not in them. No prompt and "
        "no answer is kept.</p>"
        f'<dl class="facts">{items}<dt>Counted</dt><dd>{text(units)}</dd></dl>',
    )


def price_age(gathered: date, today: date) -> str:
    """How old the price table is, in words."""
    days = max(0, (today - gathered).days)
    return f"gathered {gathered}, {days} day{'' if days == 1 else 's'} before this page"
