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
    ``_real_instrument``, those of Logfire 5.4.0 in ``_instrument`` (checked
    2026-12-01). Without such an attribute every instrument counts as seen, which
    costs time and nothing else.
    """
    actual = _behind_proxies(instrument)
    return actual is not None and not isinstance(
        actual, NoOpHistogram | NoOpObservableCounter
    )


def _behind_proxies(instrument: Any) -> Any:  # noqa: ANN401 -- private to others
    """Return the instrument of the provider; None where none is set yet."""
    for _ in range(_MOST_PROXIES):
        inside = vars(instrument) if hasattr(instrument, "__dict__") else {}
        name = next((each for each in _PROXY_NAMES if each in inside), None)
        if name is None or instrument is None:
            break
        instrument = inside[name]
    return instrument


_PROXY_NAMES = ("_real_instrument", "_instrument")
_MOST_PROXIES = 4  # one around the other


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
    actual = _behind_proxies(instrument)
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
