"""Table of every known member of the usage objects in Bedrock's answers.

A number under any other name is not counted, and makes the price partial.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from .gate import plain_name


class Member(Enum):
    """How a member of a usage object is billed."""

    COUNTED = "counted under a unit of its own"
    CONTAINED = "part or sum of members that are counted"
    NOT_BILLED = "a time, a name, or a quantity without a charge"


_COUNTED, _CONTAINED, _NOT_BILLED = Member.COUNTED, Member.CONTAINED, Member.NOT_BILLED

Members = Mapping[str, Member]
"""Members by path: ``cache_creation.ephemeral_5m_input_tokens``, ``iterations[]``."""

# botocore 1.44.8, shape TokenUsage; the twins of the cache counters and
# serverToolUsage are in recorded answers of 2025 and 2026. Checked 2026-12-01.
CONVERSE_MEMBERS: Members = {
    "inputTokens": _COUNTED,
    "outputTokens": _COUNTED,
    "totalTokens": _CONTAINED,
    "cacheReadInputTokens": _COUNTED,
    "cacheReadInputTokenCount": _CONTAINED,
    "cacheWriteInputTokens": _COUNTED,
    "cacheWriteInputTokenCount": _CONTAINED,
    "cacheDetails[].inputTokens": _COUNTED,
}
NOVA_MEMBERS: Members = {
    **CONVERSE_MEMBERS,
    "cacheReadInputTokens": _CONTAINED,
    "cacheReadInputTokenCount": _COUNTED,
    "cacheWriteInputTokens": _CONTAINED,
    "cacheWriteInputTokenCount": _COUNTED,
}
INVOCATION_METRICS_MEMBERS: Members = {
    "inputTokenCount": _COUNTED,
    "outputTokenCount": _COUNTED,
    "cacheReadInputTokenCount": _COUNTED,
    "cacheWriteInputTokenCount": _COUNTED,
    "invocationLatency": _NOT_BILLED,
    "firstByteLatency": _NOT_BILLED,
}
_ANTHROPIC_TOKENS: Members = {
    "input_tokens": _COUNTED,
    "output_tokens": _COUNTED,
    "cache_read_input_tokens": _COUNTED,
    "cache_creation_input_tokens": _COUNTED,
    "cache_creation.ephemeral_5m_input_tokens": _COUNTED,
    "cache_creation.ephemeral_1h_input_tokens": _COUNTED,
    "output_tokens_details.thinking_tokens": _CONTAINED,
}
# Anthropic Messages API, objects Usage and ServerToolUsage: fetching and searching for
# tools cost nothing besides tokens. Checked 2026-12-01.
ANTHROPIC_MEMBERS: Members = {
    **_ANTHROPIC_TOKENS,
    **{f"iterations[].{name}": member for name, member in _ANTHROPIC_TOKENS.items()},
    "server_tool_use.web_search_requests": _COUNTED,
    "server_tool_use.web_fetch_requests": _NOT_BILLED,
    "server_tool_use.tool_search_requests": _NOT_BILLED,
}
# OpenAI's Chat Completions, object CompletionUsage, and what others that follow it add:
# xAI splits by modality, DeepSeek by hit and miss, SGLang repeats the reasoning, Kimi
# states cached tokens at the top. Checked 2026-12-01.
OPENAI_MEMBERS: Members = {
    "prompt_tokens": _COUNTED,
    "completion_tokens": _COUNTED,
    "total_tokens": _CONTAINED,
    "cached_tokens": _COUNTED,
    "cache_write_tokens": _COUNTED,
    "reasoning_tokens": _CONTAINED,
    "cost_in_usd_ticks": _NOT_BILLED,
    "prompt_cache_hit_tokens": _CONTAINED,
    "prompt_cache_miss_tokens": _CONTAINED,
    "prompt_tokens_details.cached_tokens": _COUNTED,
    "prompt_tokens_details.cache_write_tokens": _COUNTED,
    "prompt_tokens_details.text_tokens": _CONTAINED,
    "prompt_tokens_details.image_tokens": _CONTAINED,
    "completion_tokens_details.reasoning_tokens": _CONTAINED,
    "completion_tokens_details.text_tokens": _CONTAINED,
    "completion_tokens_details.accepted_prediction_tokens": _CONTAINED,
    "completion_tokens_details.rejected_prediction_tokens": _CONTAINED,
}
# OpenAI's Responses API, object ResponseUsage. Checked 2026-12-01.
RESPONSES_MEMBERS: Members = {
    "input_tokens": _COUNTED,
    "output_tokens": _COUNTED,
    "total_tokens": _CONTAINED,
    "input_tokens_details.cached_tokens": _COUNTED,
    "input_tokens_details.cache_write_tokens": _COUNTED,
    "input_tokens_details.text_tokens": _CONTAINED,
    "input_tokens_details.image_tokens": _CONTAINED,
    "output_tokens_details.reasoning_tokens": _CONTAINED,
    "output_tokens_details.text_tokens": _CONTAINED,
}
COHERE_MEMBERS: Members = {
    "input_tokens": _COUNTED,
    "output_tokens": _COUNTED,
    "search_units": _COUNTED,
    "images": _COUNTED,
}
# What the Responses API states beside its usage: the tools that ran at the server.
TOOL_USAGE_MEMBERS: Members = {"web_search.num_requests": _COUNTED}

# botocore 1.44.8, shapes GuardrailUsage and GuardrailChecksUsage.
GUARDRAIL_MEMBERS: Members = {
    "topicPolicyUnits": _COUNTED,
    "contentPolicyUnits": _COUNTED,
    "wordPolicyUnits": _COUNTED,
    "sensitiveInformationPolicyUnits": _COUNTED,
    "sensitiveInformationPolicyFreeUnits": _COUNTED,
    "contextualGroundingPolicyUnits": _COUNTED,
    "contentPolicyImageUnits": _COUNTED,
    "automatedReasoningPolicyUnits": _COUNTED,
    "automatedReasoningPolicies": _NOT_BILLED,
}
GUARDRAIL_CHECKS_MEMBERS: Members = {
    "contentFilter.textUnits": _COUNTED,
    "promptAttack.textUnits": _COUNTED,
    "sensitiveInformation.textUnits": _COUNTED,
}

# Texts that may decide a price, each with the values that leave it as it is.
_PLAIN_TEXTS = {"speed": ("standard",)}


def uncounted_members(fields: Mapping[str, Any], members: Members) -> str:
    """Name the members of a usage object that state something and are not known.

    Args:
        fields: The usage object.
        members: Its known members.

    Returns:
        ``reranks = 3, audio.seconds = 12``; empty where everything is known.
    """
    if members.keys() >= fields.keys():  # nothing nested, as nearly always
        return ""
    found = [
        f"{path} = {number}"
        for path, number in _numbers(fields, "", _DEEPEST)
        if path not in members
    ]
    found += [
        name
        for name, plain in _PLAIN_TEXTS.items()
        if fields.get(name) is not None and fields[name] not in plain
    ]
    more = [f"{len(found) - _MOST_NAMED} more"] if len(found) > _MOST_NAMED else []
    return ", ".join(found[:_MOST_NAMED] + more)


_DEEPEST = 4
_MOST_NAMED = 3
_NOT_A_NAME = "(not a name)"


def _numbers(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    """Paths of all numbers in *value* other than zero, each with its text."""
    if type(value) is int:
        if value:
            yield path, plain_name(value) or "not plausible"
    elif type(value) is float:
        if value:
            yield path, f"{value:g}"
    elif not depth and isinstance(value, (Mapping, list)):
        yield path, "nested"
    elif isinstance(value, Mapping):
        dot = "." if path else ""
        for name, inner in value.items():
            plain = plain_name(name) or _NOT_A_NAME
            yield from _numbers(inner, f"{path}{dot}{plain}", depth - 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers(inner, f"{path}[]", depth - 1)
