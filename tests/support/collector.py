"""A collector of OTLP on this machine, which adds up what all processes send it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

# Each export says what is new, so that the exports of any number of processes add up.
DELTA = {
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_TRACES_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "2",
}


class Collector:
    """What was received so far.

    Attributes:
        exports: Number of exports.
        environment: What a process that shall export to it is told.
    """

    def __init__(self, endpoint: str) -> None:
        """Receive nothing yet."""
        self.exports = 0
        self.environment = {**DELTA, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        self._lock = Lock()
        self._points: list[tuple[str, dict[str, str], float]] = []

    def take(self, request: Any) -> None:
        """Add one export."""
        with self._lock:
            self.exports += 1
            for resource in request.resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        self._points += _points(metric)

    def total(self, name: str, **labels: str) -> float:
        """Sum of a counter, or number of recordings of a histogram.

        Args:
            name: Name of the metric.
            labels: Attributes, without our prefix, that have to be there.
        """
        wanted = labels.items()
        with self._lock:
            return sum(
                value
                for metric, attributes, value in self._points
                if metric == name and wanted <= attributes.items()
            )

    def values(self, name: str, label: str) -> dict[str, float]:
        """Sums of a counter by an attribute, ``-`` where it is not there."""
        sums: dict[str, float] = {}
        with self._lock:
            for metric, attributes, value in self._points:
                if metric == name:
                    key = attributes.get(label, "-")
                    sums[key] = sums.get(key, 0) + value
        return sums


def _points(metric: Any) -> Iterator[tuple[str, dict[str, str], float]]:
    kind = metric.WhichOneof("data")
    for point in getattr(metric, kind).data_points:
        attributes = {
            pair.key.removeprefix("bedrock_attrib."): pair.value.string_value
            for pair in point.attributes
        }
        if kind == "histogram":
            yield metric.name, attributes, point.count
        else:
            yield metric.name, attributes, getattr(point, point.WhichOneof("value"))


@contextmanager
def collector() -> Iterator[Collector]:
    """Run a collector on a free port until the block ends."""
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (  # noqa: PLC0415 -- comes with the extra otlp
        ExportMetricsServiceRequest,
    )

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            found.take(ExportMetricsServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
