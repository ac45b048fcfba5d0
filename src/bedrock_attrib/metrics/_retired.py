"""What sinks have counted that are closed: totals never fall."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from threading import Lock
from typing import NamedTuple

from .._model.cost import ZERO, add
from .._runtime.contained_errors import Faults
from ._series import Labels
from ._totals import Reading, Totals


class _Retired(NamedTuple):
    """What a closed sink has counted, and may count still for calls that are open."""

    owner: weakref.ref[object]
    totals: Totals
    faults: Faults
    wants_new: bool


class Kept:
    """What closed sinks have counted in the end, added up.

    An application may make recorder after recorder, as a notebook does whose cells
    are run again: none of them is kept for its figures' sake.

    Attributes:
        losses: Records lost, by sink.
        tables: Tells the age of the price table that was in use last.
    """

    def __init__(self) -> None:
        """Keep nothing yet."""
        self.reset()

    def reset(self) -> None:
        """Forget everything, as a forked child does."""
        self.losses: Counter[str] = Counter()
        self.tables: list[Callable[[], float]] = []
        self._lock = Lock()
        self._retired: list[_Retired] = []
        self._faults: Counter[str] = Counter()
        self._series: dict[bool, dict[Labels, Reading]] = {False: {}, True: {}}
        self._tags: set[str] = set()
        self._spilled = 0

    def retire(
        self,
        owner: object,
        totals: Totals,
        faults: Faults,
        *,
        losses: Mapping[str, int],
        wants_new: bool,
        price_table_age_s: Callable[[], float] | None,
    ) -> None:
        """Keep figures of a closed sink.

        Args:
            owner: The sink; *totals* may grow while it is there.
            totals: What it has counted.
            faults: Contained faults.
            losses: Records lost, by sink.
            wants_new: Whether it shows the conventions' newer names.
            price_table_age_s: Age of its price table, for a last collection.
        """
        self.losses.update(losses)
        if price_table_age_s is not None:
            self.tables = [price_table_age_s]
        retired = _Retired(weakref.ref(owner), totals, faults, wants_new)
        with self._lock:
            self._retired.append(retired)

    def readings(self, *, only_new: bool = False) -> list[Reading]:
        """Every series, or those of sinks that show the newer names."""
        with self._lock:
            self._fold()
            found = [
                reading
                for wants_new, series in self._series.items()
                if wants_new or not only_new
                for reading in series.values()
            ]
            for retired in self._retired:
                if retired.wants_new or not only_new:
                    found += retired.totals.read()
            return found

    def overflows(self) -> tuple[set[str], int]:
        """Tags that have a cap, and calls that lost theirs for some units."""
        with self._lock:
            self._fold()
            totals = [retired.totals for retired in self._retired]
            tags = self._tags.union(*(each.tags for each in totals))
            return tags, self._spilled + sum(each.spilled for each in totals)

    def fault_counts(self, unless: Collection[Faults]) -> Counter[str]:
        """Faults by place, but for those that are counted elsewhere."""
        with self._lock:
            self._fold()
            counts = Counter(self._faults)
            for faults in {retired.faults for retired in self._retired}:
                if faults not in unless:
                    counts.update(faults.counts())
            return counts

    def fold(self) -> None:
        """Let go of sinks that nobody has any more."""
        with self._lock:
            self._fold()

    def _fold(self) -> None:
        """Let go of what nobody can add to any more."""
        over = [each for each in self._retired if each.owner() is None]
        if not over:
            return
        self._retired = [each for each in self._retired if each not in over]
        for each in over:
            series = self._series[each.wants_new]
            for reading in each.totals.read():
                before = series.get(reading.labels)
                series[reading.labels] = (
                    reading if before is None else _together(before, reading)
                )
            self._tags.update(each.totals.tags)
            self._spilled += each.totals.spilled
            self._faults.update(each.faults.counts())


def _together(one: Reading, other: Reading) -> Reading:
    units = dict(one.units)
    for unit, (count, amount) in other.units.items():
        before_count, before_amount = units.get(unit, (0, ZERO))
        units[unit] = (before_count + count, add(before_amount, amount))
    return Reading(one.labels, one.calls + other.calls, units)
