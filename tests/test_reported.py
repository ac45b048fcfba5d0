"""Calls that are reported: read, priced and counted like those that were seen."""

from __future__ import annotations

import gc
import json
import logging
import weakref
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import bedrock_attrib._readers.raw_http as raw_http_module
from bedrock_attrib import (
    CallRecord,
    CallStart,
    ConfigError,
    Recorder,
    TagPolicyError,
    Unit,
    Usage,
    attribution,
    instrument,
)
from bedrock_attrib._config import Config
from bedrock_attrib.metrics import OpenTelemetrySink
from bedrock_attrib.testing import ListSink, bedrock_simulator, tokens

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
GPT = "openai.gpt-5.6-luna"
USAGE = tokens(input_tokens=1200, output_tokens=540)
CONVERSE = {"usage": {"inputTokens": 1200, "outputTokens": 540}}
HEADERS = {
    "X-Amzn-Bedrock-Input-Token-Count": "1200",
    "X-Amzn-Bedrock-Output-Token-Count": "540",
    "x-amzn-RequestId": "a-request",
}
CHUNKS = [
    {"type": "message_start", "message": {"usage": {"input_tokens": 1200}}},
    {"type": "content_block_delta", "delta": {"text": "Sunny."}},
    {"type": "message_delta", "usage": {"output_tokens": 540}},
    {"type": "message_stop"},
]


def report(operation: str, answer: Any = None, **said: Any) -> CallRecord:
    """The record of one reported call; nothing may go wrong."""
    sink = ListSink()
    recorder = Recorder(sinks=[sink])
    recorder.record(
        operation, answer, **{"model_id": CLAUDE, "region": "us-east-1"} | said
    )
    (record,) = sink.records
    assert recorder.faults.counts() == {}
    return record


@pytest.mark.parametrize(
    ("operation", "answer", "source"),
    [
        ("Converse", USAGE, "reported"),
        ("Converse", CONVERSE, "converse.usage"),
        ("Converse", json.dumps(CONVERSE).encode(), "converse.usage"),
        ("Converse", json.dumps(CONVERSE), "converse.usage"),
        (
            "ConverseStream",
            [{"messageStart": {"role": "assistant"}}, {"metadata": CONVERSE}],
            "converse-stream.metadata",
        ),
        (
            "InvokeModel",
            {"usage": {"input_tokens": 1200, "output_tokens": 540}},
            "body.usage (anthropic)",
        ),
        (
            "InvokeModelWithResponseStream",
            [{"chunk": {"bytes": json.dumps(chunk).encode()}} for chunk in CHUNKS],
            "body.usage (anthropic)",
        ),
        ("InvokeModelWithResponseStream", CHUNKS, "body.usage (anthropic)"),
        ("Messages", CHUNKS, "body.usage (anthropic)"),
        (
            "ChatCompletions",
            {"usage": {"prompt_tokens": 1200, "completion_tokens": 540}},
            "body.usage (openai)",
        ),
        (
            "Responses",
            {
                "usage": {
                    "input_tokens": 1200,
                    "output_tokens": 540,
                    "total_tokens": 1740,
                }
            },
            "body.usage (responses)",
        ),
        ("Anything", USAGE, "reported"),
    ],
)
def test_forms_of_an_answer(operation: str, answer: Any, source: str) -> None:
    """Counts, mappings, bodies and events are all read, and priced."""
    record = report(operation, answer)
    assert (record.operation, record.usage) == (operation, USAGE)
    assert (record.usage_source, record.price_status) == (source, "priced")
    assert record.cost is not None
    assert record.cost.total == Decimal("0.01287")
    assert (record.outcome, record.error) == ("ok", None)


def test_a_generator_of_events() -> None:
    """Events may come one by one."""
    record = report("Messages", (json.dumps(chunk) for chunk in CHUNKS))
    assert record.usage == USAGE


def test_headers_alone() -> None:
    """Headers state counts and the id of the request, whatever their case."""
    record = report("InvokeModel", headers=HEADERS)
    assert (record.usage, record.usage_source) == (USAGE, "headers")
    assert record.request_id == "a-request"


def test_an_answer_of_another_sdk() -> None:
    """An answer that holds its headers, as botocore's do, is read whole."""
    metadata = {"RequestId": "a-request", "HTTPHeaders": {}}
    record = report("Converse", CONVERSE | {"ResponseMetadata": metadata})
    assert (record.usage, record.request_id) == (USAGE, "a-request")


def test_the_same_as_a_call_that_was_seen() -> None:
    """An answer of boto3 that is reported gives the record that its own call gives."""
    seen, reported = ListSink(), ListSink()
    messages = [{"role": "user", "content": [{"text": "Hello"}]}]
    with bedrock_simulator() as simulator:
        client = instrument(simulator.client(), recorder=Recorder(sinks=[seen]))
        answer = client.converse(modelId=CLAUDE, messages=messages)
    Recorder(sinks=[reported]).record(
        "Converse", answer, model_id=CLAUDE, region="us-east-1"
    )
    (one,), (other,) = seen.records, reported.records
    assert one._replace(
        id=other.id, started_at=other.started_at, duration_s=None
    ) == other._replace(duration_s=None)


