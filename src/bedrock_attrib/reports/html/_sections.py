"""The parts of the page, each from figures to HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

from ..._money import ZERO, add
from ..._record import Outcome
from ..._usage import (
    CACHE_WRITE_UNITS,
    OUTPUT_TOKEN_UNITS,
    PROMPT_UNITS,
    Unit,
    unit_class,
)
from .._selection import Step
from .._spend import Spend, merge
from ._figures import ChargeKey, Figures
from ._markup import (
    NONE,
    Cell,
    Column,
    Row,
    amounts,
    bar,
    decimals_of,
    digits,
    money,
    name,
    plain,
    share,
    short,
    table,
    text,
)

TOP = 8
"""Values of a dimension that have a colour of their own."""
_MOST_SHOWN = 12
_MILLION = 1_000_000
_REST = "all others"
_TOKENS = (
    ("input", frozenset(PROMPT_UNITS) - CACHE_WRITE_UNITS - {Unit.CACHE_READ_TOKEN}),
    ("read from cache", frozenset({Unit.CACHE_READ_TOKEN})),
    ("written to cache", CACHE_WRITE_UNITS),
    ("output", OUTPUT_TOKEN_UNITS),
)


def tokens_of(spend: Spend, units: Iterable[Unit]) -> int:
    """How many of *units* were used."""
    return sum(spend.usage.get(unit, 0) for unit in units)


def label_of(step: Step, start: datetime) -> str:
    """How a stretch is named in words: the day, the hour, the week or the month."""
    if step is Step.HOUR:
        return f"{start:%Y-%m-%d %H}:00"
    if step is Step.WEEK:
        return f"week from {start:%Y-%m-%d}"
    return f"{start:%Y-%m}" if step is Step.MONTH else f"{start:%Y-%m-%d}"


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


def dearest(figures: Figures, of: str) -> list[tuple[str | None, Spend]]:
    """The values of a dimension with their spend, the dearest first."""
    return sorted(
        figures.of.get(of, {}).items(),
        key=lambda each: (
            figures.amount(each[1]).copy_negate(),
            -each[1].calls,
            each[0] or "",
        ),
    )


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
            series.append({"name": _REST, "values": rest, "rest": 1})
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
            for named, units in _TOKENS
        ],
    }


def _drawn(amount: Decimal) -> float:
    return float(f"{amount:.6g}")


def key_figures(figures: Figures) -> str:
    """What the page comes to, in a few large figures."""
    total = figures.total
    amount = figures.amount(total)
    failed, abandoned = figures.ended(Outcome.ERROR), figures.ended(Outcome.ABANDONED)
    prompt = tokens_of(total, PROMPT_UNITS)
    read = total.usage.get(Unit.CACHE_READ_TOKEN, 0)
    priced = total.calls - total.unpriced
    each = amount / priced if priced else ZERO
    estimated = total.estimated.get(figures.currency, ZERO)
    cards = [
        _key(
            "Spend at list prices",
            amounts(total.cost, 2 if abs(amount) >= 1 else None),
            f"{share(estimated, amount)} of it from estimated counts or prices"
            if estimated
            else "every count stated by AWS",
            is_big=True,
        ),
        _key(
            "Calls",
            f"{total.calls:,}",
            f"{text(money(each, figures.currency))} for each that has a price",
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
            f"{text(_waste(figures, failed, abandoned))}",
        ),
        _key(
            "Calls without a whole price",
            f"{total.unpriced:,}",
            f"{share(total.unpriced, total.calls)} of calls",
        ),
        _without_first_tag(figures),
    ]
    return f'<dl class="key">{"".join(cards)}</dl>'


def _waste(figures: Figures, *spends: Spend) -> str:
    total = ZERO
    for spend in spends:
        total = add(total, figures.amount(spend))
    return money(total, figures.currency)


def _without_first_tag(figures: Figures) -> str:
    if not figures.tags:
        return ""
    tag = figures.tags[0]
    lacking = figures.of[tag].get(None, Spend())
    amount = figures.amount(lacking)
    return _key(
        f"Spend without {text(tag)}",
        text(money(amount, figures.currency)),
        f"{share(amount, figures.amount(figures.total))} of spend, "
        f"{lacking.calls:,} calls",
    )


def _key(term: str, figure: str, more: str, *, is_big: bool = False) -> str:
    big = ' class="big"' if is_big else ""
    return (
        f'<div{big}><dt>{term}</dt><dd>{figure}</dd><dd class="more">{more}</dd></div>'
    )


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
    return _card(
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
        *([Column(_REST, is_number=True)] if has_rest else []),
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


def tops(figures: Figures) -> str:
    """Who spends most: a list for each dimension."""
    cards = "".join(_top(figures, of) for of in figures.by)
    return f'<div class="pair" id="top">{cards}</div>'


def _top(figures: Figures, of: str) -> str:
    every = dearest(figures, of)
    shown, hidden = every[:_MOST_SHOWN], every[_MOST_SHOWN:]
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
    return _card(None, f"By {text(of)}", "", content)


def _top_row(
    figures: Figures, label: str, spend: Spend, largest: Decimal, color: str
) -> Row:
    amount = figures.amount(spend)
    return [
        label + bar(amount, largest, color),
        amounts(spend.cost),
        share(amount, figures.amount(figures.total)),
        f"{spend.calls:,}",
    ]


def tokens(figures: Figures) -> str:
    """Tokens over time, and how much of the prompts came from the cache."""
    rows = [
        [
            label_of(figures.step, stretch.start),
            *(f"{tokens_of(stretch.spend, units):,}" for _, units in _TOKENS),
            _cache_share(stretch.spend),
        ]
        for stretch in figures.stretches
    ]
    columns = [
        Column(figures.step.value),
        *(Column(named, is_number=True) for named, _ in _TOKENS),
        Column("cache share", is_number=True),
    ]
    foot = [
        "total",
        *(f"{tokens_of(figures.total, units):,}" for _, units in _TOKENS),
        _cache_share(figures.total),
    ]
    data = table(f"Tokens by {figures.step.value}", columns, rows, foot)
    of = "model" if "model" in figures.by else figures.by[-1]
    return _card(
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
            *(f"{tokens_of(spend, units):,}" for _, units in _TOKENS),
            _cache_share(spend),
        ]
        for value, spend in every[:_MOST_SHOWN]
    ]
    columns = [
        Column(text(of)),
        *(Column(named, is_number=True) for named, _ in _TOKENS),
        Column("cache share", is_number=True),
    ]
    return table(f"Tokens by {text(of)}", columns, rows)


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
        return _card(
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
        for (outcome, error), spend in ended[:_MOST_SHOWN]
    ]
    together = Spend()
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
    return _card(
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
        return _card(None, title, "", quiet)
    every = sorted(figures.lacking.items(), key=lambda each: (-each[1].calls, each[0]))
    rows: list[Row] = [
        [name(model), text(status), _broken(units), f"{spend.calls:,}"]
        for ((model, status), spend) in every[:_MOST_SHOWN]
        for units in [figures.lacking_units[model, status]]
    ]
    if len(every) > _MOST_SHOWN:
        calls = sum(spend.calls for _, spend in every[_MOST_SHOWN:])
        rows.append([f"{len(every) - _MOST_SHOWN:,} others", "", "", f"{calls:,}"])
    columns = [
        Column("model"),
        Column("status"),
        Column("units without a price"),
        Column("calls", is_number=True),
    ]
    foot = ["total", "", "", f"{figures.total.unpriced:,}"]
    return _card(
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
        return _card(None, title, "", quiet)
    total = figures.amount(figures.total)
    rows: list[Row] = []
    for tag in figures.tags:
        lacking = figures.of[tag].get(None, Spend())
        amount = figures.amount(lacking)
        rows.append(
            [
                f"without {text(tag)}",
                f"{lacking.calls:,}",
                amounts(lacking.cost) if lacking.calls else "&ndash;",
                share(amount, total),
            ]
        )
    columns = [
        Column("calls"),
        Column("number", is_number=True),
        Column("spend", is_number=True),
        Column("of spend", is_number=True),
    ]
    return _card(
        None,
        title,
        "",
        '<p class="soft">Spend of calls that lack a tag: nobody answers for it.</p>'
        + table("Spend without a tag", columns, rows),
    )


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
    return _card(
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
        Cell(_exactly(spend.cost, places), digits(figures.amount(spend))),
    ]


def _exactly(by_currency: dict[str, Decimal], places: int) -> str:
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
            _exactly({key.currency: charge.amount}, places),
        ]
        for key, charge in shown
    ]
    if hidden:
        rest: dict[str, Decimal] = {}
        for key, charge in hidden:
            rest[key.currency] = add(rest.get(key.currency, ZERO), charge.amount)
        rows.append([f"{len(hidden):,} more", "", "", "", _exactly(rest, places)])
    columns = [
        Column("model"),
        Column("unit"),
        Column("count", is_number=True),
        Column("&times; list price", is_number=True),
        Column("= amount", is_number=True),
    ]
    total = _exactly(figures.total.cost, places)
    return _card(
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
    return _card(
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


def _card(
    ident: str | None, title: str, beside: str, content: str, *, is_long: bool = False
) -> str:
    place = "" if ident is None else f' id="{ident}"'
    long = " long" if is_long else ""
    heading = f"<h2>{title}</h2>"
    head = f'<div class="head">{heading}{beside}</div>' if beside else heading
    return f'<section class="card{long}"{place}>{head}{content}</section>'
