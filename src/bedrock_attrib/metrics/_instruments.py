"""The counters of one meter provider, and what a reader gets from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import chain
from threading import Lock
from weakref import WeakKeyDictionary

from opentelemetry.metrics import (
    CallbackOptions,
    Meter,
    MeterProvider,
    Observation,
    get_meter_provider,
)

from .._faults import Faults
from . import names
from ._histograms import NO_SPAN
from ._labels import Pairs, clean
from ._points import (
    INFERENCE_POINTS,
    calls_points,
    cost_points,
    overflow_points,
    usage_points,
)
from ._totals import Reading, Totals

Points = Mapping[Pairs, int] | Mapping[Pairs, float] | Mapping[Pairs, Decimal]
Read = Callable[[Iterable[Reading]], Mapping[Pairs, int] | Mapping[Pairs, Decimal]]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What one sink shows.

    Attributes:
        totals: What its calls add up to.
        drain: Records what is pending, so that a reader sees it.
        semconv: Sets of the convention's names that it wants.
        faults: Contained faults by place.
        losses: Records lost so far, by sink.
        price_table_age_s: Age of its price table; None without one.
    """

    totals: Totals
    drain: Callable[[], None]
    semconv: Collection[names.SemConv]
    faults: Faults
    losses: Callable[[], Mapping[str, int]]
    price_table_age_s: Callable[[], float] | None


class Instruments:
    """The observable instruments of one meter, fed by every sink on it.

    A meter gives the same instrument to whoever asks for its name again and ignores
    the later callbacks, so two sinks on one provider must share the callbacks. A
    counter goes on counting what a closed sink had taken: totals never fall.

    Attributes:
        meter: Where the instruments are.
    """

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self._sources: list[Source] = []
        self._created: set[str] = set()

    def attach(self, source: Source) -> None:
        """Show *source* from now on."""
        self._sources.append(source)
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
            self._gauge(names.PRICE_TABLE_AGE, self._age)

    def _count(self, instrument: names.Instrument, read: Callable[[], Points]) -> None:
        def callback(_: CallbackOptions) -> list[Observation]:
            self._drain()
            return _observations(read())

        if self._is_new(instrument):
            self.meter.create_observable_counter(
                instrument.name, [callback], instrument.unit, instrument.description
            )

    def _gauge(self, instrument: names.Instrument, read: Callable[[], Points]) -> None:
        def callback(_: CallbackOptions) -> list[Observation]:
            return _observations(read())

        if self._is_new(instrument):
            self.meter.create_observable_gauge(
                instrument.name, [callback], instrument.unit, instrument.description
            )

    def _is_new(self, instrument: names.Instrument) -> bool:
        is_new = instrument.name not in self._created
        self._created.add(instrument.name)
        return is_new

    def _drain(self) -> None:
        """Bring pending histogram recordings into the collection that asks.

        The SDK runs callbacks before it reads histograms, holding a lock that neither
        recording nor anything else under the queue's lock takes, so a drain on the
        queue's own thread at the same time cannot deadlock with this one
        (`SynchronousMeasurementConsumer.collect`, opentelemetry-sdk 1.45.2).
        """
        for source in self._sources:
            source.drain()

    def _points(self, read: Read) -> Points:
        return read(chain(*(source.totals.read() for source in self._sources)))

    def _new_points(self, read: Read) -> Points:
        asking = [s for s in self._sources if names.SemConv.NEW in s.semconv]
        return read(chain(*(source.totals.read() for source in asking)))

    def _overflows(self) -> Points:
        spilled = sum(source.totals.spilled for source in self._sources)
        return self._points(partial(overflow_points, spilled=spilled))

    def _losses(self) -> Points:
        losses: Counter[str] = Counter()
        for source in self._sources:
            losses.update(source.losses())
        return _labelled(names.SINK, losses)

    def _faults(self) -> Points:
        places: Counter[str] = Counter()
        for faults in {source.faults for source in self._sources}:
            places.update(faults.counts())
        return _labelled(names.PLACE, places)

    def _age(self) -> Points:
        """The oldest price table in use."""
        ages = [s.price_table_age_s() for s in self._sources if s.price_table_age_s]
        no_attributes: Pairs = ()
        return {no_attributes: max(ages)}


def _labelled(name: str, counts: Mapping[str, int]) -> Points:
    points: dict[Pairs, int] = {}
    for value, count in counts.items():
        if count:
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


# OpenTelemetry keeps one meter of a name per provider, for the whole process; what
# feeds its instruments has to be found again in the same way.
_BY_PROVIDER: WeakKeyDictionary[MeterProvider, Instruments] = WeakKeyDictionary()
_ATTACHING = Lock()


def attach(source: Source, provider: MeterProvider | None, version: str) -> Meter:
    """Show *source* on the meter of *provider*.

    Args:
        source: What to show.
        provider: None for the global provider, whenever that is set.
        version: Version of this library.
    """
    with _ATTACHING:
        provider = get_meter_provider() if provider is None else provider
        instruments = _BY_PROVIDER.get(provider)
        if instruments is None:
            meter = provider.get_meter(names.SCOPE_NAME, version)
            instruments = _BY_PROVIDER[provider] = Instruments(meter)
        instruments.attach(source)
        return instruments.meter
