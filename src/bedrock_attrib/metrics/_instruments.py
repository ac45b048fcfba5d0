"""Instruments of one meter provider, and the points that a reader collects."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import chain

from opentelemetry.context import Context
from opentelemetry.metrics import (
    CallbackOptions,
    CallbackT,
    Histogram,
    Instrument,
    Meter,
    NoOpMeter,
    Observation,
)

from .._runtime.contained_errors import PROCESS_ERRORS, ContainedErrors
from .._runtime.fork import detect_fork
from .._runtime.threads import Lock, RLock
from . import names
from ._attributes import Pairs, clean
from ._budgets import (
    BUDGET_GAUGES,
    STORE_COUNTERS,
    BudgetFigures,
    ReadBudgets,
    ReadStore,
    StoreFigures,
    budget_points,
    overshoot_points,
    refusal_points,
)
from ._otel_internals import forget_recordings, is_seen
from ._points import (
    INFERENCE_POINTS,
    calls_points,
    cost_points,
    overflow_points,
    usage_points,
)
from ._retired import RetiredSinks
from ._totals import SeriesSnapshot, SeriesTotals

# Points are read on another thread than the call's, whose current span is unrelated:
# without a context of their own it would become the exemplar. An empty context does
# not work, because the SDK then uses the current one.
NO_SPAN = Context({"bedrock_attrib": True})

NewMeter = Callable[[Mapping[str, int] | None], Meter | None]
Points = Mapping[Pairs, int] | Mapping[Pairs, float] | Mapping[Pairs, Decimal]
ReadPoints = Callable[
    [Iterable[SeriesSnapshot]], Mapping[Pairs, int] | Mapping[Pairs, Decimal]
]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Figures that one sink exposes.

    Attributes:
        totals: Totals of its calls.
        catch_up: Counts and records pending calls, so that a reader sees them.
        semconv: Sets of the convention's names that it emits.
        faults: Contained faults by place.
        losses: Returns the records lost so far, by sink.
        price_table_age_s: Returns the age of its price table; None without one.
        budgets: Returns the figures of its budgets; None without any.
        budget_store: Returns what it had to do with the store of its budgets; None
            where they are in memory.
        violations: Returns the calls that broke its policy, by rule, key and action;
            None without a policy.
    """

    totals: SeriesTotals
    catch_up: Callable[[], None]
    semconv: Collection[names.SemConv]
    faults: ContainedErrors
    losses: Callable[[], Mapping[str, int]]
    price_table_age_s: Callable[[], float] | None
    budgets: ReadBudgets | None = None
    budget_store: ReadStore | None = None
    violations: Callable[[], Mapping[tuple[str, str, str], int]] | None = None


