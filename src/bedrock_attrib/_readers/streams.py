"""Events of a stream, and the usage that the last of them state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .._model.model_id import ModelRef
from .._model.record import PriceReason, UsageReading
from .._model.usage import Unit
from .bodies import add_chunk_trace, find_usage, read_tier
from .counts import read_fields, split_cache_writes
from .json_scan import whole_object
from .responses import read_converse_metadata
from .usage_formats import ANTHROPIC, INVOCATION_METRICS, Fields

Event = Mapping[str, Any]


@dataclass(slots=True)
class Events:
    """The events of a stream that its final counts, or an estimate, are read from.

    Attributes:
        first: The first event, or None before it came.
        before_last: The last event but one. Anthropic states its own counts there.
        last: The last event.
        count: Number of events seen.
        request_bytes: Size of the request body; None when not known.
        decode: Makes an event of what is stored of the last two; None where they are
            events already.
    """

    first: Event | None = None
    before_last: Any = None
    last: Any = None
    count: int = 0
    request_bytes: int | None = None
    decode: Callable[[Any], Event] | None = None

    def add(self, event: Any) -> None:
        """Note the next event."""
        self.before_last = self.last
        self.last = event
        self.count += 1

    @property
    def tail(self) -> list[Event]:
        """The last events, at most two, oldest first."""
        stored = [event for event in (self.before_last, self.last) if event is not None]
        return stored if self.decode is None else list(map(self.decode, stored))


# A larger request holds an image or a document, whose size says nothing of tokens.
_LARGEST_TEXT = 65_536


def is_final(event: Event) -> bool:
    """Return whether *event* states the final counts of a stream.

    False for the few families whose last statement is known only by what follows it.
    """
    return "metadata" in event or _METRICS_NAME in _chunk(event)


def read_converse_events(events: Events, model: ModelRef) -> UsageReading | None:
    """Read the final counts of ConverseStream; None before they came."""
    for event in reversed(events.tail):
        if "metadata" in event:
            return read_converse_metadata(event["metadata"], model)
    return None


def read_invoke_events(events: Events, model: ModelRef) -> UsageReading | None:
    """Read the final counts of InvokeModelWithResponseStream; None before they came."""
    chunks = [_chunk(event) for event in events.tail]
    for chunk in reversed(chunks):
        metrics = _metrics(chunk)
        if metrics is None:
            continue
        reading = read_fields(INVOCATION_METRICS, metrics, model.vendor)
        if reading is not None and reading.counts is not None:
            _correct_by_anthropic(reading.counts, reading, events, chunks, model)
            break
    else:
        reading = _read_own_end(events, chunks, model)
    return add_chunk_trace(chunks, reading)


_METRICS = "amazon-bedrock-invocationMetrics"
_METRICS_NAME = _METRICS.encode()


def _metrics(chunk: bytes) -> Mapping[str, Any] | None:
    if _METRICS_NAME not in chunk:
        return None
    metrics = (whole_object(chunk) or {}).get(_METRICS)
    return metrics if isinstance(metrics, Mapping) else None


def _correct_by_anthropic(
    counts: dict[Unit, int],
    reading: UsageReading,
    events: Events,
    chunks: list[bytes],
    model: ModelRef,
) -> None:
    """Prefer Anthropic's own last count of output, and its split of cache writes.

    The metrics undercount the output of streams that mix text with tool use or
    thinking (six of six recorded ones, checked 2026-11-23).
    """
    for chunk in reversed(chunks):
        if _DELTA_NAME in chunk:
            usage = _anthropic_usage(chunk)
            output = usage.get(ANTHROPIC.output)
            if type(output) is int and 0 <= output != counts.get(Unit.OUTPUT_TOKEN):
                counts[Unit.OUTPUT_TOKEN] = output
                reading.source = "invocationMetrics (output_tokens: message_delta)"
            break
    if reading.assumed is not None and events.first is not None:
        usage = _anthropic_usage(_chunk(events.first))
        split_cache_writes(counts, reading, usage, model.vendor)


_DELTA_NAME = b'"message_delta"'


def _anthropic_usage(chunk: bytes) -> Fields:
    """``usage`` of Anthropic's first or last statement; empty where there is none."""
    document = whole_object(chunk) or {}
    message = document.get("message")
    usage = (message if isinstance(message, Mapping) else document).get("usage")
    return usage if isinstance(usage, Mapping) else {}


