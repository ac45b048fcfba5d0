"""Events of a stream, and the usage that they state."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._model.model_id import ModelRef
from .._model.record import PriceReason, UsageReading
from .._model.usage import Unit
from .bodies import add_trace, complete_counts, find_usage, read_tier
from .counts import read_fields
from .gate import is_count
from .json_scan import whole_object
from .responses import read_converse_metadata
from .statements import (
    GROUNDING,
    error_in,
    failed_reading,
    is_grounding,
    read_statements,
)
from .usage_formats import ANTHROPIC, INVOCATION_METRICS, Fields, UsageFormat

Event = Mapping[str, Any]
Document = dict[str, Any]

# Events that are stored of the end of a stream. What states counts is among the last
# three of every recorded one; pings and padding may follow.
_LAST_EVENTS = 32


def _new_tail() -> deque[Any]:
    return deque(maxlen=_LAST_EVENTS)


@dataclass(slots=True)
class Events:
    """The events of a stream that its final counts, or an estimate, are read from.

    Attributes:
        first: The first event, or None before it came.
        last: The last events, oldest first.
        metadata: What the metadata events of ConverseStream have stated so far, a
            later one over those before it; None before the first.
        searches: Number of web searches of Nova that were seen to begin.
        count: Number of events seen.
        request_bytes: Size of the request body; None when not known.
        decode: Makes an event of what is stored of the last ones; None where they are
            events already.
    """

    first: Event | None = None
    last: deque[Any] = field(default_factory=_new_tail)
    metadata: Document | None = None
    searches: int = 0
    count: int = 0
    request_bytes: int | None = None
    decode: Callable[[Any], Event] | None = None

    def add(self, event: Any) -> None:
        """Note the next event, as it is stored."""
        self.last.append(event)
        self.count += 1

    def note_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Merge a metadata event; copied as deep as it is read."""
        merged = self.metadata = dict(self.metadata or {})
        for name, value in metadata.items():
            before = merged.get(name)
            if isinstance(value, Mapping) and isinstance(before, dict):
                merged[name] = {**before, **value}
            else:
                merged[name] = _copy_of(value)

    def note(self, event: Event) -> None:
        """Note what *event* states of counts, or of a web search that begins."""
        metadata = event.get("metadata")
        if isinstance(metadata, Mapping):
            self.note_metadata(metadata)
        chunk = _chunk(event)
        if _GROUNDING in chunk:
            event = whole_object(chunk) or event
        start = event.get("contentBlockStart")
        start = start.get("start") if isinstance(start, Mapping) else None
        if isinstance(start, Mapping) and is_grounding(start.get("toolUse")):
            self.searches += 1

    @property
    def tail(self) -> list[Event]:
        """The last events, oldest first."""
        stored = list(self.last)
        return stored if self.decode is None else list(map(self.decode, stored))


