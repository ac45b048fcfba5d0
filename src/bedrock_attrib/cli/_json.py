"""JSON of commands: amounts are exact, so they are text."""

from __future__ import annotations

from decimal import Decimal

JsonObject = dict[str, object]


def amount_json(amount: Decimal) -> str:
    """Write *amount* with all its digits."""
    return f"{amount:f}"