class Instruments:
    """All instruments on one provider, fed by every sink attached to it.

    A meter returns the same instrument for a name that exists and ignores the later
    callbacks, so sinks on one provider must share the callbacks. Counters still
    include what closed sinks counted: totals never fall.

    In a forked child the SDK still has its parent's state for each instrument: a
    delta reader would subtract the parent's totals from the child's, which start at
    zero, and histograms would be counted twice. So the child creates its instruments
    on a meter of its own, with its process id as an attribute of the scope, and
    recordings of the old instruments are removed.

    Attributes:
        forks: Number of forks since the first sink was attached.
        is_outdated: True in a forked child until `renew`.
    """

    def __init__(self, new_meter: NewMeter) -> None:
        """Create the meter.

        Args:
            new_meter: Makes a meter with these scope attributes; None if the provider
                no longer exists.
        """
        self.forks = 0
        self.is_outdated = False
        self._new_meter = new_meter
        self._meter = new_meter(None) or NoOpMeter(names.SCOPE_NAME)
        self._sources: list[Source] = []
        self._retired = RetiredSinks()
        self._histograms: dict[str, Histogram] = {}
        self._created: dict[str, Instrument] = {}
        self._renewing = Lock()
        self._changing = RLock()

    def attach(self, source: Source) -> None:
        """Expose *source* from now on."""
        self._retired.fold()
        with self._changing:
            self._sources = [*self._sources, source]
        self._show(source)

    def retire(self, source: Source, owner: object) -> None:
        """Still expose what *source* counts, without a reference to its sink.

        Args:
            source: An attached source.
            owner: While it exists, *source* may still count.
        """
        with self._changing:  # otherwise a reader could see neither
            if source not in self._sources:
                return
            self._sources = [each for each in self._sources if each is not source]
            self._retired.retire(
                owner,
                source.totals,
                source.faults,
                losses=source.losses(),
                wants_inference=names.SemConv.INFERENCE in source.semconv,
                price_table_age_s=source.price_table_age_s,
            )

    def histogram(self, instrument: names.Instrument) -> Histogram:
        """Create *instrument*, or return the existing one."""
        histogram = self._meter.create_histogram(
            instrument.name,
            unit=instrument.unit,
            description=instrument.description,
            explicit_bucket_boundaries_advisory=instrument.boundaries,
        )
        self._histograms[instrument.name] = histogram
        return histogram

    def after_fork(self) -> None:
        """Expose nothing until `renew`, if the parent's SDK has these instruments.

        Creates nothing: that takes locks of the SDK, which another thread of the
        parent may have held when it forked.
        """
        self._renewing = Lock()
        self._changing = RLock()
        self._retired.reset()
        for instrument in (*self._histograms.values(), *self._created.values()):
            forget_recordings(instrument)
        if any(is_seen(instrument) for instrument in self._created.values()):
            self.forks += 1
            self.is_outdated = True
            self._created = {}

    def renew(self) -> None:
        """Create the instruments of a forked child. Never from a callback."""
        with self._renewing:
            if self.is_outdated:
                own_scope = {names.PROCESS_ID: os.getpid()}
                self._meter = self._new_meter(own_scope) or self._meter
                for source in self._sources:
                    self._show(source)
                self.is_outdated = False

    def _show(self, source: Source) -> None:
        self._count(names.COST, partial(self._points, cost_points))
        self._count(names.USAGE, partial(self._points, usage_points))
        self._count(names.CALLS, partial(self._points, calls_points))
        self._count(names.TAG_OVERFLOW, self._overflows)
        self._count(names.SINK_DROPPED, self._losses)
        self._count(names.FAULTS, self._faults)
        if names.SemConv.INFERENCE in source.semconv:
            for instrument, read in INFERENCE_POINTS.items():
                self._count(instrument, partial(self._inference_points, read))
        if source.price_table_age_s is not None:
            self._gauge(names.PRICE_TABLE_AGE, self._ages)
        if source.violations is not None:
            self._count(names.POLICY_VIOLATIONS, self._violations)
        if source.budgets is not None:
            for gauge, figure in BUDGET_GAUGES.items():
                self._gauge(
                    gauge, partial(self._budgets, partial(budget_points, figure))
                )
            self._count(names.BUDGET_REFUSALS, partial(self._budgets, refusal_points))
            self._count(
                names.BUDGET_OVERSHOOT, partial(self._budgets, overshoot_points)
            )
        if source.budget_store is not None:
            for instrument, points in STORE_COUNTERS.items():
                self._count(instrument, partial(self._stores, points))

    def _count(self, instrument: names.Instrument, read: Callable[[], Points]) -> None:
        if instrument.name not in self._created:
            self._created[instrument.name] = self._meter.create_observable_counter(
                instrument.name,
                [self._callback(read)],
                instrument.unit,
                instrument.description,
            )

    def _gauge(self, instrument: names.Instrument, read: Callable[[], Points]) -> None:
        if instrument.name not in self._created:
            self._created[instrument.name] = self._meter.create_observable_gauge(
                instrument.name,
                [self._callback(read)],
                instrument.unit,
                instrument.description,
            )

    def _callback(self, read: Callable[[], Points]) -> CallbackT:
        forks = self.forks

        def callback(_: CallbackOptions) -> list[Observation]:
            detect_fork()
            # `renew` holds the queue's lock and waits for the lock under which this
            # callback runs: until it is done, nothing here may wait for the queue.
            if forks != self.forks or self.is_outdated:
                return []
            self._catch_up()
            with self._changing:
                points = read()
            return _observations(points)

        return callback

    def _catch_up(self) -> None:
        """Bring pending calls into the current collection.

        The SDK runs callbacks before it reads histograms, holding a lock that nothing
        takes while it handles a queue: not the recording of a histogram, and in sinks
        of a recorder only the creation of an observable instrument or a collection.
        So a queue's own thread cannot deadlock with this one
        (`SynchronousMeasurementConsumer.collect`, opentelemetry-sdk 1.45.2).
        """
        for source in self._sources:
            source.catch_up()

    def _points(self, read: ReadPoints) -> Points:
        live = (source.totals.read() for source in self._sources)
        return read(chain(self._retired.snapshots(), *live))

    def _inference_points(self, read: ReadPoints) -> Points:
        emitting = [s for s in self._sources if names.SemConv.INFERENCE in s.semconv]
        live = (source.totals.read() for source in emitting)
        return read(chain(self._retired.snapshots(only_inference=True), *live))

    def _overflows(self) -> Points:
        tags, spilled = self._retired.overflows()
        tags = tags.union(*(source.totals.tags for source in self._sources))
        spilled += sum(source.totals.spilled for source in self._sources)
        return self._points(partial(overflow_points, tags=tags, spilled=spilled))

    def _losses(self) -> Points:
        losses = Counter(self._retired.losses)
        for source in self._sources:
            losses.update(source.losses())
        return _labelled(names.SINK, losses)

    def _faults(self) -> Points:
        live = {source.faults for source in self._sources}
        places = self._retired.fault_counts(live)
        for faults in live:
            places.update(faults.counts())
        places.update(PROCESS_ERRORS.counts())
        return _labelled(names.PLACE, places)

    def _budgets(self, read: Callable[[Iterable[BudgetFigures]], Points]) -> Points:
        # A closed recorder's are gone: what it knew of a shared budget is outdated.
        return read(chain(*(each.budgets() for each in self._sources if each.budgets)))

    def _stores(self, read: Callable[[Iterable[StoreFigures]], Points]) -> Points:
        return read(each.budget_store() for each in self._sources if each.budget_store)

    def _violations(self) -> Points:
        counts: Counter[tuple[str, str, str]] = Counter()
        for source in self._sources:
            if source.violations is not None:
                counts.update(source.violations())
        points: dict[Pairs, int] = {}
        for (rule, key, action), count in counts.items():
            pairs = (
                (names.POLICY_RULE, clean(rule)),
                (names.POLICY_KEY, clean(key)),
                (names.POLICY_ACTION, action),
            )
            points[pairs] = count
        return points

    def _ages(self) -> Points:
        """Return the age of the oldest price table in use."""
        tables = [s.price_table_age_s for s in self._sources if s.price_table_age_s]
        ages = [age_s() for age_s in tables or self._retired.tables]
        no_attributes: Pairs = ()
        return {no_attributes: max(ages)} if ages else {}


def _labelled(name: str, counts: Mapping[str, int]) -> Points:
    # Zeros are included, so that a rate shows the first loss as an increase.
    points: dict[Pairs, int] = {}
    for value, count in counts.items():
        points[((name, clean(value)),)] = count
    return points


def _observations(points: Points) -> list[Observation]:
    # The only place where money becomes a float: exporters accept nothing else.
    return [
        Observation(
            float(total) if isinstance(total, Decimal) else total, dict(pairs), NO_SPAN
        )
        for pairs, total in points.items()
    ]
