"""How amounts, counts and names are written for people."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from .._model.cost import Rate
from .._model.record import PriceStatus

# Release date and first version of a model id, as AWS writes them.
_RELEASE = re.compile(r"(-\d{8})?(-v1)?(:0)?$|-1:0$")
_STEPS = ("", "k", "M", "G")
_FOUR_DIGITS = 999.5  # rounded
_TWO_DIGITS = 9.95  # rounded to one decimal

MARKS = {
    PriceStatus.ESTIMATED: "~",
    PriceStatus.PARTIAL: "+",
    PriceStatus.UNPRICED: "?",
}
"""What stands behind an amount that not all calls were plainly priced for."""
LEGEND = "~ partly estimated   + lacks a part   ? has calls without a price"


def decimals_of(amounts: Iterable[Decimal]) -> int:
    """Decimal places that show all of *amounts* unrounded; two at least."""
    fractions = (f"{amount:f}".partition(".")[2].rstrip("0") for amount in amounts)
    return max(2, *map(len, fractions), 0)


def dollars(amount: Decimal, decimals: int) -> str:
    """*amount* with so many decimals: ``$1,234.50``."""
    return f"${amount:,.{decimals}f}"


def list_price(rate: Rate) -> str:
    """The price of *rate* and how many units it buys: ``$3.30 per 1,000,000``."""
    return f"{dollars(rate.price, decimals_of([rate.price]))} per {rate.per:,}"


def short_count(count: int) -> str:
    """*count* in at most four characters: ``999``, ``1.2k``, ``12k``, ``3.4M``."""
    value, step = float(count), 0
    while value >= _FOUR_DIGITS and step < len(_STEPS) - 1:
        value, step = value / 1000, step + 1
    decimals = 1 if step and value < _TWO_DIGITS else 0
    return f"{value:.{decimals}f}{_STEPS[step]}"


def short_model(model: str) -> str:
    """A model id without vendor and release, or the last part of an ARN."""
    if model.startswith("arn:"):
        return f"…/{model.rpartition('/')[2]}"
    return _RELEASE.sub("", model.partition(".")[2] or model)


def marks(statuses: Iterable[PriceStatus]) -> str:
    """The marks of *statuses*, in a fixed order."""
    present = set(statuses)
    return "".join(mark for status, mark in MARKS.items() if status in present)
