"""Other instrumentations of Bedrock, switched on beside ours, and what is called."""

from __future__ import annotations

import gc
import importlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.loaders import Loader, create_loader
from botocore.session import Session
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bedrock_attrib import CallRecord, Recorder, instrument
from bedrock_attrib._config import Config
from bedrock_attrib.metrics import OpenTelemetrySink
from bedrock_attrib.testing import (
    ListSink,
    Reply,
    Simulator,
    bedrock_simulator,
    tokens,
)

OURS = "bedrock_attrib"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another instrumentation.

    Attributes:
        package: Its distribution.
        module: Where its instrumentor is.
        instrumentor: Name of that.
        scope: What its meters' and tracers' scopes are called, or begin with.
    """

    package: str
    module: str
    instrumentor: str
    scope: str

    def is_installed(self) -> bool:
        """Whether it can be imported."""
        try:
            return find_spec(self.module) is not None
        except ModuleNotFoundError:  # not even its parent is there
            return False

    def make(self) -> Any:
        """Its one instrumentor."""
        return getattr(importlib.import_module(self.module), self.instrumentor)()


NEIGHBOURS = {
    "botocore": Neighbour(
        "opentelemetry-instrumentation-botocore",
        "opentelemetry.instrumentation.botocore",
        "BotocoreInstrumentor",
        "opentelemetry.instrumentation.botocore.",
    ),
    "genai-bedrock": Neighbour(
        "opentelemetry-instrumentation-genai-bedrock",
        "opentelemetry.instrumentation.genai.bedrock",
        "BedrockInstrumentor",
        "opentelemetry.instrumentation.genai.",
    ),
    "openllmetry": Neighbour(
        "opentelemetry-instrumentation-bedrock",
        "opentelemetry.instrumentation.bedrock",
        "BedrockInstrumentor",
        "opentelemetry.instrumentation.bedrock",
    ),
    "openinference": Neighbour(
        "openinference-instrumentation-bedrock",
        "openinference.instrumentation.bedrock",
        "BedrockInstrumentor",
        "openinference.",
    ),
}

# One at a time, and all in one process.
COMBINATIONS = [*((name,) for name in NEIGHBOURS), tuple(NEIGHBOURS)]


def skip_without(names: tuple[str, ...]) -> None:
    """Skip the test if one of the neighbours *names* is not installed."""
    for name in names:
        if not NEIGHBOURS[name].is_installed():
            pytest.skip(f"needs {NEIGHBOURS[name].package}: nox --session neighbours")


CLAUDE = "anthropic.claude-sonnet-4-20250514-v1:0"
LLAMA = "meta.llama3-8b-instruct-v1:0"
TITAN = "amazon.titan-embed-text-v2:0"
UNKNOWN = "anthropic.claude-unknown-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]
BODIES = {
    CLAUDE: {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 10,
        "messages": [{"role": "user", "content": "Hello"}],
    },
    LLAMA: {"prompt": "Hello"},
    TITAN: {"inputText": "Hello"},
}
USAGE = tokens(input_tokens=12, output_tokens=8)


def converse(client: BaseClient) -> object:
    """Converse."""
    return client.converse(modelId=CLAUDE, messages=MESSAGES)["usage"]


def failing(client: BaseClient) -> object:
    """Converse, turned away."""
    return client.converse(modelId=UNKNOWN, messages=MESSAGES)


def _converse_stream(client: BaseClient) -> Any:
    return client.converse_stream(modelId=CLAUDE, messages=MESSAGES)["stream"]


def stream(client: BaseClient) -> object:
    """ConverseStream, read to its end."""
    return list(_converse_stream(client))


def stream_dropped(client: BaseClient) -> object:
    """ConverseStream, left after an event."""
    for event in _converse_stream(client):
        return event
    return None


def stream_closed(client: BaseClient) -> object:
    """ConverseStream, closed after an event."""
    events = _converse_stream(client)
    for event in events:
        events.close()
        return event
    return None


def _invoke(client: BaseClient, model: str) -> object:
    body = json.dumps(BODIES[model])
    return client.invoke_model(modelId=model, body=body)["body"].read()


def invoke(client: BaseClient) -> object:
    """InvokeModel of Claude."""
    return _invoke(client, CLAUDE)


def invoke_llama(client: BaseClient) -> object:
    """InvokeModel of Llama."""
    return _invoke(client, LLAMA)


def embed(client: BaseClient) -> object:
    """InvokeModel of an embedding."""
    return _invoke(client, TITAN)


def _invoke_stream(client: BaseClient, model: str) -> Any:
    answer = client.invoke_model_with_response_stream(
        modelId=model, body=json.dumps(BODIES[model])
    )
    return answer["body"]


def invoke_stream(client: BaseClient) -> object:
    """InvokeModelWithResponseStream of Claude, read to its end."""
    return list(_invoke_stream(client, CLAUDE))


def invoke_stream_llama(client: BaseClient) -> object:
    """InvokeModelWithResponseStream of Llama, read to its end."""
    return list(_invoke_stream(client, LLAMA))


# What is done, and the operation, outcome and usage that its one record has. Streams
# that are left come first: estimates are learned from those that are not.
Usages = dict[str, int] | None
WHOLE = {"input_token": 12, "output_token": 8}
CALLS: dict[Callable[[BaseClient], object], tuple[str, str, Usages]] = {
    converse: ("Converse", "ok", WHOLE),
    failing: ("Converse", "error", None),
    stream_dropped: (
        "ConverseStream",
        "abandoned",
        {"input_token": 16, "output_token": 1},
    ),
    stream_closed: (
        "ConverseStream",
        "abandoned",
        {"input_token": 16, "output_token": 1},
    ),
    stream: ("ConverseStream", "ok", WHOLE),
    invoke: ("InvokeModel", "ok", WHOLE),
    invoke_llama: ("InvokeModel", "ok", WHOLE),
    embed: ("InvokeModel", "ok", {"input_token": 12}),
    invoke_stream: ("InvokeModelWithResponseStream", "ok", WHOLE),
    invoke_stream_llama: ("InvokeModelWithResponseStream", "ok", WHOLE),
}


@cache
def service_models() -> Loader:
    """AWS's service models, read once: most of the time that a new client takes."""
    return create_loader()


