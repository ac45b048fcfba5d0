"""Spend over time: amounts by stretch of the calendar, for each series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from ..._model.cost import ZERO, add
from ...ledger import Reader
from .._calendar import Step, edges
from .._dimensions import dimension_named
from .._selection import Selection
from .._tables.price_coverage import Doubts
from .calls import only_currency

Keys = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """Spend by stretch.

    Attributes:
        step: Length of the stretches.
        edges: Where they begin and end, in the zone of the report.
        amounts: Exact amounts by series, as many as there are stretches.
        currency: Currency of all amounts.
        doubts: Calls without a plain price, in all stretches.
    """

    step: Step
    edges: list[datetime]
    amounts: dict[Keys, list[Decimal]] = field(default_factory=dict)
    currency: str = "USD"
    doubts: Doubts = field(default_factory=Doubts)

    def is_whole(self, index: int) -> bool:
        """Whether a stretch has all its hours, rather than being cut off."""
        start, end = self.edges[index], self.edges[index + 1]
        before = start - timedelta(microseconds=1)
        begins = edges(self.step, before, end)[1] == start
        return begins and edges(self.step, start, end + timedelta(1))[1] == end


def read_series(
    reader: Reader,
    by: Sequence[str],
    selection: Selection,
    step: Step,
    span: tuple[datetime, datetime],
) -> Series:
    """Read the spend of a span, in stretches.

    Raises:
        ConfigError: If amounts are in several currencies.
    """
    reads = [dimension_named(name).read for name in by]
    found = Series(step, edges(step, *span))
    count = max(0, len(found.edges) - 1)
    currencies: set[str | None] = set()
    for index, (_, parts) in enumerate(reader.steps(found.edges)):
        for part in parts:
            if not selection.lets_pass(part.tags, part.kind):
                continue
            found.doubts.note(part.kind.price_status, part.calls)
            if part.cost is None:
                continue
            keys = tuple(read(part.tags, part.kind) for read in reads)
            amounts = found.amounts.get(keys)
            if amounts is None:
                amounts = found.amounts[keys] = [ZERO] * count
            amounts[index] = add(amounts[index], part.cost)
            currencies.add(part.kind.currency)
    return replace(found, currency=only_currency(currencies))
