"""What only a process of its own can show: no provider, a late one, a fork."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import HANG_S

CONFTEST = Path(__file__).with_name("conftest.py")
SUPPORT = Path(__file__).parents[1] / "support"
PRELUDE = """
import json, os, runpy, sys, threading
from opentelemetry import metrics
from opentelemetry.sdk.metrics import Histogram, MeterProvider, ObservableCounter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality, InMemoryMetricReader,
)
from bedrock_attrib.metrics import OpenTelemetrySink
record = runpy.run_path(sys.argv[1])["make_record"]()

def show(reader):
    data = reader.get_metrics_data()
    return {
        metric.name: sum(
            point.count if hasattr(point, "count") else point.value
            for point in metric.data.data_points
        )
        for resource in (data.resource_metrics if data else [])
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
"""
CALLS = "bedrock_attrib.calls"
DURATION = "gen_ai.client.operation.duration"


def run(program: str) -> dict[str, object]:
    """Run *program* after the prelude; what it prints is JSON."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + program, CONFTEST],
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONWARNINGS": "error", "PYTHONPATH": str(SUPPORT)},
        text=True,
        timeout=HANG_S,
    )
    assert done.returncode == 0, done.stderr
    printed: dict[str, object] = json.loads(done.stdout)
    return printed


def test_totals_wait_for_a_provider() -> None:
    """Until one is set nothing is queued; then all calls so far are there at once."""
    shown = run("""
sink = OpenTelemetrySink()
for _ in range(3):
    sink.write(record)
threads = threading.active_count()
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
first = show(reader)
sink.write(record)
print(json.dumps([threads, first, show(reader)]))
""")
    threads, first, second = shown
    assert threads == 1
    assert (first[CALLS], DURATION in first) == (3, False)
    assert (second[CALLS], second[DURATION]) == (4, 1)


def test_two_sinks_share_the_global_provider() -> None:
    """One made before the provider is set and one after it add up."""
    shown = run("""
early = OpenTelemetrySink()
early.write(record)
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
late = OpenTelemetrySink()
late.write(record)
print(json.dumps(show(reader)))
""")
    assert shown[CALLS] == 2


def test_a_disabled_sdk_costs_nothing() -> None:
    """With a provider that leads nowhere no thread is started."""
    shown = run("""
metrics.set_meter_provider(metrics.NoOpMeterProvider())
sink = OpenTelemetrySink()
sink.write(record)
print(json.dumps({"threads": threading.active_count()}))
""")
    assert shown == {"threads": 1}


FORK = """
def readers():
    delta = AggregationTemporality.DELTA
    by_kind = {ObservableCounter: delta, Histogram: delta}
    return [InMemoryMetricReader(by_kind), InMemoryMetricReader()]

def child(work):
    read_end, write_end = os.pipe()
    if os.fork() == 0:
        os.write(write_end, json.dumps(work()).encode())
        sys.exit()
    os.close(write_end)
    with open(read_end, "rb") as answer:
        return json.loads(answer.read())
"""

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


@forks
def test_a_forked_child_counts_from_zero() -> None:
    """Neither reader counts the parent's calls twice, nor takes them back."""
    shown = run(
        FORK
        + """
both = readers()
provider = MeterProvider(both)
sink = OpenTelemetrySink(meter_provider=provider)
other = OpenTelemetrySink(meter_provider=provider)
for _ in range(5):
    sink.write(record)
before = [show(reader) for reader in both]

def work():
    silent = [show(reader) for reader in both]
    sink.write(record._replace(operation="CountTokens"))
    sink.flush(600)
    for _ in range(2):
        sink.write(record)
    other.write(record)
    first = [show(reader) for reader in both]
    sink.write(record)
    return [silent, first, [show(reader) for reader in both]]

in_child = child(work)
sink.write(record)
print(json.dumps([before, in_child, [show(reader) for reader in both]]))
"""
    )
    before, (silent, first, second), after = shown

    def counts(delta_and_total: list[dict[str, int]]) -> list[tuple[int, int]]:
        return [(names.get(CALLS), names.get(DURATION)) for names in delta_and_total]

    assert counts(before) == [(5, 5), (5, 5)]
    assert counts(silent)[0] == (None, None)
    assert counts(first) == [(4, 3), (4, 3)]
    assert counts(second) == [(1, 1), (5, 4)]
    assert counts(after) == [(1, 1), (6, 6)]


@forks
def test_a_provider_set_after_the_fork_is_used() -> None:
    """As servers that load the application before they fork do it."""
    shown = run(
        FORK
        + """
sink = OpenTelemetrySink()
sink.write(record)

def work():
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader]))
    sink.write(record)
    return show(reader)

print(json.dumps(child(work)))
"""
    )
    assert (shown[CALLS], shown[DURATION]) == (1, 1)


@forks
def test_a_forked_child_forgets_what_its_parent_has_recorded() -> None:
    """Histograms of a child hold its own calls, in either temporality.

    Recorded before the fork and not yet collected is what the SDK would export twice.
    """
    shown = run(
        FORK
        + """
def recordings(reader):
    data = reader.get_metrics_data()
    return sum(
        point.count
        for resource in (data.resource_metrics if data else [])
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "gen_ai.client.operation.duration"
        for point in metric.data.data_points
    )

both = readers()
sink = OpenTelemetrySink(meter_provider=MeterProvider(both))
for _ in range(5):
    sink.write(record)
sink.flush(600)

def work():
    silent = [recordings(reader) for reader in both]
    sink.write(record)
    sink.flush(600)
    return [silent, [recordings(reader) for reader in both]]

in_child = child(work)
print(json.dumps([in_child, [recordings(reader) for reader in both]]))
"""
    )
    assert shown == [[[0, 0], [1, 1]], [5, 5]]


@forks
def test_a_forked_child_has_its_own_scope() -> None:
    """Metrics of a child have its process id as a scope attribute."""
    shown = run(
        FORK
        + """
def scopes(reader):
    return [
        dict(scope.scope.attributes or {})
        for resource in reader.get_metrics_data().resource_metrics
        for scope in resource.scope_metrics
    ]

reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
sink = OpenTelemetrySink()
sink.write(record)

def work():
    sink.write(record)
    sink.flush(5.0)
    return [os.getpid(), scopes(reader)]

print(json.dumps([child(work), scopes(reader)]))
"""
    )
    (pid, in_child), in_parent = shown
    assert in_child == [{"process.pid": pid}]
    assert in_parent == [{}]
