"""The convention's histograms, recorded off the caller's thread."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from opentelemetry.metrics import Histogram

from .._model.call_groups import GroupedCall, record_of
from .._model.record import CallRecord
from . import names
from ._instruments import NO_SPAN, Instruments
from ._otel_internals import is_seen
from ._other_instrumentations import active_instrumentations
from ._points import error_pairs
from ._series import CallSeries

Recording = tuple[CallSeries, CallRecord | GroupedCall]


class Histograms:
    """The convention's histograms on one provider."""

    def __init__(
        self,
        instruments: Instruments,
        semconv: Collection[names.SemConv],
        *,
        mode: bool | Literal["auto"],
    ) -> None:
        """Create them.

        Args:
            instruments: Creates them.
            semconv: Sets of names to emit.
            mode: Whether to emit them; ``auto`` leaves out what another active
                instrumentation emits.
        """
        self._instruments = instruments
        self._semconv = semconv
        self._mode = mode
        self._create()

    def _create(self) -> None:
        self._forks = self._instruments.forks
        self._by_name: dict[str, Histogram] = {
            histogram.name: self._instruments.histogram(histogram)
            for convention in sorted(self._semconv)
            for histogram in names.HISTOGRAMS[convention]
            if self._mode
        }
        self._any = next(iter(self._by_name.values()), None)

    def is_live(self) -> bool:
        """Return whether recordings reach a provider: False until one is set."""
        return self._any is not None and is_seen(self._any)

    def record(self, batch: list[Recording]) -> None:
        """Record every call of *batch*. Never on the caller's thread."""
        if self._forks != self._instruments.forks:
            self._instruments.renew()
            self._create()
        others = active_instrumentations() if self._mode == "auto" else ()
        for series, entry in batch:
            if series.labels.gen_ai is None:
                continue
            record = record_of(entry)
            muted = _NONE.union(*(each.emits(record) for each in others))
            _record_one(self._by_name, muted, series, record)


_NONE: frozenset[str] = frozenset()


def _record_one(
    by_name: Mapping[str, Histogram],
    muted: frozenset[str],
    series: CallSeries,
    record: CallRecord,
) -> None:
    attributes = series.attributes
    if attributes is None:
        attributes = series.attributes = _attributes(series)
    for name, amount, kind in _amounts(record):
        histogram = by_name.get(name)
        if histogram is not None and amount is not None and name not in muted:
            histogram.record(amount, attributes[kind], NO_SPAN)


def _amounts(record: CallRecord) -> tuple[tuple[str, float | None, str], ...]:
    """Return histogram, value and kind of attributes; an unknown value is None."""
    usage = record.usage
    input_tokens = None if usage is None else usage.input_tokens
    output_tokens = None if usage is None else usage.output_tokens
    first_chunk_s = record.time_to_first_chunk_s
    return (
        (names.TOKEN_USAGE.name, input_tokens, "input"),
        (names.TOKEN_USAGE.name, output_tokens, "output"),
        (names.OPERATION_DURATION.name, record.duration_s, "ended"),
        (names.OPERATION_FIRST_CHUNK.name, first_chunk_s, "plain"),
        (names.INFERENCE_INPUT.name, input_tokens, "plain"),
        (names.INFERENCE_OUTPUT.name, output_tokens, "plain"),
        (names.INFERENCE_DURATION.name, record.duration_s, "ended"),
        (names.INFERENCE_FIRST_CHUNK.name, first_chunk_s, "plain"),
    )


def _attributes(series: CallSeries) -> dict[str, dict[str, str]]:
    labels = series.labels
    plain = dict((*labels.tags, *(labels.gen_ai or ())))
    return {
        "plain": plain,
        "input": plain | {names.GEN_AI_TOKEN_TYPE: "input"},
        "output": plain | {names.GEN_AI_TOKEN_TYPE: "output"},
        "ended": plain | dict(error_pairs(labels.error)),
    }