def _read_own_end(
    events: Events, chunks: list[bytes], model: ModelRef
) -> UsageReading | None:
    """Final counts in the family's own words, where the stream ends without metrics.

    Both input and output must have been stated, in a chunk that is the last to speak.
    """
    for chunk in reversed(chunks):
        document = whole_object(chunk)
        if document is not None and any(is_end(document) for is_end in _ENDS):
            reading = _read_with_first(document, events, model)
            if reading is not None and reading.counts is not None:
                read_tier(document, reading)
                return reading if reading.counts.keys() >= _BOTH_SIDES else None
    return None


_BOTH_SIDES = frozenset({Unit.INPUT_TOKEN, Unit.OUTPUT_TOKEN})


def _ends_choices(document: Mapping[str, Any]) -> bool:
    choices = document.get("choices")
    return isinstance(choices, list) and all(
        isinstance(choice, Mapping) and choice.get("finish_reason")
        for choice in choices
    )


# OpenAI's Responses API: its API reference, streaming events, checked 2026-11-25.
# (No set: the value may be of any type, hashable or not.)
_RESPONSES_ENDS = ("response.completed", "response.incomplete", "response.failed")

# By what the last chunk with counts is known: real streams of 2025 and 2026, checked
# 2026-11-23. Some families count along in every chunk.
_ENDS: tuple[Callable[[Mapping[str, Any]], Any], ...] = (
    lambda document: document.get("type") == "message_delta",  # Anthropic
    lambda document: "metadata" in document,  # Nova
    lambda document: document.get("stop_reason"),  # Llama
    lambda document: document.get("completionReason"),  # Titan
    lambda document: document.get("is_finished"),  # Cohere
    lambda document: document.get("type") in _RESPONSES_ENDS,
    _ends_choices,  # all that follow OpenAI
)


def _read_with_first(
    document: Mapping[str, Any], events: Events, model: ModelRef
) -> UsageReading | None:
    """Counts of a late chunk, over what the first one stated in the same spelling."""
    found = find_usage(document)
    if found is None:
        return None
    usage_format, fields = found
    first = whole_object(_chunk(events.first)) if events.first is not None else None
    before = find_usage(first) if first is not None else None
    if before is not None and before[0] is usage_format:
        later = {name: value for name, value in fields.items() if value is not None}
        fields = {**before[1], **later}
    return read_fields(usage_format, fields, model.vendor)


def read_unfinished(
    events: Events, model: ModelRef, *, tokens_per_event: float, tokens_per_byte: float
) -> UsageReading:
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
    said = _said_so_far(events, model)
    counts = dict(said.counts or {}) if said is not None else {}
    seen = max(1, round(max(1, events.count) * tokens_per_event))
    counts[Unit.OUTPUT_TOKEN] = max(counts.get(Unit.OUTPUT_TOKEN, 0), seen)
    size = events.request_bytes
    missing = ""
    if Unit.INPUT_TOKEN not in counts:
        if size is not None and size <= _LARGEST_TEXT:
            counts[Unit.INPUT_TOKEN] = round(size * tokens_per_byte)
        else:
            missing = "input tokens"
    source = f"{said.source} + " if said is not None and said.source else ""
    reading = UsageReading(
        counts,
        f"{source}estimate",
        "the stream ended before its final counts; output is a lower bound",
    )
    reading.code = PriceReason.STREAM_UNFINISHED
    reading.estimated = True
    reading.missing = missing
    return reading


def _said_so_far(events: Events, model: ModelRef) -> UsageReading | None:
    """Merge the latest chunk with counts over the first one."""
    for event in reversed([events.first, *events.tail]):
        document = whole_object(_chunk(event)) if event is not None else None
        said = _read_with_first(document, events, model) if document else None
        if said is not None:
            return said
    return None


def _chunk(event: Event) -> bytes:
    chunk = event.get("chunk")
    return chunk.get("bytes") or b"" if chunk else b""
