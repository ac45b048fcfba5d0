"""Instruments by meter provider, for the whole process."""

from __future__ import annotations

import weakref
from collections.abc import Mapping

from opentelemetry.metrics import Meter, MeterProvider, get_meter_provider

from .._runtime.fork import ResetOrder, after_fork
from .._runtime.shutdown import exit_time_left, on_pool_child_exit
from .._runtime.threads import Lock
from . import names
from ._export_now import push
from ._instruments import Instruments, NewMeter, Source


class _Meters:
    """Instruments by provider.

    OpenTelemetry has one meter of a name per provider for the whole process, so the
    sinks of its instruments must be found in the same way. The global provider is a
    proxy at first and later the one that was set, with the same meter behind both.

    Providers are told apart by identity, as those of others need not be hashable.
    """

    def __init__(self) -> None:
        self._by_id: dict[int, tuple[weakref.ref[MeterProvider], Instruments]] = {}
        self._of_global: Instruments | None = None
        self._attaching = Lock()

    def attach(
        self, source: Source, provider: MeterProvider | None, version: str
    ) -> Instruments:
        with self._attaching:
            global_provider = get_meter_provider()
            provider = global_provider if provider is None else provider
            instruments = self._of(provider)
            if instruments is None and provider is global_provider:
                instruments = self._of_global
            if instruments is None:
                instruments = Instruments(
                    _meter_maker(
                        provider, version, is_global=provider is global_provider
                    )
                )
            self._remember(provider, instruments)
            if provider is global_provider:
                self._of_global = instruments
            instruments.attach(source)
            return instruments

    def _of(self, provider: MeterProvider) -> Instruments | None:
        reference, instruments = self._by_id.get(id(provider), (None, None))
        # A provider that was collected may have left its id to another one.
        is_known = reference is not None and reference() is provider
        return instruments if is_known else None

    def _remember(self, provider: MeterProvider, instruments: Instruments) -> None:
        key, by_id = id(provider), self._by_id

        def forget(reference: weakref.ref[MeterProvider]) -> None:
            # Takes no lock: a collection may run this in the middle of `attach`.
            if by_id.get(key, (None,))[0] is reference:
                by_id.pop(key, None)

        by_id[key] = weakref.ref(provider, forget), instruments

    def exporting(self) -> list[MeterProvider]:
        """Return the providers that can export; a proxy cannot."""
        with self._attaching:
            known = [reference() for reference, _ in list(self._by_id.values())]
        if self._of_global is not None:
            known.append(get_meter_provider())
        by_id = {id(each): each for each in known if each is not None}
        return [each for each in by_id.values() if hasattr(each, "force_flush")]

    def after_fork(self) -> None:
        self._attaching = Lock()
        for _, instruments in list(self._by_id.values()):
            instruments.after_fork()


def _meter_maker(provider: MeterProvider, version: str, *, is_global: bool) -> NewMeter:
    # A strong reference would keep the provider in the weak dictionary for ever.
    reference = weakref.ref(provider)

    def new_meter(attributes: Mapping[str, int] | None) -> Meter | None:
        # The proxy of opentelemetry-api 1.45.2 drops attributes of a scope.
        current = get_meter_provider() if is_global else reference()
        if current is None:
            return None
        return current.get_meter(names.SCOPE_NAME, version, attributes=attributes)

    return new_meter


_METERS = _Meters()


def attach(source: Source, provider: MeterProvider | None, version: str) -> Instruments:
    """Expose *source* on the meter of *provider*.

    Args:
        source: Figures to expose.
        provider: None for the global provider, whenever that is set.
        version: Version of this library.
    """
    return _METERS.attach(source, provider, version)


def push_metrics(timeout_s: float) -> bool:
    """Have every provider with our metrics export now.

    Args:
        timeout_s: Seconds to wait at most.

    Returns:
        False when an export failed, as far as its provider reports, or took too long.
    """
    providers = _METERS.exporting()
    return not providers or push(providers, timeout_s)


def _push_in_pool() -> None:  # pragma: no cover -- runs in a child
    # The SDK's own exit handler, which exports, does not run there.
    push_metrics(exit_time_left())


on_pool_child_exit(_push_in_pool)
after_fork(_METERS.after_fork, ResetOrder.EXPORT)
