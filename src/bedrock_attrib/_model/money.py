"""How amounts are added and multiplied: exactly, whatever the application has set."""

from __future__ import annotations

from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal

EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
"""Exact for sums and products, which keep only their own digits. The application's
own decimal context never matters to an amount."""

ZERO = Decimal(0)
add = EXACT.add
multiply = EXACT.multiply
