"""Amounts as far as they are known, and what must be said of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from ..._model.cost import ZERO, add
from ..._model.record import PriceStatus

NOT_WHOLLY_PRICED = frozenset({PriceStatus.UNPRICED, PriceStatus.PARTIAL})


def known(status: PriceStatus, cost: Decimal | None) -> Decimal | None:
    """What calls of a price status cost, as far as it is known; None if not at all."""
    if cost is None and status not in NOT_WHOLLY_PRICED:
        return ZERO  # free, as failed calls are
    return cost


def add_known(total: Decimal | None, more: Decimal | None) -> Decimal | None:
    """The sum of two amounts; what is not known adds nothing, and None is no zero."""
    if total is None or more is None:
        return more if total is None else total
    return add(total, more)


@dataclass(slots=True)
class Doubts:
    """How many calls have no plain price.

    Attributes:
        calls: All calls.
        unpriced: Those without a price.
        partial: Those of which a part has none.
        estimated: Those whose counts or prices are estimated.
    """

    calls: int = 0
    unpriced: int = 0
    partial: int = 0
    estimated: int = 0

    def note(self, status: PriceStatus, calls: int) -> None:
        """Count *calls* of a price status."""
        self.calls += calls
        if status is PriceStatus.UNPRICED:
            self.unpriced += calls
        elif status is PriceStatus.PARTIAL:
            self.partial += calls
        elif status is PriceStatus.ESTIMATED:
            self.estimated += calls

    def remarks(self, *, with_parts: bool = True) -> Iterator[str]:
        """What a reader of the amounts must know, in sentences.

        Args:
            with_parts: Whether the amounts hold what is priced of partial calls.
        """
        if self.unpriced:
            yield (
                f"{_counted(self.unpriced, self.calls, 'no price')}: what they cost is "
                f"in none of these amounts. Why, and what to do: bedrock-attrib "
                f"report unpriced"
            )
        if self.partial:
            where = "that part alone is" if with_parts else "none of it is"
            yield (
                f"{_counted(self.partial, self.calls, 'a price for a part alone')}: "
                f"{where} in these amounts. Why: bedrock-attrib report unpriced"
            )
        if self.estimated:
            yield (
                f"{_counted(self.estimated, self.calls, 'an estimated price')}, as "
                f"counts or prices of theirs are not certain"
            )


def _counted(count: int, of: int, what: str) -> str:
    verb = "has" if count == 1 else "have"
    return f"{count:,} of {of:,} {'call' if of == 1 else 'calls'} {verb} {what}"
