"""Usage in the body of an InvokeModel answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._model.model_id import ModelRef
from .._model.record import UsageReading
from .._model.usage import OUTPUT_TOKEN_UNITS, PROMPT_UNITS, Unit
from .asked import TIERS
from .counts import doubt, read_fields, split_cache_writes
from .guardrails import add_units, trace_units
from .json_scan import outer_object
from .passes import PASSES
from .statements import read_statements
from .usage_formats import (
    BODY_FORMATS,
    COHERE,
    Fields,
    UsageFormat,
    is_spelled,
)

_TRACE = "amazon-bedrock-trace"
# Members of a body that are looked for in its tail, where it is too long to parse.
_NAMES = (
    *dict.fromkeys(path[0] for path, _ in BODY_FORMATS if path),
    *(
        name
        for path, formats in BODY_FORMATS
        if not path
        for usage_format in formats
        for name in (usage_format.input, usage_format.output)
    ),
    _TRACE,
    "error",
    "images",
    "model",
    "service_tier",
    "stop_reason",
    "tool_usage",
)


def read_body(body: bytes, reading: UsageReading, model: ModelRef) -> None:
    """Complete *reading*, made from headers, by what the body says.

    Only members of the right level count, so that neither an answer nor the input of
    a tool can pass for them.

    Args:
        body: The body, or the head and tail of a long one.
        reading: What the headers said; changed in place.
        model: The model that answered.
    """
    document = outer_object(body, _NAMES)
    if document is not None:
        complete(document, reading, model)


def complete(
    document: Mapping[str, Any], reading: UsageReading, model: ModelRef
) -> None:
    """Complete *reading*, made from headers, by a body that has been parsed.

    Args:
        document: The outermost object of the body.
        reading: What the headers said; changed in place.
        model: The model that answered.
    """
    read_tier(document, reading)
    found = find_usage(document)
    if reading.counts is not None:
        if found is not None:
            complete_counts(reading, *found, model)
    elif found is not None:
        read = read_fields(*found, model)
        if read is not None:
            reading.counts, reading.source = read.counts, read.source
            reading.assumed, reading.note = read.assumed, read.note
            reading.estimated, reading.code = read.estimated, read.code
            reading.uncounted = read.uncounted
    units = _trace_units(document)
    if units:
        add_units(reading, units)
    read_statements(document, reading, model)


def complete_counts(
    reading: UsageReading, usage_format: UsageFormat, fields: Fields, model: ModelRef
) -> None:
    """Complete counts of headers or metrics by the usage object beside them.

    The usage object alone states the lifetime of cache writes, passes of the model
    besides the one that wrote the answer, and what is billed besides tokens. Where
    both state a token and differ, the headers are believed and the reading is marked.
    """
    if usage_format.members is None or usage_format is COHERE:
        return  # its counts are among others, or are those of another tokenizer
    found = read_fields(usage_format, fields, model)
    counts = reading.counts
    if found is None or counts is None:
        return
    reading.uncounted = found.uncounted
    if found.counts is None or found.estimated:
        doubt(reading, found.note)
    if found.counts is None:
        return
    if fields.get(PASSES):
        reading.counts, reading.assumed = found.counts, found.assumed
        reading.source = found.source
        return
    differing = [
        f"{unit} {counts[unit]} and {found.counts[unit]}"
        for unit in _STATED_TWICE
        if unit in counts and counts[unit] != found.counts.get(unit, counts[unit])
    ]
    if differing:
        twice = f"{reading.source} and {found.source}"
        doubt(reading, f"{twice} state {', '.join(differing)}")
    split_cache_writes(counts, reading, fields, model.vendor)
    counts.update({u: n for u, n in found.counts.items() if u not in _TOKENS})


_STATED_TWICE = (Unit.INPUT_TOKEN, Unit.OUTPUT_TOKEN, Unit.CACHE_READ_TOKEN)
_TOKENS = PROMPT_UNITS | OUTPUT_TOKEN_UNITS


def read_tier(document: Mapping[str, Any], reading: UsageReading) -> None:
    """Take the tier that served the call from *document*, if no header stated it.

    OpenAI-shaped answers state it: AWS, "Service tiers for optimizing performance and
    cost", checked 2026-11-25.
    """
    if reading.tier is not None:
        return
    response = document.get("response")
    said = (response if isinstance(response, Mapping) else document).get("service_tier")
    if isinstance(said, str) and said in TIERS:
        reading.tier = said


def add_trace(
    documents: Iterable[Mapping[str, Any]], reading: UsageReading | None
) -> UsageReading | None:
    """Add the guardrail units of the trace that a stream puts into one of its chunks.

    Args:
        documents: Contents of the chunks.
        reading: What else they state; None for nothing.
    """
    for document in documents:
        units = _trace_units(document)
        if units:
            reading = UsageReading() if reading is None else reading
            add_units(reading, units)
    return reading


def _trace_units(document: Mapping[str, Any]) -> dict[Unit, int]:
    trace = document.get(_TRACE)
    return trace_units(trace.get("guardrail")) if isinstance(trace, Mapping) else {}


def find_usage(document: Mapping[str, Any]) -> tuple[UsageFormat, Fields] | None:
    """Find the counts of *document* and their spelling."""
    for path, formats in BODY_FORMATS:
        fields: Any = document
        for name in path:
            fields = fields.get(name) if isinstance(fields, Mapping) else None
        if isinstance(fields, Mapping):
            for usage_format in formats:
                if is_spelled(usage_format, fields):
                    return usage_format, fields
    return None
