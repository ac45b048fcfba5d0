"""Metrics of budgets and of the tag policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from bedrock_attrib import (
    Budget,
    BudgetExceededError,
    TagPolicy,
    attribution,
    configure,
    instrument,
)
from bedrock_attrib.testing import bedrock_simulator

NOVA = "us.amazon.nova-micro-v1:0"


def points(reader: InMemoryMetricReader, begin: str) -> dict[Any, Any]:
    """Values by name of the metric and values of its attributes."""
    data = reader.get_metrics_data()
    assert data is not None
    return {
        (metric.name.removeprefix(begin), *(point.attributes or {}).values()): (
            point.value
        )
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name.startswith(begin)
        for point in metric.data.data_points
    }


def test_budgets_are_gauges_and_refusals_a_counter() -> None:
    """With the name, the measure and the value that a budget keeps apart."""
    reader = InMemoryMetricReader()
    recorder = configure(
        meter_provider=MeterProvider(metric_readers=[reader]),
        budgets=[
            Budget("usd", limit_usd="1"),
            Budget("calls", limit_calls=1, each="team"),
        ],
    )
    with bedrock_simulator() as simulator:
        client = instrument(simulator.client(), recorder=recorder)
        with attribution(team="search"):
            client.converse(modelId=NOVA, messages=[])
            with pytest.raises(BudgetExceededError):
                client.converse(modelId=NOVA, messages=[])
    assert points(reader, "bedrock_attrib.budget.") == {
        ("limit", "usd", "usd"): 1.0,
        ("spent", "usd", "usd"): 0.00000154,
        ("reserved", "usd", "usd"): 0.0,
        ("remaining", "usd", "usd"): 0.99999846,
        ("refusals", "usd", "usd"): 0,
        ("overshoot", "usd", "usd"): 0.0,
        ("limit", "calls", "calls", "search"): 1.0,
        ("spent", "calls", "calls", "search"): 1.0,
        ("reserved", "calls", "calls", "search"): 0.0,
        ("remaining", "calls", "calls", "search"): 0.0,
        ("refusals", "calls", "calls", "search"): 1,
        ("overshoot", "calls", "calls", "search"): 0.0,
    }


def test_a_shared_store_has_figures_too(tmp_path: Path) -> None:
    """Round trips by outcome, their time, and what went wrong."""
    reader = InMemoryMetricReader()
    recorder = configure(
        meter_provider=MeterProvider(metric_readers=[reader]),
        budgets=[Budget("b", limit_calls=10)],
        budget_store=f"sqlite:///{tmp_path / 'budgets.db'}",
        budget_store_timeout_s=30,
    )
    with bedrock_simulator() as simulator:
        client = instrument(simulator.client(), recorder=recorder)
        client.converse(modelId=NOVA, messages=[])
    found = points(reader, "bedrock_attrib.budget.store.")
    recorder.close()
    assert found.pop(("exchanges", "ok")) >= 1
    assert found.pop(("time",)) > 0
    assert found == {
        ("exchanges", "error"): 0,
        ("missed",): 0,
        ("expired_leases",): 0,
    }


def test_violations_of_a_policy_are_counted() -> None:
    """By rule, key and action; no value of a tag is on it."""
    reader = InMemoryMetricReader()
    recorder = configure(
        meter_provider=MeterProvider(metric_readers=[reader]),
        policy=TagPolicy(
            tags={
                "team": {"allowed": ["search"], "action": "warn"},
                "app": {"allowed": ["web"], "action": "replace", "default": "web"},
            }
        ),
    )
    with bedrock_simulator() as simulator:
        client = instrument(simulator.client(), recorder=recorder)
        for app in ("web", "cron"):
            with attribution(team="ads", app=app):
                client.converse(modelId=NOVA, messages=[])
    assert points(reader, "bedrock_attrib.policy.") == {
        ("violations", "tags.team", "team", "warn"): 2,
        ("violations", "tags.app", "app", "replace"): 1,
    }


def test_there_are_none_without_a_budget() -> None:
    """Who has no limits has no metrics of them."""
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader])
    recorder = configure(meter_provider=provider)
    with bedrock_simulator() as simulator:
        client = instrument(simulator.client(), recorder=recorder)
        client.converse(modelId=NOVA, messages=[])
    assert points(reader, "bedrock_attrib.budget") == {}
    assert points(reader, "bedrock_attrib.policy") == {}
