"""The instruments of one meter provider, and what a reader gets from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import chain
from threading import Lock, RLock

from opentelemetry.context import Context
from opentelemetry.metrics import (
    CallbackOptions,
    CallbackT,
    Histogram,
    Instrument,
    Meter,
    NoOpHistogram,
    NoOpObservableCounter,
    Observation,
)

from .._runtime.contained_errors import PROCESS_ERRORS, Faults
from . import names
from ._attributes import Pairs, clean
from ._fork_cleanup import forget_recordings
from ._points import (
    INFERENCE_POINTS,
    calls_points,
    cost_points,
    overflow_points,
    usage_points,
)
from ._retired import Kept
from ._totals import Reading, Totals

# Points are read on another thread than the call's, whose current span has nothing
# to do with it: without a context of their own it would become the exemplar. An
# empty one will not do, as the SDK then takes the current one.
NO_SPAN = Context({"bedrock_attrib": True})

Points = Mapping[Pairs, int] | Mapping[Pairs, float] | Mapping[Pairs, Decimal]
Read = Callable[[Iterable[Reading]], Mapping[Pairs, int] | Mapping[Pairs, Decimal]]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What one sink shows.

    Attributes:
        totals: What its calls add up to.
        catch_up: Counts and records what is pending, so that a reader sees it.
        semconv: Sets of the convention's names that it wants.
        faults: Contained faults by place.
        losses: Records lost so far, by sink.
        price_table_age_s: Age of its price table; None without one.
    """

    totals: Totals
    catch_up: Callable[[], None]
    semconv: Collection[names.SemConv]
    faults: Faults
    losses: Callable[[], Mapping[str, int]]
    price_table_age_s: Callable[[], float] | None


def is_seen(instrument: Instrument) -> bool:
    """Whether *instrument* leads anywhere: False until a provider is set."""
    # The API has no public way to ask. Should its proxies lose this attribute, all
    # instruments count as seen, which costs time and nothing else.
    actual = getattr(instrument, "_real_instrument", instrument)
    return actual is not None and not isinstance(
        actual, NoOpHistogram | NoOpObservableCounter
    )


