"""Operations that run no model, or run it later, and those that nobody knows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bedrock_attrib import Unit, Usage
from bedrock_attrib._model.model_id import parse_model_id
from bedrock_attrib._model.record import PriceStatus
from bedrock_attrib._readers import operation_named
from bedrock_attrib.testing import Reply, tokens

GUARDRAIL = {
    "guardrailIdentifier": "gr0",
    "guardrailVersion": "1",
    "source": "INPUT",
    "content": [{"text": {"text": "Hello"}}],
}
CHECKS = {
    "messages": [{"role": "user", "content": [{"text": "Hello"}]}],
    "checks": {},
}


def test_apply_guardrail(meter: Any) -> None:
    """Units by policy are billed; regular expressions and words are free."""
    units = {
        Unit.GUARDRAIL_TOPIC_TEXT_UNIT: 1000,
        Unit.GUARDRAIL_CONTENT_TEXT_UNIT: 1000,
        Unit.GUARDRAIL_WORD_TEXT_UNIT: 1000,
        Unit.GUARDRAIL_SENSITIVE_INFORMATION_TEXT_UNIT: 1000,
        Unit.GUARDRAIL_SENSITIVE_INFORMATION_FREE_TEXT_UNIT: 1000,
        Unit.GUARDRAIL_CONTEXTUAL_GROUNDING_TEXT_UNIT: 1000,
    }
    record = meter.call("apply_guardrail", Reply(usage=Usage(units)), **GUARDRAIL)
    assert record.usage == units
    assert record.usage_source == "guardrail.usage"
    assert record.model.model_id == "bedrock.guardrail"
    assert record.cost.total == Decimal("0.50")
    assert record.price_status is PriceStatus.PRICED


def test_apply_guardrail_of_nothing(meter: Any) -> None:
    """Zero units that AWS states are counted, and cost nothing."""
    record = meter.call("apply_guardrail", Reply(), **GUARDRAIL)
    assert record.usage is not None
    assert set(record.usage.values()) == {0}
    assert record.price_status is PriceStatus.PRICED
    assert record.cost is not None
    assert record.cost.total == 0


@pytest.mark.parametrize("usage", [{}, None, {"contentPolicyUnits": -1}])
def test_apply_guardrail_without_units(meter: Any, usage: object) -> None:
    """An answer that states no units is unknown, not free."""
    reply = Reply(extra={"usage": usage})
    record = meter.call("apply_guardrail", reply, **GUARDRAIL)
    assert record.usage is None
    assert record.price_status is PriceStatus.UNPRICED
    assert record.price_reason == "the answer states no guardrail units"


def test_guardrail_checks(meter: Any) -> None:
    """Only the checks that ran are counted."""
    if not hasattr(meter.client, "invoke_guardrail_checks"):
        pytest.skip("this botocore has no InvokeGuardrailChecks")
    units = {
        Unit.GUARDRAIL_CHECKS_CONTENT_TEXT_UNIT: 3,
        Unit.GUARDRAIL_CHECKS_PROMPT_ATTACK_TEXT_UNIT: 2,
    }
    record = meter.call("invoke_guardrail_checks", Reply(usage=Usage(units)), **CHECKS)
    assert record.usage == units
    assert record.model.model_id == "bedrock.guardrail-checks"
    record = meter.call(
        "invoke_guardrail_checks",
        Reply(extra={"usage": {"contentFilter": {}}}),
        **CHECKS,
    )
    assert record.usage is None
    assert record.price_status is PriceStatus.UNPRICED


FREE: dict[str, dict[str, object]] = {
    "count_tokens": {
        "modelId": "anthropic.claude-sonnet-4-20250514-v1:0",
        "input": {"converse": {"messages": []}},
    },
    "list_async_invokes": {},
}


@pytest.mark.parametrize("method", FREE)
def test_free_operations(meter: Any, method: str) -> None:
    """What AWS does not bill is free, and known to be."""
    record = meter.call(method, Reply(usage=tokens(input_tokens=3)), **FREE[method])
    assert record.usage == {}
    assert record.cost.total == 0
    assert record.price_status is PriceStatus.FREE
    assert record.usage_source == "free operation"


def test_unknown_operation() -> None:
    """An operation of a later botocore is unknown in what it bills, not free."""
    operation = operation_named("InvokeTomorrow")
    model = parse_model_id("amazon.nova-lite-v1:0")
    reading = operation.read({"usage": {"inputTokens": 3}}, model)
    assert operation.name == "InvokeTomorrow"
    assert reading.counts is None
    assert reading.note == "this operation is not known, so neither is what it bills"


ASYNC = {"outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://bucket"}}}
# Model, its input, what it makes, USD.
VIDEOS: dict[str, tuple[str, dict[str, object], dict[Unit, int], str]] = {
    "Nova Reel, seconds": (
        "amazon.nova-reel-v1:1",
        {"videoGenerationConfig": {"durationSeconds": 18}},
        {Unit.OUTPUT_VIDEO_SECOND_720P: 18},
        "1.44",
    ),
    "Nova Reel, default": (
        "amazon.nova-reel-v1:0",
        {"taskType": "TEXT_VIDEO", "textToVideoParams": {"text": "x"}},
        {Unit.OUTPUT_VIDEO_SECOND_720P: 6},
        "0.48",
    ),
    "Nova Reel, shots": (
        "amazon.nova-reel-v1:0",
        {
            "taskType": "MULTI_SHOT_MANUAL",
            "multiShotManualParams": {"shots": [{"text": "x"}] * 5},
            "videoGenerationConfig": {"fps": 24},
        },
        {Unit.OUTPUT_VIDEO_SECOND_720P: 30},
        "2.40",
    ),
    "Luma, default": (
        "luma.ray-v2:0",
        {"prompt": "x"},
        {Unit.OUTPUT_VIDEO_SECOND_720P: 5},
        "7.50",
    ),
    "Luma, small and long": (
        "luma.ray-v2:0",
        {"prompt": "x", "duration": "9s", "resolution": "540p"},
        {Unit.OUTPUT_VIDEO_SECOND_540P: 9},
        "6.75",
    ),
}


@pytest.mark.parametrize("case", VIDEOS)
def test_video(meter: Any, case: str) -> None:
    """An asynchronous video is estimated by the seconds that were asked for."""
    model_id, model_input, counts, usd = VIDEOS[case]
    record = meter.call(
        "start_async_invoke", Reply(), modelId=model_id, modelInput=model_input, **ASYNC
    )
    assert record.usage == counts
    assert record.usage_source == "request"
    assert record.cost.total == Decimal(usd)
    assert record.price_status is PriceStatus.ESTIMATED


@pytest.mark.parametrize("duration", ["soon", "²s", "-5s", "1.5s", [9]])
def test_video_of_unknown_length(meter: Any, duration: object) -> None:
    """A length that is none is unknown, not the default."""
    record = meter.call(
        "start_async_invoke",
        Reply(),
        modelId="luma.ray-v2:0",
        modelInput={"duration": duration},
        **ASYNC,
    )
    assert record.usage is None
    assert record.price_status is PriceStatus.UNPRICED
    assert record.price_reason == "seconds of video"


# Asynchronous embeddings: request, usage, reason.
EMBEDDED: dict[str, tuple[str, dict[str, object], object, str]] = {
    "Marengo, text": (
        "twelvelabs.marengo-embed-3-0-v1:0",
        {"inputType": "text", "text": {"inputText": "x"}},
        {Unit.TEXT_REQUEST: 1},
        "",
    ),
    "Marengo, video": (
        "twelvelabs.marengo-embed-3-0-v1:0",
        {"inputType": "video"},
        None,
        "seconds of audio or video, or what else was embedded",
    ),
    "Nova, video in its parameters": (
        "amazon.nova-2-multimodal-embeddings-v1:0",
        {"segmentedEmbeddingParams": {"video": {"format": "mp4"}}},
        None,
        "seconds of audio or video",
    ),
    "Nova, text": (
        "amazon.nova-2-multimodal-embeddings-v1:0",
        {"segmentedEmbeddingParams": {"text": {"value": "video"}}},
        None,
        "the answer states no usage",
    ),
    "another model": (
        "newcomer.video-v1:0",
        {"seconds": 5},
        None,
        "the answer states no usage",
    ),
}


@pytest.mark.parametrize("case", EMBEDDED)
def test_asynchronous_embedding(meter: Any, case: str) -> None:
    """What an asynchronous job bills is stated, or unknown; never zero."""
    model_id, model_input, counts, reason = EMBEDDED[case]
    record = meter.call(
        "start_async_invoke", Reply(), modelId=model_id, modelInput=model_input, **ASYNC
    )
    assert record.usage == counts
    assert record.price_reason == reason
    assert (record.price_status is PriceStatus.PRICED) == (counts is not None)
