"""Text for people: money, counts, shares and durations, each in one format."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from .cost import EXACT

UNPRICED = "unpriced"
"""Text of an amount that is not known, which is not the same as no cost."""

_CENTS = 2
_DIGITS = 3  # significant ones of an amount below one
_MOST_DECIMALS = 12
_PREFIXES = ("", "k", "M", "G", "T")
_MOST_SHOWN = 10**300  # a float has no room for more
_FOUR_DIGITS = 999.5  # rounded
_TWO_DIGITS = 9.95  # rounded to one decimal
_LEAST_SHARE = 0.0005  # that is not rounded to 0.0%
_LEAST_CHANCE = 0.01


def money(amount: Decimal | float | None, currency: str = "USD") -> str:
    """Format *amount* for reading: cents, or three significant digits below one.

    An amount is never rounded to nothing, and ``None`` is not zero.

    >>> [money(Decimal(a)) for a in ("1234.5", "0.42", "0.0004217", "0", "1e-15")]
    ['$1,234.50', '$0.42', '$0.000422', '$0.00', '<$0.000000000001']
    >>> money(Decimal("-12.3"), "EUR"), money(None)
    ('-12.30 EUR', 'unpriced')
    """
    if amount is None:
        return UNPRICED
    value = amount if isinstance(amount, Decimal) else Decimal(str(amount))
    size = value.copy_abs()
    decimals = _CENTS
    if 0 < size < 1:
        decimals = min(_DIGITS - 1 - size.adjusted(), _MOST_DECIMALS)
    rounded = EXACT.quantize(size, Decimal(1).scaleb(-decimals))
    if value and not rounded:
        least = exact_money(Decimal(1).scaleb(-_MOST_DECIMALS), currency)
        return f"{'<' if value > 0 else '>-'}{least}"
    return exact_money(rounded.copy_sign(value), currency)


def exact_money(amount: Decimal, currency: str = "USD", decimals: int = _CENTS) -> str:
    """Format *amount* with every digit that it has.

    Args:
        amount: The amount.
        currency: ISO 4217 code.
        decimals: Decimal places to fill up to, so that a column is aligned.
    """
    places = decimals_of([amount], decimals)
    sign = "-" if amount < 0 else ""
    text = f"{amount.copy_abs():,.{places}f}"  # `abs` would round
    return f"{sign}${text}" if currency == "USD" else f"{sign}{text} {currency}"


def decimals_of(amounts: Iterable[Decimal], least: int = _CENTS) -> int:
    """Return the decimal places that show all of *amounts* unrounded."""
    places = (len(digits(amount).partition(".")[2]) for amount in amounts)
    return max(least, *places, 0)


def digits(amount: Decimal) -> str:
    """Format *amount* with every digit and no trailing zeros: ``0.0033``, ``15``."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def list_price(price: Decimal, per: int, currency: str = "USD") -> str:
    """Format a price and how many units it buys: ``$3.30 per 1,000,000``."""
    return f"{exact_money(price, currency)} per {per:,}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """Format a number of things: ``1 call``, ``2 calls``."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def short_count(count: int) -> str:
    """Format *count* in at most four characters: ``999``, ``1.2k``, ``12k``, ``3.4M``.

    Above 999T there are more.
    """
    value, step = float(min(count, _MOST_SHOWN)), 0
    while value >= _FOUR_DIGITS and step < len(_PREFIXES) - 1:
        value, step = value / 1000, step + 1
    decimals = 1 if step and value < _TWO_DIGITS else 0
    return f"{value:.{decimals}f}{_PREFIXES[step]}"


def share(ratio: Decimal | float | None) -> str:
    """Format *ratio*, a part of one, in percent; empty where it is not known.

    >>> share(0.421), share(0.0001), share(0), share(None)
    ('42.1%', '<0.1%', '0.0%', '')
    """
    if ratio is None:
        return ""
    return "<0.1%" if 0 < ratio < _LEAST_SHARE else f"{ratio:.1%}"


def signed_share(ratio: Decimal | float | None) -> str:
    """Format *ratio*, a change as a part of one, in percent with its sign."""
    return f"{ratio:+.1%}" if ratio else share(ratio)


def chance(ratio: float) -> str:
    """Format a probability; one that is nearly certain is not called certain."""
    if 0 < ratio < _LEAST_CHANCE:
        return f"less than {_LEAST_CHANCE:.0%}"
    if 1 - _LEAST_CHANCE < ratio < 1:
        return f"more than {1 - _LEAST_CHANCE:.0%}"
    return f"{ratio:.0%}"


def level(ratio: float) -> str:
    """Format a confidence level with the digits that it has: ``99.9%``, ``80%``."""
    return f"{100 * ratio:.6g}%"


def duration(seconds: float) -> str:
    """Format a duration in the largest unit that divides it: ``24 h``, ``90 s``."""
    for width, unit in ((3_600, "h"), (60, "min")):
        if seconds >= width and not seconds % width:
            return f"{seconds / width:g} {unit}"
    return f"{seconds:g} s"
