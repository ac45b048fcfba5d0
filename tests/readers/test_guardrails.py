"""Guardrail units by policy, wherever a guardrail's trace stands."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from bedrock_attrib import CallRecord, Unit, Usage
from bedrock_attrib._model.record import PriceStatus
from bedrock_attrib.testing import Reply, tokens

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
BOTH = tokens(input_tokens=12, output_tokens=8)
PROMPT_UNITS = Usage(
    {
        Unit.GUARDRAIL_TOPIC_TEXT_UNIT: 1,
        Unit.GUARDRAIL_CONTENT_TEXT_UNIT: 2,
        Unit.GUARDRAIL_WORD_TEXT_UNIT: 3,
        Unit.GUARDRAIL_SENSITIVE_INFORMATION_TEXT_UNIT: 4,
        Unit.GUARDRAIL_SENSITIVE_INFORMATION_FREE_TEXT_UNIT: 5,
        Unit.GUARDRAIL_CONTEXTUAL_GROUNDING_TEXT_UNIT: 6,
        Unit.GUARDRAIL_CONTENT_IMAGE_UNIT: 7,
        Unit.GUARDRAIL_AUTOMATED_REASONING_TEXT_UNIT: 8,
    }
)
ANSWER_UNITS = Usage(
    {
        Unit.GUARDRAIL_TOPIC_TEXT_UNIT: 10,
        Unit.GUARDRAIL_CONTENT_TEXT_UNIT: 10,
        Unit.GUARDRAIL_WORD_TEXT_UNIT: 0,
        Unit.GUARDRAIL_SENSITIVE_INFORMATION_TEXT_UNIT: 0,
        Unit.GUARDRAIL_SENSITIVE_INFORMATION_FREE_TEXT_UNIT: 0,
        Unit.GUARDRAIL_CONTEXTUAL_GROUNDING_TEXT_UNIT: 0,
    }
)
INVOKE: dict[str, object] = {"guardrailIdentifier": "gr0", "guardrailVersion": "1"}
METHODS: dict[str, dict[str, object]] = {
    "converse": {"guardrailConfig": INVOKE},
    "converse_stream": {"guardrailConfig": INVOKE},
    "invoke": INVOKE,
    "invoke_stream": INVOKE,
}
NOT_STATED = (
    "not stated: guardrail units, which are billed: switch the guardrail's trace on"
)


def call(meter: Any, method: str, reply: Reply) -> CallRecord:
    """A call that applies a guardrail."""
    record: CallRecord = getattr(meter, method)(CLAUDE, reply, **METHODS[method])
    return record


@pytest.mark.parametrize("method", METHODS)
def test_units_of_prompt_and_answer(meter: Any, method: str) -> None:
    """Units of each policy are summed over prompt and answer, beside the tokens."""
    usage = BOTH + PROMPT_UNITS
    reply = Reply(usage=usage, output_guardrail_usage=ANSWER_UNITS)
    assert call(meter, method, reply).usage == BOTH + PROMPT_UNITS + ANSWER_UNITS


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("side", ["prompt", "answer"])
def test_units_of_one_side(meter: Any, method: str, side: str) -> None:
    """A trace of one side alone is all there is."""
    if side == "prompt":
        reply = Reply(usage=BOTH + PROMPT_UNITS)
    else:
        reply = Reply(usage=BOTH, output_guardrail_usage=PROMPT_UNITS)
    assert call(meter, method, reply).usage == BOTH + PROMPT_UNITS


@pytest.mark.parametrize("method", METHODS)
def test_units_are_priced(meter: Any, method: str) -> None:
    """Units cost what the guardrail costs, whatever the model."""
    units = Usage({Unit.GUARDRAIL_CONTENT_TEXT_UNIT: 1000})
    record = call(meter, method, Reply(usage=BOTH + units))
    assert record.cost is not None
    amounts = record.cost.by_unit
    assert amounts[Unit.GUARDRAIL_CONTENT_TEXT_UNIT] == Decimal("0.15")
    # 12 x 3.30 and 8 x 16.50 USD for a million tokens.
    assert record.cost.total == Decimal("0.1501716")


@pytest.mark.parametrize("method", METHODS)
def test_missing_trace(meter: Any, method: str) -> None:
    """A guardrail without a trace leaves the price partial, with the remedy."""
    record = call(meter, method, Reply(usage=BOTH))
    assert record.usage == BOTH
    assert record.price_status is PriceStatus.PARTIAL
    assert record.price_reason == NOT_STATED


@pytest.mark.parametrize("method", METHODS)
def test_no_guardrail_no_remark(meter: Any, method: str) -> None:
    """Without a guardrail nothing is missing."""
    record = getattr(meter, method)(CLAUDE, Reply(usage=BOTH))
    assert record.price_status is PriceStatus.PRICED


@pytest.mark.parametrize("method", METHODS)
def test_blocked_prompt(meter: Any, method: str) -> None:
    """Units are kept where no tokens are stated, which the price says."""
    extra = {"usage": None} if "converse" in method else {}
    reply = Reply(
        usage=PROMPT_UNITS,
        guardrail_intervened=True,
        token_headers=False,
        extra=extra,
    )
    record = call(meter, method, reply)
    assert record.usage == PROMPT_UNITS
    assert record.usage_source == "guardrail.trace"
    assert record.price_status is PriceStatus.PARTIAL
    assert record.price_reason == "not stated: the model's tokens"


@pytest.mark.parametrize("told", [True, False], ids=["headers", "no headers"])
def test_trace_in_a_body_of_any_family(meter: Any, *, told: bool) -> None:
    """The trace stands beside whatever fields the family has."""
    for model_id, request in (
        ("amazon.nova-lite-v1:0", {"messages": []}),
        ("meta.llama3-3-70b-instruct-v1:0", {"prompt": "x"}),
        ("openai.gpt-oss-120b-1:0", {"messages": []}),
        ("mistral.mistral-7b-instruct-v0:2", {"prompt": "x"}),
    ):
        reply = Reply(usage=BOTH + PROMPT_UNITS, token_headers=told)
        record = meter.invoke(model_id, reply, request, **INVOKE)
        states_counts = told or "mistral" not in model_id
        expected = BOTH + PROMPT_UNITS if states_counts else PROMPT_UNITS
        assert record.usage == expected, model_id


USAGE = {"contentPolicyUnits": 2, "topicPolicyUnits": 1}
ASSESSMENT = {"invocationMetrics": {"usage": USAGE}}
UNITS = {
    Unit.GUARDRAIL_CONTENT_TEXT_UNIT: 2,
    Unit.GUARDRAIL_TOPIC_TEXT_UNIT: 1,
}


def body_with(trace: object, *, filling: str = "") -> bytes:
    """A body with a guardrail's trace, and its last fields as real ones have them."""
    return json.dumps(
        {
            "content": [{"type": "text", "text": filling}],
            "usage": {"input_tokens": 12, "output_tokens": 8},
            "amazon-bedrock-trace": trace,
            "amazon-bedrock-guardrailAction": "NONE",
        }
    ).encode()


