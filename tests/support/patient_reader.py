"""A reader of metrics that gives a collection all the time that it needs."""

from __future__ import annotations

from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from waiting import HANG_S


class PatientReader(InMemoryMetricReader):
    """An `InMemoryMetricReader` without the ten seconds of the SDK.

    Thousands of data points take longer than that on a busy machine, with coverage.
    """

    def collect(self, timeout_millis: float = 1000 * HANG_S) -> None:
        """Collect, and give up only what hangs."""
        super().collect(timeout_millis)
