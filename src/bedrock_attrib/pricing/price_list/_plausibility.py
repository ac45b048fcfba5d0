"""Plausibility of imported prices, checked against known prices of the model."""

from __future__ import annotations

from decimal import Decimal

from ..._model.cost import EXACT
from .._rows import PriceRow
from .._table import PriceTable
from ._mapping import MappedLine
from ._sku import Reason, UnmappedError

# Prices of one model and unit differ by a factor of 12 at most, between batch and
# ultrafast, and have fallen to a fifth at once; a wrong unit makes it a thousand.
_FAR = Decimal(30)


class KnownPrices:
    """Lowest and highest known price, by model and unit."""

    def __init__(self, table: PriceTable) -> None:
        """Check against the rows of *table*."""
        self._table = table
        self._spans: dict[tuple[str, str], tuple[Decimal, Decimal] | None] = {}

    def check(self, mapped: MappedLine) -> None:
        """Check that a price is plausible.

        Raises:
            UnmappedError: If it is more than thirty times, or less than a thirtieth
                of every known price, or zero where none is; or if no known price
                confirms what the line itself does not state.
        """
        row = mapped.row
        span = self._span(row)
        if span is None:
            if not mapped.is_stated:
                detail = f"{mapped.sku.unit:.40} of {row.model_id}, {row.unit}"
                raise UnmappedError(Reason.UNIT, detail)
            return
        lowest, highest = span
        is_low = EXACT.multiply(row.amount, _FAR) < lowest
        if is_low or EXACT.multiply(highest, _FAR) < row.amount:
            detail = f"{row.model_id} {row.unit}: {row.price} per {row.per}"
            raise UnmappedError(Reason.IMPLAUSIBLE, detail)

    def _span(self, row: PriceRow) -> tuple[Decimal, Decimal] | None:
        key = (row.model_id, str(row.unit))
        if key not in self._spans:
            rows = self._table.rows(model=row.model_id, unit=row.unit)
            amounts = [each.amount for each in rows]
            self._spans[key] = (min(amounts), max(amounts)) if amounts else None
        return self._spans[key]
