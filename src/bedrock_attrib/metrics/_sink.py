"""Sink that exports finished calls to OpenTelemetry."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal

from opentelemetry.metrics import MeterProvider

from .._model.call_groups import CallGroup, FinishedCalls, GroupedCall
from .._model.record import CallRecord
from .._runtime.batch_queue import BatchQueue
from .._runtime.contained_errors import ContainedErrors, logger
from .._version import __version__
from ..errors import ConfigError
from . import names
from ._attributes import TagLabels
from ._budgets import ReadBudgets, ReadStore
from ._histograms import Histograms, Recording
from ._instruments import Source
from ._meters import attach
from ._series import CallSeries
from ._totals import SeriesTotals

# A collection empties the queue first, so this only bounds what waits in it. The less
# often the thread wants the interpreter, the less it costs a process that is busy.
_GATHER_S = 5.0

# How long a collection of metrics waits for calls that have ended, and a `close`.
_COLLECT_S = 1.0
_CLOSE_S = 10.0

_V1_44_ONLY = frozenset({names.SemConv.V1_44})


def semconv_from_opt_in(text: str) -> frozenset[names.SemConv]:
    """The sets of names that ``OTEL_SEMCONV_STABILITY_OPT_IN`` asks for.

    Args:
        text: The variable's value, a list with commas; items of others are ignored.

    Example:
        >>> sorted(semconv_from_opt_in("http,gen_ai_latest_experimental/dup"))
        [<SemConv.V1_44: '1.44'>, <SemConv.INFERENCE: 'inference'>]
    """
    items = {item.strip() for item in text.split(",")}
    if f"{names.CONVENTION_OPT_IN}/dup" in items:
        return frozenset(names.SemConv)
    if names.CONVENTION_OPT_IN in items:
        return frozenset({names.SemConv.INFERENCE})
    return _V1_44_ONLY


class OpenTelemetrySink:
    """Shows cost, usage and calls as metrics, through the application's own provider.

    Money and counts are exact totals that a reader collects; a call pays for a few
    additions. Histograms are recorded behind a queue, which a collection empties
    first. Without a provider only the totals are kept; they are there at once when
    one is set.

    A forked child counts from zero, as its parent reports what came before.

    Example:
        >>> sink = OpenTelemetrySink(tags=["team", "app"])
    """

    accepts_groups = True
    returns_at_once = True

    def __init__(  # noqa: PLR0913 - each is a setting of its own, given by name
        self,
        *,
        meter_provider: MeterProvider | None = None,
        tags: Sequence[str] | Mapping[str, str] = names.DEFAULT_TAGS,
        tag_prefix: str = names.DEFAULT_TAG_PREFIX,
        max_values_per_tag: int = 200,
        max_series: int = 1500,
        semconv: Collection[names.SemConv] = _V1_44_ONLY,
        histograms: bool | Literal["auto"] = "auto",
        price_table_age_s: Callable[[], float] | None = None,
        faults: ContainedErrors | None = None,
        losses: Callable[[], Mapping[str, int]] | None = None,
        names_other_tags: bool = False,
        budgets: ReadBudgets | None = None,
        budget_store: ReadStore | None = None,
        violations: Callable[[], Mapping[tuple[str, str, str], int]] | None = None,
    ) -> None:
        """Register the instruments.

        Args:
            meter_provider: Where the metrics go; None for the global provider, which
                may be set later.
            tags: Tags that become attributes: a list of them, or a mapping from tag
                to attribute name.
            tag_prefix: What comes before a tag of a list in its attribute name.
            max_values_per_tag: Distinct values kept of each tag; a further one is
                counted under ``_other``.
            max_series: Attribute sets that any instrument may have; a further one
                keeps its model and loses its tag values. Above 1,500 raise the
                SDK's own limit of 2,000 too.
            semconv: Which names of the GenAI conventions to emit.
            histograms: Whether to emit the conventions' histograms; ``auto`` leaves
                out those that another active instrumentation of Bedrock emits.
            price_table_age_s: Tells the age of the price table in seconds.
            faults: Contained faults to show, and where this sink notes its own.
            losses: Tells how many records each other sink has lost so far.
            names_other_tags: Whether to log once, when metrics are collected, which
                tags of calls become no attribute.
            budgets: Returns the figures of budgets; None without any.
            budget_store: Returns what this process had to do with the store of budgets;
                None where they are in memory.
            violations: Returns the calls that broke a policy, by rule, key and action;
                None without a policy.

        Raises:
            ConfigError: If a cap is below one, or a tag's attribute name is taken.
        """
        _check_cap("max_values_per_tag", max_values_per_tag)
        _check_cap("max_series", max_series)
        labels = TagLabels(tags, prefix=tag_prefix, max_values=max_values_per_tag)
        self._totals = SeriesTotals(labels, max_series=max_series)
        self._losses_of_others = losses
        self._pulls: tuple[Callable[[float], object], ...] = ()
        self._waits_again_at = 0.0
        self._faults = faults = ContainedErrors() if faults is None else faults
        self._queue: BatchQueue[Recording] = BatchQueue(
            self._record,
            name="bedrock-attrib-metrics",
            faults=faults,
            interval_s=_GATHER_S,
        )
        self._source = Source(
            totals=self._totals,
            catch_up=self._collect,
            semconv=semconv,
            faults=faults,
            losses=self._losses,
            price_table_age_s=price_table_age_s,
            budgets=budgets,
            budget_store=budget_store,
            violations=violations,
        )
        self._instruments = attach(self._source, meter_provider, __version__)
        self._histograms = Histograms(self._instruments, semconv, mode=histograms)
        self._is_wanted = bool(histograms)
        self._is_live = False
        self._names_other_tags = names_other_tags

    def write(self, record: CallRecord) -> None:
        """Count one call."""
        series = self._totals.add(record)
        if self._is_shown(series):
            self._queue.put((series, record))

    def write_batch(self, batch: FinishedCalls) -> None:
        """Count the calls of *batch*, those of one group together."""
        for record in batch.ungrouped:
            try:
                self.write(record)
            except Exception as fault:  # noqa: BLE001 -- the other calls count
                self._faults.note("metrics", fault)
        shown: dict[CallGroup, CallSeries] = {}
        for group, calls in batch.groups.items():
            try:
                series = self._totals.add_group(group, calls)
                if self._is_shown(series):
                    shown[group] = series
            except Exception as fault:  # noqa: BLE001 -- as above
                self._faults.note("metrics", fault)
        if shown:
            self._queue.put_all(
                [
                    (shown[entry.group], entry)
                    for entry in batch.entries
                    if isinstance(entry, GroupedCall) and entry.group in shown
                ]
            )

    def _is_shown(self, series: CallSeries) -> bool:
        """Return whether calls of *series* are shown one by one, in histograms."""
        # The first call in a forked child is, whatever it is: the queue's thread makes
        # its instruments, which must not happen on the caller's.
        return self._instruments.is_outdated or (
            self._is_wanted
            and series.labels.gen_ai is not None
            and (self._is_live or self._goes_live())
        )

    def correct(self, before: CallRecord, after: CallRecord) -> None:
        """Add what *after* costs beyond *before*, under the labels of *after*.

        The call and its usage stay counted under the labels of *before*: a counter
        cannot take back.

        Args:
            before: The record as it was written.
            after: The same call, priced since.
        """
        self._totals.correct(before, after)

    def flush(self, timeout_s: float) -> bool:
        """Hand everything pending to the SDK, which exports when its reader says.

        Returns:
            False when it took longer than *timeout_s*.
        """
        deadline = time.monotonic() + timeout_s
        return self._catch_up(timeout_s) and time.monotonic() <= deadline

    def close(self) -> None:
        """Hand over what is pending; the totals stay visible to readers."""
        self.close_within(_CLOSE_S)

    def close_within(self, timeout_s: float) -> None:
        """Close as `close` does, in *timeout_s* at most."""
        deadline = time.monotonic() + timeout_s
        self._catch_up(timeout_s)
        self._pulls = ()
        self._queue.close(max(0.0, deadline - time.monotonic()))
        self._instruments.retire(self._source, self)

    def pull_with(self, pull: Callable[[], None]) -> None:
        """Call *pull* before a reader collects, so that it sees every ended call.

        Args:
            pull: Waits until every call that has ended is written.
        """
        self._pulls = (*self._pulls, lambda _: pull())

    def pull_within(self, pull: Callable[[float], object]) -> None:
        """As `pull_with`, with the seconds that *pull* may take."""
        self._pulls = (*self._pulls, pull)

    def _catch_up(self, timeout_s: float) -> bool:
        """Count and record what is pending; False if the time was not enough."""
        deadline = time.monotonic() + timeout_s
        for pull in self._pulls:
            pull(max(0.0, deadline - time.monotonic()))
        return (
            self._queue.drain(max(0.0, deadline - time.monotonic()))
            and time.monotonic() <= deadline
        )

    def _collect(self) -> None:
        """Catch up for a moment, as a reader collects.

        It holds up every other metric of the application meanwhile. So a collection
        that cannot catch up shows what is counted by then, and the next callbacks of
        it do not wait again.
        """
        if time.monotonic() < self._waits_again_at:
            return
        if not self._catch_up(_COLLECT_S):
            self._waits_again_at = time.monotonic() + _COLLECT_S
        if self._names_other_tags and (others := self._totals.other_tags()):
            self._names_other_tags = False
            logger.warning(
                "tags that are on no metric: %s. If they have few values, add them to "
                "the setting metric_tags; otherwise set it to the tags that you need. "
                "The ledger has all tags",
                ", ".join(others),
            )

    def _goes_live(self) -> bool:
        self._is_live = self._histograms.is_live()
        return self._is_live

    def _record(self, batch: list[Recording]) -> None:
        self._histograms.record(batch)

    def _losses(self) -> Mapping[str, int]:
        others = {} if self._losses_of_others is None else self._losses_of_others()
        return {"metrics": self._queue.dropped, **others}


def _check_cap(name: str, value: int) -> None:
    if value < 1:
        raise ConfigError(f"{name} is {value}; expected a whole number from one up")
