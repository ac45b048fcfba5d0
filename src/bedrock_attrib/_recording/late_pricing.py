"""Late pricing: calls whose ARN names no model until it was looked up."""

from __future__ import annotations

import math
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .._model.model_id import ModelRef
from .._model.record import CallRecord, Outcome, PriceReason, Quote, UsageReading
from .._model.usage import Unit, Usage
from .._readers import request_reader
from .._runtime.contained_errors import ContainedErrors
from .._runtime.fork import ResetOrder, after_fork
from .._sinks.protocols import CorrectingSink, Sink
from .call_target import CallTarget
from .price_state import price_state
from .record_builder import price_again

if TYPE_CHECKING:
    from .._attribution.spend import SpendSums
    from ..pricing import PriceTable

# A record with its usage takes about a kilobyte.
_MOST_OF_ONE_ARN = 10_000
_MOST = 20_000
# Corrected without a pause, while callers may be waiting.
_AT_A_TIME = 50

_ANY_USAGE = Usage({Unit.INPUT_TOKEN: 1})
_UNDER_WAY = "its application inference profile is being looked up"
_TOO_MANY = "too many calls were waiting for its application inference profile"
_LATE = "priced after its profile was looked up"


class ProfileSource(Protocol):
    """Knows what application inference profiles stand for, or finds out.

    It is asked on the recorder's thread, for which callers may wait: nothing here
    waits. Whatever it raises is contained.
    """

    def model_of(self, arn: str, region: str) -> ModelRef | None:
        """The model behind *arn*; None if it is not known, and it is then looked up.

        Args:
            arn: ARN of an application inference profile.
            region: Region in which it was called.
        """

    def why_unknown(self, arn: str) -> str:
        """Return why no model of *arn* will be known; empty while it is looked up."""

    def on_answer(self, callback: Callable[[str, ModelRef | None], None]) -> None:
        """Call *callback* after each look-up with ARN and model, None for none.

        By then `model_of`, or else `why_unknown`, gives the answer.
        """

    def pull_with(self, pull: Callable[[], None]) -> None:
        """Take a function that has the calls priced that have ended by now.

        To be called before anybody waits for look-ups.
        """


class ProfileAnswer(NamedTuple):
    """Result of a look-up.

    Attributes:
        arn: ARN of the profile.
        model: The model behind it; None if it could not be found out.
    """

    arn: str
    model: ModelRef | None


class Waiting(NamedTuple):
    """A call that was recorded before its profile was known.

    Attributes:
        record: The record as it was written.
        reading: What its answer stated.
        spends: Blocks of attribution that counted it.
    """

    record: CallRecord
    reading: UsageReading
    spends: tuple[weakref.ref[SpendSums], ...]


class TooManyWaitingError(Exception):
    """A call stays without a price, as there is no room to remember it."""