def test_tags_and_spend() -> None:
    """Tags in force apply, those of the report over them; the block counts the call."""
    sink = ListSink()
    recorder = Recorder(sinks=[sink], config=Config(tags={"app": "chat"}))
    with attribution(team="search", step="one") as spend:
        recorder.record(
            "Converse",
            CONVERSE,
            model_id=CLAUDE,
            region="us-east-1",
            tags={"step": None, "user": "42"},
        )
        assert (spend.calls, spend.cost) == (1, Decimal("0.01287"))
    (record,) = sink.records
    assert dict(record.tags) == {"app": "chat", "team": "search", "user": "42"}


def test_times() -> None:
    """Time and duration are as reported; a start is worked out, a duration is not."""
    now = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
    sink = ListSink()
    recorder = Recorder(sinks=[sink], clock=lambda: now)
    then = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    for said in (
        {},
        {"duration_s": 1.5},
        {"started_at": then},
        {"started_at": then, "duration_s": 1.5},
    ):
        recorder.record(
            "Converse", CONVERSE, model_id=CLAUDE, region="us-east-1", **said
        )
    assert [(r.started_at, r.duration_s) for r in sink.records] == [
        (now, None),
        (datetime(2026, 11, 25, 11, 59, 58, 500_000, tzinfo=UTC), 1.5),
        (then, None),
        (then, 1.5),
    ]


def test_an_unknown_duration_is_in_no_histogram() -> None:
    """What was not measured is not measured as zero."""
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader])
    recorder = Recorder(sinks=[OpenTelemetrySink(meter_provider=provider)])
    for duration_s in (None, 2.0):
        recorder.record(
            "Converse",
            CONVERSE,
            model_id=CLAUDE,
            region="us-east-1",
            duration_s=duration_s,
        )
    recorder.flush()
    data = reader.get_metrics_data()
    assert data is not None
    sums = {
        metric.name: [(p.count, p.sum) for p in metric.data.data_points]
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "gen_ai.client.operation.duration"
    }
    assert sums == {"gen_ai.client.operation.duration": [(1, 2.0)]}
    recorder.close()
    provider.shutdown()


@pytest.mark.parametrize(
    ("answer", "said", "tier"),
    [
        (CONVERSE | {"serviceTier": {"type": "flex"}}, {}, "flex"),
        (CONVERSE, {"tier": "priority"}, "priority"),
        (CONVERSE | {"serviceTier": {"type": "flex"}}, {"tier": "default"}, "default"),
        (CONVERSE, {"headers": {"X-Amzn-Bedrock-Service-Tier": "flex"}}, "default"),
        (CONVERSE, {}, "default"),
        (USAGE, {"tier": "flex"}, "flex"),
    ],
)
def test_tier(answer: Any, said: Mapping[str, Any], tier: str) -> None:
    """The tier is what the report says, else what the operation's answer says."""
    assert report("Converse", answer, **said).tier == tier


def test_a_tier_in_the_words_of_openai() -> None:
    """OpenAI-shaped answers tell their tier at the top, streams at their end."""
    usage = {"usage": {"prompt_tokens": 1200, "completion_tokens": 540}}
    told = usage | {"service_tier": "flex"}
    ended = {"choices": [], **told}
    said = {"model_id": GPT}
    assert report("ChatCompletions", told, **said).tier == "flex"
    assert report("ChatCompletions", [{"choices": [{}]}, ended], **said).tier == "flex"
    odd = usage | {"service_tier": "auto"}
    assert report("ChatCompletions", odd, **said).tier == "default"


@pytest.mark.parametrize("ended", [True, False])
def test_the_report_outweighs_a_stream(*, ended: bool) -> None:
    """Tier and latency mode of a report stand over those that the events state."""
    said = {"tier": "priority", "latency_mode": "optimized"}
    stated = {
        "metadata": CONVERSE
        | {
            "serviceTier": {"type": "flex"},
            "performanceConfig": {"latency": "standard"},
        }
    }
    events = [{"messageStart": {"role": "assistant"}}, *[stated] * ended]
    record = report("ConverseStream", events, **said)
    assert (record.tier, record.latency_mode) == ("priority", "optimized")
    record = report("ConverseStream", events)
    assert record.tier == ("flex" if ended else "default")


def test_latency_mode() -> None:
    """The latency mode may be reported, as it decides the price."""
    assert report("Converse", USAGE, latency_mode="optimized").latency_mode == (
        "optimized"
    )