class Instruments:
    """All instruments of one meter, fed by every sink on it.

    A meter gives the same instrument to whoever asks for its name again and ignores
    the later callbacks, so two sinks on one provider must share the callbacks. A
    counter goes on counting what a closed sink had taken: totals never fall.

    In a forked child the SDK still has its parent's state for each instrument: a
    delta reader would subtract the parent's totals from the child's, which start
    from zero, and histograms would be counted twice. So the child's instruments are
    new ones, which the SDK tells from the old by their description, and what the old
    histograms have recorded is forgotten.

    Attributes:
        forks: How often this process was forked since the first sink was attached.
        is_outdated: True in a forked child until `renew`.
    """

    def __init__(self, meter: Meter) -> None:
        self.forks = 0
        self.is_outdated = False
        self._meter = meter
        self._sources: list[Source] = []
        self._kept = Kept()
        self._histograms: dict[str, Histogram] = {}
        self._created: dict[str, Instrument] = {}
        self._renewing = Lock()
        self._changing = RLock()

    def attach(self, source: Source) -> None:
        """Show *source* from now on."""
        self._kept.fold()
        with self._changing:
            self._sources = [*self._sources, source]
        self._show(source)

    def retire(self, source: Source, owner: object) -> None:
        """Go on showing what *source* counts, without keeping its sink.

        Args:
            source: Was attached.
            owner: While it is there, *source* may go on counting.
        """
        with self._changing:  # in between, a reader would see neither
            if source not in self._sources:
                return
            self._sources = [each for each in self._sources if each is not source]
            self._kept.retire(
                owner,
                source.totals,
                source.faults,
                losses=source.losses(),
                wants_new=names.SemConv.NEW in source.semconv,
                price_table_age_s=source.price_table_age_s,
            )

    def histogram(self, instrument: names.Instrument) -> Histogram:
        """Create *instrument*, or find it."""
        histogram = self._meter.create_histogram(
            instrument.name,
            unit=instrument.unit,
            description=self._description(instrument),
            explicit_bucket_boundaries_advisory=instrument.boundaries,
        )
        self._histograms[instrument.name] = histogram
        return histogram

    def after_fork(self) -> None:
        """Stop showing anything until `renew`, if the parent's SDK knows us.

        Only marks: creating takes locks of the SDK that another thread of the parent
        may have held when it forked.
        """
        self._renewing = Lock()
        self._changing = RLock()
        self._kept.reset()
        for histogram in self._histograms.values():
            forget_recordings(histogram)
        if any(is_seen(instrument) for instrument in self._created.values()):
            self.forks += 1
            self.is_outdated = True
            self._created = {}

    def renew(self) -> None:
        """Create the instruments of a forked child. Never from a callback."""
        with self._renewing:
            if self.is_outdated:
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
        if names.SemConv.NEW in source.semconv:
            for instrument, read in INFERENCE_POINTS.items():
                self._count(instrument, partial(self._new_points, read))
        if source.price_table_age_s is not None:
            self._gauge(names.PRICE_TABLE_AGE, self._ages)

    def _count(self, instrument: names.Instrument, read: Callable[[], Points]) -> None:
        if instrument.name not in self._created:
            self._created[instrument.name] = self._meter.create_observable_counter(
                instrument.name,
                [self._callback(read)],
                instrument.unit,
                self._description(instrument),
            )

    def _gauge(self, instrument: names.Instrument, read: Callable[[], Points]) -> None:
        if instrument.name not in self._created:
            self._created[instrument.name] = self._meter.create_observable_gauge(
                instrument.name,
                [self._callback(read)],
                instrument.unit,
                self._description(instrument),
            )

    def _description(self, instrument: names.Instrument) -> str:
        if not self.forks:
            return instrument.description
        return f"{instrument.description} (forked: {self.forks})"

    def _callback(self, read: Callable[[], Points]) -> CallbackT:
        forks = self.forks

        def callback(_: CallbackOptions) -> list[Observation]:
            # `renew` holds the queue's lock and waits for the one that this callback
            # runs under: until it is done, nothing here may wait for the queue.
            if forks != self.forks or self.is_outdated:
                return []
            self._catch_up()
            with self._changing:
                points = read()
            return _observations(points)

        return callback

    def _catch_up(self) -> None:
        """Bring what is pending into the collection that asks.

        The SDK runs callbacks before it reads histograms, holding a lock that nothing
        takes while it handles a queue: not the recording of a histogram, nor, in
        whatever a recorder tells, anything but creating an observable instrument or
        collecting. So a queue's own thread cannot deadlock with this one
        (`SynchronousMeasurementConsumer.collect`, opentelemetry-sdk 1.45.2).
        """
        for source in self._sources:
            source.catch_up()

    def _points(self, read: Read) -> Points:
        live = (source.totals.read() for source in self._sources)
        return read(chain(self._kept.readings(), *live))

    def _new_points(self, read: Read) -> Points:
        asking = [s for s in self._sources if names.SemConv.NEW in s.semconv]
        live = (source.totals.read() for source in asking)
        return read(chain(self._kept.readings(only_new=True), *live))

    def _overflows(self) -> Points:
        tags, spilled = self._kept.overflows()
        tags = tags.union(*(source.totals.tags for source in self._sources))
        spilled += sum(source.totals.spilled for source in self._sources)
        return self._points(partial(overflow_points, tags=tags, spilled=spilled))

    def _losses(self) -> Points:
        losses = Counter(self._kept.losses)
        for source in self._sources:
            losses.update(source.losses())
        return _labelled(names.SINK, losses)

    def _faults(self) -> Points:
        live = {source.faults for source in self._sources}
        places = self._kept.fault_counts(live)
        for faults in live:
            places.update(faults.counts())
        places.update(PROCESS_ERRORS.counts())
        return _labelled(names.PLACE, places)

    def _ages(self) -> Points:
        """The age of the oldest price table in use."""
        tables = [s.price_table_age_s for s in self._sources if s.price_table_age_s]
        ages = [age_s() for age_s in tables or self._kept.tables]
        no_attributes: Pairs = ()
        return {no_attributes: max(ages)} if ages else {}


def _labelled(name: str, counts: Mapping[str, int]) -> Points:
    # A zero is shown too, so that a rate sees the first loss as an increase.
    points: dict[Pairs, int] = {}
    for value, count in counts.items():
        points[((name, clean(value)),)] = count
    return points


def _observations(points: Points) -> list[Observation]:
    # The one place where money becomes a float: exporters know nothing else.
    return [
        Observation(
            float(total) if isinstance(total, Decimal) else total, dict(pairs), NO_SPAN
        )
        for pairs, total in points.items()
    ]
