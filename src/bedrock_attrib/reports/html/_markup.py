"""HTML made of values: whatever a tag holds is text, never markup."""

from __future__ import annotations

import html
import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

NONE = "(none)"
_LONGEST = 160
# They turn text round, or hide in it, so that one name looks like another.
_TRICKS = frozenset({"Cc", "Cs", "Zl", "Zp", "Co", "Cn"})
_JOINERS = "\u200c\u200d"  # parts of words in Persian and Hindi, and of emoji
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_STEPS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))
_FEWEST_DECIMALS = 2
_MOST_DECIMALS = 12
_BAR_WIDTH = 100


def plain(text: str) -> str:
    """*text* in which every character is seen, and not too long for a page."""
    shown = "".join(_shown(character) for character in text[:_LONGEST])
    if len(text) > _LONGEST:
        shown += f"… ({len(text):,} characters)"
    return shown


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    is_hidden = category in _TRICKS or (category == "Cf" and character not in _JOINERS)
    return f"\\u{{{ord(character):x}}}" if is_hidden else character


def text(value: str) -> str:
    """*value* as the text of an element, or within a quoted attribute."""
    return html.escape(plain(value), quote=True)


def name(value: str | None) -> str:
    """A tag's value, whose direction of writing does not turn what is around it."""
    if value is None:
        return f'<span class="none">{NONE}</span>'
    return f"<bdi>{text(value) or '(empty)'}</bdi>"


def data(value: object) -> str:
    """*value* as JSON that cannot end the script element in which it stands."""
    written = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    for character in "<>&":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return written


def digits(amount: Decimal) -> str:
    """*amount* with all its digits and no zeros behind them."""
    written = f"{amount:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def decimals_of(amounts: Iterable[Decimal]) -> int:
    """Decimal places that show *amounts* unrounded; two at least."""
    places = (len(digits(amount).partition(".")[2]) for amount in amounts)
    return max(_FEWEST_DECIMALS, *places, 0)


def money(amount: Decimal, currency: str, decimals: int | None = None) -> str:
    """*amount* with its currency: ``$1,234.50`` or ``1,234.50 CHF``.

    Without *decimals*, as many as tell small amounts apart.
    """
    places = _places(amount) if decimals is None else decimals
    written = f"{amount:,.{places}f}"
    sign = _SIGNS.get(currency)
    return f"{written} {currency}" if sign is None else f"{sign}{written}"


def _places(amount: Decimal) -> int:
    size = abs(amount)
    if size == 0 or size >= 1:
        return _FEWEST_DECIMALS
    return min(_MOST_DECIMALS, 1 - size.adjusted() + 1)


def amounts(by_currency: dict[str, Decimal], decimals: int | None = None) -> str:
    """Amounts in each currency; a dash where nothing is priced."""
    if not by_currency:
        return '<span class="none">&ndash;</span>'
    return " + ".join(
        html.escape(money(amount, currency, decimals))
        for currency, amount in sorted(by_currency.items())
    )


def share(part: Decimal | int, whole: Decimal | int) -> str:
    """A part in percent; a dash of nothing."""
    if not whole:
        return "&ndash;"
    percent = float(part) / float(whole) * 100
    if percent and percent < 0.05:  # noqa: PLR2004 -- rounds to zero
        return "&lt;0.1 %"
    return f"{percent:.1f} %"


def short(count: int) -> str:
    """*count* in few characters: ``999``, ``1.2k``, ``3.4M``."""
    for size, letter in _STEPS:
        if count >= size:
            value = count / size
            return f"{value:.1f}{letter}" if value < 100 else f"{value:.0f}{letter}"  # noqa: PLR2004
    return f"{count:,}"


def bar(part: Decimal | int, whole: Decimal | int, color: str) -> str:
    """A bar as long as a part of *whole*; its figure stands beside it as text."""
    width = float(part) / float(whole) * _BAR_WIDTH if whole else 0.0
    return (
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" '
        'aria-hidden="true" focusable="false">'
        f'<rect class="{color}" width="{min(max(width, 0), _BAR_WIDTH):.2f}" '
        'height="10"/></svg>'
    )


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        heading: HTML of its heading.
        is_number: Whether it is right-aligned, and sorted as a number.
    """

    heading: str
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table.

    Attributes:
        html: What it shows.
        value: By what it is sorted and added up; None to go by its text.
    """

    html: str
    value: str | None = None


Row = Sequence[Cell | str]


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Iterable[Row],
    total: Row = (),
    *,
    attributes: str = "",
) -> str:
    """A table in a region that scrolls sideways on its own, with a total at its foot.

    Args:
        caption: What it shows, as HTML.
        columns: Its columns; the first heads its rows.
        rows: Its rows.
        total: Its foot; empty for none.
        attributes: More attributes of the table, such as an id.
    """
    heads = "".join(
        f'<th scope="col"{_numeric(column)}>{column.heading}</th>' for column in columns
    )
    body = "".join(_row(columns, row) for row in rows)
    foot = f"<tfoot>{_row(columns, total)}</tfoot>" if total else ""
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{caption}">'
        f"<table{attributes}><caption>{caption}</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody>{foot}</table></div>"
    )


def _row(columns: Sequence[Column], row: Row) -> str:
    cells = []
    for number, (column, cell) in enumerate(zip(columns, row, strict=True)):
        shown = cell if isinstance(cell, Cell) else Cell(cell)
        value = "" if shown.value is None else f' data-v="{text(shown.value)}"'
        tag, scope = ("th", ' scope="row"') if number == 0 else ("td", "")
        cells.append(f"<{tag}{scope}{_numeric(column)}{value}>{shown.html}</{tag}>")
    return f"<tr>{''.join(cells)}</tr>"


def _numeric(column: Column) -> str:
    return ' class="n"' if column.is_number else ""
