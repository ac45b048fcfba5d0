"""Arithmetic with money that never rounds, whatever context the application set."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation

from ..errors import ConfigError
from .money import EXACT

__all__ = ["EXACT", "divide_evenly"]

# A quotient without end would fill the memory at that precision, so division stops
# early, and is refused unless it came out even.
_EVEN = Context(prec=1000, traps=[InvalidOperation, Inexact])


def divide_evenly(price: Decimal, per: int) -> Decimal:
    """Divide *price* by *per*, exactly.

    Raises:
        ConfigError: If the quotient has no end, as for a price per 3 units.
    """
    try:
        return _EVEN.divide(price, Decimal(per))
    except Inexact:
        raise ConfigError(
            f"{price} per {per} units is no exact price for one; state it per 1, "
            f"1000 or 1000000 units"
        ) from None