@pytest.mark.parametrize("form", [dict, bytes, str])
def test_what_only_the_request_says(form: type) -> None:
    """The body of a request is read where the answer does not say what is billed."""
    body = {"imageGenerationConfig": {"numberOfImages": 3}}
    text = json.dumps(body)
    request = {dict: body, bytes: text.encode(), str: text}[form]
    said = {"model_id": "amazon.nova-canvas-v1:0", "request": request}
    record = report("InvokeModel", {"images": ["…"] * 3}, **said)
    assert record.usage == {Unit.OUTPUT_IMAGE_UP_TO_1024_STANDARD: 3}


def test_a_guardrail_in_the_request() -> None:
    """A guardrail whose units the answer does not tell makes the price partial."""
    request = {"guardrailConfig": {"guardrailIdentifier": "abc"}}
    record = report("Converse", CONVERSE, request=request)
    assert record.price_status == "partial"


@pytest.mark.parametrize(
    ("said", "status", "outcome", "error"),
    [
        (
            {"error": "ThrottlingException", "http_status": 429},
            "free",
            "error",
            "ThrottlingException",
        ),
        ({"http_status": 429}, "free", "error", "429"),
        ({"http_status": 503}, "unpriced", "error", "503"),
        ({"error": "ReadTimeout"}, "unpriced", "error", "ReadTimeout"),
        (
            {"answer": CONVERSE, "error": "ReadTimeout"},
            "priced",
            "error",
            "ReadTimeout",
        ),
        ({"answer": CONVERSE, "http_status": 200}, "priced", "ok", None),
        ({}, "unpriced", "ok", None),
    ],
)
def test_failures(
    said: Mapping[str, Any], status: str, outcome: str, error: str | None
) -> None:
    """A failure is reported with its error, and billed if AWS may have billed it."""
    record = report("Converse", **said)
    assert (record.price_status, record.outcome, record.error) == (
        status,
        outcome,
        error,
    )


def test_an_operation_without_a_model() -> None:
    """A guardrail is an operation like any other."""
    record = report("ApplyGuardrail", {"usage": {"topicPolicyUnits": 2}}, model_id=None)
    assert record.usage == {Unit.GUARDRAIL_TOPIC_TEXT_UNIT: 2}


class NoCalls:
    """A guard that lets nothing pass."""

    def check(self, start: CallStart) -> None:
        """Refuse."""
        raise TagPolicyError(start.operation)


def test_guards_are_not_asked() -> None:
    """The call has been made: there is nothing left to refuse."""
    sink = ListSink()
    recorder = Recorder(sinks=[sink], guards=[NoCalls()])
    recorder.record("Converse", USAGE, model_id=CLAUDE, region="us-east-1")
    assert [record.usage for record in sink.records] == [USAGE]


@pytest.mark.parametrize(
    ("operation", "answer", "said", "message"),
    [
        (
            "Converse",
            CONVERSE,
            {"started_at": datetime(2026, 11, 25)},  # noqa: DTZ001
            "expected a time with its zone",
        ),
        ("Converse", CONVERSE, {"duration_s": -1.0}, "expected seconds, 0 or more"),
        ("Converse", [CONVERSE], {}, "Converse has no stream"),
        ("ConverseStream", CONVERSE, {}, "expected its events, or Usage"),
        ("Converse", CONVERSE, {"tags": {"team": ""}}, "tag 'team' has 0 characters"),
    ],
)
def test_what_cannot_be(
    operation: str, answer: Any, said: Mapping[str, Any], message: str
) -> None:
    """A report that makes no sense is refused where it is made."""
    with pytest.raises(ConfigError, match=message):
        report(operation, answer, **said)


def test_what_cannot_be_read_is_still_a_record(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that breaks a reader leaves a record that says so."""
    caplog.set_level(logging.CRITICAL, "bedrock_attrib")
    monkeypatch.delattr(raw_http_module, "read_statements")
    sink = ListSink()
    recorder = Recorder(sinks=[sink])
    recorder.record("Converse", {"usage": {"inputTokens": 1}}, region="us-east-1")
    (record,) = sink.records
    assert (record.usage, record.price_status) == (None, "unpriced")
    assert record.price_reason == "the usage could not be read; see the log"
    assert recorder.faults.counts() == {"report": 1}


def test_usage_is_copied() -> None:
    """What is reported may be changed afterwards."""
    counts = {Unit.INPUT_TOKEN: 1200, Unit.OUTPUT_TOKEN: 540}
    assert report("Converse", Usage(counts)).usage == USAGE


def test_a_recorder_is_let_go() -> None:
    """A recorder that was told of a call outside of every block is let go."""
    recorder = Recorder()
    recorder.record("Converse", USAGE, model_id=CLAUDE, region="us-east-1")
    recorder.close()
    kept = weakref.ref(recorder)
    del recorder
    gc.collect()
    assert kept() is None
