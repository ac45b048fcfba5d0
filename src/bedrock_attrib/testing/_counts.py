"""Fields and headers in which AWS states counts."""

from __future__ import annotations

from collections.abc import Mapping

from .._model.usage import CACHE_WRITE_UNITS, Unit, Usage
from ._wire import JsonObject

# Headers of InvokeModel: seen in real answers, 2025-02 to 2026-05; botocore's model
# does not have them.
_TOKEN_HEADERS = {
    "input": "X-Amzn-Bedrock-Input-Token-Count",
    "output": "X-Amzn-Bedrock-Output-Token-Count",
    "cache_read": "X-Amzn-Bedrock-Cache-Read-Input-Token-Count",
    "cache_write": "X-Amzn-Bedrock-Cache-Write-Input-Token-Count",
}
# Last chunk of InvokeModelWithResponseStream: seen in real streams, same period.
_METRICS_FIELDS = {
    "input": "inputTokenCount",
    "output": "outputTokenCount",
    "cache_read": "cacheReadInputTokenCount",
    "cache_write": "cacheWriteInputTokenCount",
}
_CONVERSE_FIELDS = {
    "input": "inputTokens",
    "output": "outputTokens",
    "cache_read": "cacheReadInputTokens",
    "cache_write": "cacheWriteInputTokens",
}
# Lifetimes that botocore 1.44.5 knows (shape CacheTTL), longest first as AWS lists
# them.
_CACHE_LIFETIMES = {
    "1h": Unit.CACHE_WRITE_1H_TOKEN,
    "5m": Unit.CACHE_WRITE_5M_TOKEN,
}
# botocore 1.44.5, shape GuardrailUsage: the first six are required.
_GUARDRAIL_FIELDS = {
    "topicPolicyUnits": Unit.GUARDRAIL_TOPIC_TEXT_UNIT,
    "contentPolicyUnits": Unit.GUARDRAIL_CONTENT_TEXT_UNIT,
    "wordPolicyUnits": Unit.GUARDRAIL_WORD_TEXT_UNIT,
    "sensitiveInformationPolicyUnits": Unit.GUARDRAIL_SENSITIVE_INFORMATION_TEXT_UNIT,
    "sensitiveInformationPolicyFreeUnits": (
        Unit.GUARDRAIL_SENSITIVE_INFORMATION_FREE_TEXT_UNIT
    ),
    "contextualGroundingPolicyUnits": Unit.GUARDRAIL_CONTEXTUAL_GROUNDING_TEXT_UNIT,
}
_OPTIONAL_GUARDRAIL_FIELDS = {
    "contentPolicyImageUnits": Unit.GUARDRAIL_CONTENT_IMAGE_UNIT,
    "automatedReasoningPolicyUnits": Unit.GUARDRAIL_AUTOMATED_REASONING_TEXT_UNIT,
}
# botocore 1.44.5, shape GuardrailChecksUsage.
_GUARDRAIL_CHECKS_FIELDS = {
    "contentFilter": Unit.GUARDRAIL_CHECKS_CONTENT_TEXT_UNIT,
    "promptAttack": Unit.GUARDRAIL_CHECKS_PROMPT_ATTACK_TEXT_UNIT,
    "sensitiveInformation": Unit.GUARDRAIL_CHECKS_SENSITIVE_INFORMATION_TEXT_UNIT,
}


def token_counts(usage: Usage | None) -> dict[str, int]:
    """Return counts by ``input``, ``output``, ``cache_read``, ``cache_write``."""
    if usage is None:
        return {}
    counts = {
        "input": usage.get(Unit.INPUT_TOKEN),
        "output": usage.get(Unit.OUTPUT_TOKEN),
        "cache_read": usage.get(Unit.CACHE_READ_TOKEN),
        "cache_write": cache_write_tokens(usage),
    }
    return {name: count for name, count in counts.items() if count is not None}


def cache_write_tokens(usage: Usage) -> int | None:
    """Return tokens written to the cache, of any lifetime; None if unknown."""
    written = [count for unit, count in usage.items() if unit in CACHE_WRITE_UNITS]
    return sum(written) if written else None


def token_headers(usage: Usage | None, stated: frozenset[str]) -> dict[str, str]:
    """Return token headers of InvokeModel, for the counts *stated* there."""
    counts = token_counts(usage)
    return {
        _TOKEN_HEADERS[name]: str(count)
        for name, count in counts.items()
        if name in stated
    }


def metrics_fields(usage: Usage | None) -> JsonObject:
    """Return the counts of ``amazon-bedrock-invocationMetrics``."""
    counts = token_counts(usage)
    return {_METRICS_FIELDS[name]: count for name, count in counts.items()}


def converse_usage(usage: Usage, *, tell_cache_lifetimes: bool = True) -> JsonObject:
    """Return ``usage`` of Converse: input excludes cache, the total includes it."""
    counts = token_counts(usage)
    fields: JsonObject = {
        _CONVERSE_FIELDS[name]: count for name, count in counts.items()
    }
    details = _cache_details(usage)
    if details and tell_cache_lifetimes:
        fields["cacheDetails"] = details
    return fields | {"totalTokens": sum(counts.values())}


def _cache_details(usage: Usage) -> list[JsonObject]:
    return [
        {"ttl": lifetime, "inputTokens": usage[unit]}
        for lifetime, unit in _CACHE_LIFETIMES.items()
        if usage.get(unit)
    ]


def guardrail_usage(usage: Mapping[Unit, int] | None) -> JsonObject:
    """Return ``usage`` of ApplyGuardrail and of an assessment in a trace."""
    counts = usage or {}
    fields: JsonObject = {
        name: counts.get(unit, 0) for name, unit in _GUARDRAIL_FIELDS.items()
    }
    for name, unit in _OPTIONAL_GUARDRAIL_FIELDS.items():
        if unit in counts:
            fields[name] = counts[unit]
    return fields


def guardrail_checks_usage(usage: Mapping[Unit, int] | None) -> JsonObject:
    """Return ``usage`` of InvokeGuardrailChecks: only the checks that ran."""
    return {
        name: {"textUnits": usage[unit]}
        for name, unit in _GUARDRAIL_CHECKS_FIELDS.items()
        if usage is not None and unit in usage
    }


def has_guardrail_units(usage: Mapping[Unit, int] | None) -> bool:
    """Return whether *usage* contains guardrail units."""
    assessed = {*_GUARDRAIL_FIELDS.values(), *_OPTIONAL_GUARDRAIL_FIELDS.values()}
    return bool(usage) and not assessed.isdisjoint(usage or {})
