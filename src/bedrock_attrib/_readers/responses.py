"""Answers as botocore parses them: what is stored of each, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from .._model.model_id import ModelRef
from .._model.record import PriceReason, UsageReading
from .._model.usage import Unit
from .counts import read_fields, read_numbers
from .gate import number_in
from .guardrails import add_units, check_units, policy_units, trace_units
from .statements import REFUSAL, doubt_refusal
from .usage_formats import (
    CONVERSE,
    CONVERSE_STREAM,
    HEADERS,
    TOKEN_HEADERS,
    Fields,
    UsageFormat,
)
from .usage_members import (
    GUARDRAIL_CHECKS_MEMBERS,
    GUARDRAIL_MEMBERS,
    Members,
    uncounted_members,
)

Parsed = Mapping[str, Any]


class ConverseCounts(NamedTuple):
    """The billable members of an answer of Converse, as the answer states them.

    A flat tuple, as hundreds of answers wait to be read. Callers may change their
    answers meanwhile, so it refers to nothing of them but the details of cache writes
    and of a trace, which take longer to copy than to refer to.
    """

    usage: Any
    tier: Any
    latency_mode: Any
    trace: Any
    stop_reason: Any
    searches: int = 0


class HeaderCounts(NamedTuple):
    """The counts and the service tier that the headers of an answer state, as text."""

    input: str | None
    output: str | None
    cache_read: str | None
    cache_write: str | None
    tier: str | None
    latency_mode: str | None


Kept: TypeAlias = "Parsed | ConverseCounts | HeaderCounts"
"""Stored members of an answer, until it is read."""

_NOTHING: Parsed = {}


def keep_nothing(_answer: Parsed) -> Parsed:
    """Store nothing of an answer that states nothing."""
    return _NOTHING


def keep_usage(answer: Parsed) -> Parsed:
    """Copy the usage of a guardrail's answer."""
    usage = answer.get("usage")
    return dict(usage) if isinstance(usage, Mapping) else _NOTHING


def keep_converse(answer: Parsed) -> ConverseCounts:
    """Store the billable members of an answer of Converse."""
    get = answer.get
    usage, tier, mode = get("usage"), get("serviceTier"), get("performanceConfig")
    trace = get("trace")
    return ConverseCounts(
        usage.copy() if type(usage) is dict else _copy_of(usage),
        None if tier is None else _member(tier, "type"),
        None if mode is None else _member(mode, "latency"),
        dict(trace) if isinstance(trace, dict) else None,
        get("stopReason"),
    )