def test_long_trace(meter: Any) -> None:
    """A trace longer than what is kept of a body is found as far as it is there."""
    matches = [{"match": "x" * 100} for _ in range(300)]
    guardrail = {"input": {"gr0": {**ASSESSMENT, "wordPolicy": matches}}}
    body = body_with({"guardrail": guardrail}, filling="y" * 500_000)
    record = meter.invoke(CLAUDE, Reply(body=body), **INVOKE)
    assert record.usage == {**BOTH, **UNITS}


def test_several_assessments(meter: Any) -> None:
    """Every assessment of the answer counts, of every guardrail."""
    guardrail = {
        "modelOutput": ["amazon-bedrock-trace"],
        "input": {"gr0": ASSESSMENT, "gr1": ASSESSMENT},
        "outputs": [{"gr0": ASSESSMENT}, {"gr0": ASSESSMENT, "gr1": ASSESSMENT}],
    }
    body = body_with({"guardrail": guardrail})
    record = meter.invoke(CLAUDE, Reply(body=body), **INVOKE)
    assert record.usage == {**BOTH, **{unit: 5 * n for unit, n in UNITS.items()}}


STRANGE_TRACES: dict[str, object] = {
    "null": None,
    "text": "NONE",
    "empty": {},
    "guardrail is null": {"guardrail": None},
    "guardrail is a list": {"guardrail": [1]},
    "input is null": {"guardrail": {"input": None, "outputs": None}},
    "input is text": {"guardrail": {"input": "gr0", "outputs": "x"}},
    "id holds a number": {"guardrail": {"input": {"gr0": 3}, "outputs": [3, [3]]}},
    "no metrics": {"guardrail": {"input": {"gr0": {"invocationMetrics": None}}}},
    "no usage": {"guardrail": {"input": {"gr0": {"invocationMetrics": {}}}}},
    "usage is a list": {
        "guardrail": {"input": {"gr0": {"invocationMetrics": {"usage": [1]}}}}
    },
    "odd units": {
        "guardrail": {
            "input": {
                "gr0": {
                    "invocationMetrics": {
                        "usage": {
                            "contentPolicyUnits": -1,
                            "topicPolicyUnits": "3",
                            "wordPolicyUnits": True,
                            "newPolicyUnits": 4,
                        }
                    }
                }
            }
        }
    },
    "deeper than known": {"guardrail": {"input": {"a": {"b": {"c": ASSESSMENT}}}}},
}


@pytest.mark.parametrize("trace", STRANGE_TRACES.values(), ids=STRANGE_TRACES)
def test_strange_traces(meter: Any, trace: object) -> None:
    """A trace that states no units is as good as none, without a fault."""
    record = meter.invoke(CLAUDE, Reply(body=body_with(trace)), **INVOKE)
    assert record.usage == BOTH
    assert record.price_status is PriceStatus.PARTIAL
    assert record.price_reason == NOT_STATED


def test_trace_in_a_chunk_before_the_metrics(
    meter: Any, chunk_frames: Callable[..., tuple[bytes, ...]]
) -> None:
    """The trace of a stream is found in its last chunks, metrics or not."""
    trace = {"amazon-bedrock-trace": {"guardrail": {"input": {"gr0": ASSESSMENT}}}}
    metrics = {
        "amazon-bedrock-invocationMetrics": {
            "inputTokenCount": 12,
            "outputTokenCount": 8,
        }
    }
    start = {
        "type": "message_start",
        "message": {"usage": {"input_tokens": 12, "output_tokens": 1}},
    }
    delta = {"type": "message_delta", "usage": {"output_tokens": 8}}
    text = {"type": "content_block_delta", "delta": {"text": json.dumps(trace)}}
    for chunks in (
        [text, trace, metrics],
        [text, trace | metrics],
        [start, text, delta, trace],
        [start, text, delta | trace],
    ):
        reply = Reply(frames=chunk_frames(*chunks))
        record = meter.invoke_stream(CLAUDE, reply, **INVOKE)
        assert record.usage == {**BOTH, **UNITS}
    reply = Reply(frames=chunk_frames(start, text, delta))
    record = meter.invoke_stream(CLAUDE, reply, **INVOKE)
    assert record.usage == BOTH
    assert record.price_reason == NOT_STATED
