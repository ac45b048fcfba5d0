"""Literal calls, and a real SDK that reads what became of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    HistogramDataPoint,
    MetricReader,
    NumberDataPoint,
)
from opentelemetry.sdk.metrics.view import View
from patient_reader import PatientReader

from bedrock_attrib._model.cost import Cost
from bedrock_attrib._model.model_id import parse_model_id
from bedrock_attrib._model.record import CallRecord, Outcome, PriceStatus
from bedrock_attrib._model.tags import Tags
from bedrock_attrib._model.usage import Unit, Usage
from bedrock_attrib.metrics import OpenTelemetrySink

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


def make_cost(**amounts: str) -> Cost:
    """A cost in USD from amounts by unit."""
    by_unit = {Unit(unit): Decimal(amount) for unit, amount in amounts.items()}
    total = sum(by_unit.values(), Decimal(0))
    return Cost(total=total, currency="USD", by_unit=by_unit, rates={})


def make_record(**changes: Any) -> CallRecord:
    """A priced call of team search; *changes* replace single fields."""
    fields: dict[str, Any] = {
        "id": "0193",
        "started_at": datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
        "operation": "Converse",
        "model": parse_model_id(CLAUDE),
        "region": "us-east-1",
        "tier": "default",
        "latency_mode": "standard",
        "tags": Tags({"team": "search"}),
        "usage": Usage({Unit.INPUT_TOKEN: 1000, Unit.OUTPUT_TOKEN: 500}),
        "usage_source": "converse.usage",
        "cost": make_cost(input_token="0.003", output_token="0.0075"),
        "price_status": PriceStatus.PRICED,
        "price_reason": "",
        "price_reason_code": None,
        "duration_s": 1.5,
        "time_to_first_chunk_s": None,
        "outcome": Outcome.OK,
        "error": None,
        "attempts": 1,
        "request_id": "8a1e",
    }
    return CallRecord(**(fields | changes))


Point = NumberDataPoint | HistogramDataPoint


class Metrics:
    """A real meter provider with in-memory readers, and sinks on it."""

    def __init__(self) -> None:
        self.reader = PatientReader()
        self.provider = MeterProvider([self.reader], shutdown_on_exit=False)
        self._sinks: list[OpenTelemetrySink] = []

    def read_by(self, *readers: MetricReader, views: tuple[View, ...] = ()) -> None:
        """Start again with *readers* and *views*."""
        self.provider.shutdown()
        self.provider = MeterProvider(readers, shutdown_on_exit=False, views=views)

    def sink(self, **settings: Any) -> OpenTelemetrySink:
        """A sink on the provider, closed when the test ends."""
        sink = OpenTelemetrySink(meter_provider=self.provider, **settings)
        self._sinks.append(sink)
        return sink

    def collect(self, reader: PatientReader | None = None) -> dict[str, list[Point]]:
        """One collection: data points by instrument."""
        data = (reader or self.reader).get_metrics_data()
        if data is None:
            return {}
        return {
            metric.name: list(metric.data.data_points)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def values(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Values of one counter by *labels*, an absent label as ``-``."""
        return by_labels(self.collect().get(name, []), *labels)

    def close(self) -> None:
        """Close all sinks and the provider."""
        for sink in self._sinks:
            sink.close()
        self.provider.shutdown()


def by_labels(points: list[Point], *labels: str) -> dict[tuple[str, ...], float]:
    """Values added up by *labels*; a label's prefix may be left out."""
    values: dict[tuple[str, ...], list[float]] = {}
    for point in points:
        attributes = point.attributes or {}
        key = tuple(
            str(attributes.get(label, attributes.get(f"bedrock_attrib.{label}", "-")))
            for label in labels
        )
        value = point.sum if isinstance(point, HistogramDataPoint) else point.value
        values.setdefault(key, []).append(value)
    return {key: math.fsum(some) for key, some in values.items()}


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    """A real meter provider, read in memory."""
    metrics = Metrics()
    yield metrics
    metrics.close()


@pytest.fixture
def record() -> Callable[..., CallRecord]:
    """Makes a literal call; arguments replace single fields."""
    return make_record


@pytest.fixture
def cost() -> Callable[..., Cost]:
    """Makes a cost in USD from amounts by unit."""
    return make_cost


@pytest.fixture
def sums() -> Callable[..., dict[tuple[str, ...], float]]:
    """Adds data points up by labels."""
    return by_labels
