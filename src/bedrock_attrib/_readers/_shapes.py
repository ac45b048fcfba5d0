"""Every spelling of token counts in Bedrock's answers, as one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .._record import Reading
from .._usage import Unit

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """One spelling of token counts.

    Attributes:
        source: Name of the statement, for ``CallRecord.usage_source``.
        input: Field of the input tokens.
        output: Field of the output tokens.
        cache_read: Field of the tokens read from the cache.
        cache_write: Field of the tokens written to the cache.
        includes_cache: Whether ``input`` counts the cached tokens as well.
        lifetimes: Finds cache writes by lifetime (``{"5m": 120}``), where told apart.
        flatten: Brings nested fields to the top, where the shape nests them.
    """

    source: str
    input: str
    output: str
    cache_read: str = ""
    cache_write: str = ""
    includes_cache: bool = False
    lifetimes: Callable[[Fields], Mapping[str, Any] | None] | None = None
    flatten: Callable[[Fields], Fields] | None = None


def _converse_lifetimes(fields: Fields) -> Mapping[str, Any] | None:
    details = fields.get("cacheDetails")
    if not details:
        return None
    lifetimes: dict[str, Any] = {}
    try:
        for detail in details:
            lifetime = detail["ttl"]
            lifetimes[lifetime] = lifetimes.get(lifetime, 0) + detail["inputTokens"]
    except (KeyError, TypeError):
        return None
    return lifetimes


def anthropic_lifetimes(fields: Fields) -> Mapping[str, Any] | None:
    """Cache writes by lifetime, as Anthropic's ``usage`` tells them apart."""
    creation = fields.get("cache_creation")
    if not creation or not isinstance(creation, Mapping):
        return None
    return {
        "5m": creation.get("ephemeral_5m_input_tokens") or 0,
        "1h": creation.get("ephemeral_1h_input_tokens") or 0,
    }


def _flat_openai(fields: Fields) -> Fields:
    details = fields.get("prompt_tokens_details")
    return {**details, **fields} if isinstance(details, Mapping) else fields


def _flat_titan(fields: Fields) -> Fields:
    results = fields.get("results")
    if not isinstance(results, list):
        return fields
    counts = [
        result.get("tokenCount") if isinstance(result, Mapping) else None
        for result in results
    ]
    if not counts or not all(map(_is_count, counts)):
        return fields
    return {"totalOutputTextTokenCount": sum(counts), **fields}


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


# Field names: botocore 1.44.5 service model (Converse) and real traffic of
# 2025-2026 (the rest), checked 2026-11-23.
CONVERSE = Shape(
    source="converse.usage",
    input="inputTokens",
    output="outputTokens",
    cache_read="cacheReadInputTokens",
    cache_write="cacheWriteInputTokens",
    lifetimes=_converse_lifetimes,
)
CONVERSE_STREAM = Shape(
    source="converse-stream.metadata",
    input="inputTokens",
    output="outputTokens",
    cache_read="cacheReadInputTokens",
    cache_write="cacheWriteInputTokens",
    lifetimes=_converse_lifetimes,
)
HEADERS = Shape(
    source="headers",
    input="x-amzn-bedrock-input-token-count",
    output="x-amzn-bedrock-output-token-count",
    cache_read="x-amzn-bedrock-cache-read-input-token-count",
    cache_write="x-amzn-bedrock-cache-write-input-token-count",
)
INVOCATION_METRICS = Shape(
    source="invocationMetrics",
    input="inputTokenCount",
    output="outputTokenCount",
    cache_read="cacheReadInputTokenCount",
    cache_write="cacheWriteInputTokenCount",
)
ANTHROPIC = Shape(
    source="body.usage (anthropic)",
    input="input_tokens",
    output="output_tokens",
    cache_read="cache_read_input_tokens",
    cache_write="cache_creation_input_tokens",
    lifetimes=anthropic_lifetimes,
)
NOVA = Shape(
    source="body.usage (nova)",
    input="inputTokens",
    output="outputTokens",
    cache_read="cacheReadInputTokenCount",
    cache_write="cacheWriteInputTokenCount",
)
# prompt_tokens counts cached tokens as well, unlike every other spelling.
OPENAI = Shape(
    source="body.usage (openai)",
    input="prompt_tokens",
    output="completion_tokens",
    cache_read="cached_tokens",
    cache_write="cache_write_tokens",
    includes_cache=True,
    flatten=_flat_openai,
)
LLAMA = Shape(
    source="body (llama)",
    input="prompt_token_count",
    output="generation_token_count",
)
TITAN = Shape(
    source="body (titan)",
    input="inputTextTokenCount",
    output="totalOutputTextTokenCount",
    flatten=_flat_titan,
)
# Cohere bills billed_units; its `tokens` beside them also count the template.
COHERE = Shape(
    source="body.meta.billed_units (cohere)",
    input="input_tokens",
    output="output_tokens",
)
EMBEDDING = Shape(
    source="body (embedding)", input="inputTokenCount", output="outputTokenCount"
)

# By which path which shapes may stand in a body or in a chunk of a stream, which wraps
# them; no path is the body itself. A shape is taken by its spelling, not by the
# vendor: new families follow old ones.
BODY_SHAPES: tuple[tuple[tuple[str, ...], tuple[Shape, ...]], ...] = (
    (("usage",), (OPENAI, ANTHROPIC, NOVA)),
    (("message", "usage"), (ANTHROPIC,)),
    (("metadata", "usage"), (NOVA,)),
    (("meta", "billed_units"), (COHERE,)),
    (("response", "meta", "billed_units"), (COHERE,)),
    ((), (LLAMA, TITAN, EMBEDDING)),
)

