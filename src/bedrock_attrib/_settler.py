"""How calls that have ended are settled: read, priced, recorded, told."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from ._attribution import Scope
from ._batch import Alike, Batch, Counts
from ._call import Call, Plain, plain_call
from ._faults import Faults
from ._model_id import ModelKind
from ._profiles import Answer, ProfilePricing
from ._record import CallRecord, Outcome, Reading
from ._routes import Route
from ._settlement import alike_of, build_record, judge_dropped, read_stream
from ._sinks import Sink, batch_writer

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from .pricing import PriceTable

NOT_READ = "the usage could not be read; see the log"
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
        # What is to be added to spends with the batch in the making.
        self._spent: dict[tuple[Scope, Alike], Counts] = {}

    def prices(self) -> PriceTable:
        """The price table in use; the bundled one is loaded when first needed."""
        if self._prices is None:
            # Imported with the first call, not with the package.
            from .pricing import PriceTable  # noqa: PLC0415

            self._prices = PriceTable.bundled()
        return self._prices

    def settle_all(self, ended: list[Ended]) -> None:
        """Settle *ended*, in its order; nothing of ours raises.

        Ctrl-C may: what has been settled by then is told and taken out of *ended*.
        """
        batch: Batch = Batch()
        done = 0
        try:
            try:
                for item in ended:
                    done += 1
                    try:
                        if not isinstance(item, (Call, Answer)):
                            self._settle_plain(item, batch)
                        elif isinstance(item, Call):
                            self._settle_one(item, batch)
                        else:
                            whole, batch = batch, Batch()
                            self._tell(whole)
                            self._correct(item)
                    except Exception as fault:
                        self._faults.note("settling", fault)
            finally:
                self._tell(batch)
        finally:
            del ended[:done]

    def _settle_plain(self, plain: Plain, batch: Batch) -> None:
        """Settle a call of which nothing is left but what its answer said."""
        _, route, scope, tags, at, duration_s, request_id, kept = plain
        try:
            reading = route.operation.read(kept, route.model)
        except Exception as fault:
            self._faults.note("reader", fault)
            reading = Reading(note=NOT_READ)
        counts = reading.counts
        if (
            not counts
            or reading.estimated
            or reading.missing
            or reading.invoked_model is not None
        ):
            self._settle_read(plain_call(plain), reading, batch)
            return
        tier, mode = reading.tier, reading.latency_mode
        key = (tags.key, tier, mode, reading.assumed, *counts)
        alike = route.alike.get(key)
        if alike is not None and alike.holds(at, counts):
            batch.add_alike(alike, at, counts, duration_s, request_id)
            if scope.spends:
                self._spent.setdefault((scope, alike), []).append(counts)
            return
        record = self._settle_read(plain_call(plain), reading, batch)
        if alike is None:
            _learn(route, key, record, reading)

    def _settle_one(self, call: Call, batch: Batch) -> None:
        self._settle_read(call, self._reading_of(call), batch)

    def _settle_read(self, call: Call, reading: Reading, batch: Batch) -> CallRecord:
        try:
            record = build_record(call, reading, self._prices or self.prices())
        except Exception as fault:
            self._faults.note("pricing", fault)
            reading.note = _NOT_PRICED
            record = build_record(call, reading, None)
        profiles, prices, has_to_wait = self.profiles, self._prices, False
        if (
            profiles is not None
            and record.model.kind is _PROFILE
            and prices is not None
        ):
            record, has_to_wait = profiles.price(call.route, reading, record, prices)
        batch.add(record)
        for kept in call.scope.spends:
            spend = kept()
            if spend is not None:
                spend.add(record)
        if call.span is not None:
            _mark_span(call.span, record, self._faults)
        if profiles is not None and has_to_wait:
            profiles.remember(record, reading, call.scope.spends)
        return record

    def _tell(self, batch: Batch) -> None:
        """Tell everybody of *batch*."""
        spent, self._spent = self._spent, {}
        for (scope, alike), counts in spent.items():
            for kept in scope.spends:
                spend = kept()
                if spend is not None:
                    try:
                        spend.add_alike(alike, counts)
                    except Exception as fault:
                        self._faults.note("settling", fault)
        if not batch.entries:
            return
        interrupt: BaseException | None = None
        for name, write in self._sinks:
            try:
                write(batch, partial(self._faults.note, name))
            except Exception as fault:
                self._faults.note(name, fault)
            except BaseException as other:
                interrupt = other
        if interrupt is not None:
            raise interrupt

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
            return Reading(note=NOT_READ)
        if call.outcome is None:
            judge_dropped(call)
        return Reading()


# Kinds of calls on one route that are known at most; tags may differ with every call.
_MOST_ALIKE = 1024


def _learn(
    route: Route, key: tuple[object, ...], record: CallRecord, reading: Reading
) -> None:
    """Find out what calls like the one of *record* have in common, if it has any like.

    The first of a kind is only noted: it may be the only one.
    """
    if key in route.alike:
        route.alike[key] = alike_of(record, reading, route.till)
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
