"""What holds of every reading, whatever an answer may hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_attrib._model.model_id import ModelRef, parse_model_id
from bedrock_attrib._model.record import UsageReading
from bedrock_attrib._model.usage import CACHE_WRITE_UNITS, Unit, Usage
from bedrock_attrib._readers import (
    OPERATIONS,
    Events,
    events_of,
    merge_request,
    read_headers,
    read_unfinished,
    request_reader,
)
from bedrock_attrib._readers.bodies import read_body

MODELS = [
    parse_model_id(model_id)
    for model_id in (
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "openai.gpt-5.6-sol",
        "amazon.nova-lite-v1:0",
        "cohere.command-r-v1:0",
        "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc",
        "nonsense",
    )
]
models = st.sampled_from(MODELS)
counts = st.integers(0, 10**9)

# Names that mean something to a reader, so that arbitrary JSON comes near real shapes.
NAMES = (
    "usage message metadata meta response billed_units tokens results tokenCount "
    "input_tokens output_tokens cache_read_input_tokens cache_creation_input_tokens "
    "cache_creation ephemeral_5m_input_tokens ephemeral_1h_input_tokens inputTokens "
    "outputTokens totalTokens cacheReadInputTokens cacheWriteInputTokens cacheDetails "
    "ttl inputTokenCount outputTokenCount cacheReadInputTokenCount trace guardrail "
    "cacheWriteInputTokenCount prompt_tokens completion_tokens prompt_tokens_details "
    "cached_tokens cache_write_tokens prompt_token_count generation_token_count "
    "inputTextTokenCount totalOutputTextTokenCount amazon-bedrock-invocationMetrics "
    "amazon-bedrock-trace input outputs inputAssessment outputAssessments serviceTier "
    "invocationMetrics contentPolicyUnits promptRouter invokedModelId type choices "
    "finish_reason stop_reason is_finished completionReason textUnits contentFilter "
    "documents imageGenerationConfig width height quality numberOfImages steps samples "
    "image audio video detailLevel inputImage inputType duration resolution shots "
    "videoGenerationConfig durationSeconds"
).split()
WORDS = (
    "message_delta",
    "message_start",
    "5m",
    "1h",
    "9s",
    "text",
    "usage",
    '"usage":',
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-5, 10**6)
    | st.floats(allow_nan=False)
    | st.sampled_from(WORDS)
    | st.text(max_size=8)
)
names = st.sampled_from(NAMES) | st.text(max_size=8)
documents = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6)
    ),
    max_leaves=25,
)
objects = st.dictionaries(names, documents, max_size=6)
# Mappings where botocore's parser has seen to it that there is nothing else.
parsed = st.fixed_dictionaries(
    {},
    optional={
        "usage": objects,
        "serviceTier": objects,
        "performanceConfig": objects,
        "trace": st.fixed_dictionaries(
            {}, optional={"promptRouter": objects, "guardrail": objects}
        ),
    },
)


def check(reading: UsageReading | None) -> None:
    """A reading holds whole numbers from zero up, or says nothing."""
    if reading is None or reading.counts is None:
        return
    Usage(reading.counts)
    assert reading.assumed is None or reading.counts[reading.assumed] > 0


def encoded(document: object) -> bytes:
    """UTF-8 JSON as models write it."""
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")


# What models really answer, to be cut and changed.
REAL = (
    {
        "id": "msg_01",
        "type": "message",
        "content": [{"type": "tool_use", "input": {"usage": {"input_tokens": 9}}}],
        "stop_reason": "tool_use",
        "usage": {
            "input_tokens": 12,
            "cache_creation_input_tokens": 100,
            "cache_read_input_tokens": 5,
            "cache_creation": {
                "ephemeral_5m_input_tokens": 40,
                "ephemeral_1h_input_tokens": 60,
            },
            "output_tokens": 8,
        },
        "amazon-bedrock-guardrailAction": "NONE",
        "amazon-bedrock-trace": {
            "guardrail": {
                "input": {
                    "gr0": {"invocationMetrics": {"usage": {"topicPolicyUnits": 1}}}
                },
                "outputs": [
                    {"gr0": {"invocationMetrics": {"usage": {"wordPolicyUnits": 2}}}}
                ],
            }
        },
    },
    {"type": "message_start", "message": {"usage": {"input_tokens": 12}}},
    {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 8}},
    {
        "type": "message_stop",
        "amazon-bedrock-invocationMetrics": {
            "inputTokenCount": 12,
            "outputTokenCount": 8,
            "cacheWriteInputTokenCount": 100,
        },
    },
    {
        "choices": [{"delta": {"content": "žluť"}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 20,
            "completion_tokens": 8,
            "prompt_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 3},
        },
    },
    {"metadata": {"usage": {"inputTokens": 12, "outputTokens": 8}}},
    {
        "is_finished": True,
        "response": {"meta": {"billed_units": {"input_tokens": 7.0}}},
    },
    {"generation": "🐎", "prompt_token_count": 5, "generation_token_count": 10},
    {"inputTextTokenCount": 5, "results": [{"tokenCount": 3}, {"tokenCount": 4}]},
    {
        "taskType": "MULTI_SHOT_MANUAL",
        "multiShotManualParams": {"shots": [{}, {}]},
        "imageGenerationConfig": {"width": 512, "numberOfImages": 2},
        "documents": ["a", "b"],
        "inputType": "text",
        "duration": "9s",
    },
)


@st.composite
def pieces(draw: Callable[..., Any]) -> bytes:
    """JSON, whole, cut, joined from head and tail, or with some bytes changed."""
    text = encoded(draw(documents | objects | st.sampled_from(REAL)))
    for _ in range(draw(st.integers(0, 3))):
        start, end = draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))
        text = text[:start] + draw(st.binary(max_size=3)) + text[end:]
    return text


@settings(max_examples=150, deadline=None)
@given(pieces() | st.binary(max_size=200), models)
def test_bodies_never_raise(body: bytes, model: ModelRef) -> None:
    """Whatever a body holds, reading it gives counts or nothing."""
    for reading in (
        UsageReading(),
        UsageReading({Unit.INPUT_TOKEN: 3}),
        _with_assumed_writes(),
    ):
        read_body(body, reading, model)
        check(reading)


def _with_assumed_writes() -> UsageReading:
    reading = UsageReading({Unit.INPUT_TOKEN: 3, Unit.CACHE_WRITE_5M_TOKEN: 100})
    reading.assumed = Unit.CACHE_WRITE_5M_TOKEN
    return reading


chunks = st.lists(
    pieces().map(lambda text: {"chunk": {"bytes": text}})
    | st.sampled_from([{}, {"chunk": {}}, {"chunk": None}, {"other": {}}]),
    max_size=3,
)


@settings(max_examples=150, deadline=None)
@given(chunks, models, st.none() | st.integers(0, 10**7))
def test_streams_never_raise(
    tail: list[Mapping[str, Any]], model: ModelRef, request_bytes: int | None
) -> None:
    """Whatever the events of a stream hold, reading them gives counts or nothing."""
    first = tail[0] if tail else None
    events = Events(first, request_bytes=request_bytes)
    for event in tail:
        events.add(event)
    for operation in ("InvokeModelWithResponseStream", "ConverseStream"):
        read_events = OPERATIONS[operation].read_events
        assert read_events is not None
        check(read_events(events, model))
    estimate = read_unfinished(
        events, model, tokens_per_event=1.5, tokens_per_byte=0.25
    )
    check(estimate)
    assert estimate.estimated
    assert estimate.counts is not None
    assert Unit.OUTPUT_TOKEN in estimate.counts


@settings(max_examples=150, deadline=None)
@given(parsed, models)
def test_converse_never_raises(answer: dict[str, Any], model: ModelRef) -> None:
    """Whatever Converse answers, reading it gives counts or nothing."""
    operation = OPERATIONS["Converse"]
    check(operation.read(operation.keep(answer), model))
    read_events = OPERATIONS["ConverseStream"].read_events
    assert read_events is not None
    check(read_events(events_of([{"metadata": answer}]), model))


@settings(deadline=None)
@given(objects)
def test_guardrail_operations_never_raise(usage: dict[str, Any]) -> None:
    """Whatever units a guardrail answers with, reading them gives counts or nothing."""
    for name in ("ApplyGuardrail", "InvokeGuardrailChecks"):
        row = OPERATIONS[name]
        check(row.read(row.keep({"usage": usage}), MODELS[0]))


HEADERS = (
    "x-amzn-bedrock-input-token-count",
    "x-amzn-bedrock-output-token-count",
    "x-amzn-bedrock-cache-read-input-token-count",
    "x-amzn-bedrock-cache-write-input-token-count",
)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(HEADERS), counts.map(str) | st.text(max_size=8), max_size=4
    ),
    models,
)
def test_headers_never_raise(headers: dict[str, str], model: ModelRef) -> None:
    """Whatever the headers hold, reading them gives counts or nothing."""
    for name in ("InvokeModel", "InvokeModelWithResponseStream"):
        check(read_headers(OPERATIONS[name], headers, model))


MEDIA = (
    "amazon.nova-canvas-v1:0",
    "amazon.titan-image-generator-v2:0",
    "amazon.titan-embed-image-v1",
    "amazon.nova-2-multimodal-embeddings-v1:0",
    "amazon.nova-reel-v1:0",
    "luma.ray-v2:0",
    "stability.stable-diffusion-xl-v0",
    "stability.stable-diffusion-xl-v1",
    "stability.sd3-5-large-v1:0",
    "cohere.rerank-v3-5:0",
    "amazon.rerank-v1:0",
    "twelvelabs.marengo-embed-3-0-v1:0",
    "twelvelabs.pegasus-1-2-v1:0",
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(MEDIA),
    pieces() | objects | st.text(max_size=20) | pieces().map(bytearray) | st.none(),
    st.none() | st.dictionaries(st.just(Unit.INPUT_TOKEN), counts),
)
def test_requests_never_raise(
    model_id: str, body: object, stated: dict[Unit, int] | None
) -> None:
    """Whatever a request holds, it adds counts or says what is missing; never zero."""
    read_request = request_reader(model_id)
    assert read_request is not None
    facts = read_request(body)
    Usage(facts.counts)
    assert all(facts.counts.values())
    reading = UsageReading(stated)
    merge_request(reading, facts)
    check(reading)
    if stated is None and not facts.counts:
        assert reading.counts is None
    if facts.documents is None and not facts.counts and facts.replaces_tokens:
        assert facts.missing


# Real shapes with exact counts: prompt, output, cache reads, writes of 5 minutes and
# of an hour. Each token must come out once.
def anthropic(n: int, o: int, r: int, w5: int, w1: int) -> dict[str, object]:
    """Exclusive input, writes in all and by lifetime."""
    split = {"ephemeral_5m_input_tokens": w5, "ephemeral_1h_input_tokens": w1}
    usage = {
        "input_tokens": n,
        "output_tokens": o,
        "cache_read_input_tokens": r,
        "cache_creation_input_tokens": w5 + w1,
        "cache_creation": split,
    }
    return {"usage": usage}


def nova(n: int, o: int, r: int, w5: int, w1: int) -> dict[str, object]:
    """Exclusive input, writes in all."""
    usage = {
        "inputTokens": n,
        "outputTokens": o,
        "cacheReadInputTokenCount": r,
        "cacheWriteInputTokenCount": w5 + w1,
    }
    return {"usage": usage}


def openai(n: int, o: int, r: int, w5: int, w1: int) -> dict[str, object]:
    """Inclusive input."""
    details = {"cached_tokens": r, "cache_write_tokens": w5 + w1}
    usage = {
        "prompt_tokens": n + r + w5 + w1,
        "completion_tokens": o,
        "prompt_tokens_details": details,
    }
    return {"usage": usage}


@pytest.mark.parametrize("shape", [anthropic, nova, openai])
@settings(deadline=None)
@given(counts, counts, counts, counts, counts, models)
def test_each_token_is_counted_once(
    shape: Callable[..., dict[str, object]],
    n: int,
    o: int,
    r: int,
    w5: int,
    w1: int,
    model: ModelRef,
) -> None:
    """Units are disjoint and add up to what was sent and generated."""
    reading = UsageReading()
    read_body(encoded(shape(n, o, r, w5, w1)), reading, model)
    assert reading.counts is not None
    usage = Usage(reading.counts)
    assert usage.input_tokens == n + r + w5 + w1
    assert usage.output_tokens == o
    assert usage[Unit.INPUT_TOKEN] == n
    assert usage[Unit.CACHE_READ_TOKEN] == r
    writes = [usage.get(unit, 0) for unit in CACHE_WRITE_UNITS]
    assert sum(writes) == w5 + w1
    if shape is anthropic and w1:
        assert usage[Unit.CACHE_WRITE_1H_TOKEN] == w1
