"""Spend of a block of code, summed when it is read."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import reduce

from .._model.call_groups import CallGroup, GroupedCall
from .._model.cost import ZERO, Cost, Rates, add
from .._model.record import CallRecord, PriceStatus
from .._model.usage import Unit, Usage
from .._model.usage_sum import UsageSum
from .._runtime.fork import ResetOrder, after_fork
from .._runtime.threads import RLock


class Spend:
    """Spend of a block of code so far, at list price.

    Counts every call that started inside the block, in inner blocks and in streams
    that are read after the block has ended too. Safe to read from any thread.
    """

    def __init__(self) -> None:
        """Start from nothing."""
        self._sums = SpendSums()

    @property
    def cost(self) -> Decimal:
        """USD of the priced and estimated calls, and of the known part of others.

        Calls priced in another currency are counted as unpriced.
        """
        return reduce(add, self.by_model.values(), ZERO)

    @property
    def calls(self) -> int:
        """Finished calls, failed and abandoned ones included."""
        self._sums.pull()
        return self._sums.calls

    @property
    def unpriced_calls(self) -> int:
        """Finished calls whose cost is not, or not wholly, in ``cost``."""
        self._sums.pull()
        return self._sums.unpriced_calls

    @property
    def usage(self) -> Usage:
        """Counts by unit of all finished calls."""
        self._sums.pull()
        return self._sums.usage()

    @property
    def by_model(self) -> Mapping[str, Decimal]:
        """USD by base model id, or by the id as written where it is opaque."""
        self._sums.pull()
        return self._sums.by_model()

    def __repr__(self) -> str:
        return f"Spend(cost={self.cost}, calls={self.calls})"


def sums_of(spend: Spend) -> SpendSums:
    """Return what the calls of *spend* are added to."""
    return spend._sums  # noqa: SLF001 -- no user of a `Spend` adds to it


class SpendSums:
    """Sums behind a `Spend`, which alone holds them.

    Attributes:
        weak: The one weak reference that contexts share: Python clears those that only
            garbage holds, as a dropped stream does whose call is still to be counted.
        calls: Finished calls.
        unpriced_calls: Those that are not, or not wholly, priced in USD.
    """

    def __init__(self) -> None:
        """Start from nothing."""
        self.weak = weakref.ref(self)
        self.calls = 0
        self.unpriced_calls = 0
        self._pulls: tuple[Callable[[], None], ...] = ()
        # By model and rates: counts of calls whose amounts follow from them.
        self._by_rates: dict[tuple[str, int], tuple[Rates, UsageSum]] = {}
        # By model: counts of calls whose amounts do not.
        self._counts: dict[str, dict[Unit, int]] = {}
        # By model: amounts of calls whose cost was given.
        self._given: dict[str, Decimal] = {}
        self._renew_lock()
        _EVERY.add(self)

    def _renew_lock(self) -> None:
        # A signal handler may read in the middle of reading.
        self._lock = RLock()

    def pull_with(self, pull: Callable[[], None]) -> None:
        """Call *pull*, which adds the calls that ended, before each reading."""
        if pull not in self._pulls:
            with self._lock:
                self._pulls = (*self._pulls, pull)

    def pull(self) -> None:
        """Have every call added that has ended."""
        for pull in self._pulls:
            pull()

    def usage(self) -> Usage:
        """Return the counts by unit."""
        with self._lock:
            # Copies: a signal handler may read, and so change, what is read here.
            sums = [found.read() for _, found in list(self._by_rates.values())]
            counts = [Usage.of(dict(each)) for each in (*sums, *self._counts.values())]
        return reduce(Usage.__add__, counts, Usage({}))

    def by_model(self) -> dict[str, Decimal]:
        """Return USD by model."""
        with self._lock:
            amounts = dict(self._given)
            for (model, _), (rates, found) in list(self._by_rates.items()):
                amount = Cost.at(rates, Usage.of(found.read()), _USD).total
                amounts[model] = add(amounts.get(model, ZERO), amount)
        return amounts

    def add(self, record: CallRecord) -> None:
        """Add one finished call."""
        with self._lock:
            self.calls += 1
            self.unpriced_calls += _is_unpriced(record)
            if record.usage:
                self._add_usage(record, record.usage)

    def add_group(self, group: CallGroup, calls: list[GroupedCall]) -> None:
        """Add finished calls of one group."""
        cost = group.cost
        if cost.currency != _USD:
            for call in calls:
                self.add(call.record())
            return
        model = group.example.model
        with self._lock:
            self.calls += len(calls)
            found = self._sum_at(model.model_id or model.requested, cost.rates)
            found.extend([call.counts for call in calls])

    def correct(self, before: CallRecord, after: CallRecord) -> None:
        """Count *after* instead of *before*."""
        change = _is_unpriced(after) - _is_unpriced(before)
        with self._lock:
            self.unpriced_calls += change
            if before.usage:
                self._take_back(before, before.usage)
            if after.usage:
                self._add_usage(after, after.usage)

    def _add_usage(self, record: CallRecord, usage: Usage) -> None:
        """Count units by model and rates: amounts follow when they are read."""
        cost = record.cost if _is_in_usd(record) else None
        model = record.model.model_id or record.model.requested
        if cost is not None and cost.usage is usage:
            self._sum_at(model, cost.rates).add(usage)
            return
        counts = self._counts.setdefault(model, {})
        for unit, count in usage.items():
            counts[unit] = counts.get(unit, 0) + count
        if cost is not None:
            self._given[model] = add(self._given.get(model, ZERO), cost.total)

    def _sum_at(self, model: str, rates: Rates) -> UsageSum:
        """Return the sum of usages at *rates*, which all state the same units."""
        key = (model, rates.key)
        found = self._by_rates.get(key)
        if found is None:
            found = self._by_rates[key] = (rates, UsageSum())
        return found[1]

    def _take_back(self, record: CallRecord, usage: Usage) -> None:
        taken = Usage.of({unit: -count for unit, count in usage.items()})
        cost = record.cost
        if cost is not None:
            if cost.usage is usage:
                cost = Cost.at(cost.rates, taken, cost.currency)
            else:
                cost = Cost(cost.total.copy_negate(), cost.currency, {}, cost.rates)
        self._add_usage(record._replace(cost=cost), taken)
        # A model of which nothing is left would be shown with an amount of zero.
        model = record.model.model_id or record.model.requested
        if not self._given.get(model, ZERO):
            self._given.pop(model, None)
        for key in [key for key in self._by_rates if key[0] == model]:
            if not any(self._by_rates[key][1].read().values()):
                del self._by_rates[key]


def _is_in_usd(record: CallRecord) -> bool:
    return record.cost is None or record.cost.currency == _USD


def _is_unpriced(record: CallRecord) -> bool:
    return record.price_status in _NOT_WHOLLY_PRICED or not _is_in_usd(record)


_USD = "USD"
_NOT_WHOLLY_PRICED = frozenset({PriceStatus.UNPRICED, PriceStatus.PARTIAL})

_EVERY: weakref.WeakSet[SpendSums] = weakref.WeakSet()


def _renew_locks() -> None:
    for sums in list(_EVERY):
        sums._renew_lock()  # noqa: SLF001 -- of this module


after_fork(_renew_locks, ResetOrder.LOCKS)
