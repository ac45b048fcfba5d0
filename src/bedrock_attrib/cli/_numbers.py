"""Numbers as options: in a range, or an exact amount."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from typing import Any

import click

_MOST = Decimal(10) ** 15


class Within(click.FloatRange):
    """Finite numbers in a range."""

    def convert(
        self,
        value: Any,  # noqa: ANN401 - as click has it
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Return the number that *value* states."""
        found = float(super().convert(value, param, ctx))
        if not math.isfinite(found):
            self.fail(f"{value!r} is not a number", param, ctx)
        return found


def amount(
    _ctx: click.Context, _param: click.Parameter, text: str | None
) -> Decimal | None:
    """Return the exact, non-negative amount that an option states."""
    if text is None:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal(-1)
    if not found.is_finite() or not 0 <= found <= _MOST:
        raise click.BadParameter(
            f"{text!r} is not an amount; expected for example 12.50"
        )
    return found
