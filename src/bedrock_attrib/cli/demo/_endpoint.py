"""A Bedrock endpoint on this machine, metered clients of it, and their ledger."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

import boto3
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader

from ..._instrument.instrument import instrument
from ..._recording.recorder import Recorder
from ...ledger import Ledger, open_ledger
from ...metrics import OpenTelemetrySink
from ...pricing import PriceTable
from ...testing import Simulator, bedrock_simulator

if TYPE_CHECKING:
    from ._calls import BedrockClient

# The shell's AWS account and OpenTelemetry settings, and its proxies.
_FOREIGN_SETTINGS = ("AWS_", "OTEL_")
_OWN_SETTINGS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "NO_PROXY": "*",
    "no_proxy": "*",
}

_INTERVAL_S = 0.1  # so that the live table is not behind


@dataclass(slots=True)
class MeteredEndpoint:
    """An endpoint whose calls are recorded in a ledger and as metrics.

    Attributes:
        simulator: Answers the calls.
        prices_of: Day on which the list prices were gathered.
        recorder: Meters the clients.
        ledger: Ledger that this run alone writes.
    """

    simulator: Simulator
    prices_of: date
    recorder: Recorder
    ledger: Ledger
    _session: boto3.Session = field(default_factory=boto3.Session)
    _clients: dict[str, BedrockClient] = field(default_factory=dict)

    def client(self, region: str) -> BedrockClient:
        """Return the metered client of *region*; not safe to call from two threads."""
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

    Calls have the present time, so that reports of today find them, and are priced by
    the bundled table, of which no price that the demo needs ends: figures depend on the
    version of the library only. For the same reason, settings of AWS, OpenTelemetry and
    proxies are removed from the environment of the process.

    Args:
        readers: Receive the metrics, until the block ends.
        ledger: Also store the calls here; None for the run's own ledger only.

    Raises:
        LedgerError: If the ledger cannot be opened.
    """
    _remove_settings()
    prices = PriceTable.bundled()
    day = prices.generated_on
    first = datetime.combine(day, time.min, UTC)  # where the clock is behind
    provider = MeterProvider(list(readers), shutdown_on_exit=False)
    with ExitStack() as stack:
        stack.callback(provider.shutdown)
        # A ledger of the user's may hold other calls, so reports come from another.
        folder = stack.enter_context(TemporaryDirectory(prefix="bedrock-attrib-demo-"))
        own = Ledger(Path(folder, "demo.db"), interval_s=_INTERVAL_S)
        stack.callback(own.store.close)
        also = () if ledger is None else (open_ledger(ledger),)
        recorder = Recorder(
            prices,
            (own, OpenTelemetrySink(meter_provider=provider), *also),
            clock=lambda: max(datetime.now(UTC), first),
        )
        stack.callback(recorder.close)
        simulator = stack.enter_context(bedrock_simulator())
        yield MeteredEndpoint(simulator, day, recorder, own)


def _remove_settings() -> None:
    for name in [name for name in os.environ if name.startswith(_FOREIGN_SETTINGS)]:
        del os.environ[name]
    os.environ.update(_OWN_SETTINGS)
