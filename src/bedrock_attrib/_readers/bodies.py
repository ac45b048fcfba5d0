"""Usage in the body of an InvokeModel answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._model.model_id import ModelRef
from .._model.record import UsageReading
from .._model.usage import Unit
from .counts import read_fields, split_cache_writes
from .guardrails import add_units, trace_units
from .json_scan import outer_object, whole_object
from .usage_formats import (
    BODY_FORMATS,
    Fields,
    UsageFormat,
    is_spelled,
)

_TRACE = "amazon-bedrock-trace"
_TRACE_NAME = _TRACE.encode()
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
    "service_tier",
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
    is_complete = reading.counts is not None and reading.assumed is None
    if is_complete and _TRACE_NAME not in body:
        return
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
    if reading.counts is None:
        found = read_document(document, model)
        if found is not None:
            reading.counts, reading.source = found.counts, found.source
            reading.assumed, reading.note = found.assumed, found.note
            reading.estimated = found.estimated
    else:
        usage = document.get("usage")
        if isinstance(usage, Mapping):
            split_cache_writes(reading.counts, reading, usage, model.vendor)
    units = _trace_units(document)
    if units:
        add_units(reading, units)


# What OpenAI-shaped answers call the tier that served them: AWS, "Service tiers for
# optimizing performance and cost", checked 2026-11-25.
_TIERS = frozenset({"default", "flex", "priority", "reserved"})


def read_tier(document: Mapping[str, Any], reading: UsageReading) -> None:
    """Take the tier that served the call from *document*, if no header stated it."""
    if reading.tier is not None:
        return
    response = document.get("response")
    said = (response if isinstance(response, Mapping) else document).get("service_tier")
    if isinstance(said, str) and said in _TIERS:
        reading.tier = said


def add_chunk_trace(
    chunks: list[bytes], reading: UsageReading | None
) -> UsageReading | None:
    """Add the guardrail units of the trace that a stream puts into a last chunk."""
    for chunk in chunks:
        units = _trace_units(whole_object(chunk) or {}) if _TRACE_NAME in chunk else {}
        if units:
            reading = UsageReading() if reading is None else reading
            add_units(reading, units)
    return reading


def _trace_units(document: Mapping[str, Any]) -> dict[Unit, int]:
    trace = document.get(_TRACE)
    return trace_units(trace.get("guardrail")) if isinstance(trace, Mapping) else {}


def read_document(document: Mapping[str, Any], model: ModelRef) -> UsageReading | None:
    """Read the counts of a body or of a stream's chunk, by the first fitting format."""
    found = find_usage(document)
    return None if found is None else read_fields(*found, model.vendor)


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