def _copy_of(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else None


def _member(value: Any, name: str) -> Any:
    """Member *name* of what should be an object; what is none is returned as it is."""
    return value.get(name) if isinstance(value, Mapping) else value


def keep_headers(answer: Parsed) -> HeaderCounts:
    """Store the headers that state counts or a service tier."""
    return header_counts(_headers(answer))


def keep_whole_headers(answer: Parsed) -> HeaderCounts | None:
    """Store the headers of an answer; None if its body may say more than they do."""
    kept = header_counts(_headers(answer))
    return None if _may_lack(kept[:4]) else kept


def header_counts(headers: Mapping[str, str]) -> HeaderCounts:
    """Pick the headers that state counts or a service tier."""
    get = headers.get
    return HeaderCounts(
        get(HEADERS.input),
        get(HEADERS.output),
        get(HEADERS.cache_read),
        get(HEADERS.cache_write),
        get(_TIER),
        get(_LATENCY_MODE),
    )


def needs_body(headers: Mapping[str, str]) -> bool:
    """Return whether the body may say more than *headers* do: counts, or lifetimes."""
    return _may_lack(tuple(map(headers.get, TOKEN_HEADERS)))


def _may_lack(counts: tuple[str | None, ...]) -> bool:
    """Return whether *counts*, ending with cache writes, may be incomplete."""
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


def read_free(_kept: Parsed, _model: ModelRef) -> UsageReading:
    """Read an answer of an operation that AWS does not bill."""
    return UsageReading(counts={}, source="free operation")


def read_unknown(_kept: Parsed, _model: ModelRef) -> UsageReading:
    """Read an answer of an operation that this library does not know."""
    return UsageReading(
        note="this operation is not known, so neither is what it bills",
        code=PriceReason.OPERATION_UNKNOWN,
    )


def read_nothing(_kept: Parsed, _model: ModelRef) -> UsageReading:
    """Read an answer that states no counts itself."""
    return UsageReading()


def read_converse(
    kept: ConverseCounts, model: ModelRef, usage_format: UsageFormat = CONVERSE
) -> UsageReading:
    """Read an answer of Converse, or the last event of its stream."""
    usage, tier, mode, trace, stop_reason, searches = kept
    reading = read_fields(usage_format, usage, model) if usage else None
    if reading is None:
        reading = UsageReading()
    reading.tier = tier
    reading.latency_mode = mode
    if searches and reading.counts is not None:
        reading.counts[Unit.WEB_GROUNDING_REQUEST] = searches
    if trace is not None:
        _read_trace(reading, trace)
    if stop_reason == REFUSAL:
        doubt_refusal(reading)
    elif stop_reason == _BLOCKED:
        reading.is_blocked = True
    return reading


# The model is not billed for a prompt that a guardrail has blocked: AWS, "How charges
# are calculated for Amazon Bedrock Guardrails", checked 2026-11-23.
_BLOCKED = "guardrail_intervened"


def read_converse_metadata(metadata: Parsed, model: ModelRef) -> UsageReading:
    """Read what the metadata events of ConverseStream state together."""
    reading = read_converse(keep_converse(metadata), model, CONVERSE_STREAM)
    if model.vendor in _DOUBLE_COUNTING_VENDORS and reading.counts is not None:
        _undo_double_count(reading.counts, reading, metadata["usage"])
    return reading


def _read_trace(reading: UsageReading, trace: Mapping[str, Any]) -> None:
    router = trace.get("promptRouter")
    if router:
        reading.invoked_model = _member(router, "invokedModelId")
        reading.missing = "the prompt router's own fee"
    units = trace_units(trace.get("guardrail"))
    if units:
        add_units(reading, units)


# Streams of OpenAI models through Converse state an input that counts the cache as
# well: measured on gpt-5.6, maximhq/bifrost pull request 6942, 2026-09-07.
_DOUBLE_COUNTING_VENDORS = frozenset({"openai"})


def _undo_double_count(
    counts: dict[Unit, int], reading: UsageReading, usage: Fields
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


def read_invoke(kept: HeaderCounts, model: ModelRef) -> UsageReading:
    """Read an answer of InvokeModel, by its headers alone."""
    prompt, output, cached, written, tier, mode = kept
    if prompt is None and output is None:
        reading = UsageReading()
    else:
        reading = read_numbers(
            HEADERS,
            number_in(prompt),
            number_in(output),
            number_in(cached),
            number_in(written),
            None,
            model.vendor,
        )
    reading.tier = tier
    reading.latency_mode = mode
    return reading


def read_invoke_stream(kept: HeaderCounts, _model: ModelRef) -> UsageReading:
    """Read an answer of InvokeModelWithResponseStream, before its first event."""
    reading = UsageReading()
    reading.tier = kept.tier
    reading.latency_mode = kept.latency_mode
    return reading


# In the headers for every botocore; modelled as parameters only since 2025.
_TIER = "x-amzn-bedrock-service-tier"
_LATENCY_MODE = "x-amzn-bedrock-performanceconfig-latency"


def read_guardrail(usage: Parsed, _model: ModelRef) -> UsageReading:
    """Read the usage of ApplyGuardrail."""
    return _guardrail(policy_units([usage]), usage, GUARDRAIL_MEMBERS)


def read_guardrail_checks(usage: Parsed, _model: ModelRef) -> UsageReading:
    """Read the usage of InvokeGuardrailChecks."""
    return _guardrail(check_units(usage), usage, GUARDRAIL_CHECKS_MEMBERS)


def _guardrail(units: dict[Unit, int], usage: Parsed, members: Members) -> UsageReading:
    if not units:
        return UsageReading(
            note="the answer states no guardrail units",
            code=PriceReason.GUARDRAIL_NOT_STATED,
        )
    reading = UsageReading(units, "guardrail.usage")
    reading.uncounted = uncounted_members(usage, members)
    return reading
