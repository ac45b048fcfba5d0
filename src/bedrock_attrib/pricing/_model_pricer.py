"""Prices of one model in one region, whose calls are mostly alike."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

from .._model.cost import Cost, Rates
from .._model.model_id import ModelRef
from .._model.record import PriceStatus, Quote
from .._model.usage import Unit, Usage
from ._rate_sheet import settle
from ._rate_sheets import CardBox

# Looking a member up on its enum costs more than the rest of a line.
_PRICED = PriceStatus.PRICED
_MAX_SHAPES = 256
_NO_LIMIT = 1 << 100

_Shape = tuple[str | None, ...]
"""Tier, latency mode, cache-write unit of unstated lifetime, then units of a usage."""


class Known(NamedTuple):
    """How usages of one shape are priced, as most calls are.

    Attributes:
        starts: First moment for which it holds.
        ends: Last moment for which it holds.
        most: Units in all for which it holds; above, a prompt may be a long one.
        rates: The rates.
    """

    starts: datetime
    ends: datetime
    most: int
    rates: Rates


class AnyTill(Protocol):
    """What prices calls of one model in one region."""

    model: ModelRef

    def quote(
        self,
        usage: Usage,
        tier: str,
        latency_mode: str,
        at: datetime,
        assumed: Unit | None = None,
    ) -> Quote:
        """Price one call; never raises."""

    def known(
        self, usage: Usage, tier: str, latency_mode: str, assumed: Unit | None = None
    ) -> Known | None:
        """How calls like this one are surely priced; None if each has to be asked."""


class Till:
    """Prices calls of one model in one region.

    Safe to use from many threads: what it knows of a shape is put there as a whole.

    Attributes:
        model: The model.
    """

    __slots__ = ("_box", "_currency", "_known", "_region", "model")

    def __init__(
        self, box: CardBox, model: ModelRef, region: str, currency: str
    ) -> None:
        """Price calls of *model* made from *region* by the cards in *box*."""
        self._box = box
        self.model = model
        self._region = region
        self._currency = currency
        self._known: dict[_Shape, Known] = {}

    def known(
        self, usage: Usage, tier: str, latency_mode: str, assumed: Unit | None = None
    ) -> Known | None:
        """How calls like one that was priced are priced; None if that is not sure."""
        return self._known.get((tier, latency_mode, assumed, *usage))

    def quote(
        self,
        usage: Usage,
        tier: str,
        latency_mode: str,
        at: datetime,
        assumed: Unit | None = None,
    ) -> Quote:
        """Price one call, as `PriceTable.quote` says; *at* is an aware time."""
        counts = usage._counts  # noqa: SLF001 - Mapping.values() would cost 1 µs more
        shape = (tier, latency_mode, assumed, *counts)
        known = self._known.get(shape)
        if known is not None:
            starts, ends, most, rates = known
            if 0 < sum(counts.values()) <= most and starts <= at <= ends:
                cost = Cost.at(rates, usage, self._currency)
                return tuple.__new__(Quote, (cost, _PRICED, "", None))  # half the time
        key = (self.model, self._region, tier, latency_mode)
        card = self._box.card_at(key, self.model, at)
        plans = card.plans_for(counts)
        plan = plans.plan((assumed, *counts))
        if plan.is_sure and plans is card.plans:
            if len(self._known) >= _MAX_SHAPES:
                self._known.clear()
            most = card.long_plans[-1][0] if card.long_plans else _NO_LIMIT
            self._known[shape] = Known(card.starts, card.ends, most, plan.rates)
        return settle(plan, usage, self._currency)
