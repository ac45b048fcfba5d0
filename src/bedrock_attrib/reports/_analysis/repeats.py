"""What is told of requests that were made again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from ..._model.cost import ZERO
from ..._model.record import CallRecord
from .._tables.price_coverage import add_known, known

Keys = tuple[str | None, ...]

_TAKEN_FOR_GRANTED = (
    (
        "It is the most that could be saved: an answer that is kept would have done "
        "for whoever asked the same again, though models answer otherwise each time at "
        "a temperature above 0."
    ),
    (
        "An answer is kept from when it was asked for: whoever asked again before it "
        "came would have waited for it."
    ),
)


@dataclass(slots=True)
class Repeats:
    """Calls that asked what had been answered already.

    Attributes:
        calls: How many.
        cost: Exact amount that they cost, as far as it is known; None if not at all.
        unpriced: Those of them that have no price; their cost is in no figure.
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
class IdenticalRow:
    """Requests by tags and model.

    Attributes:
        keys: Value of each dimension, the model last; None for calls that have none.
        calls: Calls whose requests were hashed.
        requests: How many different requests these made.
        unhashed: Calls without a hash: whether they repeat anything is not known.
        repeats: Calls whose request had been answered before, here or elsewhere.
    """

    keys: Keys
    calls: int = 0
    requests: int = 0
    unhashed: int = 0
    repeats: Repeats = field(default_factory=Repeats)


@dataclass(frozen=True, slots=True)
class RepeatedRequest:
    """One request that was made again.

    Attributes:
        request_hash: Hash of the request, as its records have it.
        calls: How often it was made.
        first_at: When it was made first, UTC.
        last_at: When it was made last, UTC.
        repeats: Calls for which the answer was there.
        made_by: Values of the dimensions of those who made it, the model last.
    """

    request_hash: str
    calls: int
    first_at: datetime
    last_at: datetime
    repeats: Repeats
    made_by: tuple[Keys, ...]


@dataclass(frozen=True, slots=True)
class CacheLifetime:
    """What it would have saved to keep each answer for some time.

    Attributes:
        within_s: Seconds for which an answer is kept; None for good.
        repeats: Calls for which it would have been there.
    """

    within_s: float | None
    repeats: Repeats


@dataclass(frozen=True, slots=True)
class IdenticalRequests:
    """Requests that were made more than once, by their hashes.

    Attributes:
        by: Names of the dimensions, the model last.
        since: First moment; None where nothing was kept.
        until: The moment after the last; None where nothing was kept.
        currency: Currency of all amounts.
        within_s: Seconds for which an answer is kept in ``total``, ``rows`` and
            ``top``; None for good.
        total: All calls; its keys are empty.
        rows: The most saved first.
        top: The requests whose repeats cost most.
        lifetimes: What it would have saved to keep answers for 5 minutes, an hour, a
            day, and for good.
        assumptions: What is taken for granted, in sentences.
        remarks: What to know before believing the figures, in sentences.
    """

    by: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    currency: str
    within_s: float | None
    total: IdenticalRow
    rows: tuple[IdenticalRow, ...]
    top: tuple[RepeatedRequest, ...]
    lifetimes: tuple[CacheLifetime, ...]
    assumptions: tuple[str, ...] = _TAKEN_FOR_GRANTED
    remarks: tuple[str, ...] = ()