def new_session() -> boto3.Session:
    """A session that nobody has made a client from."""
    session = Session()
    session.register_component("data_loader", service_models())
    return boto3.Session(botocore_session=session)


class Street:
    """Neighbours that are switched on, and perhaps ours, in the order asked for.

    Attributes:
        sink: Our records.
        tracer_provider: Where all spans go.
    """

    def __init__(
        self, simulator: Simulator, names: tuple[str, ...], ours: str | None
    ) -> None:
        self.sink = ListSink()
        self._reader = InMemoryMetricReader()
        meters = MeterProvider([self._reader], shutdown_on_exit=False)
        self._spans = InMemorySpanExporter()
        self.tracer_provider = TracerProvider(shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._spans))
        metrics = OpenTelemetrySink(meter_provider=meters)
        self.recorder = Recorder(
            sinks=(self.sink, metrics), config=Config(span_cost=True)
        )
        session = new_session()
        self._instrumentors = [NEIGHBOURS[name].make() for name in names]
        if ours == "ours first":
            instrument(session, recorder=self.recorder)
        for each in self._instrumentors:
            each.instrument(
                tracer_provider=self.tracer_provider,
                meter_provider=meters,
                skip_dep_check=True,
            )
        self.client = simulator.client(session=session)
        if ours == "ours last":
            instrument(self.client, recorder=self.recorder)

    def close(self) -> None:
        """Switch all off."""
        self.recorder.close()
        for each in reversed(self._instrumentors):
            each.uninstrument()

    def records(self) -> list[CallRecord]:
        """What we recorded."""
        gc.collect()
        return list(self.sink.records)

    def histograms(self) -> dict[str, dict[str, list[str]]]:
        """By scope and name of a convention's histogram: token types, ``-`` for none.

        Each stands there once for each recording.
        """
        gc.collect()
        self.recorder.flush()
        data = self._reader.get_metrics_data()
        found: dict[str, dict[str, list[str]]] = {}
        for scope in data.resource_metrics[0].scope_metrics if data else ():
            for metric in scope.metrics:
                points = [
                    str((point.attributes or {}).get("gen_ai.token.type", "-"))
                    for point in metric.data.data_points
                    if isinstance(point, HistogramDataPoint)
                    for _ in range(point.count)
                ]
                if points and metric.name.startswith("gen_ai.client."):
                    found.setdefault(scope.scope.name, {})[metric.name] = points
        return found

    def costs(self) -> dict[str, float | None]:
        """Amount on each span that ended, by what its tracer's scope is called."""
        gc.collect()
        return {
            span.instrumentation_scope.name: (span.attributes or {}).get(
                "gen_ai.usage.cost.amount"
            )
            for span in self._spans.get_finished_spans()
            if span.instrumentation_scope is not None
        }  # type: ignore[return-value]  # a float wherever it is set


@contextmanager
def open_street(
    simulator: Simulator, names: tuple[str, ...], ours: str | None
) -> Iterator[Street]:
    """Switch *names* on for a block, and ours in the order asked for."""
    street = Street(simulator, names, ours)
    try:
        yield street
    finally:
        street.close()


@contextmanager
def neighbours_simulator() -> Iterator[Simulator]:
    """An endpoint that answers `CALLS`."""
    with bedrock_simulator() as simulator:
        simulator.reply(Reply(usage=USAGE))
        simulator.reply(Reply(error="ValidationException"), model_id=UNKNOWN)
        yield simulator


_UNEQUAL = re.compile(rb'"id":"[^"]+"|"p":"[^"]+"')


def comparable(result: object) -> object:
    """*result* without what differs from answer to answer."""
    if isinstance(result, bytes):
        return _UNEQUAL.sub(b"", result)
    if isinstance(result, list):
        return [comparable(item) for item in result]
    if isinstance(result, dict):
        return {key: comparable(value) for key, value in result.items()}
    return result
