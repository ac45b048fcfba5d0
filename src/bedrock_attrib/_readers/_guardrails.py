"""Which billable guardrail units an answer or a trace reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .._usage import Unit

# Counter names: botocore 1.44.5, shape GuardrailUsage, checked 2026-11-23.
_POLICY_UNITS = {
    "topicPolicyUnits": Unit.GUARDRAIL_TOPIC_TEXT_UNIT,
    "contentPolicyUnits": Unit.GUARDRAIL_CONTENT_TEXT_UNIT,
    "wordPolicyUnits": Unit.GUARDRAIL_WORD_TEXT_UNIT,
    "sensitiveInformationPolicyUnits": Unit.GUARDRAIL_SENSITIVE_INFORMATION_TEXT_UNIT,
    "sensitiveInformationPolicyFreeUnits": (
        Unit.GUARDRAIL_SENSITIVE_INFORMATION_FREE_TEXT_UNIT
    ),
    "contextualGroundingPolicyUnits": Unit.GUARDRAIL_CONTEXTUAL_GROUNDING_TEXT_UNIT,
    "contentPolicyImageUnits": Unit.GUARDRAIL_CONTENT_IMAGE_UNIT,
    "automatedReasoningPolicyUnits": Unit.GUARDRAIL_AUTOMATED_REASONING_TEXT_UNIT,
}
# botocore 1.44.5, shape GuardrailChecksUsageResults, checked 2026-11-23.
_CHECK_UNITS = {
    "contentFilter": Unit.GUARDRAIL_CHECKS_CONTENT_TEXT_UNIT,
    "promptAttack": Unit.GUARDRAIL_CHECKS_PROMPT_ATTACK_TEXT_UNIT,
    "sensitiveInformation": Unit.GUARDRAIL_CHECKS_SENSITIVE_INFORMATION_TEXT_UNIT,
}


def policy_units(usages: Iterable[Mapping[str, Any]]) -> dict[Unit, int]:
    """Add up the policy counters of *usages*, each a ``GuardrailUsage``."""
    counts: dict[Unit, int] = {}
    for usage in usages:
        for name, unit in _POLICY_UNITS.items():
            count = usage.get(name)
            if type(count) is int and count >= 0:
                counts[unit] = counts.get(unit, 0) + count
    return counts


def check_units(usage: Mapping[str, Any]) -> dict[Unit, int]:
    """Text units by check of an ``InvokeGuardrailChecks`` answer."""
    return {
        unit: usage[name]["textUnits"]
        for name, unit in _CHECK_UNITS.items()
        if name in usage
    }


def trace_usages(trace: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every ``GuardrailUsage`` inside a guardrail trace.

    Args:
        trace: The ``guardrail`` member of a Converse trace, or of the
            ``amazon-bedrock-trace`` that InvokeModel puts into its body.
    """
    for name in ("inputAssessment", "input"):
        yield from _metrics(trace.get(name, {}).values())
    for assessment in (trace.get("outputAssessments") or {}).values():
        yield from _metrics(assessment)
    for output in trace.get("outputs") or ():
        yield from _metrics(output.values())


def _metrics(assessments: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for assessment in assessments:
        usage = assessment.get("invocationMetrics", {}).get("usage")
        if usage:
            yield usage
