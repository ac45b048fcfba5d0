"""How calls that have ended are settled: read, priced, recorded, told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ._call import Call
from ._faults import Faults
from ._model_id import ModelKind
from ._profiles import Answer, ProfilePricing
from ._record import CallRecord, Outcome, Reading
from ._settlement import build_record, judge_dropped, read_stream
from ._sinks import Sink

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from .pricing import PriceTable

NOT_READ = "the usage could not be read; see the log"
_NOT_PRICED = "the price could not be found; see the log"
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
        self._writes = [(type(sink).__name__, sink.write) for sink in sinks]
        self._faults = faults

    def prices(self) -> PriceTable:
        """The price table in use; the bundled one is loaded when first needed."""
        if self._prices is None:
            # Imported with the first call, not with the package.
            from .pricing import PriceTable  # noqa: PLC0415

            self._prices = PriceTable.bundled()
        return self._prices

    def settle_all(self, ended: list[Call | Answer]) -> None:
        """Settle *ended*, in its order; nothing raises."""
        for call in ended:
            try:
                if not isinstance(call, Answer):
                    self._settle_one(call)
                elif self.profiles is not None and self._prices is not None:
                    self.profiles.correct_some(call, self._prices)
            except Exception as fault:
                self._faults.note("settling", fault)

    def _settle_one(self, call: Call) -> None:
        reading = self._reading_of(call)
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
        for kept in call.scope.spends:
            spend = kept()
            if spend is not None:
                spend.add(record)
        for name, write in self._writes:
            try:
                write(record)
            except Exception as fault:
                self._faults.note(name, fault)
        if call.span is not None:
            _mark_span(call.span, record, self._faults)
        if profiles is not None and has_to_wait:
            profiles.remember(record, reading, call.scope.spends)

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
