"""Table of the spellings of token counts in Bedrock's answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .usage_members import (
    ANTHROPIC_MEMBERS,
    COHERE_MEMBERS,
    CONVERSE_MEMBERS,
    INVOCATION_METRICS_MEMBERS,
    NOVA_MEMBERS,
    OPENAI_MEMBERS,
    RESPONSES_MEMBERS,
    Members,
)

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class UsageFormat:
    """One spelling of token counts.

    Attributes:
        source: Name of the statement, for ``CallRecord.usage_source``.
        input: Field of the input tokens.
        output: Field of the output tokens.
        cache_read: Field of the tokens read from the cache.
        cache_write: Field of the tokens written to the cache.
        includes_cache: Whether ``input`` counts the cached tokens as well.
        lifetimes: Finds cache writes by lifetime (``{"5m": 120}``), where stated.
        flatten: Brings nested fields to the top, where the format nests them.
        total: Field of the sum of input and output, which is compared with them.
        reasoning: Field of reasoning tokens, which the output of some models leaves
            out.
        members: Every known member of the usage object; None where the counts are
            among other members of an answer.
    """

    source: str
    input: str
    output: str
    cache_read: str = ""
    cache_write: str = ""
    includes_cache: bool = False
    lifetimes: Callable[[Fields], Mapping[str, Any] | None] | None = None
    flatten: Callable[[Fields], Fields] | None = None
    total: str = ""
    reasoning: str = ""
    members: Members | None = None


def _converse_lifetimes(fields: Fields) -> Mapping[str, Any] | None:
    details = fields.get("cacheDetails")
    return converse_lifetimes(details) if details else None


def converse_lifetimes(details: list[Fields]) -> Mapping[str, Any] | None:
    """Cache writes by lifetime, from ``cacheDetails`` of Converse."""
    lifetimes: dict[str, Any] = {}
    try:
        for detail in details:
            lifetime = detail["ttl"]
            lifetimes[lifetime] = lifetimes.get(lifetime, 0) + detail["inputTokens"]
    except (KeyError, TypeError):
        return None
    return lifetimes


def anthropic_lifetimes(fields: Fields) -> Mapping[str, Any] | None:
    """Cache writes by lifetime, from Anthropic's ``usage``."""
    creation = fields.get("cache_creation")
    if not creation or not isinstance(creation, Mapping):
        return None
    return {
        "5m": creation.get("ephemeral_5m_input_tokens") or 0,
        "1h": creation.get("ephemeral_1h_input_tokens") or 0,
    }


def _flat_openai(fields: Fields) -> Fields:
    return {
        **_object(fields, "prompt_tokens_details"),
        **fields,
        "all_reasoning_tokens": _object(fields, "completion_tokens_details").get(
            "reasoning_tokens"
        ),
    }


def _object(fields: Fields, name: str) -> Fields:
    value = fields.get(name)
    return value if isinstance(value, Mapping) else {}


def _flat_responses(fields: Fields) -> Fields:
    """Return fields under names that no other format has, where they are of this one.

    It shares ``input_tokens`` with Anthropic's, whose input leaves the cache out;
    only this one states a total.
    """
    if "total_tokens" not in fields and "input_tokens_details" not in fields:
        return {}
    return {
        **_object(fields, "input_tokens_details"),
        "all_input_tokens": fields.get("input_tokens"),
        "all_output_tokens": fields.get("output_tokens"),
        "all_reasoning_tokens": _object(fields, "output_tokens_details").get(
            "reasoning_tokens"
        ),
        "total_tokens": fields.get("total_tokens"),
    }


def _flat_titan(fields: Fields) -> Fields:
    results = fields.get("results")
    if not isinstance(results, list):
        return fields
    counts = [
        result.get("tokenCount") if isinstance(result, Mapping) else None
        for result in results
    ]
    if not counts or not all(type(count) is int for count in counts):
        return fields
    return {"totalOutputTextTokenCount": sum(counts), **fields}


