"""Metrics page of the demo for Prometheus, and instructions to look at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricReader

_HOST = "127.0.0.1"
DEFAULT_PORT = 9464

# Names as opentelemetry-exporter-prometheus 0.66b2 writes them, checked 2026-11-23.
QUERIES = (
    "sum by (bedrock_attrib_team) (bedrock_attrib_cost_total)",
    "sum by (bedrock_attrib_experiment) (bedrock_attrib_cost_total)",
    "sum by (bedrock_attrib_model) (rate(bedrock_attrib_cost_total[1m])) * 60",
    "sum by (bedrock_attrib_unit_class) (bedrock_attrib_usage_total)",
    "sum by (bedrock_attrib_outcome) (bedrock_attrib_calls_total)",
)


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """A page that Prometheus can scrape.

    Attributes:
        reader: Receives the metrics of a meter provider.
        port: Port on the loopback interface.
    """

    reader: MetricReader
    port: int

    @property
    def url(self) -> str:
        """URL of the page."""
        return f"http://{_HOST}:{self.port}/metrics"


@contextmanager
def metrics_page(port: int) -> Iterator[MetricsPage]:
    """Serve metrics on the loopback interface for the length of a ``with`` block.

    Args:
        port: Port to serve on; 0 for any free one.

    Raises:
        MissingExtraError: If the exporter is not installed.
        ConfigError: If the port is in use.
    """
    try:
        # Not at the top: the demo runs without this extra.
        from opentelemetry.exporter.prometheus import (  # noqa: PLC0415
            PrometheusMetricReader,
        )
        from prometheus_client import start_http_server  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "prometheus", "opentelemetry-exporter-prometheus"
        ) from error
    try:
        server, thread = start_http_server(port, addr=_HOST)
    except OSError as error:
        raise ConfigError(
            f"cannot serve metrics on {_HOST}:{port}: {error.strerror}; choose another "
            f"port, or 0 for any free one"
        ) from error
    try:
        yield MetricsPage(PrometheusMetricReader(), server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def how_to_look(port: int) -> str:
    """Return commands and queries that show the demo in Prometheus."""
    target = f'{{targets: ["{_HOST}:{port}"]}}'
    job = f"{{job_name: demo, scrape_interval: 1s, static_configs: [{target}]}}"
    queries = "\n".join(f"  {query}" for query in QUERIES)
    return f"""See the same in Prometheus
  bedrock-attrib demo --prometheus {port} --keep
and in another terminal
  curl -s http://{_HOST}:{port}/metrics | grep ^bedrock_attrib
  echo 'scrape_configs: [{job}]' > prometheus.yml
  prometheus --config.file=prometheus.yml
then query on http://localhost:9090
{queries}"""
