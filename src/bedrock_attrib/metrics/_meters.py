"""Which instruments a meter provider already has, for the whole process."""

from __future__ import annotations

from threading import Lock
from weakref import WeakKeyDictionary

from opentelemetry.metrics import MeterProvider, get_meter_provider

from .._runtime.fork import ResetOrder, after_fork
from .._runtime.shutdown import when_a_pool_child_ends
from . import names
from ._export_now import push
from ._instruments import Instruments, Source


class _Meters:
    """Instruments by provider.

    OpenTelemetry keeps one meter of a name per provider for the whole process; what
    feeds its instruments has to be found again in the same way. The global provider
    is first a stand-in and then the one that was set: the same meter behind both.
    """

    def __init__(self) -> None:
        self._by_provider: WeakKeyDictionary[MeterProvider, Instruments] = (
            WeakKeyDictionary()
        )
        self._of_global: Instruments | None = None
        self._attaching = Lock()

    def attach(
        self, source: Source, provider: MeterProvider | None, version: str
    ) -> Instruments:
        with self._attaching:
            global_provider = get_meter_provider()
            provider = global_provider if provider is None else provider
            instruments = self._by_provider.get(provider)
            if instruments is None and provider is global_provider:
                instruments = self._of_global
            if instruments is None:
                instruments = Instruments(provider.get_meter(names.SCOPE_NAME, version))
            self._by_provider[provider] = instruments
            if provider is global_provider:
                self._of_global = instruments
            instruments.attach(source)
            return instruments

    def exporting(self) -> list[MeterProvider]:
        """Providers that can be told to export; a stand-in cannot."""
        with self._attaching:
            known = set(self._by_provider)
        if self._of_global is not None:
            known.add(get_meter_provider())
        return [each for each in known if hasattr(each, "force_flush")]

    def after_fork(self) -> None:
        self._attaching = Lock()
        for instruments in list(self._by_provider.values()):
            instruments.after_fork()


_METERS = _Meters()


def attach(source: Source, provider: MeterProvider | None, version: str) -> Instruments:
    """Show *source* on the meter of *provider*.

    Args:
        source: What to show.
        provider: None for the global provider, whenever that is set.
        version: Version of this library.
    """
    return _METERS.attach(source, provider, version)


def push_metrics(timeout_s: float) -> bool:
    """Have every provider that shows our metrics export now.

    Args:
        timeout_s: Seconds to wait at most.

    Returns:
        False when an export failed, as far as its provider tells, or took too long.
    """
    providers = _METERS.exporting()
    return not providers or push(providers, timeout_s)


def _push_in_pool() -> None:  # pragma: no cover -- runs in a child
    # The SDK's own exit handler, which exports, does not run there.
    push_metrics(_PUSH_WITHIN_S)


_PUSH_WITHIN_S = 5.0
when_a_pool_child_ends(_push_in_pool)
after_fork(_METERS.after_fork, ResetOrder.EXPORT)
