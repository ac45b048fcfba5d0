"""Names and units of the instruments and their attributes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SCOPE_NAME: Final = "bedrock_attrib"
"""Name of the meter, seen as ``otel_scope_name``."""

OTHER: Final = "_other"
"""Value of a label that was folded because a cap was reached."""

DEFAULT_TAGS: Final = ("team", "app", "experiment", "environment", "cost_center")
DEFAULT_TAG_PREFIX: Final = "bedrock_attrib."


@dataclass(frozen=True, slots=True)
class Instrument:
    """Definition of an instrument.

    Attributes:
        name: Name as OpenTelemetry knows it.
        unit: UCUM unit; in braces if it is only an annotation.
        description: Meaning of one point.
        boundaries: Upper bounds of the buckets; empty except for histograms.
    """

    name: str
    unit: str
    description: str
    boundaries: tuple[float, ...] = ()


# With braces, the translation to Prometheus does not append the unit to the name.
COST: Final = Instrument(
    "bedrock_attrib.cost",
    "{USD}",
    "Amazon Bedrock spend at list price, by team, model and class of unit.",
)
USAGE: Final = Instrument(
    "bedrock_attrib.usage",
    "{unit}",
    "Quantities that Amazon Bedrock bills; each token or item is in one unit.",
)
CALLS: Final = Instrument(
    "bedrock_attrib.calls",
    "{call}",
    "Finished Amazon Bedrock calls, including failed and abandoned ones.",
)
SINK_DROPPED: Final = Instrument(
    "bedrock_attrib.sink.dropped",
    "{record}",
    "Records that a sink lost, by sink.",
)
TAG_OVERFLOW: Final = Instrument(
    "bedrock_attrib.tag_overflow",
    "{call}",
    "Calls counted under _other because a cap was reached, by tag and cap.",
)
FAULTS: Final = Instrument(
    "bedrock_attrib.faults",
    "{fault}",
    "Faults of the library that did not reach a Bedrock call, by place.",
)
PRICE_TABLE_AGE: Final = Instrument(
    "bedrock_attrib.price_table.age",
    "s",
    "Age of the price table in use.",
)
BUDGET_LIMIT: Final = Instrument(
    "bedrock_attrib.budget.limit",
    "{amount}",
    "Limit in force of a budget, in USD, tokens or calls.",
)
BUDGET_SPENT: Final = Instrument(
    "bedrock_attrib.budget.spent",
    "{amount}",
    "Amount that was spent in the window of a budget.",
)
BUDGET_RESERVED: Final = Instrument(
    "bedrock_attrib.budget.reserved",
    "{amount}",
    "Amount that is reserved for calls on their way or to come.",
)
BUDGET_REMAINING: Final = Instrument(
    "bedrock_attrib.budget.remaining",
    "{amount}",
    "Amount that is left of a budget; negative where its limit was passed.",
)
BUDGET_REFUSALS: Final = Instrument(
    "bedrock_attrib.budget.refusals",
    "{call}",
    "Calls that a budget refused, or would have refused if it did not only observe.",
)
BUDGET_OVERSHOOT: Final = Instrument(
    "bedrock_attrib.budget.overshoot",
    "{amount}",
    "Amount that calls used beyond what was reserved for them, in this process.",
)
BUDGET_STORE_EXCHANGES: Final = Instrument(
    "bedrock_attrib.budget.store.exchanges",
    "{exchange}",
    "Round trips of this process to the store of budgets, by outcome.",
)
BUDGET_STORE_TIME: Final = Instrument(
    "bedrock_attrib.budget.store.time",
    "s",
    "Time that these round trips took, together.",
)
BUDGET_STORE_MISSED: Final = Instrument(
    "bedrock_attrib.budget.store.missed",
    "{call}",
    "Calls that passed an open budget while its store was not reached.",
)
BUDGET_STORE_EXPIRED: Final = Instrument(
    "bedrock_attrib.budget.store.expired_leases",
    "{lease}",
    "Leases of this process that ended before it renewed them.",
)
POLICY_VIOLATIONS: Final = Instrument(
    "bedrock_attrib.policy.violations",
    "{call}",
    "Calls that broke a rule of the tag policy, by rule, key and action.",
)

OPERATION: Final = "bedrock_attrib.operation"
# Spend belongs to the model itself. The convention's gen_ai.request.model is what the
# caller wrote (us.anthropic…, an ARN), so it would split the spend of one model by
# profile and have two meanings; scope and region have attributes of their own.
MODEL: Final = "bedrock_attrib.model"
REGION: Final = "bedrock_attrib.region"
SCOPE: Final = "bedrock_attrib.scope"
TIER: Final = "bedrock_attrib.tier"
UNIT_CLASS: Final = "bedrock_attrib.unit_class"
UNIT: Final = "bedrock_attrib.unit"
PRICE_STATUS: Final = "bedrock_attrib.price_status"
CURRENCY: Final = "bedrock_attrib.currency"
OUTCOME: Final = "bedrock_attrib.outcome"
SINK: Final = "bedrock_attrib.sink"
TAG: Final = "bedrock_attrib.tag"
CAP: Final = "bedrock_attrib.cap"
PLACE: Final = "bedrock_attrib.place"
POLICY_RULE: Final = "bedrock_attrib.policy_rule"
POLICY_KEY: Final = "bedrock_attrib.policy_key"
POLICY_ACTION: Final = "bedrock_attrib.policy_action"
BUDGET: Final = "bedrock_attrib.budget"
BUDGET_KEY: Final = "bedrock_attrib.budget_key"
BUDGET_MEASURE: Final = "bedrock_attrib.budget_measure"
PROCESS_ID: Final = "process.pid"
"""Scope attribute of the metrics of a forked process, named as in
opentelemetry-semantic-conventions 0.66b2, checked 2026-11-30."""

# The GenAI conventions, Development status. `V1_44` are the names of
# opentelemetry-semantic-conventions 0.66b2 (conventions up to 1.44.0), which marks
# them as moved; `INFERENCE` those of the main branch of
# open-telemetry/semantic-conventions-genai after its change 521 (October 2026),
# which has no release. Checked 2026-11-23.
CONVENTION_VERSION: Final = "1.44.0"
CONVENTION_OPT_IN: Final = "gen_ai_latest_experimental"
"""Item of ``OTEL_SEMCONV_STABILITY_OPT_IN`` that selects `SemConv.INFERENCE`."""

GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"
GEN_AI_PROVIDER_NAME: Final = "gen_ai.provider.name"
GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"
GEN_AI_TOKEN_TYPE: Final = "gen_ai.token.type"
GEN_AI_TOKEN_MODALITY: Final = "gen_ai.token.modality"
ERROR_TYPE: Final = "error.type"
AWS_BEDROCK: Final = "aws.bedrock"


class SemConv(StrEnum):
    """A set of names of the GenAI conventions.

    ``V1_44`` is ``gen_ai.client.*``, the names up to version 1.44.0 of the conventions,
    which other instrumentations emit as of November 2026; ``INFERENCE`` is
    ``gen_ai.client.inference.*``.
    """

    V1_44 = "1.44"
    INFERENCE = "inference"


# Boundaries of the conventions; the Python SDK has no defaults for these names, so
# they are passed: open-telemetry/opentelemetry-python issue 5084.
TOKEN_BOUNDARIES: Final = tuple(float(4**power) for power in range(14))
SECONDS_BOUNDARIES: Final = tuple(2**power / 100 for power in range(14))

TOKEN_USAGE: Final = Instrument(
    "gen_ai.client.token.usage",
    "{token}",
    "Number of input and output tokens used.",
    TOKEN_BOUNDARIES,
)
OPERATION_DURATION: Final = Instrument(
    "gen_ai.client.operation.duration",
    "s",
    "GenAI operation duration.",
    SECONDS_BOUNDARIES,
)
OPERATION_FIRST_CHUNK: Final = Instrument(
    "gen_ai.client.operation.time_to_first_chunk",
    "s",
    "Time from the request to the first chunk of the response stream.",
    SECONDS_BOUNDARIES,
)
INFERENCE_INPUT: Final = Instrument(
    "gen_ai.client.inference.operation.input_tokens",
    "{token}",
    "Input tokens of one inference operation, including cached ones.",
    TOKEN_BOUNDARIES,
)
INFERENCE_OUTPUT: Final = Instrument(
    "gen_ai.client.inference.operation.output_tokens",
    "{token}",
    "Output tokens of one inference operation.",
    TOKEN_BOUNDARIES,
)
INFERENCE_DURATION: Final = Instrument(
    "gen_ai.client.inference.duration",
    "s",
    "Duration of an inference operation.",
    SECONDS_BOUNDARIES,
)
INFERENCE_FIRST_CHUNK: Final = Instrument(
    "gen_ai.client.inference.time_to_first_chunk",
    "s",
    "Time from the request to the first chunk of the response stream.",
    SECONDS_BOUNDARIES,
)
INFERENCE_INPUT_TOTAL: Final = Instrument(
    "gen_ai.client.inference.usage.input_tokens",
    "{token}",
    "Input tokens used, including cached ones.",
)
INFERENCE_OUTPUT_TOTAL: Final = Instrument(
    "gen_ai.client.inference.usage.output_tokens",
    "{token}",
    "Output tokens used.",
)
INFERENCE_CACHE_READ_TOTAL: Final = Instrument(
    "gen_ai.client.inference.usage.cache_read.input_tokens",
    "{token}",
    "Input tokens read from a cache.",
)
INFERENCE_CACHE_WRITE_TOTAL: Final = Instrument(
    "gen_ai.client.inference.usage.cache_write.input_tokens",
    "{token}",
    "Input tokens written to a cache.",
)

COUNTERS: Final = (COST, USAGE, CALLS, SINK_DROPPED, TAG_OVERFLOW, FAULTS)
GAUGES: Final = (PRICE_TABLE_AGE,)
HISTOGRAMS: Final = {
    SemConv.V1_44: (TOKEN_USAGE, OPERATION_DURATION, OPERATION_FIRST_CHUNK),
    SemConv.INFERENCE: (
        INFERENCE_INPUT,
        INFERENCE_OUTPUT,
        INFERENCE_DURATION,
        INFERENCE_FIRST_CHUNK,
    ),
}
INFERENCE_COUNTERS: Final = (
    INFERENCE_INPUT_TOTAL,
    INFERENCE_OUTPUT_TOTAL,
    INFERENCE_CACHE_READ_TOTAL,
    INFERENCE_CACHE_WRITE_TOTAL,
)

TAGGED_ATTRIBUTES: Final = frozenset(
    {
        OPERATION,
        MODEL,
        REGION,
        SCOPE,
        TIER,
        UNIT_CLASS,
        UNIT,
        PRICE_STATUS,
        CURRENCY,
        OUTCOME,
        GEN_AI_OPERATION_NAME,
        GEN_AI_PROVIDER_NAME,
        GEN_AI_REQUEST_MODEL,
        GEN_AI_TOKEN_TYPE,
        GEN_AI_TOKEN_MODALITY,
        ERROR_TYPE,
    }
)
"""Attributes on the same instruments as tags; no tag may have one of these names."""