# Field names: botocore 1.44.5 service model (Converse) and real traffic of
# 2025-2026 (the rest), checked 2026-11-23.
CONVERSE = UsageFormat(
    source="converse.usage",
    input="inputTokens",
    output="outputTokens",
    cache_read="cacheReadInputTokens",
    cache_write="cacheWriteInputTokens",
    lifetimes=_converse_lifetimes,
    total="totalTokens",
    members=CONVERSE_MEMBERS,
)
CONVERSE_STREAM = UsageFormat(
    source="converse-stream.metadata",
    input="inputTokens",
    output="outputTokens",
    cache_read="cacheReadInputTokens",
    cache_write="cacheWriteInputTokens",
    lifetimes=_converse_lifetimes,
    total="totalTokens",
    members=CONVERSE_MEMBERS,
)
HEADERS = UsageFormat(
    source="headers",
    input="x-amzn-bedrock-input-token-count",
    output="x-amzn-bedrock-output-token-count",
    cache_read="x-amzn-bedrock-cache-read-input-token-count",
    cache_write="x-amzn-bedrock-cache-write-input-token-count",
)
TOKEN_HEADERS = (
    HEADERS.input,
    HEADERS.output,
    HEADERS.cache_read,
    HEADERS.cache_write,
)
INVOCATION_METRICS = UsageFormat(
    source="invocationMetrics",
    input="inputTokenCount",
    output="outputTokenCount",
    cache_read="cacheReadInputTokenCount",
    cache_write="cacheWriteInputTokenCount",
    members=INVOCATION_METRICS_MEMBERS,
)
ANTHROPIC = UsageFormat(
    source="body.usage (anthropic)",
    input="input_tokens",
    output="output_tokens",
    cache_read="cache_read_input_tokens",
    cache_write="cache_creation_input_tokens",
    lifetimes=anthropic_lifetimes,
    members=ANTHROPIC_MEMBERS,
)
NOVA = UsageFormat(
    source="body.usage (nova)",
    input="inputTokens",
    output="outputTokens",
    cache_read="cacheReadInputTokenCount",
    cache_write="cacheWriteInputTokenCount",
    total="totalTokens",
    members=NOVA_MEMBERS,
)
# prompt_tokens counts cached tokens as well, unlike every other spelling.
OPENAI = UsageFormat(
    source="body.usage (openai)",
    input="prompt_tokens",
    output="completion_tokens",
    cache_read="cached_tokens",
    cache_write="cache_write_tokens",
    includes_cache=True,
    flatten=_flat_openai,
    total="total_tokens",
    reasoning="all_reasoning_tokens",
    members=OPENAI_MEMBERS,
)
# OpenAI's Responses API: its API reference, object "response", checked 2026-11-25.
RESPONSES = UsageFormat(
    source="body.usage (responses)",
    input="all_input_tokens",
    output="all_output_tokens",
    cache_read="cached_tokens",
    cache_write="cache_write_tokens",
    includes_cache=True,
    flatten=_flat_responses,
    total="total_tokens",
    reasoning="all_reasoning_tokens",
    members=RESPONSES_MEMBERS,
)
LLAMA = UsageFormat(
    source="body (llama)",
    input="prompt_token_count",
    output="generation_token_count",
)
TITAN = UsageFormat(
    source="body (titan)",
    input="inputTextTokenCount",
    output="totalOutputTextTokenCount",
    flatten=_flat_titan,
)
# Cohere bills billed_units; its `tokens` beside them also count the template.
COHERE = UsageFormat(
    source="body.meta.billed_units (cohere)",
    input="input_tokens",
    output="output_tokens",
    members=COHERE_MEMBERS,
)
EMBEDDING = UsageFormat(
    source="body (embedding)", input="inputTokenCount", output="outputTokenCount"
)

# Paths in a body, or in a chunk of a stream, which wraps them, and the formats that may
# be there; no path is the body itself. A format is taken by its spelling, not by the
# vendor: new families follow old ones.
BODY_FORMATS: tuple[tuple[tuple[str, ...], tuple[UsageFormat, ...]], ...] = (
    (("usage",), (OPENAI, RESPONSES, ANTHROPIC, NOVA)),
    (("response", "usage"), (RESPONSES,)),
    (("message", "usage"), (ANTHROPIC,)),
    (("metadata", "usage"), (NOVA,)),
    (("meta", "billed_units"), (COHERE,)),
    (("response", "meta", "billed_units"), (COHERE,)),
    ((), (LLAMA, TITAN, EMBEDDING)),
)


# Families whose bodies state nothing that is billed but what their headers do as well:
# recorded answers of 2025 and 2026. Those of all others are read to their end.
_TOLD_BY_HEADERS = (
    "amazon.titan-embed-text",
    "amazon.titan-text",
    "cohere.command",
    "deepseek.r1",
    "meta.",
)


def is_told_by_headers(model_id: str | None) -> bool:
    """Return whether the headers of an answer state all that its body does."""
    return model_id is not None and model_id.startswith(_TOLD_BY_HEADERS)


def is_spelled(usage_format: UsageFormat, fields: Fields) -> bool:
    """Return whether *fields* state input or output as *usage_format* spells them."""
    if usage_format.flatten is not None:
        fields = usage_format.flatten(fields)
    names = usage_format.input, usage_format.output
    return any(fields.get(name) is not None for name in names)
