"""What an answer says before any body or stream of it is touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._model.model_id import ModelRef
from .._model.record import PriceReason, Reading
from .._model.usage import Unit
from .counts import read_numbers, read_shape
from .guardrails import add_units, check_units, policy_units, trace_units
from .usage_formats import (
    CONVERSE,
    CONVERSE_STREAM,
    HEADERS,
    TOKEN_HEADERS,
    Fields,
    Shape,
    converse_lifetimes,
)

Parsed = Mapping[str, Any]
Kept = Parsed | tuple[Any, ...]
"""An answer, or what was kept of it until it is read: little, and flat.

Hundreds of answers wait, and to fetch from far memory what is spread over many objects
takes longer than all else. Callers may change their answers meanwhile, so nothing of
them is kept but what stands deep inside: the details of cache writes and of a trace,
which take longer to copy than to keep.
"""

_NOTHING: Parsed = {}


def keep_nothing(_answer: Parsed) -> Kept:
    """Of an answer that states nothing."""
    return _NOTHING


def keep_usage(answer: Parsed) -> Kept:
    """Of an answer of a guardrail."""
    return {"usage": dict(answer.get("usage") or _NOTHING)}


def keep_converse(answer: Parsed) -> Kept:
    """Of an answer of Converse."""
    get = (answer.get("usage") or _NOTHING).get
    tier, mode = answer.get("serviceTier"), answer.get("performanceConfig")
    trace = answer.get("trace")
    return (
        get("inputTokens"),
        get("outputTokens"),
        get("cacheReadInputTokens"),
        get("cacheWriteInputTokens"),
        get("cacheDetails"),
        None if tier is None else tier.get("type"),
        None if mode is None else mode.get("latency"),
        None if trace is None else dict(trace),
    )


def _read_kept_converse(kept: tuple[Any, ...], model: ModelRef) -> Reading:
    prompt, output, cached, written, details, tier, mode, trace = kept
    if prompt is None and output is None:
        reading = Reading()
    else:
        told = converse_lifetimes(details) if details and written is not None else None
        vendor = model.vendor
        reading = read_numbers(CONVERSE, prompt, output, cached, written, told, vendor)
    reading.tier = tier
    reading.latency_mode = mode
    if trace is not None:
        _read_trace(reading, trace)
    return reading


def keep_headers(answer: Parsed) -> Kept | None:
    """Of an answer whose headers state everything; None where the body may say more."""
    get = _headers(answer).get
    prompt, output = get(HEADERS.input), get(HEADERS.output)
    cached, written = get(HEADERS.cache_read), get(HEADERS.cache_write)
    if _may_lack(prompt, output, cached, written):
        return None
    return prompt, output, cached, written, get(_TIER), get(_LATENCY_MODE)


def needs_body(headers: Mapping[str, str]) -> bool:
    """Whether the body may say more than *headers* do: counts, or lifetimes."""
    return _may_lack(*map(headers.get, TOKEN_HEADERS))


def _may_lack(*counts: str | None) -> bool:
    """Whether *counts*, of which the last is that of cache writes, may not be all."""
    said = [text for text in counts if text is not None]
    if counts[-1] is not None and counts[-1] != "0":
        return True
    digits = "".join(said)
    if len(digits) < _LONGEST_COUNT and digits.isdecimal() and "" not in said:
        return False
    return not said or not all(
        text.isdecimal() and len(text) < _LONGEST_COUNT for text in said
    )


_LONGEST_COUNT = 16


def read_free(_parsed: Parsed, _model: ModelRef) -> Reading:
    """Answer of an operation that AWS does not bill."""
    return Reading(counts={}, source="free operation")


def read_unknown(_parsed: Parsed, _model: ModelRef) -> Reading:
    """Answer of an operation that this library does not know."""
    return Reading(
        note="this operation is not known, so neither is what it bills",
        code=PriceReason.OPERATION_UNKNOWN,
    )


def read_nothing(_parsed: Parsed, _model: ModelRef) -> Reading:
    """Answer that states no counts itself."""
    return Reading()


def read_converse(answer: Kept, model: ModelRef, shape: Shape = CONVERSE) -> Reading:
    """Answer of Converse, or the last event of its stream."""
    if isinstance(answer, tuple):
        return _read_kept_converse(answer, model)
    usage = answer.get("usage")
    reading = read_shape(shape, usage, model.vendor) if usage else None
    if reading is None:
        reading = Reading()
    if "serviceTier" in answer:
        reading.tier = answer["serviceTier"].get("type")
    if "performanceConfig" in answer:
        reading.latency_mode = answer["performanceConfig"].get("latency")
    if "trace" in answer:
        _read_trace(reading, answer["trace"])
    return reading


def read_converse_metadata(metadata: Parsed, model: ModelRef) -> Reading:
    """Last event of ConverseStream."""
    reading = read_converse(metadata, model, CONVERSE_STREAM)
    if model.vendor in _DOUBLE_COUNTING_VENDORS and reading.counts is not None:
        _undo_double_count(reading.counts, reading, metadata["usage"])
    return reading


def _read_trace(reading: Reading, trace: Mapping[str, Any]) -> None:
    router = trace.get("promptRouter")
    if router:
        reading.invoked_model = router.get("invokedModelId")
        reading.missing = "the prompt router's own fee"
    units = trace_units(trace.get("guardrail"))
    if units:
        add_units(reading, units)


# Streams of OpenAI models through Converse state an input that counts the cache as
# well: measured on gpt-5.6, maximhq/bifrost pull request 6942, 2026-09-07.
_DOUBLE_COUNTING_VENDORS = frozenset({"openai"})


def _undo_double_count(
    counts: dict[Unit, int], reading: Reading, usage: Fields
) -> None:
    """Take cached tokens out of an input that counts them too; mark a guess."""
    cached = (usage.get("cacheReadInputTokens") or 0) + (
        usage.get("cacheWriteInputTokens") or 0
    )
    prompt = counts.get(Unit.INPUT_TOKEN, 0)
    if not cached or prompt < cached:
        return
    counts[Unit.INPUT_TOKEN] = prompt - cached
    # Only where the total leaves the cache out is it certain that input holds it.
    if usage.get("totalTokens") != prompt + counts.get(Unit.OUTPUT_TOKEN, 0):
        reading.estimated = True
        reading.note = f"input {prompt} taken to count its {cached} cached tokens too"


def _headers(parsed: Parsed) -> Mapping[str, str]:
    return (parsed.get("ResponseMetadata") or {}).get("HTTPHeaders") or {}


def read_invoke(answer: Kept, model: ModelRef) -> Reading:
    """Answer of InvokeModel, by its headers alone."""
    if isinstance(answer, tuple):
        return _read_kept_headers(answer, model)
    headers = _headers(answer)
    fields: dict[str, Any] = {}
    for name in TOKEN_HEADERS:
        text = headers.get(name)
        if text is not None:
            try:
                fields[name] = int(text)
            except ValueError:  # is seen, and believed as little as the others
                fields[name] = text
    reading = read_shape(HEADERS, fields, model.vendor) or Reading()
    _read_served(reading, headers)
    return reading


def _read_kept_headers(kept: tuple[Any, ...], model: ModelRef) -> Reading:
    prompt, output, cached, written, tier, mode = kept
    reading = read_numbers(
        HEADERS,
        None if prompt is None else int(prompt),
        None if output is None else int(output),
        None if cached is None else int(cached),
        None if written is None else int(written),
        None,
        model.vendor,
    )
    reading.tier = tier
    reading.latency_mode = mode
    return reading


def read_invoke_stream(parsed: Parsed, _model: ModelRef) -> Reading:
    """Answer of InvokeModelWithResponseStream, before its first event."""
    reading = Reading()
    _read_served(reading, _headers(parsed))
    return reading


def _read_served(reading: Reading, headers: Mapping[str, str]) -> None:
    reading.tier = headers.get(_TIER)
    reading.latency_mode = headers.get(_LATENCY_MODE)


# In the headers for every botocore; modelled as parameters only since 2025.
_TIER = "x-amzn-bedrock-service-tier"
_LATENCY_MODE = "x-amzn-bedrock-performanceconfig-latency"


def read_guardrail(parsed: Parsed, _model: ModelRef) -> Reading:
    """Answer of ApplyGuardrail."""
    return _guardrail(policy_units([parsed.get("usage") or {}]))


def read_guardrail_checks(parsed: Parsed, _model: ModelRef) -> Reading:
    """Answer of InvokeGuardrailChecks."""
    return _guardrail(check_units(parsed.get("usage") or {}))


def _guardrail(units: dict[Unit, int]) -> Reading:
    if not units:
        return Reading(
            note="the answer states no guardrail units",
            code=PriceReason.GUARDRAIL_NOT_STATED,
        )
    return Reading(units, "guardrail.usage")
