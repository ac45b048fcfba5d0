"""Guard of block limits: those of `attribution(limit_usd=…, limit_calls=…)`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from .._attribution import BlockLimit
from .._model.call_start import CallStart
from .._model.cost import ZERO
from .._model.formatting import counted, money
from .._model.record import CallRecord, PriceStatus
from .._readers import OPERATIONS
from ..errors import BudgetExceededError
from .bounds import Bound, Bounds
from .charges import NEVER_SENT
from .measures import Measure

if TYPE_CHECKING:
    from ..pricing import PriceTable

_NAME = "attribution"


class BlockLimits:
    """Reserves for calls from the limits of the blocks around them."""

    def __init__(
        self, prices: Callable[[], PriceTable], pull: Callable[[], None]
    ) -> None:
        """Bound calls by *prices*; *pull* has calls settled that have ended."""
        self._bounds = Bounds(prices)
        self._pull = pull

    def guard(self, limits: Sequence[BlockLimit]) -> BlockGuard:
        """Return the guard of the calls inside the blocks of *limits*."""
        return BlockGuard(limits, self._bounds, self._pull)


class BlockGuard:
    """Guard of the calls inside some blocks: asks all of them, or refuses."""

    is_independent = True

    def __init__(
        self,
        limits: Sequence[BlockLimit],
        bounds: Bounds,
        pull: Callable[[], None],
    ) -> None:
        """Guard *limits*, outermost first."""
        self._limits = limits
        self._bounds = bounds
        self._pull = pull

    def check(self, start: CallStart) -> _BlockReservation | None:
        """Reserve from every limit; see `Guard.check`.

        Raises:
            BudgetExceededError: If the call does not fit into one of them.
        """
        row = OPERATIONS.get(start.operation)
        if row is not None and row.is_free:
            return None
        if any(_is_first(limit, start) for limit in self._limits):
            self._pull()  # what it may cost is known once one like it is settled
        bound = self._bound_of(start)
        reservation = self._reserve(start, bound)
        if reservation is None:
            self._pull()  # calls that have ended may have left something
            reservation = self._reserve(start, bound)
        if reservation is None:
            raise self._refusal(start, bound)
        return reservation

    def check_at_once(self, start: CallStart) -> tuple[_BlockReservation | None] | None:
        """As `check`, without waiting; None where that would have to wait."""
        row = OPERATIONS.get(start.operation)
        if row is not None and row.is_free:
            return (None,)
        if any(_is_first(limit, start) for limit in self._limits):
            return None
        reservation = self._reserve(start, self._bound_of(start))
        return None if reservation is None else (reservation,)

    def _bound_of(self, start: CallStart) -> Bound:
        if all(limit.limit_usd is None for limit in self._limits):
            return _FREE
        return self._bounds.of(start)

    def _reserve(self, start: CallStart, bound: Bound) -> _BlockReservation | None:
        held: list[tuple[BlockLimit, Decimal]] = []
        for limit in self._limits:
            amount = _asked(limit, start, bound)
            if amount is None or not limit.reserve(amount):
                for other, reserved in held:
                    other.settle(reserved, ZERO, "", was_sent=False)
                return None
            held.append((limit, amount))
        return _BlockReservation(held, start.model.requested)

    def _refusal(self, start: CallStart, bound: Bound) -> BudgetExceededError:
        for limit in self._limits:
            if limit.limit_calls is not None and limit.calls >= limit.limit_calls:
                return _refused_by_calls(limit, limit.limit_calls)
            asked = _asked(limit, start, bound)
            if asked is None:
                return _refused_as_unknown(limit, bound)
            if limit.limit_usd is not None and (
                limit.used_usd + asked > limit.limit_usd
                or limit.used_usd >= limit.limit_usd
            ):
                break
        return _refused_by_cost(limit, asked)


class _BlockReservation:
    """Amounts that are reserved for one call."""

    __slots__ = ("_held", "_model")

    def __init__(self, held: Sequence[tuple[BlockLimit, Decimal]], model: str) -> None:
        self._held = held
        self._model = model

    def settle(self, record: CallRecord) -> None:
        """See `Reservation.settle`."""
        was_sent = record.price_reason_code not in NEVER_SENT
        for limit, amount in self._held:
            spent = _spent(record, amount) if was_sent else ZERO
            limit.settle(amount, spent, self._model, was_sent=was_sent)


_FREE = Bound(usd=ZERO, tokens=0, reason=None)


def _asked(limit: BlockLimit, start: CallStart, bound: Bound) -> Decimal | None:
    """Return what to reserve; None where nothing can be said of the call's cost.

    Few agents state a most of output tokens, and the most that a model may answer would
    refuse their first call. So without one, what the dearest call of the block to this
    model has cost is reserved, if that is less.
    """
    if limit.limit_usd is None:
        return ZERO
    size = start.request_size
    is_stated = size is not None and size.max_tokens is not None
    seen = limit.largest.get(start.model.requested)
    if bound.usd is None:
        return seen
    if is_stated:
        return bound.usd
    return min(bound.usd, ZERO if seen is None else seen)


def _is_first(limit: BlockLimit, start: CallStart) -> bool:
    """Return whether no call of a kind is settled of which some are open."""
    return (
        limit.limit_usd is not None
        and limit.open_calls > 0
        and start.model.requested not in limit.largest
    )


def _spent(record: CallRecord, reserved: Decimal) -> Decimal:
    if record.price_status is PriceStatus.FREE:
        return ZERO
    cost = record.cost
    if cost is None or cost.currency != "USD":
        return reserved
    is_partial = record.price_status is PriceStatus.PARTIAL
    return max(cost.total, reserved) if is_partial else cost.total


def _refused_by_calls(limit: BlockLimit, most: int) -> BudgetExceededError:
    return BudgetExceededError(
        f"the block allows {counted(most, 'call')}, so this one was not sent; raise "
        f"attribution(limit_calls=…), or make fewer calls in it",
        budget=_NAME,
        key=None,
        measure=str(Measure.CALLS),
        limit=Decimal(most),
        spent=Decimal(limit.calls),
        reserved=Decimal(0),
        asked=Decimal(1),
        resets_at=None,
    )


def _refused_by_cost(limit: BlockLimit, asked: Decimal | None) -> BudgetExceededError:
    most = limit.limit_usd or ZERO
    needs = "" if not asked else f", and the call may need {money(asked)}"
    return BudgetExceededError(
        f"the block allows {money(most)}: {money(limit.spent_usd)} spent and "
        f"{money(limit.reserved_usd)} reserved{needs}, so it was not sent; raise "
        f"attribution(limit_usd=…), or state fewer maxTokens",
        budget=_NAME,
        key=None,
        measure=str(Measure.USD),
        limit=most,
        spent=limit.spent_usd,
        reserved=limit.reserved_usd,
        asked=asked,
        resets_at=None,
    )


def _refused_as_unknown(limit: BlockLimit, bound: Bound) -> BudgetExceededError:
    why = f": {bound.reason}" if bound.reason else ""
    return BudgetExceededError(
        f"the block has a limit in USD, and the cost of the call has no upper bound"
        f"{why}; it was not sent. Add a price (setting price_overrides), or limit the "
        f"block by attribution(limit_calls=…)",
        budget=_NAME,
        key=None,
        measure=str(Measure.USD),
        limit=limit.limit_usd or ZERO,
        spent=limit.spent_usd,
        reserved=limit.reserved_usd,
        asked=None,
        resets_at=None,
        reason="unknown",
    )
