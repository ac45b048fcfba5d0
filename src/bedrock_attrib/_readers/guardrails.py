"""Guardrail units that an answer or a trace reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .._model.record import UsageReading
from .._model.usage import Unit
from .gate import is_count

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
# The prompt's assessments stand by guardrail id, those of the answer in a list: of ids
# to lists in Converse, of objects by id in the body of InvokeModel. botocore 1.44.5,
# shape GuardrailTraceAssessment, and the user guide, "Use a guardrail with
# InvokeModel", checked 2026-11-23.
_ASSESSMENTS = ("inputAssessment", "input", "outputAssessments", "outputs")
_DEEPEST = 2


def policy_units(usages: Iterable[Mapping[str, Any]]) -> dict[Unit, int]:
    """Add up the policy counters of *usages*, each a ``GuardrailUsage``."""
    counts: dict[Unit, int] = {}
    for usage in usages:
        for name, unit in _POLICY_UNITS.items():
            count = usage.get(name)
            if is_count(count):
                counts[unit] = counts.get(unit, 0) + count
    return counts


def check_units(usage: Mapping[str, Any]) -> dict[Unit, int]:
    """Text units by check of an ``InvokeGuardrailChecks`` answer."""
    counts: dict[Unit, int] = {}
    for name, unit in _CHECK_UNITS.items():
        check = usage.get(name)
        count = check.get("textUnits") if isinstance(check, Mapping) else None
        if is_count(count):
            counts[unit] = count
    return counts


def trace_units(guardrail: object) -> dict[Unit, int]:
    """Units of every assessment in a guardrail trace; empty where it states none.

    Args:
        guardrail: The ``guardrail`` member of a Converse trace, or of the
            ``amazon-bedrock-trace`` that InvokeModel puts into its body.
    """
    if not isinstance(guardrail, Mapping):
        return {}
    return policy_units(
        usage
        for name in _ASSESSMENTS
        for usage in _usages(guardrail.get(name), _DEEPEST)
    )


def add_units(reading: UsageReading, units: dict[Unit, int]) -> None:
    """Add the units of a trace to what else the answer stated."""
    if reading.counts is None:
        reading.source = "guardrail.trace"
        reading.missing = "the model's tokens"
    reading.counts = {**(reading.counts or {}), **units}


def _usages(assessments: object, depth: int) -> Iterator[Mapping[str, Any]]:
    """Each ``GuardrailUsage`` of assessments that stand up to *depth* levels deep."""
    if isinstance(assessments, Mapping):
        metrics = assessments.get("invocationMetrics")
        usage = metrics.get("usage") if isinstance(metrics, Mapping) else None
        if isinstance(usage, Mapping):
            yield usage
            return
        assessments = list(assessments.values())
    if depth and isinstance(assessments, list):
        for assessment in assessments:
            yield from _usages(assessment, depth - 1)
