"""A Bedrock endpoint on this machine, and metered clients of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import boto3
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader

from ..._instrument.instrument import instrument
from ..._model.record import CallRecord
from ..._recording.recorder import Recorder
from ...ledger import open_ledger
from ...metrics import OpenTelemetrySink
from ...pricing import PriceTable
from ...testing import ListSink, Simulator, bedrock_simulator

if TYPE_CHECKING:
    from ._calls import BedrockClient

# The shell's AWS account and OpenTelemetry settings, and its proxies.
_SETTINGS_OF_OTHERS = ("AWS_", "OTEL_")
_OWN_SETTINGS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "NO_PROXY": "*",
    "no_proxy": "*",
}


@dataclass(slots=True)
class MeteredEndpoint:
    """An endpoint whose every call becomes a record and a metric.

    Attributes:
        simulator: What answers.
        prices_of: Day on which the list prices were gathered.
        recorder: Meters the clients.
    """

    simulator: Simulator
    prices_of: date
    recorder: Recorder
    _sink: ListSink
    _session: boto3.Session = field(default_factory=boto3.Session)
    _clients: dict[str, BedrockClient] = field(default_factory=dict)

    @property
    def records(self) -> Sequence[CallRecord]:
        """Finished calls so far, oldest first; grows at its end only."""
        return self._sink.records

    def client(self, region: str) -> BedrockClient:
        """The metered boto3 client of *region*; not safe to call from two threads."""
        if region not in self._clients:
            made = self.simulator.client(session=self._session, region_name=region)
            instrument(made, recorder=self.recorder)
            self._clients[region] = cast("BedrockClient", made)
        return self._clients[region]


@contextmanager
def metered_endpoint(
    readers: Iterable[MetricReader] = (), *, ledger: Path | None = None
) -> Iterator[MeteredEndpoint]:
    """Run an endpoint for the length of a ``with`` block.

    Calls are made now, so that whoever asks for today's finds them, and priced by the
    bundled table, of which no price that the demo needs ends: figures hang on the
    version of the library alone. For the same reason the process forgets what its
    environment says of AWS, OpenTelemetry and proxies.

    Args:
        readers: Get the metrics, until the block ends.
        ledger: Where to keep every call; None to keep none.

    Raises:
        LedgerError: If the ledger cannot be opened.
    """
    _forget_settings()
    prices = PriceTable.bundled()
    day = prices.generated_on
    first = datetime.combine(day, time.min, UTC)  # where the clock is behind
    provider = MeterProvider(list(readers), shutdown_on_exit=False)
    sink = ListSink()
    kept = () if ledger is None else (open_ledger(ledger),)
    recorder = Recorder(
        prices,
        (sink, OpenTelemetrySink(meter_provider=provider), *kept),
        clock=lambda: max(datetime.now(UTC), first),
    )
    try:
        with bedrock_simulator() as simulator:
            yield MeteredEndpoint(simulator, day, recorder, sink)
    finally:
        recorder.close()
        provider.shutdown()


def _forget_settings() -> None:
    for name in [name for name in os.environ if name.startswith(_SETTINGS_OF_OTHERS)]:
        del os.environ[name]
    os.environ.update(_OWN_SETTINGS)
