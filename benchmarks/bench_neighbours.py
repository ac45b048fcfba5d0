"""What other instrumentations of botocore cost, beside ours, where they are installed.

Run: python benchmarks/bench_neighbours.py

Those that patch botocore for the whole process are switched on and off between blocks
of calls; each figure is the median over blocks of the CPU time that they add to the
caller's thread, spans and metrics in the real SDK, no exporter.
"""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable
from typing import Protocol

import _canned
from bench_calls import make_recorder
from botocore.client import BaseClient
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from bedrock_attrib import instrument, uninstrument

_BLOCKS = 24
_CALLS = 200


class Instrumentor(Protocol):
    """What the instrumentors of OpenTelemetry's ecosystem have in common."""

    def instrument(self) -> None:
        """Switch on."""

    def uninstrument(self) -> None:
        """Switch off."""


class Ours:
    """This library, on one client."""

    def __init__(self, client: BaseClient) -> None:
        self._client = client
        self._recorder = make_recorder()

    def instrument(self) -> None:
        """Switch on."""
        instrument(self._client, recorder=self._recorder)

    def uninstrument(self) -> None:
        """Switch off."""
        self._recorder.flush()
        uninstrument(self._client)


# Module and class of instrumentors that patch botocore for the whole process.
_OTHERS = (
    ("opentelemetry.instrumentation.botocore", "BotocoreInstrumentor"),
    ("opentelemetry.instrumentation.genai.bedrock", "BedrockInstrumentor"),
)


def added_us(
    each: Instrumentor, client: BaseClient, call: Callable[[BaseClient], object]
) -> float:
    """Median of what *each* adds to a call, in µs of the caller's thread."""
    added = []
    for _ in range(_BLOCKS):
        bare = _block_us(client, call)
        each.instrument()
        added.append(_block_us(client, call) - bare)
        each.uninstrument()
    return statistics.median(added)


def _block_us(client: BaseClient, call: Callable[[BaseClient], object]) -> float:
    start = time.thread_time_ns()
    for _ in range(_CALLS):
        call(client)
    return (time.thread_time_ns() - start) / _CALLS / 1000


def main() -> None:
    """Print a row for each instrumentation that is installed."""
    trace.set_tracer_provider(TracerProvider())
    metrics.set_meter_provider(MeterProvider(metric_readers=[InMemoryMetricReader()]))
    client = _canned.canned_client(_canned.converse_answer())
    found: dict[str, Instrumentor] = {"bedrock_attrib": Ours(client)}
    for module, name in _OTHERS:
        try:
            found[module] = getattr(importlib.import_module(module), name)()
        except ImportError:
            print(f"{module}: not installed")
    for name, each in found.items():
        print(f"{name}: {added_us(each, client, _canned.converse):.1f} µs per Converse")


if __name__ == "__main__":
    main()
