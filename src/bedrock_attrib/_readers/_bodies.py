"""What the body of an InvokeModel answer says, once the caller has read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._model_id import ModelRef
from .._record import Reading
from .._usage import Unit
from ._guardrails import policy_units, trace_usages
from ._json import last_object, last_value, whole_object
from ._shapes import BODY_SHAPES, Shape, add_cache_writes, read_shape

_SMALL_BODY = 65_536


def needs_body(reading: Reading) -> bool:
    """Whether the body may say more than the headers did: counts, or lifetimes."""
    return reading.counts is None or reading.assumed is not None


def read_body(body: bytes, reading: Reading, model: ModelRef) -> None:
    """Complete *reading*, made from headers, by what the body says.

    Args:
        body: The body, or the head and tail of a long one.
        reading: What the headers said; changed in place.
        model: The model that answered.
    """
    if reading.counts is None:
        found = counts_in(body, model)
        if found is not None:
            reading.counts, reading.source = found.counts, found.source
            reading.assumed, reading.note = found.assumed, found.note
    elif reading.assumed is not None:
        _split_cache_writes(body, reading.counts, reading, model)
    add_guardrail_trace(body, reading)


def add_guardrail_trace(text: bytes, reading: Reading) -> None:
    """Add the guardrail units of the trace that InvokeModel puts into its body."""
    trace = last_object(text, "amazon-bedrock-trace")
    guardrail = trace.get("guardrail") if trace else None
    units = policy_units(trace_usages(guardrail)) if guardrail else None
    if units:
        reading.counts = {**(reading.counts or {}), **units}


def _split_cache_writes(
    body: bytes, counts: dict[Unit, int], reading: Reading, model: ModelRef
) -> None:
    creation = last_object(body, "cache_creation")
    if creation is None or reading.assumed is None:
        return
    written = counts.pop(reading.assumed)
    reading.assumed = None
    lifetimes = {
        "5m": creation.get("ephemeral_5m_input_tokens") or 0,
        "1h": creation.get("ephemeral_1h_input_tokens") or 0,
    }
    add_cache_writes(counts, reading, written, lifetimes, model.vendor)


def counts_in(text: bytes, model: ModelRef) -> Reading | None:
    """Counts of a body or a stream chunk, by the first shape that fits.

    A short text is parsed, so that only members of the right level count; of a long
    one, or a piece of one, the last member of each name is taken.
    """
    document = whole_object(text) if len(text) <= _SMALL_BODY else None
    for member, shapes in BODY_SHAPES:
        if document is not None:
            fields = _member(document, member)
        else:
            fields = _last_members(text, member, shapes)
        for shape in shapes if isinstance(fields, Mapping) else ():
            reading = read_shape(shape, fields, model.vendor)
            if reading is not None:
                return reading
    return None


# Where a usage object stands besides the top level of a body: chat streams wrap it.
_WRAPPERS = ("message", "metadata", "meta", "response")


def _member(document: Mapping[str, Any], member: str) -> Any:
    if not member or member in document:
        return document.get(member) if member else document
    for wrapper in _WRAPPERS:
        inner = document.get(wrapper)
        if isinstance(inner, Mapping):
            found = _member(inner, member)
            if found is not None:
                return found
    return None


def _last_members(text: bytes, member: str, shapes: tuple[Shape, ...]) -> Any:
    if member:
        return last_object(text, member)
    names = {name for shape in shapes for name in (shape.input, shape.output)}
    return {name: last_value(text, name) for name in names}
