"""Figures of closed sinks, so that totals never fall."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from .._model.cost import ZERO, add
from .._runtime.contained_errors import ContainedErrors
from .._runtime.threads import Lock
from ._series import Labels
from ._totals import SeriesSnapshot, SeriesTotals


class _RetiredSink(NamedTuple):
    """Figures of a closed sink, which may still count calls that are open."""

    owner: weakref.ref[object]
    totals: SeriesTotals
    faults: ContainedErrors
    wants_inference: bool


class RetiredSinks:
    """Sum of the figures of closed sinks.

    An application may create many recorders, for example in a notebook whose cells are
    run again; none of them is retained only for its figures.

    Attributes:
        losses: Records lost, by sink.
        tables: Returns the age of the price table that was in use last.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.reset()

    def reset(self) -> None:
        """Discard everything, as in a forked child."""
        self.losses: Counter[str] = Counter()
        self.tables: list[Callable[[], float]] = []
        self._lock = Lock()
        self._retired: list[_RetiredSink] = []
        self._faults: Counter[str] = Counter()
        self._series: dict[bool, dict[Labels, SeriesSnapshot]] = {False: {}, True: {}}
        self._tags: set[str] = set()
        self._spilled = 0

    def retire(
        self,
        owner: object,
        totals: SeriesTotals,
        faults: ContainedErrors,
        *,
        losses: Mapping[str, int],
        wants_inference: bool,
        price_table_age_s: Callable[[], float] | None,
    ) -> None:
        """Add the figures of a closed sink.

        Args:
            owner: The sink; *totals* may grow while it exists.
            totals: Its totals.
            faults: Contained faults.
            losses: Records lost, by sink.
            wants_inference: Whether it emits the names `SemConv.INFERENCE`.
            price_table_age_s: Returns the age of its price table, for a last
                collection.
        """
        self.losses.update(losses)
        if price_table_age_s is not None:
            self.tables = [price_table_age_s]
        retired = _RetiredSink(weakref.ref(owner), totals, faults, wants_inference)
        with self._lock:
            self._retired.append(retired)

    def snapshots(self, *, only_inference: bool = False) -> list[SeriesSnapshot]:
        """Return every series, or those of sinks with the inference names."""
        with self._lock:
            self._fold()
            found = [
                snapshot
                for wants_inference, series in self._series.items()
                if wants_inference or not only_inference
                for snapshot in series.values()
            ]
            for retired in self._retired:
                if retired.wants_inference or not only_inference:
                    found += retired.totals.read()
            return found

    def overflows(self) -> tuple[set[str], int]:
        """Return tags with a cap, and calls that lost theirs for some units."""
        with self._lock:
            self._fold()
            totals = [retired.totals for retired in self._retired]
            tags = self._tags.union(*(each.tags for each in totals))
            return tags, self._spilled + sum(each.spilled for each in totals)

    def fault_counts(self, unless: Collection[ContainedErrors]) -> Counter[str]:
        """Return faults by place, without those that are counted elsewhere."""
        with self._lock:
            self._fold()
            counts = Counter(self._faults)
            for faults in {retired.faults for retired in self._retired}:
                if faults not in unless:
                    counts.update(faults.counts())
            return counts

    def fold(self) -> None:
        """Add up sinks that are no longer referenced."""
        with self._lock:
            self._fold()

    def _fold(self) -> None:
        """Add up what can no longer grow."""
        over = [each for each in self._retired if each.owner() is None]
        if not over:
            return
        self._retired = [each for each in self._retired if each not in over]
        for each in over:
            series = self._series[each.wants_inference]
            for snapshot in each.totals.read():
                before = series.get(snapshot.labels)
                series[snapshot.labels] = (
                    snapshot if before is None else _together(before, snapshot)
                )
            self._tags.update(each.totals.tags)
            self._spilled += each.totals.spilled
            self._faults.update(each.faults.counts())


def _together(one: SeriesSnapshot, other: SeriesSnapshot) -> SeriesSnapshot:
    units = dict(one.units)
    for unit, (count, amount) in other.units.items():
        before_count, before_amount = units.get(unit, (0, ZERO))
        units[unit] = (before_count + count, add(before_amount, amount))
    return SeriesSnapshot(one.labels, one.calls + other.calls, units)
