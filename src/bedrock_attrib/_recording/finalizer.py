"""Finalizer: reads, prices and records calls that have ended, and writes to sinks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from .._attribution import AttributionContext
from .._model.call_groups import CallGroup, FinishedCalls, GroupedCall
from .._model.model_id import ModelKind
from .._model.record import CallRecord, Outcome, PriceReason, UsageReading
from .._model.record_ids import IDS
from .._model.usage import Unit
from .._readers import BodyAnswer, compare_asked, gate_names, plain_name
from .._runtime.contained_errors import ContainedErrors
from .._runtime.fork import ResetOrder, after_fork
from .._sinks.protocols import GroupedSink, Sink
from .._sinks.queue_sink import accepts_groups
from .call import Call
from .late_pricing import ProfileAnswer, ProfilePricing
from .price_state import NOT_READ
from .record_builder import (
    bare_record,
    build_record,
    end_in_error,
    group_of,
    judge_dropped,
    read_stream,
)

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from ..pricing import PriceTable

Ended: TypeAlias = Call | ProfileAnswer
"""A call that is to be finalized, or a look-up for which calls have waited."""

_NOT_PRICED = "the price could not be found; see the log"
_PROFILE = ModelKind.APPLICATION_INFERENCE_PROFILE
_OK = Outcome.OK

after_fork(IDS.restart, ResetOrder.FIGURES)


class Finalizer:
    """Turns calls that have ended into records, each behind a barrier of its own.

    Runs on the recorder's own thread, and never on two at once. So whatever is raised
    here comes from a reader, a price table or a sink, and is contained: even a
    `KeyboardInterrupt`, which Python raises on the main thread alone.

    Attributes:
        profiles: Prices calls through application inference profiles; None where
            nobody looks them up.
    """

    def __init__(
        self, prices: PriceTable | None, sinks: Sequence[Sink], faults: ContainedErrors
    ) -> None:
        """Price by *prices* (None for the bundled ones) and write to *sinks*."""
        self.profiles: ProfilePricing | None = None
        self._prices = prices
        self._writers = [(type(sink).__name__, _writer(sink, faults)) for sink in sinks]
        self._faults = faults

    def prices(self) -> PriceTable:
        """Return the price table; the bundled one is loaded when first needed."""
        if self._prices is None:
            # Imported with the first call, not with the package.
            from ..pricing import PriceTable  # noqa: PLC0415

            self._prices = PriceTable.bundled()
        return self._prices

    def finalize(self, ended: Sequence[Ended]) -> None:
        """Finalize *ended*, in order; nothing is raised."""
        batch = FinishedCalls()
        entries = batch.entries
        contexts: list[AttributionContext] = []  # of each entry of the batch
        for item in ended:
            if isinstance(item, Call):
                if item.owner is not item.lifecycle.owner:
                    continue  # of a parent; it ended before the fork was noticed
                self._finalize_or_note(item, batch)
                if len(entries) > len(contexts):
                    contexts.append(item.context)
        self._add_to_spends(batch, contexts)
        if batch.entries:
            for name, write in self._writers:
                try:
                    write(batch)
                except BaseException as fault:  # see the class
                    self._faults.note(name, fault)
        for item in ended:
            if isinstance(item, ProfileAnswer):
                self._correct(item)

    def _finalize_or_note(self, call: Call, batch: FinishedCalls) -> None:
        """Finalize *call*; where that fails, its record says so."""
        count = len(batch.entries)
        try:
            self._finalize_one(call, batch)
        except BaseException as fault:  # see the class
            self._faults.note("finalizing", fault)
            if len(batch.entries) == count:
                batch.add(bare_record(call))

    def _finalize_one(self, call: Call, batch: FinishedCalls) -> None:
        reading = gate_names(self._reading_of(call))
        if reading.error is not None:
            end_in_error(call, reading.error)
        if call.asked is not None and call.failure is None:
            compare_asked(reading, call.asked)
        key = _group_key(call, reading)
        counts = reading.counts
        group = None if key is None else call.target.groups.get(key)
        if group is not None and counts and group.holds(call.started_at, counts):
            batch.add_grouped(_grouped(call, group, counts))
            return
        record, has_to_wait = self._record_of(call, reading)
        batch.add(record)
        if key is not None:
            _learn_group(call, key, record, reading)
        if call.span is not None:
            _mark_span(call.span, record, self._faults)
        if has_to_wait and self.profiles is not None:
            self.profiles.remember(record, reading, call.context.spends)
        for reservation in call.reservations:
            try:
                reservation.settle(record)
            except BaseException as fault:  # see the class
                self._faults.note(type(reservation).__name__, fault)

    def _record_of(self, call: Call, reading: UsageReading) -> tuple[CallRecord, bool]:
        """Build the record of *call*; whether it waits for a look-up of its profile."""
        try:
            record = build_record(call, reading, self._prices or self.prices())
        except BaseException as fault:  # see the class
            self._faults.note("pricing", fault)
            reading.note, reading.code = _NOT_PRICED, PriceReason.PRICING_FAILED
            return build_record(call, reading, None), False
        profiles, prices = self.profiles, self._prices
        if profiles is None or prices is None or record.model.kind is not _PROFILE:
            return record, False
        return profiles.price(call.target, reading, record, prices)

    def _reading_of(self, call: Call) -> UsageReading:
        answer = call.answer
        try:
            if call.events is not None:
                return read_stream(call, call.events)
            if isinstance(answer, BodyAnswer):
                unread = _OK if answer.is_told else Outcome.ABANDONED
                call.outcome = call.outcome or unread
                return answer.read()
            if isinstance(answer, UsageReading):
                call.outcome = call.outcome or Outcome.ABANDONED
                return answer
            if answer is not None:
                return call.target.operation.read(answer, call.target.model)
        except BaseException as fault:  # see the class
            self._faults.note("reader", fault)
            call.outcome = call.outcome or Outcome.ABANDONED
            return UsageReading(note=NOT_READ, code=PriceReason.USAGE_UNREADABLE)
        if call.outcome is None:
            judge_dropped(call)
        return UsageReading()

    def _add_to_spends(
        self, batch: FinishedCalls, contexts: list[AttributionContext]
    ) -> None:
        """Add the calls of *batch* to the blocks around each of them."""
        grouped: dict[tuple[AttributionContext, CallGroup], list[GroupedCall]] = {}
        for entry, context in zip(batch.entries, contexts, strict=True):
            if not context.spends:
                continue
            if isinstance(entry, GroupedCall):
                key = (context, entry[0])
                calls = grouped.get(key)
                if calls is None:
                    calls = grouped[key] = []
                calls.append(entry)
                continue
            for reference in context.spends:
                sums = reference()
                if sums is not None:
                    sums.add(entry)
        for (context, group), calls in grouped.items():
            for reference in context.spends:
                sums = reference()
                if sums is not None:
                    sums.add_group(group, calls)

    def _correct(self, answer: ProfileAnswer) -> None:
        """Correct some of the calls that waited for *answer*."""
        if self.profiles is not None and self._prices is not None:
            self.profiles.correct_some(answer, self._prices)


def _writer(sink: Sink, faults: ContainedErrors) -> Callable[[FinishedCalls], None]:
    """Return what writes a batch to *sink*: at once if it takes that, or one by one."""
    if accepts_groups(sink) and isinstance(sink, GroupedSink):
        return sink.write_batch

    def write_each(batch: FinishedCalls) -> None:
        for record in batch.records():
            try:
                sink.write(record)
            except BaseException as fault:  # as in `Finalizer`
                faults.note(type(sink).__name__, fault)

    return write_each


def _group_key(call: Call, reading: UsageReading) -> tuple[object, ...] | None:
    """Return what calls of one group share; None for a call that belongs to none."""
    if (
        call.outcome is not _OK
        or call.error is not None
        or call.failure is not None
        or call.events is not None
        or call.span is not None
        or call.request_hash is not None
        or call.has_guardrail
        or call.doubtful_attempts
        or call.attempts > 1
        or call.reservations
        or not call.is_timed
        or call.target.read_request is not None
        or not reading.counts
        or reading.estimated
        or reading.missing
        or reading.uncounted
        or reading.invoked_model is not None
    ):
        return None
    return (
        call.tags.key,
        reading.source,
        reading.tier,
        reading.latency_mode,
        reading.assumed,
        *reading.counts,
    )


def _grouped(call: Call, group: CallGroup, counts: dict[Unit, int]) -> GroupedCall:
    duration_s = (call.ended or call.started) - call.started
    # By position, as naming each takes a microsecond.
    return GroupedCall(
        group,
        IDS.take(),
        call.started_at,
        counts,
        duration_s,
        plain_name(call.request_id),
    )


def _learn_group(
    call: Call, key: tuple[object, ...], record: CallRecord, reading: UsageReading
) -> None:
    """Find the group of calls like *call*, if there are any like it.

    The first of a kind is only noted: it may be the only one. What was known before
    stays known unless something else holds now, as after a change of prices.
    """
    groups = call.target.groups
    if key in groups:
        groups[key] = group_of(record, reading, call.target.pricer) or groups[key]
    else:
        groups[key] = None


def _mark_span(span: Span, record: CallRecord, faults: ContainedErrors) -> None:
    """Put the cost on the span, under the names proposed for the conventions.

    Names: open-telemetry/semantic-conventions-genai, pull request 443, 2026-08.
    """
    if record.cost is None or not span.is_recording():
        return
    try:
        span.set_attribute("gen_ai.usage.cost.amount", float(record.cost.total))
        span.set_attribute("gen_ai.usage.cost.currency", record.cost.currency)
        span.set_attribute("gen_ai.usage.cost.source", "local")
    except Exception as fault:
        faults.note("span", fault)