def _copy_of(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


_GROUNDING = GROUNDING.encode()
_METRICS = "amazon-bedrock-invocationMetrics"
_METRICS_NAME = _METRICS.encode()

# A larger request holds an image or a document, whose size says nothing of tokens.
_LARGEST_TEXT = 65_536


def starts_search(event: Event) -> bool:
    """Return whether *event* may announce a web search of Nova."""
    return "contentBlockStart" in event or _GROUNDING in _chunk(event)


def is_whole(event: Event) -> bool:
    """Return whether *event* says that the answer has come whole."""
    return "messageStop" in event or b'"messageStop"' in _chunk(event)


def is_final(event: Event) -> bool:
    """Return whether *event* states the final counts of a stream.

    False for the few families whose last statement is known only by what follows it.
    """
    return "metadata" in event or _METRICS_NAME in _chunk(event)


def read_converse_events(events: Events, model: ModelRef) -> UsageReading | None:
    """Read the final counts of ConverseStream; None before they came."""
    if events.metadata is None and events.decode is not None:
        for event in events.tail:  # stored as bytes, and so not noted as they came
            events.note(event)
    if events.metadata is None:
        return None
    reading = read_converse_metadata(events.metadata, model)
    _add_searches(reading, events)
    return reading


def _add_searches(reading: UsageReading, events: Events) -> None:
    if events.searches and reading.counts is not None:
        reading.counts[Unit.WEB_GROUNDING_REQUEST] = events.searches


def read_invoke_events(events: Events, model: ModelRef) -> UsageReading | None:
    """Read the final counts of InvokeModelWithResponseStream; None before they came."""
    documents = _documents(events)
    reading = _read_metrics(documents, model)
    own = _own_usage(documents)
    if reading is not None:
        if own is not None:
            _correct_by_own(reading, *own, documents, model)
    elif own is not None:
        reading = _read_own_end(*own, documents, model)
    reading = add_trace(documents, reading)
    if reading is not None:
        for document in documents:
            read_tier(document, reading)
            read_statements(document, reading, model)
        _add_searches(reading, events)
    return reading


# Members that a chunk with counts, or with an error, has one of.
_SPEAKS = re.compile(
    rb'"(?:usage|amazon-bedrock-\w+|error|metadata|billed_units|stop_reason|status'
    rb'|prompt_token_count|inputTextTokenCount|inputTokenCount|message)"'
)


def _documents(events: Events) -> list[Document]:
    """The contents of the first and the last chunks that may state something."""
    tail = events.tail
    if events.first is not None and events.count > len(tail):
        tail.insert(0, events.first)
    chunks = [_chunk(event) for event in tail]
    parsed = [whole_object(chunk) for chunk in chunks if _SPEAKS.search(chunk)]
    return [document for document in parsed if document is not None]


def _read_metrics(
    documents: Iterable[Document], model: ModelRef
) -> UsageReading | None:
    """Read the metrics of the last document that has any with counts."""
    found: UsageReading | None = None
    for document in documents:
        metrics = document.get(_METRICS)
        if isinstance(metrics, Mapping):
            reading = read_fields(INVOCATION_METRICS, metrics, model)
            if reading is not None and reading.counts is not None:
                found = reading
    return found


def _own_usage(
    documents: Iterable[Document],
) -> tuple[UsageFormat, Fields] | None:
    """Usage in the family's own words, later statements over those before them."""
    merged: tuple[UsageFormat, Fields] | None = None
    for document in documents:
        found = find_usage(document)
        if found is None:
            continue
        usage_format, fields = found
        if merged is not None and merged[0] is usage_format:
            later = {name: value for name, value in fields.items() if value is not None}
            fields = {**merged[1], **later}
        merged = usage_format, fields
    return merged


def _correct_by_own(
    reading: UsageReading,
    usage_format: UsageFormat,
    fields: Fields,
    documents: list[Document],
    model: ModelRef,
) -> None:
    """Correct and complete the metrics by what the family states itself.

    The metrics undercount the output of Anthropic's streams that mix text with tool
    use or thinking (six of six recorded ones, checked 2026-11-23), so its own last
    count is preferred. What came before that is a placeholder.
    """
    counts, output = reading.counts, fields.get(ANTHROPIC.output)
    has_ended = any(map(_ends, documents))
    if usage_format is ANTHROPIC and counts is not None:
        if not has_ended:
            fields = {**fields, ANTHROPIC.output: counts.get(Unit.OUTPUT_TOKEN)}
        elif is_count(output) and output != counts.get(Unit.OUTPUT_TOKEN):
            counts[Unit.OUTPUT_TOKEN] = output
            reading.source = "invocationMetrics (output_tokens: message_delta)"
    elif not has_ended:
        return  # of families that count along, and have not come to the end
    complete_counts(reading, usage_format, fields, model)


def _read_own_end(
    usage_format: UsageFormat,
    fields: Fields,
    documents: list[Document],
    model: ModelRef,
) -> UsageReading | None:
    """Final counts in the family's own words, where the stream ends without metrics.

    Both input and output must have been stated, and a chunk must be the last to speak.
    """
    if not any(_ends(document) for document in documents):
        return None
    reading = read_fields(usage_format, fields, model)
    if reading is None or reading.counts is None:
        return None
    return reading if reading.counts.keys() >= _BOTH_SIDES else None


def _ends(document: Document) -> bool:
    return find_usage(document) is not None and any(
        is_end(document) for is_end in _ENDS
    )


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
    error = _error_of(events)
    spoke = events.count - _silent(events)
    if error is not None:  # nor did the event that opened the stream add output
        spoke = max(0, spoke - 2)
    if error is not None and not spoke and not counts:
        return failed_reading(error)
    seen = max(1, round(spoke * tokens_per_event)) if spoke or not error else 0
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
    _add_searches(reading, events)
    reading.code = PriceReason.STREAM_UNFINISHED
    reading.error = error
    reading.estimated = True
    reading.missing = missing
    return reading


def _said_so_far(events: Events, model: ModelRef) -> UsageReading | None:
    """Merge what the chunks have stated so far, later ones over those before them."""
    own = _own_usage(_documents(events))
    return None if own is None else read_fields(*own, model)


def _silent(events: Events) -> int:
    """Number of the last events that are no events of a model, such as exceptions."""
    return 0 if events.decode is None else sum(not event for event in events.tail)


def _error_of(events: Events) -> str | None:
    """Return the name of the error that a chunk states; None where none does."""
    for document in _documents(events):
        inner = document.get("response")
        name = error_in(document)
        if name is None and isinstance(inner, dict):
            name = error_in(inner)
        if name is not None:
            return name
    return None


def _chunk(event: Event) -> bytes:
    chunk = event.get("chunk")
    return chunk.get("bytes") or b"" if chunk else b""
