"""No prompt and no answer gets into anything that the library puts out."""

from __future__ import annotations

import gc
import json
import logging
import pickle
from contextlib import suppress
from pathlib import Path

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EventStreamError, ParamValidationError
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bedrock_attrib import Ledger, Recorder, attribution, instrument
from bedrock_attrib._config import Config
from bedrock_attrib._model.record import UsageReading
from bedrock_attrib._recording.call import Call
from bedrock_attrib.metrics import OpenTelemetrySink
from bedrock_attrib.testing import (
    Fault,
    FaultKind,
    ListSink,
    Reply,
    Simulator,
    ToolUse,
    bedrock_simulator,
)

KEY = "MARKED-KEY-7f3a-of-thirty-two-characters"
PROMPT = "MARKED-PROMPT-7f3a"
ANSWER = "MARKED-ANSWER-7f3a"
MODEL = "anthropic.claude-sonnet-4-20250514-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": PROMPT}]}]
BODY = json.dumps({"messages": MESSAGES, "inputText": PROMPT}).encode()

pytestmark = pytest.mark.drops_streams


def _reply(**changes: object) -> Reply:
    tools = (ToolUse("search", {"query": ANSWER}),)
    fields = {"text": ANSWER, "tool_uses": tools, "error_message": PROMPT, **changes}
    return Reply(**fields)  # type: ignore[arg-type]  # its own fields, by name


def test_no_text_in_any_output(
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Records, files, metrics, spans, logs and output of a run hold no marked text.

    Nor do they hold the key under which requests are hashed.
    """
    caplog.set_level(logging.DEBUG, logger="bedrock_attrib")
    sink, reader, spans = ListSink(), InMemoryMetricReader(), InMemorySpanExporter()
    metrics = OpenTelemetrySink(meter_provider=MeterProvider(metric_readers=[reader]))
    ledger = Ledger(tmp_path / "calls.db")
    config = Config(span_cost=True, request_hash_key=KEY)  # type: ignore[arg-type]  # as from outside
    recorder = Recorder(sinks=(metrics, sink, ledger), config=config)
    tracer = TracerProvider()
    tracer.add_span_processor(SimpleSpanProcessor(spans))
    with bedrock_simulator() as simulator:
        client = instrument(simulator.client(), recorder=recorder)
        with (
            attribution(team="search"),
            tracer.get_tracer("t").start_as_current_span("work"),
        ):
            _use_all(simulator, client)
            _use_with_faults_of_ours(client, monkeypatch)
        gc.collect()
        recorder.flush()
    outputs = {
        "records": repr(sink.records) + str(pickle.dumps(sink.records)),
        "metrics": str(reader.get_metrics_data().to_json()),  # type: ignore[union-attr]  # there are metrics
        "spans": "".join(span.to_json() for span in spans.get_finished_spans()),
        "logs": "".join(map(str, [r.__dict__ for r in caplog.records])),
        "standard output": "".join(capfd.readouterr()),
        "files": "".join(
            each.read_bytes().decode("latin-1") for each in tmp_path.iterdir()
        ),
    }
    assert len(sink.records) == 17
    found = {name for name, text in outputs.items() if "7f3a" in text}
    assert found == set()
    hashes = {record.request_hash for record in sink.records}
    assert len(hashes) == 4  # Converse, right and wrong, InvokeModel, ApplyGuardrail
    assert "gen_ai.usage.cost.amount" in outputs["spans"]
    assert trace.get_current_span().is_recording() is False


def _use_all(simulator: Simulator, client: BaseClient) -> None:
    """Each operation, whole and broken."""
    reply = simulator.reply
    reply(_reply())
    _use_each(client)
    reply(_reply(token_headers=False))
    _use_each(client)
    reply(_reply(fault=Fault(FaultKind.EXCEPTION_EVENT, after=2, message=ANSWER)))
    with suppress(EventStreamError):
        list(client.converse_stream(modelId=MODEL, messages=MESSAGES)["stream"])
    reply(_reply(error="ValidationException"))
    with suppress(ClientError):
        client.converse(modelId=MODEL, messages=MESSAGES)
    with suppress(ParamValidationError):
        client.converse(modelId=MODEL, messages=PROMPT)
    reply(_reply())


def _use_each(client: BaseClient) -> None:
    client.converse(modelId=MODEL, messages=MESSAGES)
    stream = client.converse_stream(modelId=MODEL, messages=MESSAGES)["stream"]
    next(iter(stream))
    del stream
    client.invoke_model(modelId=MODEL, body=BODY)["body"].read()
    answer = client.invoke_model_with_response_stream(modelId=MODEL, body=BODY)
    list(answer["body"])
    client.apply_guardrail(
        guardrailIdentifier="g",
        guardrailVersion="1",
        source="INPUT",
        content=[{"text": {"text": PROMPT}}],
    )


def _use_with_faults_of_ours(
    client: BaseClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faults whose messages quote the text that they were raised over."""

    def boom(*_args: object, **_kwargs: object) -> object:
        raise ValueError(ANSWER)

    for place in ("read_stream", "build_record"):
        with monkeypatch.context() as patch:
            patch.setattr(f"bedrock_attrib._recording.finalizer.{place}", boom)
            client.converse(modelId=MODEL, messages=MESSAGES)
            answer = client.converse_stream(modelId=MODEL, messages=MESSAGES)
            list(answer["stream"])
            client_recorder(client).flush()


def client_recorder(client: BaseClient) -> Recorder:
    """The recorder that stands on *client*."""
    events = client.meta.events
    for _, handlers in events.emit("bedrock-attrib-who.bedrock-runtime"):
        recorder: Recorder = handlers.recorder
        return recorder
    raise AssertionError


def test_nothing_is_held_after_a_stream() -> None:
    """When a stream has ended, nothing of ours holds its call or its counts."""
    sink = ListSink()
    with bedrock_simulator() as simulator:
        simulator.reply(_reply())
        client = instrument(simulator.client(), recorder=Recorder(sinks=(sink,)))
        list(client.converse_stream(modelId=MODEL, messages=MESSAGES)["stream"])
        assert len(sink.records) == 1
    gc.collect()
    held = [each for each in gc.get_objects() if type(each) in (Call, UsageReading)]
    assert held == []
