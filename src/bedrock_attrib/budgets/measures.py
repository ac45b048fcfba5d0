"""Measures: what a budget limits, in whole numbers of the smallest quantum."""

from __future__ import annotations

from decimal import ROUND_CEILING, Context, Decimal
from enum import StrEnum

# Digits enough for any sum of money that can be spent, at 10^-18 USD.
_CONTEXT = Context(prec=60, rounding=ROUND_CEILING)
_USD_DIGITS = 18


class Measure(StrEnum):
    """What a budget counts."""

    USD = "usd"
    TOKENS = "tokens"
    CALLS = "calls"


def to_quanta(measure: Measure, amount: Decimal | int) -> int:
    """Return *amount* as a whole number of quanta, rounded up.

    The quantum of USD is 10^-18 USD, so that no rate of a price list is rounded;
    tokens and calls are whole numbers already.
    """
    if measure is not Measure.USD:
        return int(amount)
    scaled = _CONTEXT.scaleb(Decimal(amount), _USD_DIGITS)
    return int(scaled.to_integral_value(rounding=ROUND_CEILING, context=_CONTEXT))


def from_quanta(measure: Measure, quanta: int) -> Decimal:
    """Return *quanta* as an amount of *measure*, without trailing zeros."""
    if measure is not Measure.USD:
        return Decimal(quanta)
    amount = _CONTEXT.scaleb(Decimal(quanta), -_USD_DIGITS).normalize(_CONTEXT)
    # 100 instead of 1E+2
    return amount if amount % 1 else amount.quantize(Decimal(1), context=_CONTEXT)
