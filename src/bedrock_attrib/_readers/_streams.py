"""What the events of a stream say: the last ones, or the first if it was dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._model_id import ModelRef
from .._record import Reading
from .._usage import Unit
from ._answers import read_converse_metadata
from ._bodies import add_guardrail_trace, counts_in
from ._json import last_object
from ._shapes import ANTHROPIC, INVOCATION_METRICS, read_shape

Event = Mapping[str, Any]


@dataclass(slots=True)
class Events:
    """The few events of a stream that are remembered while it is open.

    Attributes:
        first: The first event, or None before it came.
        tail: The last events, at most `TAIL`, oldest first.
        count: Number of events seen.
        request_bytes: Size of the request body; None when not known.
    """

    first: Event | None = None
    tail: list[Event] = field(default_factory=list)
    count: int = 0
    request_bytes: int | None = None


TAIL = 3
"""Events to remember: an Anthropic stream ends with counts, stop and metrics."""


def read_converse_events(events: Events, model: ModelRef) -> Reading | None:
    """Final statement of ConverseStream; None while it has not come."""
    for event in reversed(events.tail):
        if "metadata" in event:
            return read_converse_metadata(event["metadata"], model)
    return None


def read_invoke_events(events: Events, model: ModelRef) -> Reading | None:
    """Final statement of InvokeModelWithResponseStream; None while it has not come."""
    chunks = [_chunk(event) for event in events.tail]
    for chunk in reversed(chunks):
        metrics = last_object(chunk, "amazon-bedrock-invocationMetrics")
        if metrics is None:
            continue
        reading = read_shape(INVOCATION_METRICS, metrics, model.vendor)
        if reading is None or reading.counts is None:
            continue
        _correct_by_anthropic(reading.counts, reading, events, chunks, model)
        add_guardrail_trace(chunk, reading)
        return reading
    return None


def _correct_by_anthropic(
    counts: dict[Unit, int],
    reading: Reading,
    events: Events,
    chunks: list[bytes],
    model: ModelRef,
) -> None:
    """Prefer Anthropic's own last count of output, and its split of cache writes.

    The metrics undercount the output of streams that mix text with tool use or
    thinking (six of six recorded ones, checked 2026-11-23).
    """
    delta = _anthropic_usage(chunks, b'"message_delta"')
    output = delta.get(ANTHROPIC.output)
    if type(output) is int and output != counts.get(Unit.OUTPUT_TOKEN):
        counts[Unit.OUTPUT_TOKEN] = output
        reading.source = "invocationMetrics (output_tokens: message_delta)"
    if reading.assumed is not None and events.first is not None:
        start = _anthropic_usage([_chunk(events.first)], b'"message_start"')
        split = read_shape(ANTHROPIC, start, model.vendor) if start else None
        written = counts.get(reading.assumed)
        if split is not None and start.get(ANTHROPIC.cache_write) == written:
            del counts[reading.assumed]
            counts.update(_writes(split.counts or {}))
            reading.assumed = split.assumed


def _writes(counts: dict[Unit, int]) -> dict[Unit, int]:
    return {unit: counts[unit] for unit in counts if unit.startswith("cache_write")}


def _anthropic_usage(chunks: list[bytes], kind: bytes) -> Mapping[str, Any]:
    for chunk in reversed(chunks):
        if kind in chunk:
            return last_object(chunk, "usage") or {}
    return {}


def read_unfinished(
    events: Events, model: ModelRef, *, tokens_per_event: float, tokens_per_byte: float
) -> Reading:
    """Estimate what a stream used that ended before its final statement.

    What the events did say is kept: Anthropic states input and cache in its first
    event, others count along. The rest is estimated from the number of events seen and
    the size of the request. AWS bills a dropped stream and may go on generating, so
    the output is a lower bound.

    Args:
        events: What was seen.
        model: The model that answered.
        tokens_per_event: Output tokens that an event carries, as learned.
        tokens_per_byte: Input tokens for a byte of the request, as learned.
    """
    counts: dict[Unit, int] = {}
    sources = []
    for event in _ends(events):
        said = counts_in(_chunk(event), model)
        if said is not None and said.counts:
            counts.update(said.counts)
            sources = [said.source]
    seen = round(events.count * tokens_per_event)
    counts[Unit.OUTPUT_TOKEN] = max(counts.get(Unit.OUTPUT_TOKEN, 0), seen)
    if Unit.INPUT_TOKEN not in counts and events.request_bytes is not None:
        counts[Unit.INPUT_TOKEN] = round(events.request_bytes * tokens_per_byte)
    reading = Reading(
        counts,
        " + ".join([*sources, "estimate"]),
        "the stream ended before its final counts; output is a lower bound",
    )
    reading.estimated = True
    return reading


def _ends(events: Events) -> list[Event]:
    first = [events.first] if events.first is not None else []
    return first + events.tail[-1:]


def _chunk(event: Event) -> bytes:
    chunk = event.get("chunk")
    return chunk.get("bytes") or b"" if chunk else b""
