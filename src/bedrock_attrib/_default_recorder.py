"""Default recorder: made from settings, used where no other is named."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ._attribution import current_attribution
from ._recording.recorder import Recorder, lifecycle_of
from ._runtime.contained_errors import PROCESS_ERRORS, ContainedErrors, logger
from ._runtime.fork import ResetOrder, after_fork
from ._runtime.threads import RLock
from ._sinks.protocols import Guard, Sink
from .errors import ConfigError, LedgerError, MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.metrics import MeterProvider

    from ._config import Config
    from ._recording.late_pricing import ProfileSource
    from .budgets.guard import BudgetGuard
    from .metrics import BudgetFigures, OpenTelemetrySink
    from .metrics._budgets import ReadStore
    from .pricing import PriceTable
    from .pricing.price_updates._daily import DailyPriceUpdates


class _Default:
    """The default recorder of this process, and those before it.

    Attributes:
        recorder: The default recorder; None before it was made.
        retired: Recorders before it that are still open.
        lock: Held while either changes.
    """

    def __init__(self) -> None:
        self.recorder: Recorder | None = None
        self.retired: list[Recorder] = []
        self.renew_lock()

    def renew_lock(self) -> None:
        """Take a lock that no thread holds, as a forked child must."""
        self.lock = RLock()

    def replace(self, recorder: Recorder) -> None:
        with self.lock:
            before, self.recorder = self.recorder, recorder
        self._close_retired()
        if before is not None:
            # Calls may be on their way whose answer has not come: it stays open until
            # the next time, or until Python ends.
            before.flush()
            self.retired.append(before)

    def _close_retired(self) -> None:
        """Close recorders that are out of use, but for those with open streams."""
        for each in tuple(self.retired):  # a stream that was dropped is noticed
            lifecycle_of(each).pull()
        with self.lock:
            over = [
                each for each in self.retired if not lifecycle_of(each).has_open_streams
            ]
            for each in over:
                self.retired.remove(each)
        for each in over:
            each.close()


_DEFAULT = _Default()
after_fork(_DEFAULT.renew_lock, ResetOrder.LOCKS)


def get_recorder() -> Recorder:
    """Return the default recorder; it is made from settings when first asked for."""
    recorder = _DEFAULT.recorder
    return recorder if recorder is not None else _first_default()


def has_recorder() -> bool:
    """Return whether the default recorder has been made."""
    return _DEFAULT.recorder is not None


def configure(
    *,
    prices: PriceTable | None = None,
    sinks: Sequence[Sink] = (),
    guards: Sequence[Guard] = (),
    profiles: ProfileSource | None = None,
    meter_provider: MeterProvider | None = None,
    **settings: Any,
) -> Recorder:
    """Replace the default recorder by one made from settings.

    Clients instrumented without a recorder of their own use it from their next call
    on. The recorder before it is flushed, and closed the next time or when Python ends:
    calls may be on their way whose answers it is to take.

    Args:
        prices: Price table; None for the one that the settings name, or the bundled.
        sinks: Get every call, besides the metrics and the ledger.
        guards: May refuse calls.
        profiles: Looks up the models of application inference profiles, such as
             `bedrock_attrib.aws.profiles.ProfileResolver`.
        meter_provider: Where the metrics go; None for OpenTelemetry's global provider,
            whenever that is set.
        **settings: Fields of `Config`, which win over environment and file.

    A ledger that cannot be opened is logged, and tried again while its records wait.

    Raises:
        ConfigError: If a setting is unknown or wrong.
    """
    recorder = _make(prices, sinks, guards, profiles, meter_provider, settings)
    _DEFAULT.replace(recorder)
    return recorder


def current_tags() -> Mapping[str, str]:
    """Return the tags of a call that would start now, default tags included."""
    context, recorder = current_attribution(), _DEFAULT.recorder
    return context.tags if recorder is None else lifecycle_of(recorder).tags.of(context)


def _first_default() -> Recorder:
    with _DEFAULT.lock:
        recorder = _DEFAULT.recorder
        return recorder if recorder is not None else configure()


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

    config = _with_resource_tags(Config.load(settings), meter_provider)
    table = _prices_of(config, prices)
    faults = ContainedErrors()
    limits = _budget_guard(config, table, faults)
    own: list[Sink] = []
    made: list[Recorder] = []  # which is made with the sink that shows its losses
    if config.metrics:
        own.append(
            _metrics_sink(
                config,
                table,
                meter_provider,
                faults,
                lambda: made[0].losses if made else {},
                limits,
            )
        )
    if config.summary:
        own.append(_summary_sink())
    recorder = Recorder(
        table,
        (*own, *_ledger(config), *sinks),
        guards if limits is None else (*guards, limits),
        config,
        profiles=profiles,
        faults=faults,
        policy=config.policy,
    )
    made.append(recorder)
    return recorder


class _DailyPrices:
    """The daily price updates of the default recorder, if it has any."""

    def __init__(self) -> None:
        self.running: DailyPriceUpdates | None = None

    def replace(self, updates: DailyPriceUpdates | None) -> None:
        before, self.running = self.running, updates
        if before is not None:
            before.stop()
        if updates is not None:
            updates.start()


_DAILY_PRICES = _DailyPrices()


def _prices_of(config: Config, given: PriceTable | None) -> PriceTable:
    """Return *given*, or the table of *config*, which may be updated daily."""
    table = price_table_of(config) if given is None else given
    if given is not None or config.price_update == "off":
        _DAILY_PRICES.replace(None)
        return table
    # Only here: the network's modules take 20 ms to import.
    from .pricing._table import UpdatingPriceTable  # noqa: PLC0415
    from .pricing.price_updates._daily import DailyPriceUpdates  # noqa: PLC0415

    path = price_file_of(config)
    if path is None:
        return table
    updating = UpdatingPriceTable(table)
    _DAILY_PRICES.replace(
        DailyPriceUpdates(
            updating, lambda: updating.replace(price_table_of(config)), path
        )
    )
    return updating


def price_file_of(config: Config) -> Path | None:
    """Return the price file that updates write, or None where none is used."""
    if config.price_file is not None or config.price_update == "off":
        return config.price_file
    from .pricing.price_updates import default_price_file  # noqa: PLC0415 -- see _make

    try:
        return default_price_file()
    except ConfigError as error:
        logger.warning("prices are not updated: %s", error)
        return None


def _with_resource_tags(config: Config, meter_provider: MeterProvider | None) -> Config:
    """Return *config* with default tags from OpenTelemetry's resource."""
    from ._resource_tags import resource_tags  # noqa: PLC0415 -- see _make

    tags = {**resource_tags(os.environ, meter_provider), **config.tags}
    return config.model_copy(update={"tags": tags})


