"""Values of the report on identical requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from ..._model.cost import ZERO
from ..._model.record import CallRecord
from .._tables.price_coverage import add_known, known

Keys = tuple[str | None, ...]

_ASSUMPTIONS = (
    (
        "This is an upper bound: it assumes that a cached answer serves every "
        "identical request, although models answer differently each time "
        "at a temperature above 0."
    ),
    (
        "An answer is cached from the start of its request: an identical request made "
        "meanwhile would have waited for it."
    ),
)


@dataclass(slots=True)
class RepeatedCalls:
    """Calls whose request had already been answered.

    Attributes:
        calls: How many there are.
        cost: Their exact cost, as far as known; None if unknown.
        unpriced: Those without a price, excluded from the cost.
    """

    calls: int = 0
    cost: Decimal | None = ZERO
    unpriced: int = 0

    def add(self, record: CallRecord) -> None:
        """Add a call."""
        amount = None if record.cost is None else record.cost.total
        cost = known(record.price_status, amount)
        self.cost = add_known(self.cost if self.calls else None, cost)
        self.calls += 1
        self.unpriced += cost is None


@dataclass(slots=True)
class IdenticalRequestsRow:
    """Requests of the same tags and model.

    Attributes:
        keys: Value of each dimension, the model last; None for calls without one.
        calls: Calls whose requests were hashed.
        requests: Number of different requests of these calls.
        unhashed: Calls without a hash, whose repetition is unknown.
        repeats: Calls whose request had been answered before, here or elsewhere.
    """

    keys: Keys
    calls: int = 0
    requests: int = 0
    unhashed: int = 0
    repeats: RepeatedCalls = field(default_factory=RepeatedCalls)


@dataclass(frozen=True, slots=True)
class RepeatedRequest:
    """Request that was repeated.

    Attributes:
        request_hash: Hash of the request in its records.
        calls: How often it was sent.
        first_at: First time, UTC.
        last_at: Last time, UTC.
        repeats: Calls that a cached answer would have served.
        made_by: Values of the dimensions of its calls, the model last.
    """

    request_hash: str
    calls: int
    first_at: datetime
    last_at: datetime
    repeats: RepeatedCalls
    made_by: tuple[Keys, ...]


@dataclass(frozen=True, slots=True)
class CacheLifetime:
    """Savings of a cache that keeps each answer for some time.

    Attributes:
        within_s: Lifetime of a cached answer in seconds; None without a limit.
        repeats: Calls that a cached answer would have served.
    """

    within_s: float | None
    repeats: RepeatedCalls


@dataclass(frozen=True, slots=True)
class IdenticalRequests:
    """Requests that were sent more than once, by their hashes.

    Attributes:
        by: Names of the dimensions, the model last.
        since: First moment; None for an empty ledger.
        until: The moment after the last; None for an empty ledger.
        currency: Currency of all amounts.
        within_s: Lifetime of a cached answer in ``total``, ``rows`` and ``top``, in
            seconds; None without a limit.
        total: All calls; its keys are empty.
        rows: The largest saving first.
        top: Requests with the most expensive repeats.
        lifetimes: Savings of lifetimes of 5 minutes, an hour, a day, and no limit.
        assumptions: Assumptions of the figures, in sentences.
        remarks: Limits of the figures, in sentences.
    """

    by: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    currency: str
    within_s: float | None
    total: IdenticalRequestsRow
    rows: tuple[IdenticalRequestsRow, ...]
    top: tuple[RepeatedRequest, ...]
    lifetimes: tuple[CacheLifetime, ...]
    assumptions: tuple[str, ...] = _ASSUMPTIONS
    remarks: tuple[str, ...] = ()
