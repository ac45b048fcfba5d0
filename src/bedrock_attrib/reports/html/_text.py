"""Text of a page: visible characters, names, amounts and shares."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from decimal import Decimal

from ..._model.formatting import exact_money, share
from .._calendar import Step

NONE = "(none)"
EMPTY = "(empty)"
DASH = "\u2013"
_LONGEST = 160
_CENTS = 2
# Characters that reverse text or are invisible, so that one name looks like another.
_INVISIBLE = frozenset({"Cc", "Cs", "Zl", "Zp", "Co", "Cn"})
_JOINERS = "\u200c\u200d"  # parts of words in Persian and Hindi, and of emoji


def visible(text: str) -> str:
    r"""Return *text* with invisible characters written out, as in ``\u{202e}``."""
    return "".join(map(_visible_character, text))


def _visible_character(character: str) -> str:
    category = unicodedata.category(character)
    is_invisible = category in _INVISIBLE or (
        category == "Cf" and character not in _JOINERS
    )
    return f"\\u{{{ord(character):x}}}" if is_invisible else character


def shorten(text: str) -> str:
    """Return *text*, cut where it is too long for a page."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}… ({len(text):,} characters)"


def value_name(value: str | None) -> str:
    """Return the name of a dimension's value in plain text, for a chart."""
    return NONE if value is None else visible(shorten(value)) or EMPTY


def share_of(part: Decimal | float, whole: Decimal | float) -> str:
    """Format a part in percent; a dash where the whole is zero."""
    return share(float(part) / float(whole)) if whole else DASH


def exact_parts(amount: Decimal, currency: str, decimals: int) -> tuple[str, str, str]:
    """Format *amount* exactly: up to the cents, the digits after them, the currency."""
    whole, _, rest = exact_money(amount, currency, decimals).partition(".")
    places, space, code = rest.partition(" ")
    return f"{whole}.{places[:_CENTS]}", places[_CENTS:], f"{space}{code}"


def period_label(step: Step, start: datetime) -> str:
    """Return the name of a period: its hour, day, week or month."""
    if step is Step.HOUR:
        return f"{start:%Y-%m-%d %H}:00"
    if step is Step.WEEK:
        return f"week from {start:%Y-%m-%d}"
    return f"{start:%Y-%m}" if step is Step.MONTH else f"{start:%Y-%m-%d}"


def axis_label(step: Step, start: datetime) -> str:
    """Return the name of a period on the axis of a chart."""
    if step is Step.HOUR and start.hour:
        return f"{start:%H}:00"
    if step is Step.MONTH:
        return f"{start:%b} {start.year}"
    return f"{start.day} {start:%b}"
