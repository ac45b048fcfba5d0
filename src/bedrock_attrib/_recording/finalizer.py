"""How calls that have ended are settled: read, priced, recorded, told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from .._attribution import AttributionContext
from .._model.call_groups import Alike, Batch, Counts
from .._model.model_id import ModelKind
from .._model.record import (
    CallRecord,
    Outcome,
    PriceReason,
    PriceState,
    PriceStatus,
    Reading,
)
from .._runtime.contained_errors import Faults
from .._sinks.protocols import BatchWriter, Sink, batch_writer
from .call import Call, Plain, plain_call
from .call_target import Route
from .late_pricing import Answer, ProfilePricing
from .progress import Progress
from .record_builder import alike_of, build_record, judge_dropped, read_stream

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from ..pricing import PriceTable

NOT_READ = "the usage could not be read; see the log"
USAGE_UNREADABLE = PriceState(
    PriceStatus.UNPRICED, NOT_READ, PriceReason.USAGE_UNREADABLE
)
_NOT_PRICED = "the price could not be found; see the log"
Ended: TypeAlias = Call | Plain | Answer
"""A call that is to be settled, or a look-up for which calls have waited."""

_PROFILE = ModelKind.APPLICATION_INFERENCE_PROFILE


class Settler:
    """Settles calls one after the other, each within barriers of its own.

    Never used by two threads at once: the recorder's queue sees to that.

    Attributes:
        profiles: Prices calls through application inference profiles; None where
            nobody finds out what they stand for.
    """

    def __init__(
        self, prices: PriceTable | None, sinks: Sequence[Sink], faults: Faults
    ) -> None:
        """Settle by *prices* (None for the bundled ones) and tell *sinks*."""
        self.profiles: ProfilePricing | None = None
        self._prices = prices
        self._sinks = [(type(sink).__name__, batch_writer(sink)) for sink in sinks]
        self._faults = faults

    def prices(self) -> PriceTable:
        """The price table in use; the bundled one is loaded when first needed."""
        if self._prices is None:
            # Imported with the first call, not with the package.
            from ..pricing import PriceTable  # noqa: PLC0415

            self._prices = PriceTable.bundled()
        return self._prices

    def settle_all(self, ended: list[Ended]) -> None:
        """Settle *ended*, in its order, and take all out of it; no fault is raised.

        Ctrl-C is, and whatever else is no fault: once all are settled and told, as it
        would cost calls or count them twice to leave off in the middle.
        """
        progress = Progress()
        interrupt: BaseException | None = None
        is_over = False
        while not is_over:
            try:
                self._settle_rest(ended, progress)
                is_over = True
            except BaseException as other:
                interrupt = other
        if interrupt is not None:
            raise interrupt

    def _settle_rest(self, ended: list[Ended], progress: Progress) -> None:
        """Go on with *ended* from where *progress* is."""
        start = progress.resume()
        for position, item in enumerate(ended[start:], start):
            try:
                if not isinstance(item, (Call, Answer)):
                    self._settle_plain(item, progress)
                elif isinstance(item, Call):
                    self._settle_one(item, progress)
                else:
                    progress.pass_over(position)
            except Exception as fault:
                self._faults.note("settling", fault)
                progress.pass_over(position)
        if progress.steps is None:
            answers = [item for item in ended if isinstance(item, Answer)]
            progress.steps = iter(self._steps(progress, answers))
        ended.clear()
        self._take(progress.steps)

    def _take(self, steps: Iterator[Callable[[], None]]) -> None:
        """Take *steps*, each once, even if it is interrupted."""
        for step in steps:
            try:
                step()
            except Exception as fault:
                self._faults.note("settling", fault)

    def _steps(
        self, progress: Progress, answers: list[Answer]
    ) -> list[Callable[[], None]]:
        """What is to be done once all calls are there: everybody is told of them."""
        batch = progress.batch
        steps: list[Callable[[], None]] = []
        for scope, record in progress.spent_apart():
            steps.append(partial(_add, scope, record))
        for (scope, alike), counts in progress.spent_alike().items():
            steps.append(partial(_add_alike, scope, alike, counts))
        if batch.entries:
            for name, write in self._sinks:
                steps.append(partial(self._tell, batch, name, write))
        steps += [partial(self._correct, answer) for answer in answers]
        return steps

    def _settle_plain(self, plain: Plain, progress: Progress) -> None:
        """Settle a call of which nothing is left but what its answer said."""
        _, route, scope, tags, at, duration_s, request_id, kept = plain
        try:
            reading = route.operation.read(kept, route.model)
        except Exception as fault:
            self._faults.note("reader", fault)
            reading = Reading(note=NOT_READ, code=PriceReason.USAGE_UNREADABLE)
        counts = reading.counts
        if (
            not counts
            or reading.estimated
            or reading.missing
            or reading.invoked_model is not None
        ):
            self._settle_read(plain_call(plain), reading, progress)
            return
        tier, mode = reading.tier, reading.latency_mode
        key = (tags.key, tier, mode, reading.assumed, *counts)
        try:
            alike = route.alike.get(key)
        except TypeError:  # a broken answer names no tier but a list or the like
            self._settle_read(plain_call(plain), reading, progress)
            return
        if alike is not None and alike.holds(at, counts):
            progress.add_alike(alike, at, counts, duration_s, request_id, scope)
            return
        record = self._settle_read(plain_call(plain), reading, progress)
        _learn(route, key, record, reading)

    def _settle_one(self, call: Call, progress: Progress) -> None:
        self._settle_read(call, self._reading_of(call), progress)

    def _settle_read(
        self, call: Call, reading: Reading, progress: Progress
    ) -> CallRecord:
        try:
            record = build_record(call, reading, self._prices or self.prices())
        except Exception as fault:
            self._faults.note("pricing", fault)
            reading.note, reading.code = _NOT_PRICED, PriceReason.PRICING_FAILED
            record = build_record(call, reading, None)
        profiles, prices, has_to_wait = self.profiles, self._prices, False
        if (
            profiles is not None
            and record.model.kind is _PROFILE
            and prices is not None
        ):
            record, has_to_wait = profiles.price(call.route, reading, record, prices)
        progress.add(record, call.scope)
        if call.span is not None:
            _mark_span(call.span, record, self._faults)
        if profiles is not None and has_to_wait:
            profiles.remember(record, reading, call.scope.spends)
        return record

    def _tell(self, batch: Batch, name: str, write: BatchWriter) -> None:
        """Tell a sink of *batch*."""
        try:
            write(batch, partial(self._faults.note, name))
        except Exception as fault:
            self._faults.note(name, fault)

    def _correct(self, answer: Answer) -> None:
        """Correct some of the calls that waited for *answer*."""
        if self.profiles is not None and self._prices is not None:
            self.profiles.correct_some(answer, self._prices)

    def _reading_of(self, call: Call) -> Reading:
        answer = call.answer
        try:
            if call.events is not None:
                return read_stream(call, call.events)
            if isinstance(answer, Reading):
                call.outcome = call.outcome or Outcome.ABANDONED
                return answer
            if answer is not None:
                return call.route.operation.read(answer, call.route.model)
        except Exception as fault:
            self._faults.note("reader", fault)
            call.outcome = call.outcome or Outcome.ABANDONED
            return Reading(note=NOT_READ, code=PriceReason.USAGE_UNREADABLE)
        if call.outcome is None:
            judge_dropped(call)
        return Reading()


def _add(scope: AttributionContext, record: CallRecord) -> None:
    """Add a call to what the blocks around it have spent."""
    for kept in scope.spends:
        spend = kept()
        if spend is not None:
            spend.add(record)


def _add_alike(scope: AttributionContext, alike: Alike, counts: Counts) -> None:
    """Add calls that are alike to what the blocks around them have spent."""
    for kept in scope.spends:
        spend = kept()
        if spend is not None:
            spend.add_alike(alike, counts)


# Kinds of calls on one route that are known at most; tags may differ with every call.
_MOST_ALIKE = 1024


def _learn(
    route: Route, key: tuple[object, ...], record: CallRecord, reading: Reading
) -> None:
    """Find out what calls like the one of *record* have in common, if it has any like.

    The first of a kind is only noted: it may be the only one. What was known before
    stays known unless something else holds now, as after a change of prices.
    """
    if key in route.alike:
        route.alike[key] = alike_of(record, reading, route.pricer) or route.alike[key]
        return
    if len(route.alike) >= _MOST_ALIKE:
        route.alike.clear()
    route.alike[key] = None


def _mark_span(span: Span, record: CallRecord, faults: Faults) -> None:
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
