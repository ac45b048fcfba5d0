"""What failed, what has no price, and what is nobody's."""

from __future__ import annotations

from collections.abc import Iterable

from ..._model.record import Outcome
from ..._model.usage import (
    Unit,
)
from .._tables.spend_totals import SpendTotals, merge
from ._common import MOST_SHOWN, card
from ._figures import Figures
from ._markup import (
    Column,
    Row,
    amounts,
    name,
    share,
    table,
    text,
)


def failures(figures: Figures) -> str:
    """Calls that failed or were given up, and what they cost all the same."""
    ended = sorted(
        (
            (how, spend)
            for how, spend in figures.outcomes.items()
            if how[0] != Outcome.OK
        ),
        key=lambda each: (-each[1].calls, each[0][0], each[0][1] or ""),
    )
    note = (
        '<p class="soft">A stream that was given up has cost what it had used by '
        "then; most failed calls cost nothing.</p>"
    )
    if not ended:
        return card(
            "failures",
            "Failed and given up",
            "",
            '<p class="note quiet">No call failed and none was given up.</p>',
        )
    rows: list[Row] = [
        [
            text(outcome),
            name(error) if error else "",
            f"{spend.calls:,}",
            share(spend.calls, figures.total.calls),
            amounts(spend.cost),
        ]
        for (outcome, error), spend in ended[:MOST_SHOWN]
    ]
    together = SpendTotals()
    for _, spend in ended:
        merge(together, spend)
    foot = [
        "total",
        "",
        f"{together.calls:,}",
        share(together.calls, figures.total.calls),
        amounts(together.cost),
    ]
    columns = [
        Column("outcome"),
        Column("error"),
        Column("calls", is_number=True),
        Column("of calls", is_number=True),
        Column("spend", is_number=True),
    ]
    return card(
        "failures",
        "Failed and given up",
        "",
        note + table("Calls that failed or were given up", columns, rows, foot),
    )


def gaps(figures: Figures) -> str:
    """What is in no amount, and what is nobody's."""
    cards = _unpriced(figures) + _unattributed(figures)
    return f'<div class="pair" id="gaps">{cards}</div>'


def _unpriced(figures: Figures) -> str:
    title = "Not, or not wholly, priced"
    if not figures.lacking:
        quiet = '<p class="note quiet">Every call has its whole price.</p>'
        return card(None, title, "", quiet)
    every = sorted(figures.lacking.items(), key=lambda each: (-each[1].calls, each[0]))
    rows: list[Row] = [
        [name(model), text(status), _broken(units), f"{spend.calls:,}"]
        for ((model, status), spend) in every[:MOST_SHOWN]
        for units in [figures.lacking_units[model, status]]
    ]
    if len(every) > MOST_SHOWN:
        calls = sum(spend.calls for _, spend in every[MOST_SHOWN:])
        rows.append([f"{len(every) - MOST_SHOWN:,} others", "", "", f"{calls:,}"])
    columns = [
        Column("model"),
        Column("status"),
        Column("units without a price"),
        Column("calls", is_number=True),
    ]
    foot = ["total", "", "", f"{figures.total.unpriced:,}"]
    return card(
        None,
        title,
        "",
        '<p class="soft">These calls, or parts of them, are in none of the amounts. '
        "Price overrides bring their prices.</p>"
        + table("Calls without a whole price", columns, rows, foot),
    )


def _broken(units: Iterable[Unit]) -> str:
    """Names of units, which may go on in another line after an underscore."""
    names = ", ".join(unit.value for unit in units)
    return text(names).replace("_", "_<wbr>") or "usage unknown"


def _unattributed(figures: Figures) -> str:
    title = "Not attributed"
    if not figures.tags:
        quiet = '<p class="note quiet">This page goes by no tag.</p>'
        return card(None, title, "", quiet)
    total = figures.amount(figures.total)
    rows: list[Row] = []
    for tag in figures.tags:
        lacking = figures.of[tag].get(None, SpendTotals())
        whole = total if figures.is_known(lacking) else 0
        rows.append(
            [
                f"without {text(tag)}",
                f"{lacking.calls:,}",
                amounts(lacking.cost) if lacking.calls else "&ndash;",
                share(figures.amount(lacking), whole),
            ]
        )
    columns = [
        Column("calls"),
        Column("number", is_number=True),
        Column("spend", is_number=True),
        Column("of spend", is_number=True),
    ]
    return card(
        None,
        title,
        "",
        '<p class="soft">Spend of calls that lack a tag: nobody answers for it.</p>'
        + table("Spend without a tag", columns, rows),
    )
