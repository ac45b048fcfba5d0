"""Which recorder is meant where none is named: the default, made from settings."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from threading import RLock
from typing import TYPE_CHECKING, Any

from ._attribution import current_attribution
from ._recording.recorder import Recorder
from ._runtime.contained_errors import Faults
from ._sinks.protocols import Guard, LossySink, Sink

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

    from ._config import Config
    from ._recording.late_pricing import ProfileSource
    from .metrics import OpenTelemetrySink
    from .pricing import PriceTable

_lock = RLock()
_default: Recorder | None = None
_retired: list[Recorder] = []


def get_recorder() -> Recorder:
    """The default recorder; made from environment and file when first asked for."""
    return _default if _default is not None else _first_default()


def has_recorder() -> bool:
    """Whether the default recorder has been made."""
    return _default is not None


def configure(
    *,
    prices: PriceTable | None = None,
    sinks: Sequence[Sink] = (),
    guards: Sequence[Guard] = (),
    profiles: ProfileSource | None = None,
    meter_provider: MeterProvider | None = None,
    **settings: Any,
) -> Recorder:
    """Make the default recorder anew, from settings.

    Clients instrumented without a recorder of their own use it from their next call
    on. The recorder before it is flushed, and closed the next time or when Python ends:
    calls may be on their way whose answers it is to take.

    Args:
        prices: Price table; None for the one that the settings name, or the bundled.
        sinks: Told about every call, besides the metrics and the ledger.
        guards: May refuse calls.
        profiles: Finds out which models application inference profiles stand for, such
            as `bedrock_attrib.aws.profiles.ProfileResolver`.
        meter_provider: Where the metrics go; None for OpenTelemetry's global provider,
            whenever that is set.
        **settings: Fields of `Config`, which win over environment and file.

    Raises:
        ConfigError: If a setting is unknown or wrong.
        LedgerError: If the ledger that a setting names cannot be opened.
    """
    global _default
    recorder = _make(prices, sinks, guards, profiles, meter_provider, settings)
    with _lock:
        before, _default = _default, recorder
    _close_retired()
    if before is not None:
        # Calls may be on their way whose answer has not come: it stays open until the
        # next time, or until Python ends.
        before.flush()
        _retired.append(before)
    return recorder


def _close_retired() -> None:
    """Close recorders that are out of use, but for those whose streams are read on."""
    for each in tuple(_retired):  # a stream that was dropped is noticed
        each.settle()
    with _lock:
        over = [each for each in _retired if not each.has_open_streams]
        for each in over:
            _retired.remove(each)
    for each in over:
        each.close()


def current_tags() -> Mapping[str, str]:
    """The tags that a call starting now would carry, default tags included."""
    scope = current_attribution()
    return scope.tags if _default is None else _default.tags_of(scope)


def _first_default() -> Recorder:
    with _lock:
        return _default if _default is not None else configure()


def _make(
    prices: PriceTable | None,
    sinks: Sequence[Sink],
    guards: Sequence[Guard],
    profiles: ProfileSource | None,
    meter_provider: MeterProvider | None,
    settings: Mapping[str, Any],
) -> Recorder:
    # Pydantic takes 150 ms to import, prices 20 and metrics 10: they are paid with the
    # first recorder, not with the import of the package.
    from ._config import Config  # noqa: PLC0415

    config = Config.load(settings)
    table = prices if prices is not None else price_table_of(config)
    faults = Faults()
    told = (*_ledger(config), *sinks)
    own: list[Sink] = []
    if config.metrics:
        own.append(_metrics_sink(config, table, meter_provider, told, faults))
    if config.summary:
        own.append(_summary_sink())
    return Recorder(
        table,
        (*own, *told),
        guards,
        config,
        profiles=profiles,
        faults=faults,
    )


def price_table_of(config: Config) -> PriceTable:
    """The price table that *config* names.

    Raises:
        ConfigError: If a file cannot be read or is not as documented.
    """
    from .pricing import PriceTable  # noqa: PLC0415 -- see _make

    table = (
        PriceTable.load(config.prices)
        if config.prices is not None
        else PriceTable.bundled()
    )
    if config.price_overrides is not None:
        table = table.with_overrides(file=config.price_overrides)
    return table


def _ledger(config: Config) -> tuple[Sink, ...]:
    if config.ledger is None:
        return ()
    from .ledger import open_ledger  # noqa: PLC0415 -- see _make

    return (open_ledger(config.ledger),)


def _summary_sink() -> Sink:
    from ._exit_summary import SUMMARY  # noqa: PLC0415 -- for those who ask for it

    return SUMMARY


def _metrics_sink(
    config: Config,
    prices: PriceTable,
    meter_provider: MeterProvider | None,
    others: Sequence[Sink],
    faults: Faults,
) -> OpenTelemetrySink:
    # As in _make.
    from .metrics import OpenTelemetrySink, semconv_from_opt_in  # noqa: PLC0415

    return OpenTelemetrySink(
        meter_provider=meter_provider,
        tags=config.metric_tags,
        tag_prefix=config.metric_tag_prefix,
        max_values_per_tag=config.metric_tag_values,
        semconv=semconv_from_opt_in(config.semconv_opt_in),
        histograms=config.histograms,
        price_table_age_s=lambda: prices.age(datetime.now(UTC)).total_seconds(),
        faults=faults,
        losses=lambda: _losses(others),
    )


def _losses(sinks: Sequence[Sink]) -> dict[str, int]:
    """Records that sinks have lost, of those that tell, by their class."""
    lost: Counter[str] = Counter()
    for sink in sinks:
        if isinstance(sink, LossySink):
            lost[type(sink).__name__] += sink.dropped
    return lost


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603 -- nobody is left to free the old one
    _lock = RLock()


if hasattr(os, "register_at_fork"):  # pragma: no branch -- Windows has no fork
    os.register_at_fork(after_in_child=_renew_lock)