class ProfilePricing:
    """Prices calls by their profile, and remembers those that have to wait for it.

    Used by a recorder's thread alone. A forked child
    forgets what waits: those calls are its parent's.
    """

    def __init__(
        self, source: ProfileSource, sinks: Iterable[Sink], faults: ContainedErrors
    ) -> None:
        """Prepare.

        Args:
            source: Is asked for models.
            sinks: Those that can be corrected are.
            faults: Takes what goes wrong in *source* or a sink, and what is lost.
        """
        self._source = source
        self._corrections = [
            (type(sink).__name__, sink.correct)
            for sink in sinks
            if isinstance(sink, CorrectingSink)
        ]
        self._faults = faults
        self.forget()
        after_fork(self.forget, ResetOrder.CALLS)

    def forget(self) -> None:
        """Forget every call that waits."""
        self._waiting: dict[str, deque[Waiting]] = {}
        self._count = 0

    def price(
        self,
        target: CallTarget,
        reading: UsageReading,
        record: CallRecord,
        prices: PriceTable,
    ) -> tuple[CallRecord, bool]:
        """Price *record* if it lacks a price for want of its model.

        Args:
            target: Target of the call; later calls on it know the model at once.
            reading: What the answer stated.
            record: The record, as priced without the model.
            prices: The price table.

        Returns:
            The record to write, and whether it has to wait for a look-up.
        """
        if not _lacks_model(record, prices):
            return record, False
        try:
            model = self._source.model_of(record.model.requested, record.region)
            if model is not None:
                _teach(target, model)
                return price_again(record, reading, model, prices), False
            if record.usage is None:
                return record, False
            why = self._why_none(record.model.requested)
        except Exception as fault:
            self._faults.note("profiles", fault)
            return record, False
        return _explained(record, reading, why), not why

    def _why_none(self, arn: str) -> str:
        """Return why a call through *arn* is not remembered; empty if it is."""
        why = self._source.why_unknown(arn)
        if why:
            return why
        if self._count < _MOST and len(self._waiting.get(arn, ())) < _MOST_OF_ONE_ARN:
            return ""
        self._faults.note("profiles (too many calls wait)", TooManyWaitingError())
        return _TOO_MANY

    def remember(
        self,
        record: CallRecord,
        reading: UsageReading,
        spends: tuple[weakref.ref[SpendSums], ...],
    ) -> None:
        """Store a call, which was written, until its profile is known."""
        waiting = self._waiting.setdefault(record.model.requested, deque())
        waiting.append(Waiting(record, reading, spends))
        self._count += 1

    def corrections_left(self, arn: str) -> int:
        """Return how often to call `correct_some` until no call waits for *arn*."""
        return math.ceil(len(self._waiting.get(arn, ())) / _AT_A_TIME)

    def correct_some(self, answer: ProfileAnswer, prices: PriceTable) -> None:
        """Price some of the calls that waited for *answer*, and correct the sinks.

        Some only, as callers may be waiting for the recorder's thread meanwhile.
        """
        waiting = self._waiting.get(answer.arn, deque())
        for _ in range(min(_AT_A_TIME, len(waiting))):
            self._count -= 1
            try:
                self._correct(waiting.popleft(), answer, prices)
            except Exception as fault:
                self._faults.note("late pricing", fault)
        if not waiting:
            self._waiting.pop(answer.arn, None)

    def _correct(
        self, call: Waiting, answer: ProfileAnswer, prices: PriceTable
    ) -> None:
        record = self._price_late(call, answer, prices)
        for reference in call.spends:
            sums = reference()
            if sums is not None:
                sums.correct(call.record, record)
        for name, correct in self._corrections:
            try:
                correct(call.record, record)
            except BaseException as fault:  # of the sink's: this is our own thread
                self._faults.note(name, fault)

    def _price_late(
        self, call: Waiting, answer: ProfileAnswer, prices: PriceTable
    ) -> CallRecord:
        before = call.record
        if answer.model is None:
            why = self._source.why_unknown(answer.arn)
            return _explained(before, call.reading, why)
        after = price_again(before, call.reading, answer.model, prices)
        if after.cost is None:
            return after
        reason = f"{_LATE}; {after.price_reason}" if after.price_reason else _LATE
        code = after.price_reason_code or PriceReason.PRICED_LATE
        return after._replace(price_reason=reason, price_reason_code=code)


def _lacks_model(record: CallRecord, prices: PriceTable) -> bool:
    """Return whether *record* lacks a price because its ARN names no model.

    A profile may instead be mapped to a model that has no price.
    """
    if record.model.model_id is not None:
        return False
    if record.price_reason_code is PriceReason.MODEL_NOT_NAMED:
        return True
    if record.usage is None and record.outcome is Outcome.OK:
        # Image models are billed by the request, which is read once the model is known.
        quote = prices.quote(
            record.model, _ANY_USAGE, region=record.region, at=record.started_at
        )
        return quote.code is PriceReason.MODEL_NOT_NAMED
    return False


def _explained(record: CallRecord, reading: UsageReading, why: str) -> CallRecord:
    """*record* with *why* as its reason; a pending look-up where that is empty."""
    code = PriceReason.PROFILE_UNKNOWN if why else PriceReason.PROFILE_PENDING
    quote = Quote(record.cost, record.price_status, why or _UNDER_WAY, code)
    state = price_state(reading, quote, None, record.doubtful_attempts)
    return record._replace(price_reason=state.reason, price_reason_code=state.code)


def _teach(target: CallTarget, model: ModelRef) -> None:
    """Let later calls on *target* be read and priced as calls of *model*."""
    if target.operation.request is not None:
        target.read_request = request_reader(model.model_id)
    target.model = model
