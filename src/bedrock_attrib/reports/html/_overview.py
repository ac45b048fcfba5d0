"""The large figures at the top of the page, and who spends most."""

from __future__ import annotations

from decimal import Decimal

from ..._model.cost import ZERO
from ..._model.record import Outcome
from ..._model.usage import (
    OUTPUT_TOKEN_UNITS,
    PROMPT_UNITS,
    Unit,
)
from .._tables.spend import Spend, merge
from ._common import MOST_SHOWN, TOP, card, dearest, tokens_of
from ._figures import Figures
from ._markup import (
    Column,
    Row,
    amounts,
    bar,
    money,
    name,
    share,
    short,
    table,
    text,
)


def key_figures(figures: Figures) -> str:
    """What the page comes to, in a few large figures."""
    total = figures.total
    amount = figures.amount(total)
    failed, abandoned = figures.ended(Outcome.ERROR), figures.ended(Outcome.ABANDONED)
    prompt = tokens_of(total, PROMPT_UNITS)
    read = total.usage.get(Unit.CACHE_READ_TOKEN, 0)
    each = total.per_call(figures.currency)
    cards = [
        _key(
            "Spend at list prices",
            amounts(total.cost, 2 if abs(amount) >= 1 else None),
            _certainty(figures),
            is_big=True,
        ),
        _key(
            "Calls",
            f"{total.calls:,}",
            "none has a price"
            if each is None
            else f"{text(money(each, figures.currency))} for each that has a price",
        ),
        _key(
            "Tokens",
            short(prompt + tokens_of(total, OUTPUT_TOKEN_UNITS)),
            f"{short(prompt)} in, {short(tokens_of(total, OUTPUT_TOKEN_UNITS))} out",
        ),
        _key(
            "Prompt tokens read from cache",
            share(read, prompt),
            f"{short(read)} of {short(prompt)}",
        ),
        _key(
            "Failed or given up",
            f"{failed.calls + abandoned.calls:,}",
            f"{share(failed.calls + abandoned.calls, total.calls)} of calls, "
            f"{_waste(figures, failed, abandoned)}",
        ),
        _key(
            "Calls without a whole price",
            f"{total.unpriced:,}",
            f"{share(total.unpriced, total.calls)} of calls",
        ),
        _without_first_tag(figures),
    ]
    return f'<dl class="key">{"".join(cards)}</dl>'


def _certainty(figures: Figures) -> str:
    total = figures.total
    if not total.cost:
        return "none of it is known" if total.unpriced else "nothing had to be paid"
    estimated = total.estimated.get(figures.currency)
    if estimated:
        part = share(estimated, figures.amount(total))
        return f"{part} of it from estimated counts or prices"
    if total.estimated:
        return "some of it from estimated counts or prices"
    return "every count stated by AWS"


def _waste(figures: Figures, *spends: Spend) -> str:
    total = Spend()
    for spend in spends:
        merge(total, spend)
    return f"{_spent(figures, total)}{_lacking(total)}"


def _without_first_tag(figures: Figures) -> str:
    if not figures.tags:
        return ""
    tag = figures.tags[0]
    lacking = figures.of[tag].get(None, Spend())
    calls = "1 call" if lacking.calls == 1 else f"{lacking.calls:,} calls"
    more = f"{calls}{_lacking(lacking)}"
    if figures.is_known(lacking):
        part = share(figures.amount(lacking), figures.amount(figures.total))
        more = f"{part} of spend, {more}"
    return _key(f"Spend without {text(tag)}", _spent(figures, lacking), more)


def _spent(figures: Figures, spend: Spend) -> str:
    """What *spend* is in each currency; nothing is only what is known to be so."""
    if spend.cost or spend.unpriced:
        return amounts(spend.cost)
    return text(money(ZERO, figures.currency))


def _lacking(spend: Spend) -> str:
    return f", {spend.unpriced:,} without a whole price" if spend.unpriced else ""


def _key(term: str, figure: str, more: str, *, is_big: bool = False) -> str:
    big = ' class="big"' if is_big else ""
    return (
        f'<div{big}><dt>{term}</dt><dd>{figure}</dd><dd class="more">{more}</dd></div>'
    )


def tops(figures: Figures) -> str:
    """Who spends most: a list for each dimension."""
    cards = "".join(_top(figures, of) for of in figures.by)
    return f'<div class="pair" id="top">{cards}</div>'


def _top(figures: Figures, of: str) -> str:
    every = dearest(figures, of)
    shown, hidden = every[:MOST_SHOWN], every[MOST_SHOWN:]
    total = figures.amount(figures.total)
    largest = max((figures.amount(spend) for _, spend in shown), default=ZERO)
    rows = [
        _top_row(figures, name(value), spend, largest, f"s{at}" if at < TOP else "sr")
        for at, (value, spend) in enumerate(shown)
    ]
    if hidden:
        rest = Spend()
        for _, spend in hidden:
            merge(rest, spend)
        label = f'<span class="none">{len(hidden):,} others</span>'
        rows.append(_top_row(figures, label, rest, largest, "sr"))
    columns = [
        Column(text(of)),
        Column("spend", is_number=True),
        Column("share", is_number=True),
        Column("calls", is_number=True),
    ]
    foot = [
        "total",
        amounts(figures.total.cost),
        share(total, total),
        f"{figures.total.calls:,}",
    ]
    content = table(f"Spend by {text(of)}", columns, rows, foot)
    return card(None, f"By {text(of)}", "", content)


def _top_row(
    figures: Figures, label: str, spend: Spend, largest: Decimal, color: str
) -> Row:
    amount = figures.amount(spend)
    return [
        label + bar(amount, largest, color),
        amounts(spend.cost),
        share(amount, figures.amount(figures.total) if spend.cost else 0),
        f"{spend.calls:,}",
    ]
