"""Access to private attributes of OpenTelemetry: versions, and what happens without.

Everything of OpenTelemetry that is not its public API is used here and nowhere else.
Names were checked in opentelemetry-api, -sdk and -instrumentation 1.30.0 (0.51b0) and
1.45.2 (0.66b2) on 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from opentelemetry.metrics import Instrument, NoOpHistogram, NoOpObservableCounter


def is_seen(instrument: Instrument) -> bool:
    """Return whether a provider receives *instrument*: False until one is set.

    Proxies of opentelemetry-api hold the provider's instrument in
    ``_real_instrument``. Without that attribute every instrument counts as seen, which
    costs time and nothing else.
    """
    actual = getattr(instrument, "_real_instrument", instrument)
    return actual is not None and not isinstance(
        actual, NoOpHistogram | NoOpObservableCounter
    )


def forget_recordings(instrument: Instrument) -> None:
    """Remove what was recorded with *instrument* from the SDK of a forked child.

    The SDK copies it into the child and would export it again from there: recordings
    not exported before the fork, and all of them where totals are cumulative. It has no
    public way to discard them, so they are removed from its `MetricReaderStorage`.
    Without these attributes, histograms of a child include its parent's recordings;
    counters do not depend on this function.

    Called from the fork hook, when the child has one thread. Takes no lock, because
    threads of the parent may have held it.
    """
    actual: Any = getattr(instrument, "_real_instrument", instrument)
    with suppress(AttributeError, TypeError):
        storages = actual._measurement_consumer._reader_storages.values()
        for storage in list(storages):
            storage._instrument_view_instrument_matches.pop(actual, None)


def resource_attributes(provider: object) -> Mapping[str, object]:
    """Return the attributes of the resource of a tracer or meter provider.

    A tracer provider of the SDK has ``resource`` as a public attribute, a meter
    provider in ``_sdk_config``. Without them, and for a provider of the API, there are
    none.
    """
    public = getattr(provider, "resource", None)
    found = public or getattr(getattr(provider, "_sdk_config", None), "resource", None)
    attributes = getattr(found, "attributes", None)
    return attributes if isinstance(attributes, Mapping) else {}


def active_instrumentor(instrumentor: object) -> object | None:
    """Return the active instance of the class *instrumentor*; None if there is none.

    `BaseInstrumentor` stores its only instance in ``_instance``. Calling the class
    returns it too, but the constructor of OpenLLMetry's resets its user's settings.
    Without that attribute no other instrumentation counts as active, and its
    histograms are emitted here as well.
    """
    instance = getattr(instrumentor, "_instance", None)
    is_active = getattr(instance, "is_instrumented_by_opentelemetry", False) is True
    return instance if is_active else None
