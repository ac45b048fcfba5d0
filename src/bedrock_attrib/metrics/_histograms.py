"""How single calls reach the convention's histograms, away from the caller."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from opentelemetry.context import Context
from opentelemetry.metrics import Histogram, Meter, NoOpHistogram

from .._record import CallRecord
from . import names
from ._neighbours import emitted_elsewhere
from ._points import error_pairs
from ._series import Series

Recording = tuple[Series, CallRecord]

# Recording happens on another thread, or on a reader's, whose current span has
# nothing to do with the call: without a context of its own it would become the
# exemplar. An empty one will not do, as the SDK takes the current one instead.
NO_SPAN = Context({"bedrock_attrib": True})


class Histograms:
    """The convention's histograms of one meter."""

    def __init__(
        self,
        meter: Meter,
        semconv: Collection[names.SemConv],
        *,
        wanted: bool | Literal["auto"],
    ) -> None:
        """Create them.

        Args:
            meter: Where they are created.
            semconv: Which sets of names.
            wanted: ``auto`` leaves out what another active instrumentation emits.
        """
        self._wanted = wanted
        self._by_name: dict[str, Histogram] = {
            wanted_one.name: meter.create_histogram(
                wanted_one.name,
                unit=wanted_one.unit,
                description=wanted_one.description,
                explicit_bucket_boundaries_advisory=wanted_one.boundaries,
            )
            for convention in sorted(semconv)
            for wanted_one in names.HISTOGRAMS[convention]
            if wanted
        }
        self._any = next(iter(self._by_name.values()), None)

    def is_live(self) -> bool:
        """Whether anybody can see a recording: False until a provider is set."""
        # The API has no public way to ask. Where its proxy no longer has this
        # attribute, everything counts as live, which costs time and nothing else.
        actual = getattr(self._any, "_real_instrument", self._any)
        return actual is not None and not isinstance(actual, NoOpHistogram)

    def record(self, batch: list[Recording]) -> None:
        """Record every call of *batch*."""
        muted = emitted_elsewhere() if self._wanted == "auto" else frozenset()
        active = {
            name: histogram
            for name, histogram in self._by_name.items()
            if name not in muted
        }
        for series, record in batch:
            _record_one(active, series, record)


def _record_one(
    active: Mapping[str, Histogram], series: Series, record: CallRecord
) -> None:
    attributes = series.attributes
    if attributes is None:
        attributes = series.attributes = _attributes(series)
    for name, amount, kind in _amounts(record):
        histogram = active.get(name)
        if histogram is not None and amount is not None:
            histogram.record(amount, attributes[kind], NO_SPAN)


def _amounts(
    record: CallRecord,
) -> tuple[tuple[str, float | None, str], ...]:
    """Histogram, value and kind of attributes; an unknown value is not recorded."""
    usage = record.usage
    input_tokens = None if usage is None else usage.input_tokens
    output_tokens = None if usage is None else usage.output_tokens
    first_chunk_s = record.time_to_first_chunk_s
    return (
        (names.TOKEN_USAGE.name, input_tokens, "input"),
        (names.TOKEN_USAGE.name, output_tokens, "output"),
        (names.OPERATION_DURATION.name, record.duration_s, "duration"),
        (names.OPERATION_FIRST_CHUNK.name, first_chunk_s, "plain"),
        (names.INFERENCE_INPUT.name, input_tokens, "plain"),
        (names.INFERENCE_OUTPUT.name, output_tokens, "plain"),
        (names.INFERENCE_DURATION.name, record.duration_s, "duration"),
        (names.INFERENCE_FIRST_CHUNK.name, first_chunk_s, "plain"),
    )


def _attributes(series: Series) -> dict[str, dict[str, str]]:
    labels = series.labels
    plain = dict((*labels.tags, *(labels.gen_ai or ())))
    return {
        "plain": plain,
        "input": plain | {names.GEN_AI_TOKEN_TYPE: "input"},
        "output": plain | {names.GEN_AI_TOKEN_TYPE: "output"},
        "duration": plain | dict(error_pairs(labels.error)),
    }