def price_table_of(config: Config) -> PriceTable:
    """Return the price table that *config* names.

    Raises:
        ConfigError: If a file cannot be read or is not as documented. Without
            `price_file`, which a program writes, the table is used as it is.
    """
    from .pricing import PriceTable  # noqa: PLC0415 -- see _make

    table = (
        PriceTable.load(config.prices)
        if config.prices is not None
        else PriceTable.bundled()
    )
    path = price_file_of(config)
    if path is not None:
        try:
            table = table.with_list(PriceTable.load(path))
        except ConfigError as error:
            is_missing = isinstance(error.__cause__, FileNotFoundError)
            if not is_missing or config.price_update == "off":
                logger.warning("price_file is not used: %s", error)
    if config.price_overrides is not None:
        table = table.with_overrides(file=config.price_overrides)
    return table


def _ledger(config: Config) -> tuple[Sink, ...]:
    if config.ledger is None:
        return ()
    from .ledger import open_ledger  # noqa: PLC0415 -- see _make

    try:
        return (open_ledger(config.ledger, lazy=True),)
    except (LedgerError, MissingExtraError) as error:
        # The application starts all the same, metered and without a ledger.
        logger.warning("no ledger is written: %s", error)
        PROCESS_ERRORS.note("ledger", error)
        return ()


def _budget_guard(
    config: Config, prices: PriceTable, faults: ContainedErrors
) -> BudgetGuard | None:
    if not config.budgets:
        return None
    from .budgets import budget_guard  # noqa: PLC0415 -- for those who have budgets

    return budget_guard(
        config.budgets,
        config.budget_store,
        lambda: prices,
        faults,
        timeout_s=config.budget_store_timeout_s,
        has_allowances=config.budget_allowances,
    )


def _store_figures(limits: BudgetGuard | None) -> ReadStore | None:
    """Return what reads the figures of a store that processes share."""
    if limits is None:
        return None
    from .budgets.allowances import AllowanceBook  # noqa: PLC0415 -- see _make
    from .metrics import StoreFigures  # noqa: PLC0415 -- see _make

    book = limits.book
    if not isinstance(book, AllowanceBook):
        return None
    return lambda: StoreFigures(
        exchanges=book.round_trips,
        failures=book.failures,
        time_s=book.time_s,
        missed=book.missed,
        expired=book.expired,
    )


def _figures_of(limits: BudgetGuard) -> list[BudgetFigures]:
    """Return the figures of all budgets, for the metrics."""
    from .metrics import BudgetFigures  # noqa: PLC0415 -- see _make

    return [
        BudgetFigures(
            name=status.name,
            key=status.key,
            measure=status.measure,
            limit=status.limit,
            spent=status.spent,
            reserved=status.reserved,
            remaining=status.remaining,
            refusals=status.refusals,
            overshoot=status.overshoot,
        )
        for status in limits.statuses()
    ]


def _summary_sink() -> Sink:
    from ._exit_summary import SUMMARY  # noqa: PLC0415 -- for those who ask for it

    return SUMMARY


def _metrics_sink(
    config: Config,
    prices: PriceTable,
    meter_provider: MeterProvider | None,
    faults: ContainedErrors,
    losses: Callable[[], Mapping[str, int]],
    limits: BudgetGuard | None,
) -> OpenTelemetrySink:
    # As in _make.
    from .metrics import OpenTelemetrySink, semconv_from_opt_in  # noqa: PLC0415

    return OpenTelemetrySink(
        meter_provider=meter_provider,
        tags=config.metric_tags,
        tag_prefix=config.metric_tag_prefix,
        max_values_per_tag=config.metric_tag_values,
        max_series=config.metric_series,
        names_other_tags="metric_tags" not in config.model_fields_set,
        semconv=semconv_from_opt_in(config.semconv_opt_in),
        histograms=config.histograms,
        price_table_age_s=lambda: prices.age(datetime.now(UTC)).total_seconds(),
        faults=faults,
        losses=losses,
        budgets=None if limits is None else partial(_figures_of, limits),
        budget_store=_store_figures(limits),
        violations=None
        if config.policy is None
        else lambda: dict(config.policy.violations),
    )
