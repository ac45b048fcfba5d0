"""The conventions' own metrics: which call is recorded where, and when."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from bedrock_attrib._model.model_id import GUARDRAIL_MODEL, parse_model_id
from bedrock_attrib._model.record import CallRecord, Outcome
from bedrock_attrib._model.usage import Unit, Usage
from bedrock_attrib.metrics import SemConv

if TYPE_CHECKING:
    from conftest import Metrics

MakeRecord = Callable[..., CallRecord]

TOKENS = "gen_ai.client.token.usage"
DURATION = "gen_ai.client.operation.duration"
FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk"
CACHED = Usage(
    {
        Unit.INPUT_TOKEN: 12,
        Unit.OUTPUT_TOKEN: 40,
        Unit.CACHE_READ_TOKEN: 1000,
        Unit.CACHE_WRITE_5M_TOKEN: 50,
        Unit.CACHE_WRITE_1H_TOKEN: 150,
    }
)


def test_input_tokens_include_cached_ones(metrics: Metrics, record: MakeRecord) -> None:
    """The convention wants the whole prompt; our own counters split it."""
    metrics.sink().write(record(usage=CACHED))
    shown = metrics.values(TOKENS, "gen_ai.token.type")
    assert shown == {("input",): 1212, ("output",): 40}


def test_attributes_are_the_conventions_and_the_tags(
    metrics: Metrics, record: MakeRecord
) -> None:
    """The model is the id that the caller wrote."""
    metrics.sink().write(record())
    (point,) = metrics.collect()[DURATION]
    assert point.attributes == {
        "bedrock_attrib.team": "search",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.request.model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    }


def test_buckets_are_the_conventions(metrics: Metrics, record: MakeRecord) -> None:
    """The SDK's own would put every call in the first or last."""
    metrics.sink().write(record(time_to_first_chunk_s=0.3))
    shown = metrics.collect()
    seconds = (
        *(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64),
        *(1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
    )
    tokens = (
        *(1, 4, 16, 64, 256, 1024, 4096, 16384, 65536),
        *(262144, 1048576, 4194304, 16777216, 67108864),
    )
    bounds = {
        name: shown[name][0].explicit_bounds for name in (TOKENS, DURATION, FIRST_CHUNK)
    }
    assert bounds == {TOKENS: tokens, DURATION: seconds, FIRST_CHUNK: seconds}


def test_an_unknown_count_is_not_recorded(metrics: Metrics, record: MakeRecord) -> None:
    """A side that nobody stated is no zero."""
    sink = metrics.sink()
    sink.write(record(usage=None))
    sink.write(record(usage=Usage({Unit.INPUT_TOKEN: 7})))
    sink.write(record(usage=Usage({Unit.OUTPUT_TOKEN: 0})))
    shown = metrics.collect()
    counts = {
        point.attributes["gen_ai.token.type"]: (point.count, point.sum)
        for point in shown[TOKENS]
    }
    assert counts == {"input": (1, 7), "output": (1, 0)}
    assert FIRST_CHUNK not in shown


def test_duration_tells_why_a_call_failed(metrics: Metrics, record: MakeRecord) -> None:
    """Only the duration carries the error."""
    metrics.sink().write(record(outcome=Outcome.ERROR, error="ReadTimeoutError"))
    assert metrics.values(DURATION, "error.type") == {("ReadTimeoutError",): 1.5}
    shown = metrics.values(TOKENS, "error.type")
    assert shown == {("-",): 1500}


@pytest.mark.parametrize(
    ("operation", "model", "expected"),
    [
        ("Converse", "cohere.rerank-v3-5:0", "chat"),
        ("ConverseStream", "meta.llama3-70b-instruct-v1:0", "chat"),
        ("InvokeModel", "us.anthropic.claude-sonnet-5", "chat"),
        ("InvokeModel", "anthropic.claude-v2:1", "text_completion"),
        ("InvokeModelWithResponseStream", "amazon.nova-pro-v1:0", "chat"),
        ("InvokeModel", "amazon.titan-text-express-v1", "text_completion"),
        ("InvokeModel", "us.meta.llama4-scout-17b-instruct-v1:0", "text_completion"),
        ("InvokeModel", "mistral.mixtral-8x7b-instruct-v0:1", "text_completion"),
        ("InvokeModel", "mistral.mistral-large-2402-v1:0", "chat"),
        ("InvokeModel", "cohere.command-text-v14", "text_completion"),
        ("InvokeModel", "cohere.command-r-v1:0", "chat"),
        ("InvokeModel", "cohere.embed-v4:0", "embeddings"),
        ("InvokeModel", "amazon.titan-embed-image-v1", "embeddings"),
        ("InvokeModel", "twelvelabs.marengo-embed-3-0-v1:0", "embeddings"),
        ("InvokeModel", "twelvelabs.pegasus-1-2-v1:0", "generate_content"),
        ("InvokeModel", "amazon.nova-canvas-v1:0", "generate_content"),
        ("InvokeModel", "stability.sd3-5-large-v1:0", "generate_content"),
        (
            "InvokeModel",
            "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/x1",
            "chat",
        ),
    ],
)
def test_operations_have_the_conventions_names(
    metrics: Metrics, record: MakeRecord, operation: str, model: str, expected: str
) -> None:
    """A row of the table says what a body of InvokeModel is."""
    metrics.sink().write(record(operation=operation, model=parse_model_id(model)))
    shown = metrics.values(DURATION, "gen_ai.operation.name")
    assert list(shown) == [(expected,)]


@pytest.mark.parametrize(
    ("operation", "model"),
    [
        ("ApplyGuardrail", GUARDRAIL_MODEL),
        ("CountTokens", parse_model_id("anthropic.claude-sonnet-5")),
        ("InvokeModel", parse_model_id("cohere.rerank-v3-5:0")),
    ],
)
def test_other_operations_are_in_our_own_metrics_only(
    metrics: Metrics, record: MakeRecord, operation: str, model: object
) -> None:
    """The convention has no name for them."""
    sink = metrics.sink(semconv=set(SemConv))
    sink.write(record(operation=operation, model=model))
    shown = metrics.collect()
    assert not any(name.startswith("gen_ai.") for name in shown)
    assert "bedrock_attrib.calls" in shown


def test_the_newer_names_replace_the_older(
    metrics: Metrics, record: MakeRecord
) -> None:
    """Counters for totals, histograms for distributions."""
    sink = metrics.sink(semconv={SemConv.INFERENCE})
    sink.write(record(usage=CACHED, time_to_first_chunk_s=0.25))
    shown = metrics.collect()
    new = "gen_ai.client.inference"
    assert {
        name: [point.sum if hasattr(point, "sum") else point.value for point in points]
        for name, points in shown.items()
        if name.startswith("gen_ai.")
    } == {
        f"{new}.usage.input_tokens": [1212],
        f"{new}.usage.output_tokens": [40],
        f"{new}.usage.cache_read.input_tokens": [1000],
        f"{new}.usage.cache_write.input_tokens": [200],
        f"{new}.operation.input_tokens": [1212],
        f"{new}.operation.output_tokens": [40],
        f"{new}.duration": [1.5],
        f"{new}.time_to_first_chunk": [0.25],
    }
    (point,) = shown[f"{new}.usage.output_tokens"]
    assert point.attributes == {
        "bedrock_attrib.team": "search",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.request.model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "gen_ai.token.modality": "unknown",
    }


def test_both_sets_of_names_can_be_had(metrics: Metrics, record: MakeRecord) -> None:
    """For the time of a move from one to the other."""
    metrics.sink(semconv=set(SemConv)).write(record())
    shown = metrics.collect()
    assert {TOKENS, "gen_ai.client.inference.operation.input_tokens"} <= set(shown)


def test_histograms_can_be_switched_off(metrics: Metrics, record: MakeRecord) -> None:
    """Money, usage and calls stay."""
    metrics.sink(histograms=False).write(record())
    assert {name.partition(".")[0] for name in metrics.collect()} == {"bedrock_attrib"}


def test_a_collection_sees_every_finished_call(
    metrics: Metrics, record: MakeRecord
) -> None:
    """What waits in the queue is recorded before histograms are read."""
    sink = metrics.sink()
    for number in range(1, 501):
        sink.write(record())
        if number % 100 == 0:
            (point,) = metrics.collect()[DURATION]
            assert point.count == number


NEIGHBOURS = [
    (
        "opentelemetry.instrumentation.botocore",
        "BotocoreInstrumentor",
        {FIRST_CHUNK},
    ),
    ("opentelemetry.instrumentation.genai.bedrock", "BedrockInstrumentor", set()),
    ("opentelemetry.instrumentation.bedrock", "BedrockInstrumentor", {FIRST_CHUNK}),
    ("openlit.instrumentation.bedrock", "BedrockInstrumentor", set()),
]


@pytest.mark.parametrize(("module", "instrumentor", "expected"), NEIGHBOURS)
def test_what_a_neighbour_emits_is_left_out(
    metrics: Metrics,
    record: MakeRecord,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    instrumentor: str,
    expected: set[str],
) -> None:
    """While it is active, whoever came first; what it lacks is still emitted."""
    neighbour = SimpleNamespace(is_instrumented_by_opentelemetry=True, _meters={})
    stand_in = ModuleType(module)
    setattr(stand_in, instrumentor, type(instrumentor, (), {"_instance": neighbour}))
    sink = metrics.sink()
    monkeypatch.setitem(sys.modules, module, stand_in)
    sink.write(record(time_to_first_chunk_s=0.3))
    shown = {name for name in metrics.collect() if name.startswith("gen_ai.")}
    assert shown == expected
    neighbour.is_instrumented_by_opentelemetry = False
    sink.write(record(time_to_first_chunk_s=0.3))
    shown = {name for name in metrics.collect() if name.startswith("gen_ai.")}
    assert shown == {TOKENS, DURATION, FIRST_CHUNK}


def test_histograms_may_be_insisted_on(
    metrics: Metrics, record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A neighbour with another provider is no reason to leave them out."""
    module, instrumentor, _ = NEIGHBOURS[0]
    neighbour = SimpleNamespace(is_instrumented_by_opentelemetry=True, _meters={})
    stand_in = ModuleType(module)
    setattr(stand_in, instrumentor, type(instrumentor, (), {"_instance": neighbour}))
    monkeypatch.setitem(sys.modules, module, stand_in)
    metrics.sink(histograms=True).write(record())
    assert {TOKENS, DURATION} <= set(metrics.collect())


def test_the_real_botocore_instrumentation_is_noticed(
    metrics: Metrics, record: MakeRecord
) -> None:
    """Installed after the sink, and taken away again.

    Older releases emit nothing, so that nothing is left out beside them.
    """
    botocore = pytest.importorskip(
        "opentelemetry.instrumentation.botocore",
        reason="needs opentelemetry-instrumentation-botocore",
    )
    sink = metrics.sink()
    instrumentor = botocore.BotocoreInstrumentor()
    instrumentor.instrument()
    try:
        sink.write(record())
        has_metrics = hasattr(instrumentor, "_meters")
        assert (DURATION in metrics.collect()) is not has_metrics
    finally:
        instrumentor.uninstrument()
    sink.write(record())
    (point,) = metrics.collect()[DURATION]
    assert point.count == (1 if has_metrics else 2)
