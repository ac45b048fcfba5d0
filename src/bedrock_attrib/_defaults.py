"""Which recorder is meant where none is named: the default, made from settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from threading import RLock
from typing import TYPE_CHECKING, Any

from ._attribution import current_scope
from ._faults import Faults
from ._recorder import Recorder
from ._sinks import Guard, LossySink, Sink

if TYPE_CHECKING:
    from ._config import Config
    from ._profiles import ProfileSource
    from .metrics import OpenTelemetrySink
    from .pricing import PriceTable

_lock = RLock()
_default: Recorder | None = None
_retired: list[Recorder] = []


def get_recorder() -> Recorder:
    """The default recorder; made from environment and file when first asked for."""
    return _default if _default is not None else _first_default()


def configure(
    *,
    prices: PriceTable | None = None,
    sinks: Sequence[Sink] = (),
    guards: Sequence[Guard] = (),
    profiles: ProfileSource | None = None,
    **settings: Any,
) -> Recorder:
    """Make the default recorder anew, from settings.

    Clients instrumented without a recorder of their own use it from their next call
    on. The recorder before it is flushed and closed.

    Args:
        prices: Price table; None for the one that the settings name, or the bundled.
        sinks: Told about every call, besides the metrics and the ledger.
        guards: May refuse calls.
        profiles: Finds out which models application inference profiles stand for, such
            as `bedrock_attrib.billing.profiles.ProfileResolver`.
        **settings: Fields of `Config`, which win over environment and file.

    Raises:
        ConfigError: If a setting is unknown or wrong.
        LedgerError: If the ledger that a setting names cannot be opened.
    """
    global _default
    recorder = _make(prices, sinks, guards, profiles, settings)
    with _lock:
        before, _default = _default, recorder
    if before is not None and before.has_open_streams:
        before.flush()
        _retired.append(before)  # until Python exits, as streams may be read on
    elif before is not None:
        before.close()
    return recorder


def current_tags() -> Mapping[str, str]:
    """The tags that a call starting now would carry, default tags included."""
    scope = current_scope()
    return scope.tags if _default is None else _default.tags_of(scope)


def _first_default() -> Recorder:
    with _lock:
        return _default if _default is not None else configure()


def _make(
    prices: PriceTable | None,
    sinks: Sequence[Sink],
    guards: Sequence[Guard],
    profiles: ProfileSource | None,
    settings: Mapping[str, Any],
) -> Recorder:
    # Pydantic takes 150 ms to import, prices 20 and metrics 10: they are paid with the
    # first recorder, not with the import of the package.
    from ._config import Config  # noqa: PLC0415

    config = Config.load(settings)
    table = prices if prices is not None else _prices(config)
    faults = Faults()
    told = (*_ledger(config), *sinks)
    metrics = (_metrics_sink(config, table, told, faults),) if config.metrics else ()
    return Recorder(
        table,
        (*metrics, *told),
        guards,
        config,
        profiles=profiles,
        faults=faults,
    )


def _prices(config: Config) -> PriceTable:
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


def _metrics_sink(
    config: Config, prices: PriceTable, others: Sequence[Sink], faults: Faults
) -> OpenTelemetrySink:
    # As in _make.
    from .metrics import OpenTelemetrySink, semconv_from_opt_in  # noqa: PLC0415

    return OpenTelemetrySink(
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
