"""The whole flow: a call starts, ends, is recorded, and sinks are told."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import get_current_span

from ._attribution import current_scope, with_changes
from ._call import Call, Routes
from ._errors import RefusedError
from ._faults import Faults
from ._queue import BatchQueue
from ._readers import read_unfinished, status_of_refusal, status_without_answer
from ._record import (
    NO_TAGS,
    CallRecord,
    CallStart,
    Outcome,
    PriceStatus,
    Reading,
    Tags,
)
from ._settlement import Failure, build_record
from ._sinks import Guard, Sink
from .pricing import PriceTable

if TYPE_CHECKING:
    from ._config import Config

_MOST_TAG_SETS = 4096
_NOT_PRICED = (PriceStatus.UNPRICED, "the price could not be found; see the log")
_NOT_READ = "the usage could not be read; see the log"


def _now() -> datetime:
    return datetime.now(UTC)


class Recorder:
    """Meters calls, prices them and tells sinks, without ever harming a call.

    Whatever goes wrong inside is contained, counted in ``faults`` and logged once per
    kind. Only a guard's refusal reaches the caller. Safe to use from any thread.

    Attributes:
        faults: Contained faults.
        sinks: Told about every finished call, in order.
        guards: Asked before every call, in order.
    """

    def __init__(
        self,
        prices: PriceTable | None = None,
        sinks: Sequence[Sink] = (),
        guards: Sequence[Guard] = (),
        config: Config | None = None,
        *,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Wire a recorder.

        Args:
            prices: Price table; None for the bundled one, loaded with the first call.
            sinks: Told about every finished call. None are added.
            guards: May refuse calls.
            config: Settings; None for no default tags and no span attributes.
            clock: Gives the current time as aware UTC.
        """
        self.faults = Faults()
        self.sinks = tuple(sinks)
        self.guards = tuple(guards)
        self._prices = prices
        self._clock = clock
        self._default_tags = Tags(config.tags) if config is not None else NO_TAGS
        self._marks_spans = config is not None and config.span_cost
        self._routes = Routes()
        self._merged_tags: dict[Tags, Tags] = {}
        self._writes = [(type(sink).__name__, sink.write) for sink in self.sinks]
        self._open_streams: weakref.WeakSet[Call] = weakref.WeakSet()
        self._dropped: BatchQueue[Call] = BatchQueue(
            self._finish_dropped,
            name="bedrock-attrib-dropped",
            faults=self.faults,
            interval_s=0.05,
        )

    def prices(self) -> PriceTable:
        """The price table in use; the bundled one is loaded when first needed."""
        if self._prices is None:
            self._prices = PriceTable.bundled()
        return self._prices

    def tags_with_defaults(self, tags: Tags) -> Tags:
        """*tags* over the default tags of the settings."""
        if not self._default_tags:
            return tags
        merged = self._merged_tags.get(tags)
        if merged is None:
            if len(self._merged_tags) >= _MOST_TAG_SETS:
                self._merged_tags.clear()
            merged = with_changes(self._default_tags, tags)
            self._merged_tags[tags] = merged
        return merged

    # A call starts.

    def start(self, operation: str, params: Mapping[str, Any], region: str) -> Call:
        """Open a call whose parameters are known.

        Args:
            operation: Operation name as AWS spells it.
            params: Parameters as the caller gave them. Only ``modelId``, the presence
                of a guardrail and, for a few models, billable counts are looked at.
            region: Calling region.

        Raises:
            RefusedError: If a guard refuses the call.
        """
        route = self._routes.route(operation, params.get("modelId"), region)
        scope = current_scope()
        tags = scope.tags
        if self._default_tags:
            tags = self.tags_with_defaults(tags)
        call = Call(self, route, scope, tags, self._clock())
        row = route.operation
        if row.guardrail in params:
            call.has_guardrail = True
        for spend in scope.spends:
            spend.settle = self._dropped.drain
        if route.read_request is not None:
            try:
                call.facts = route.read_request(params.get(row.request))
            except Exception as fault:
                self.faults.note("request reader", fault)
        if self._marks_spans:
            call.span = get_current_span()
        if self.guards:
            self._ask_guards(call)
        return call

    def _ask_guards(self, call: Call) -> None:
        route = call.route
        start = CallStart(
            route.operation.name, route.model, route.region, call.tags, call.started_at
        )
        for guard in self.guards:
            try:
                guard.check(start)
            except RefusedError as refusal:
                self.refused_by_guard(call, refusal)
                raise
            except Exception as fault:
                self.faults.note(type(guard).__name__, fault)

    # A call ends, in one of these ways.

    def opening_reading(self, call: Call, answer: Mapping[str, Any]) -> Reading:
        """What *answer* says before any body or stream of it is read."""
        route = call.route
        try:
            return route.operation.read(answer, route.model)
        except Exception as fault:
            self.faults.note("reader", fault)
            return Reading(note=_NOT_READ)

    def answered(self, call: Call, reading: Reading) -> None:
        """Finish a call whose answer states its counts."""
        self._finish(call, reading)

    def refused_by_guard(self, call: Call, refusal: RefusedError) -> None:
        """Finish a call that a guard did not let pass."""
        failure = (PriceStatus.FREE, "refused before it was sent")
        error = type(refusal).__name__
        self._finish(call, Reading(), Outcome.ERROR, error, failure)

    def turned_away(self, call: Call, http_status: int, error: str) -> None:
        """Finish a call that AWS answered with an error status."""
        failure = status_of_refusal(http_status, error)
        self._finish(call, Reading(), Outcome.ERROR, error, failure)

    def unanswered(
        self, call: Call, error: str, *, was_sent: bool, outcome: Outcome = Outcome.ERROR
    ) -> None:
        """Finish a call that ended without an answer."""
        failure = status_without_answer(error, was_sent=was_sent)
        self._finish(call, Reading(), outcome, error, failure)

    def answer_opened(self, call: Call) -> None:
        """Note that *call* now ends with its stream or body."""
        call.share()
        self._open_streams.add(call)
        self._dropped.start()

    def call_dropped(self, call: Call) -> None:
        """Take a call that is collected as garbage; safe in a finalizer."""
        self._dropped.put_from_finalizer(call)

    def end_later(self, call: Call) -> None:
        """Finish *call* as soon as may be; for use where no lock may be waited for."""
        call.ended = perf_counter()
        self._dropped.put_from_finalizer(call)

    def stream_ended(self, call: Call, error: str | None = None) -> None:
        """Finish a call with its stream: read to the end, failed or given up.

        Args:
            call: The call, with the events that were seen.
            error: Error code or class name, if the stream failed.
        """
        reading = self.final_reading(call)
        outcome = Outcome.OK
        if reading is None:
            reading = self._unfinished_reading(call)
            outcome = Outcome.ABANDONED
        if error is not None:
            outcome = Outcome.ERROR
        if call.opening is not None:
            reading.tier = reading.tier or call.opening.tier
            reading.latency_mode = reading.latency_mode or call.opening.latency_mode
        self._finish(call, reading, outcome, error)

    def final_reading(self, call: Call) -> Reading | None:
        """The counts that a stream states at its end; None while they have not come."""
        read, events = call.route.operation.read_events, call.events
        if read is None or events is None:
            return None
        try:
            reading = read(events, call.route.model)
            if reading is not None:
                call.route.learn(events, reading)
        except Exception as fault:
            self.faults.note("reader", fault)
            return Reading(note=_NOT_READ)
        return reading

    def _unfinished_reading(self, call: Call) -> Reading:
        events, route = call.events, call.route
        if events is None or not events.count:
            return Reading(note="the stream ended before its first event")
        try:
            return read_unfinished(
                events,
                route.model,
                tokens_per_event=route.tokens_per_event,
                tokens_per_byte=route.tokens_per_byte,
            )
        except Exception as fault:
            self.faults.note("reader", fault)
            return Reading(note=_NOT_READ)

    def _finish_dropped(self, calls: list[Call]) -> None:
        """Finish calls that were collected as garbage, or left open at the end."""
        for call in calls:
            if call.events is not None:
                self.stream_ended(call)
            elif call.opening is not None:
                self._finish(call, call.opening, Outcome.ABANDONED)
            elif call.was_sent:
                self.unanswered(
                    call, "Interrupted", was_sent=True, outcome=Outcome.ABANDONED
                )
            else:
                self.unanswered(call, "NotSent", was_sent=False)

    def _finish(
        self,
        call: Call,
        reading: Reading,
        outcome: Outcome = Outcome.OK,
        error: str | None = None,
        failure: Failure | None = None,
    ) -> None:
        if not call.close():
            return
        try:
            prices = self._prices or self.prices()
            record = build_record(call, reading, prices, outcome, error, failure)
        except Exception as fault:
            self.faults.note("pricing", fault)
            record = build_record(call, reading, None, outcome, error, _NOT_PRICED)
        for spend in call.scope.spends:
            spend.add(record)
        for name, write in self._writes:
            try:
                write(record)
            except Exception as fault:
                self.faults.note(name, fault)
        if call.span is not None:
            _mark_span(call, record, self.faults)
        if self._dropped:
            self._dropped.drain()

    # The end.

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Deliver every finished call to wherever sinks send it.

        Args:
            timeout_s: Seconds to take at most, over all sinks.

        Returns:
            False when a sink failed or the time was not enough.
        """
        self._dropped.drain()
        deadline = monotonic() + timeout_s
        is_done = True
        for sink in self.sinks:
            try:
                is_done &= bool(sink.flush(max(0.0, deadline - monotonic())))
            except Exception as fault:
                self.faults.note(type(sink).__name__, fault)
                is_done = False
        return is_done

    def close(self) -> None:
        """Finish open streams as given up, deliver everything, close the sinks."""
        self._finish_dropped(list(self._open_streams))
        self.flush()
        self._dropped.close()
        for sink in self.sinks:
            try:
                sink.close()
            except Exception as fault:
                self.faults.note(type(sink).__name__, fault)


def _mark_span(call: Call, record: CallRecord, faults: Faults) -> None:
    """Put the cost on the span, under the names proposed for the conventions.

    Names: open-telemetry/semantic-conventions-genai, pull request 443, 2026-08.
    """
    if call.span is None or record.cost is None:
        return
    try:
        call.span.set_attribute("gen_ai.usage.cost.amount", float(record.cost.total))
        call.span.set_attribute("gen_ai.usage.cost.currency", record.cost.currency)
        call.span.set_attribute("gen_ai.usage.cost.source", "local")
    except Exception as fault:
        faults.note("span", fault)
