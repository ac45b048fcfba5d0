"""How a forked child loses what its parent has recorded in the SDK."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from opentelemetry.metrics import Instrument


def forget_recordings(instrument: Instrument) -> None:
    """Take what was recorded with *instrument* before a fork out of the child's SDK.

    The SDK copies it into the child and exports it again from there: what is not yet
    exported at the fork, and everything where totals are cumulative. It has no public
    way to forget, so its own tables are asked, under the names that they have in
    opentelemetry-sdk 1.30.0 and 1.45.2 (`MetricReaderStorage`). Where these change,
    histograms of a child have its parent's recordings too; nothing else happens.

    Called from the hook of the fork, when the child has one thread: no lock is taken,
    as threads of the parent may have held it.
    """
    actual: Any = getattr(instrument, "_real_instrument", instrument)
    with suppress(AttributeError, TypeError):
        storages = actual._measurement_consumer._reader_storages.values()
        for storage in list(storages):
            storage._instrument_view_instrument_matches.pop(actual, None)
