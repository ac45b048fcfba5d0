"""Spend series: amounts by period of the calendar."""

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
from .._tables.price_coverage import PriceCoverage
from .single_calls import only_currency

Keys = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """Spend by period.

    Attributes:
        step: Length of the periods.
        edges: Bounds of the periods, in the zone of the report.
        amounts: Exact amounts of all periods, by series.
        currency: Currency of all amounts.
        coverage: Calls that are not exactly priced, in all periods.
    """

    step: Step
    edges: list[datetime]
    amounts: dict[Keys, list[Decimal]] = field(default_factory=dict)
    currency: str = "USD"
    coverage: PriceCoverage = field(default_factory=PriceCoverage)

    def is_whole(self, index: int) -> bool:
        """Return whether a period is complete, rather than cut off."""
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
    """Read the spend of a span, by period.

    Raises:
        ConfigError: If amounts are in several currencies.
    """
    reads = [dimension_named(name).read for name in by]
    found = Series(step, edges(step, *span))
    count = max(0, len(found.edges) - 1)
    currencies: set[str | None] = set()
    for index, (_, parts) in enumerate(reader.steps(found.edges)):
        for part in parts:
            if not selection.matches(part.tags, part.dimensions):
                continue
            found.coverage.note(part.dimensions.price_status, part.calls)
            if part.cost is None:
                continue
            keys = tuple(read(part.tags, part.dimensions) for read in reads)
            amounts = found.amounts.get(keys)
            if amounts is None:
                amounts = found.amounts[keys] = [ZERO] * count
            amounts[index] = add(amounts[index], part.cost)
            currencies.add(part.dimensions.currency)
    return replace(found, currency=only_currency(currencies))
