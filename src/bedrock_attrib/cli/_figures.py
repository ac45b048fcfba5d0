"""How amounts, counts and names are written for people."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from .._record import PriceStatus, Rate

# Release date and first version of a model id, as AWS writes them.
_RELEASE = re.compile(r"(-\d{8})?(-v1)?(:0)?$|-1:0$")
_THOUSAND = 1000
_STEPS = ("", "k", "M", "G")

MARKS = {
    PriceStatus.ESTIMATED: "~",
    PriceStatus.PARTIAL: "+",
    PriceStatus.UNPRICED: "?",
}
"""What stands behind an amount that not all calls were plainly priced for."""
LEGEND = "~ partly estimated   + lacks a part   ? has calls without a price"


def decimals_of(amounts: Iterable[Decimal]) -> int:
    """Decimal places that show all of *amounts* unrounded; two at least."""
    places = [2]
    for amount in amounts:
        _, digits, exponent = amount.as_tuple()
        if not isinstance(exponent, int):
            continue
        zeros = len(digits) - len("".join(map(str, digits)).rstrip("0"))
        places.append(-exponent - zeros)
    return max(places)


def dollars(amount: Decimal, decimals: int) -> str:
    """*amount* with so many decimals: ``$1,234.50``."""
    return f"${amount:,.{decimals}f}"


def list_price(rate: Rate) -> str:
    """The price of *rate* and how many units it buys: ``$3.30 per 1,000,000``."""
    return f"{dollars(rate.price, decimals_of([rate.price]))} per {rate.per:,}"


def short_count(count: int) -> str:
    """*count* in at most four characters: ``999``, ``1.2k``, ``12k``, ``3.4M``."""
    value = float(count)
    for step in _STEPS:
        is_short = f"{value:.0f}"
        if len(is_short) <= len("999"):
            return f"{value:.1f}{step}" if step and value < 9.95 else is_short + step  # noqa: PLR2004
        value /= _THOUSAND
    return f"{count:.0e}"


def short_model(model: str) -> str:
    """A model id without vendor and release, or the last part of an ARN."""
    if model.startswith("arn:"):
        return f"…/{model.rpartition('/')[2]}"
    return _RELEASE.sub("", model.partition(".")[2] or model)


def marks(statuses: Iterable[PriceStatus]) -> str:
    """The marks of *statuses*, in a fixed order."""
    present = set(statuses)
    return "".join(mark for status, mark in MARKS.items() if status in present)
