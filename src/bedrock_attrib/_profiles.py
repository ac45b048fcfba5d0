"""How calls are priced whose ARN names no model: at once if it is known, or later."""

from __future__ import annotations

import os
import weakref
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ._call import Route
from ._faults import Faults
from ._model_id import ModelRef
from ._readers import request_reader
from ._record import CallRecord, Outcome, PriceStatus, Reading
from ._settlement import price_again

if TYPE_CHECKING:
    from ._attribution import Spend
    from .pricing import PriceTable

# A record with its usage takes about a kilobyte.
_MOST_OF_ONE_ARN = 10_000
_MOST = 20_000
# Corrected without a pause, while callers may be waiting for the same lock.
_AT_A_TIME = 50

_LACKING = frozenset({PriceStatus.UNPRICED, PriceStatus.PARTIAL})
_UNDER_WAY = "its application inference profile is being looked up"
_TOO_MANY = "too many calls were waiting for its application inference profile"
_LATE = "priced after its profile was looked up"


class ProfileSource(Protocol):
    """Knows what application inference profiles stand for, or finds out.

    It is asked while calls are settled, which may be on a caller's thread: nothing
    here waits. Whatever it raises is contained.
    """

    def model_of(self, arn: str, region: str) -> ModelRef | None:
        """The model behind *arn*; None if it is not known, and it is then looked up.

        Args:
            arn: ARN of an application inference profile.
            region: Region in which it was called.
        """

    def why_unknown(self, arn: str) -> str:
        """Why no model of *arn* is to be expected; empty while it is looked up."""

    def on_answer(self, callback: Callable[[str, ModelRef | None], None]) -> None:
        """Call *callback* after each look-up with ARN and model, None for none.

        By then `model_of`, or else `why_unknown`, gives the answer.
        """

    def settle_with(self, settle: Callable[[], None]) -> None:
        """Take a function that asks about calls which have ended and are not settled.

        To be called before anybody waits for look-ups.
        """


class Answer(NamedTuple):
    """What a look-up came to.

    Attributes:
        arn: ARN of the profile.
        model: The model behind it; None if it could not be found out.
    """

    arn: str
    model: ModelRef | None


class Waiting(NamedTuple):
    """A call that was recorded before its profile was known.

    Attributes:
        record: The record as it was told.
        reading: What its answer stated.
        spends: Blocks of attribution that counted it.
    """

    record: CallRecord
    reading: Reading
    spends: tuple[Spend, ...]


class TooManyWaitingError(Exception):
    """A call stays without a price, as there is no room to remember it."""


class ProfilePricing:
    """Prices calls by their profile, and remembers those that have to wait for it.

    Used while a recorder settles, so never by two threads at once. A forked child
    forgets what waits: those calls are its parent's.
    """

    def __init__(self, source: ProfileSource, faults: Faults) -> None:
        """Ask *source*; tell *faults* what goes wrong there, and what is lost."""
        self._source = source
        self._faults = faults
        self.forget()
        _EVERY.add(self)

    def forget(self) -> None:
        """Forget every call that waits."""
        self._waiting: dict[str, deque[Waiting]] = {}
        self._count = 0

    def price(
        self, route: Route, reading: Reading, record: CallRecord, prices: PriceTable
    ) -> tuple[CallRecord, bool]:
        """Price *record* if it lacks a price for want of its model.

        Args:
            route: Route of the call; later calls on it know their model from the start.
            reading: What the answer stated.
            record: The record, as priced without the model.
            prices: The price table.

        Returns:
            The record to tell, and whether it has to wait for a look-up.
        """
        obstacle = _obstacle_of(record)
        if not obstacle and not _hides_its_counts(record):
            return record, False
        try:
            model = self._source.model_of(record.model.requested, record.region)
            if model is not None:
                _teach(route, model)
                return price_again(record, reading, model, prices), False
            if not obstacle:
                return record, False
            why = self._why_none(record.model.requested)
        except Exception as fault:  # noqa: BLE001 -- the barrier around a source
            self._faults.note("profiles", fault)
            return record, False
        reason = record.price_reason.replace(obstacle, why or _UNDER_WAY)
        return record._replace(price_reason=reason), not why

    def _why_none(self, arn: str) -> str:
        """Why a call through *arn* need not be remembered; empty if it is to be."""
        why = self._source.why_unknown(arn)
        if why:
            return why
        if self._count < _MOST and len(self._waiting.get(arn, ())) < _MOST_OF_ONE_ARN:
            return ""
        self._faults.note("profiles (too many calls wait)", TooManyWaitingError())
        return _TOO_MANY

    def remember(
        self, record: CallRecord, reading: Reading, spends: tuple[Spend, ...]
    ) -> None:
        """Keep a call, which has been told, until its profile is known."""
        waiting = self._waiting.setdefault(record.model.requested, deque())
        waiting.append(Waiting(record, reading, spends))
        self._count += 1

    def is_waited_for(self, arn: str) -> bool:
        """Whether some calls wait for *arn*."""
        return arn in self._waiting

    def take(self, arn: str) -> list[Waiting]:
        """Hand over some calls that waited for *arn*, oldest first."""
        waiting = self._waiting.get(arn, deque())
        taken = [waiting.popleft() for _ in range(min(_AT_A_TIME, len(waiting)))]
        self._count -= len(taken)
        if not waiting:
            self._waiting.pop(arn, None)
        return taken

    def price_late(
        self, waiting: Waiting, answer: Answer, prices: PriceTable
    ) -> CallRecord:
        """The record of a call that waited, by what is known now."""
        before = waiting.record
        if answer.model is None:
            why = self._source.why_unknown(answer.arn) or _UNDER_WAY
            reason = before.price_reason.replace(_UNDER_WAY, why)
            return before._replace(price_reason=reason)
        after = price_again(before, waiting.reading, answer.model, prices)
        if after.cost is None:
            return after
        reason = f"{_LATE}; {after.price_reason}" if after.price_reason else _LATE
        return after._replace(price_reason=reason)


def _obstacle_of(record: CallRecord) -> str:
    """What the price table says of *record* if it lacks a price for want of a model.

    Empty if it lacks nothing, or something else: a profile may be mapped to a model
    that has no price.
    """
    if record.model.model_id is not None or record.price_status not in _LACKING:
        return ""
    # Prices take long to import, and are there by now.
    from .pricing._question import obstacle_of  # noqa: PLC0415

    obstacle = obstacle_of(record.model)
    return obstacle if obstacle in record.price_reason else ""


def _hides_its_counts(record: CallRecord) -> bool:
    """Whether the request of later calls may have to be read, as for image models."""
    return (
        record.usage is None
        and record.outcome is Outcome.OK
        and record.model.model_id is None
    )


def _teach(route: Route, model: ModelRef) -> None:
    """Let later calls on *route* be read and priced as calls of *model*."""
    if route.operation.request is not None:
        route.read_request = request_reader(model.model_id)
    route.model = model


_EVERY: weakref.WeakSet[ProfilePricing] = weakref.WeakSet()


def _forget_in_child() -> None:
    for pricing in list(_EVERY):
        pricing.forget()


if hasattr(os, "register_at_fork"):  # pragma: no branch -- Windows has no fork
    os.register_at_fork(after_in_child=_forget_in_child)