LIFETIME_UNITS = {
    "5m": Unit.CACHE_WRITE_5M_TOKEN,
    "30m": Unit.CACHE_WRITE_30M_TOKEN,
    "1h": Unit.CACHE_WRITE_1H_TOKEN,
}
# Vendors whose models sell one thirty-minute cache write; all others start at five
# minutes. AWS price list of 2026-10-08, checked 2026-11-23.
_UNSTATED_LIFETIME = {
    "openai": Unit.CACHE_WRITE_30M_TOKEN,
    "moonshotai": Unit.CACHE_WRITE_30M_TOKEN,
    "zai": Unit.CACHE_WRITE_30M_TOKEN,
}


def is_spelled(shape: Shape, fields: Fields) -> bool:
    """Whether *fields* state input or output as *shape* spells them."""
    if shape.flatten is not None:
        fields = shape.flatten(fields)
    return fields.get(shape.input) is not None or fields.get(shape.output) is not None


def read_shape(shape: Shape, fields: Fields, vendor: str | None) -> Reading | None:
    """Counts of *fields*, spelled as *shape*; None if neither side stands there.

    Cached tokens are taken out of an inclusive input. A negative rest, or counts by
    lifetime that pass their own total, are not believed; the note says so.

    Args:
        shape: The spelling.
        fields: Object that may hold the counts, as whole numbers.
        vendor: Vendor of the model, for the lifetime of cache writes not told apart.
    """
    if shape.flatten is not None:
        fields = shape.flatten(fields)
    get = fields.get
    prompt, output = get(shape.input), get(shape.output)
    cached, written = get(shape.cache_read), get(shape.cache_write)
    if prompt is None and output is None:
        return None
    if not (
        (prompt is None or (type(prompt) is int and prompt >= 0))
        and (output is None or (type(output) is int and output >= 0))
        and (cached is None or (type(cached) is int and cached >= 0))
        and (written is None or (type(written) is int and written >= 0))
    ):
        return _read_odd_numbers(shape, fields, vendor)
    counts: dict[Unit, int] = {}
    reading = Reading(counts, shape.source)
    if prompt is not None:
        if shape.includes_cache:
            prompt -= (cached or 0) + (written or 0)
            if prompt < 0:
                return Reading(None, "", _impossible(shape, fields))
        counts[_INPUT] = prompt
    if output is not None:
        counts[_OUTPUT] = output
    if cached is not None:
        counts[_CACHE_READ] = cached
    if written is not None:
        lifetimes = shape.lifetimes(fields) if shape.lifetimes is not None else None
        add_cache_writes(counts, reading, written, lifetimes, vendor)
    return reading


# Looking a member up on its enum costs more than the rest of a line.
_INPUT, _OUTPUT = Unit.INPUT_TOKEN, Unit.OUTPUT_TOKEN
_CACHE_READ = Unit.CACHE_READ_TOKEN


def _read_odd_numbers(shape: Shape, fields: Fields, vendor: str | None) -> Reading:
    """Read counts that are not all whole numbers from zero up.

    Cohere's own interface types its billed units as floats (Chat API reference,
    checked 2026-11-23), so ``7.0`` is seven.
    """
    names = (shape.input, shape.output, shape.cache_read, shape.cache_write)
    whole = {
        name: int(value)
        for name in names
        if type(value := fields.get(name)) is float and value.is_integer()
    }
    reading = read_shape(shape, {**fields, **whole}, vendor) if whole else None
    return reading or Reading(
        None, "", f"{shape.source}: a count is no whole number from zero up"
    )


def _impossible(shape: Shape, fields: Fields) -> str:
    return (
        f"{shape.source}: input {fields[shape.input]} is less than the cached tokens "
        f"that it includes ({fields.get(shape.cache_read)} read, "
        f"{fields.get(shape.cache_write)} written)"
    )


def add_cache_writes(
    counts: dict[Unit, int],
    reading: Reading,
    written: int,
    lifetimes: Mapping[str, Any] | None,
    vendor: str | None,
) -> None:
    """Split *written* tokens by lifetime into *counts*; mark what had to be assumed."""
    rest = written
    if lifetimes is not None and _are_believable(lifetimes, written, reading):
        for lifetime, count in lifetimes.items():
            unit = LIFETIME_UNITS.get(lifetime)
            if count and unit is not None:
                counts[unit] = count
                rest -= count
    if rest or not written:
        unit = _UNSTATED_LIFETIME.get(vendor or "", Unit.CACHE_WRITE_5M_TOKEN)
        counts[unit] = counts.get(unit, 0) + rest
        reading.assumed = unit if rest else None


def _are_believable(
    lifetimes: Mapping[str, Any], written: int, reading: Reading
) -> bool:
    """Whether counts by lifetime fit into their total; a doubt marks the reading."""
    if not all(map(_is_count, lifetimes.values())):
        return False
    stated = sum(lifetimes.values())
    if stated > written:
        reading.estimated = True
        reading.note = f"{stated} cache writes by lifetime, but {written} in all"
        return False
    if not LIFETIME_UNITS.keys() >= lifetimes.keys():
        reading.estimated = True
        reading.note = "cache writes of a lifetime that is not known"
    return True


def split_cache_writes(
    counts: dict[Unit, int], reading: Reading, usage: Fields, vendor: str | None
) -> None:
    """Split cache writes of assumed lifetime, where Anthropic's *usage* tells it."""
    lifetimes = anthropic_lifetimes(usage)
    if lifetimes is not None and reading.assumed is not None:
        written = counts.pop(reading.assumed)
        reading.assumed = None
        add_cache_writes(counts, reading, written, lifetimes, vendor)
