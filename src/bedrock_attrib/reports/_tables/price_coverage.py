"""Price coverage: known amounts, and remarks on calls without a full price."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from ..._model.cost import ZERO, add
from ..._model.record import PriceStatus

NOT_FULLY_PRICED = frozenset({PriceStatus.UNPRICED, PriceStatus.PARTIAL})


def known(status: PriceStatus, cost: Decimal | None) -> Decimal | None:
    """Return the known cost of calls with a price status; None if unknown."""
    if cost is None and status not in NOT_FULLY_PRICED:
        return ZERO  # free, such as failed calls
    return cost


def add_known(total: Decimal | None, more: Decimal | None) -> Decimal | None:
    """Return the sum of the known amounts; None if both are unknown."""
    if total is None or more is None:
        return more if total is None else total
    return add(total, more)


@dataclass(slots=True)
class PriceCoverage:
    """Numbers of calls by how far they are priced.

    Attributes:
        calls: All calls.
        unpriced: Calls without a price.
        partial: Calls of which a part has no price.
        estimated: Calls with estimated counts or prices.
    """

    calls: int = 0
    unpriced: int = 0
    partial: int = 0
    estimated: int = 0

    def note(self, status: PriceStatus, calls: int) -> None:
        """Count *calls* with a price status."""
        self.calls += calls
        if status is PriceStatus.UNPRICED:
            self.unpriced += calls
        elif status is PriceStatus.PARTIAL:
            self.partial += calls
        elif status is PriceStatus.ESTIMATED:
            self.estimated += calls

    def remarks(self, *, with_parts: bool = True) -> Iterator[str]:
        """Yield the limits of the amounts, in sentences.

        Args:
            with_parts: Whether the amounts include the priced parts of partial calls.
        """
        if self.unpriced:
            yield (
                f"{_counted(self.unpriced, self.calls, 'no price')}: excluded from "
                f"these amounts. Reasons: bedrock-attrib report unpriced"
            )
        if self.partial:
            what = "only that part is in" if with_parts else "excluded from"
            yield (
                f"{_counted(self.partial, self.calls, 'a price for a part')}: {what} "
                f"these amounts. Reasons: bedrock-attrib report unpriced"
            )
        if self.estimated:
            yield (
                f"{_counted(self.estimated, self.calls, 'an estimated price')}, as "
                f"their counts or prices are not certain"
            )


def _counted(count: int, of: int, what: str) -> str:
    verb = "has" if count == 1 else "have"
    return f"{count:,} of {of:,} {'call' if of == 1 else 'calls'} {verb} {what}"
