"""What a receiver of OTLP over HTTP gets, read from the bytes on the wire."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from opentelemetry.sdk.metrics import MeterProvider, ObservableCounter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    PeriodicExportingMetricReader,
)

from bedrock_attrib._model.record import CallRecord
from bedrock_attrib._model.tags import Tags
from bedrock_attrib.metrics import OpenTelemetrySink

otlp = pytest.importorskip(
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    reason="needs the extra otlp",
)
service = pytest.importorskip(
    "opentelemetry.proto.collector.metrics.v1.metrics_service_pb2",
    reason="needs the extra otlp",
)


class Receiver:
    """A collector on this machine that keeps what it is sent."""

    def __init__(self) -> None:
        exports = self.exports = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                exports.append(service.ExportMetricsServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/metrics"
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def metrics(self) -> dict[str, object]:
        """Metrics of the last export, by name."""
        return {
            metric.name: metric
            for resource in self.exports[-1].resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A collector that is stopped after the test."""
    receiver = Receiver()
    yield receiver
    receiver.close()


def attributes(point: object) -> dict[str, str]:
    """Attributes of a data point of the protocol."""
    return {pair.key: pair.value.string_value for pair in point.attributes}


def test_a_receiver_gets_money_usage_and_calls(
    receiver: Receiver, record: Callable[..., CallRecord]
) -> None:
    """One export has every instrument, with its unit and kind."""
    exporter = otlp.OTLPMetricExporter(endpoint=receiver.url)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=60_000)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    sink = OpenTelemetrySink(meter_provider=provider)
    for team in ("search", "caf\u00e9 \U0001f980", "a\ud800b"):
        sink.write(record(tags=Tags({"team": team})))
    provider.force_flush()
    sink.close()
    shown = receiver.metrics()
    cost = shown["bedrock_attrib.cost"]
    assert (cost.unit, cost.sum.is_monotonic) == ("{USD}", True)
    cumulative = 2  # AGGREGATION_TEMPORALITY_CUMULATIVE
    assert cost.sum.aggregation_temporality == cumulative
    assert {
        (
            attributes(point)["bedrock_attrib.team"],
            attributes(point)["bedrock_attrib.unit_class"],
        ): point.as_double
        for point in cost.sum.data_points
    } == {
        (team, unit_class): amount
        for team in ("search", "caf\u00e9 \U0001f980", "a?b")
        for unit_class, amount in (("input", 0.003), ("output", 0.0075))
    }
    calls = shown["bedrock_attrib.calls"].sum.data_points
    assert [point.as_int for point in calls] == [1, 1, 1]
    durations = shown["gen_ai.client.operation.duration"]
    assert durations.unit == "s"
    assert [point.count for point in durations.histogram.data_points] == [1, 1, 1]
    provider.shutdown()


def test_a_receiver_of_deltas_gets_each_call_once(
    receiver: Receiver, record: Callable[..., CallRecord]
) -> None:
    """Some back-ends want what is new since the last export only."""
    exporter = otlp.OTLPMetricExporter(
        endpoint=receiver.url,
        preferred_temporality={ObservableCounter: AggregationTemporality.DELTA},
    )
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=60_000)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    sink = OpenTelemetrySink(meter_provider=provider)
    deltas = []
    for calls in (3, 1, 2):
        for _ in range(calls):
            sink.write(record())
        provider.force_flush()
        (point,) = receiver.metrics()["bedrock_attrib.calls"].sum.data_points
        deltas.append(point.as_int)
    sink.close()
    provider.shutdown()
    assert deltas == [3, 1, 2]
