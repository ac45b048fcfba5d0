"""Exact totals of all calls so far, by attribute set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from .._model.call_groups import CallGroup, GroupedCall
from .._model.cost import EXACT, ZERO, Cost, add, multiply
from .._model.record import CallRecord, PriceStatus
from .._model.usage import Unit, Usage
from .._runtime.fork import ResetOrder, after_fork
from .._runtime.threads import RLock
from ._attributes import TagLabels
from ._series import (
    CallSeries,
    Labels,
    SeriesRoute,
    UnitTotal,
    read_labels,
    without_detail,
    without_tags,
)

# The SDK keeps 2,000 attribute sets of an instrument and folds the rest where nobody
# sees it (opentelemetry-sdk 1.45.2, checked 2026-11-23). These places are for calls
# that lost their tags and keep their model; below 2,000 there is then still more
# room than the series without any label can ever take.
_RESERVE = 100
# Each series has a place in `calls` and two, for input and output, in the
# convention's histogram of tokens.
_PLACES_OF_A_SERIES = 2
# A tag that is not on the allow-list and differs with every call makes a new route
# each time, so the map is emptied when full.
_MAX_ROUTES = 4096

# Looking a member up on its enum costs more than the rest of a line.
_UNPRICED = PriceStatus.UNPRICED

_Key = tuple[object, ...]


class SeriesSnapshot(NamedTuple):
    """A series as it stood at one moment.

    Attributes:
        labels: What its calls share.
        calls: Number of calls.
        units: Count and amount by unit.
    """

    labels: Labels
    calls: int
    units: dict[Unit, tuple[int, Decimal]]


class SeriesTotals:
    """Exact totals by attribute set, within a bound on the number of sets.

    Adding takes a dictionary look-up and a few whole numbers under one lock. A forked
    child starts from zero: what was counted before is its parent's to report.

    Attributes:
        tags: Tags that are kept as labels.
        spilled: Calls of which some units had to be counted without their tags.
    """

    def __init__(self, labels: TagLabels, *, max_series: int) -> None:
        """Start from zero.

        Args:
            labels: What becomes of tags.
            max_series: Attribute sets with the caller's own tag values that any
                instrument may have.
        """
        self.tags = tuple(labels.names)
        self._labels = labels
        self._limits = (max_series, max_series + _RESERVE, math.inf)
        self.reset()
        after_fork(self.reset, ResetOrder.FIGURES)

    def reset(self) -> None:
        """Forget everything."""
        # A signal's handler may read in the middle of `add`, on the same thread.
        self._lock = RLock()
        self._is_adding = False
        self._last_read: list[SeriesSnapshot] = []
        self._places = 0
        self._routes: dict[_Key, SeriesRoute] = {}
        self._series: dict[Labels, CallSeries] = {}
        self.spilled = 0

    def other_tags(self) -> tuple[str, ...]:
        """Return tags of calls that are not kept as labels."""
        with self._lock:
            return tuple(self._labels.others)

    def add(self, record: CallRecord) -> CallSeries:
        """Add one call, and say which series took it."""
        return self._add(record, None)

    def add_group(self, group: CallGroup, calls: Sequence[GroupedCall]) -> CallSeries:
        """Add calls of one group, and return the series that took them."""
        return self._add(group.example, [call.counts for call in calls])

    def _add(
        self, record: CallRecord, counts: list[dict[Unit, int]] | None
    ) -> CallSeries:
        cost, usage = record.cost, record.usage
        if record.price_status is _UNPRICED:
            cost = None
        key = (
            record.tags.key,
            record.model,
            record.operation,
            record.region,
            record.tier,
            record.price_status,
            record.outcome,
            record.error,
            None if cost is None else (cost.currency, cost.rates.key),
        )
        with self._lock:
            self._is_adding = True
            try:
                route = self._routes.get(key)
                if route is None:
                    route = self._find_route(key, record, cost)
                if counts is not None:
                    route.calls += len(counts)
                    route.tally.extend(counts)
                    return route.series
                route.calls += 1
                if usage is not None and cost is not None and cost.usage is usage:
                    # Rates are made for the units of one kind of usage.
                    route.tally.add(usage)
                else:
                    self._add_apart(route, usage, cost)
            finally:
                self._is_adding = False
        return route.series

    def _add_apart(
        self, route: SeriesRoute, usage: Usage | None, cost: Cost | None
    ) -> None:
        """Add counts that the amounts do not follow from."""
        if usage is not None:
            self._count(route, usage)
        if cost is not None:
            for unit, amount in cost.by_unit.items():
                if amount:
                    cell = route.cells.get(unit) or self._open_in(route, unit)
                    cell.cost = add(cell.cost, amount)

    def _count(self, route: SeriesRoute, counts: Mapping[Unit, int]) -> None:
        for unit, count in counts.items():
            if count:
                cell = route.cells.get(unit) or self._open_in(route, unit)
                cell.count += count

    def correct(self, before: CallRecord, after: CallRecord) -> None:
        """Add the amounts that *after* has beyond those of *before*, which was added.

        An amount never falls; calls and counts stay as they are.
        """
        cost = _counted(after)
        if cost is None:
            return
        counted = _counted(before)
        had = {} if counted is None else counted.by_unit
        more = {
            unit: EXACT.subtract(amount, had.get(unit, ZERO))
            for unit, amount in cost.by_unit.items()
        }
        with self._lock:
            self._is_adding = True
            try:
                labels = read_labels(after, *self._labels.read(after.tags))
                self._add_amounts(self._find(labels, 0), more)
            finally:
                self._is_adding = False

    def _add_amounts(self, series: CallSeries, amounts: Mapping[Unit, Decimal]) -> None:
        for unit, amount in amounts.items():
            if amount > 0:
                cell = series.cells.get(unit) or self._open_cell(series, unit)[0]
                cell.cost = add(cell.cost, amount)

    def read(self) -> list[SeriesSnapshot]:
        """Return every series, without what this thread is adding at the moment."""
        with self._lock:
            if self._is_adding:  # on this very thread, as nobody else gets in
                return self._last_read
            self._hand_over()
            self._last_read = [
                SeriesSnapshot(
                    series.labels,
                    series.calls,
                    {unit: (c.count, c.cost) for unit, c in series.cells.items()},
                )
                for series in self._series.values()
            ]
            return self._last_read

    def _hand_over(self) -> None:
        """Bring series and cells up to date."""
        for route in self._routes.values():
            if not route.calls:
                continue
            counts = route.tally.take()
            self._count(route, counts)
            for unit, amount in route.amounts.items():
                count = counts.get(unit)
                if count:
                    cell = route.cells[unit]
                    cell.cost = add(cell.cost, multiply(amount, Decimal(count)))
            route.series.calls += route.calls
            if route.is_spilled:
                self.spilled += route.calls
            route.calls = 0

    def _find_route(
        self, key: _Key, record: CallRecord, cost: Cost | None
    ) -> SeriesRoute:
        labels = read_labels(record, *self._labels.read(record.tags))
        if len(self._routes) >= _MAX_ROUTES:
            self._hand_over()
            self._routes.clear()
        amounts = {} if cost is None else cost.rates.amounts
        route = self._routes[key] = SeriesRoute(self._find(labels, 0), amounts)
        return route

    def _open_in(self, route: SeriesRoute, unit: Unit) -> UnitTotal:
        """Return the total in which *route* counts *unit* for the first time."""
        cell = route.series.cells.get(unit)
        if cell is None:
            cell, is_elsewhere = self._open_cell(route.series, unit)
            route.is_spilled |= is_elsewhere
        route.cells[unit] = cell
        return cell

    def _find(self, labels: Labels, level: int) -> CallSeries:
        """The series of *labels*, or of less where there is no room for a new one."""
        series = self._series.get(labels)
        if series is not None:
            return series
        if self._places + _PLACES_OF_A_SERIES > self._limits[level]:
            return self._find(self._fold(labels, level + 1), level + 1)
        self._places += _PLACES_OF_A_SERIES
        series = self._series[labels] = CallSeries(labels, level)
        return series

    def _fold(self, labels: Labels, level: int) -> Labels:
        if level == 1:
            return without_tags(labels)
        return without_detail(labels, self._labels.names.values())

    def _open_cell(self, series: CallSeries, unit: Unit) -> tuple[UnitTotal, bool]:
        """A new cell of *series* for *unit*, or one elsewhere, and whether it is so."""
        places = 0 if len(series.cells) < _PLACES_OF_A_SERIES else 1
        if self._places + places <= self._limits[series.level]:
            self._places += places
            cell = series.cells[unit] = UnitTotal()
            return cell, False
        level = series.level + 1
        other = self._find(self._fold(series.labels, level), level)
        return other.cells.get(unit) or self._open_cell(other, unit)[0], True


def _counted(record: CallRecord) -> Cost | None:
    """The cost of *record* as far as it is counted."""
    return None if record.price_status is _UNPRICED else record.cost
