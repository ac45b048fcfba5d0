"""What a block of code has spent, summed when somebody looks."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import reduce
from threading import RLock

from .._model.call_groups import Alike, Counts
from .._model.cost import ZERO, Cost, Rates, add
from .._model.record import CallRecord, PriceStatus
from .._model.usage import Unit, Usage
from .._model.usage_sum import Tally


class Spend:
    """What a block of code has spent so far, at list price.

    Counts every call that started inside the block, in inner blocks and in streams
    that are read after the block has ended too. Safe to read from any thread.
    """

    def __init__(self) -> None:
        """Start from nothing."""
        # The one weak reference that scopes share: Python clears those that only
        # garbage holds, as a dropped stream does whose call is still to be counted.
        self._weak = weakref.ref(self)
        self._settlers: tuple[Callable[[], None], ...] = ()
        self.renew_lock()
        _EVERY.add(self)
        self._calls = 0
        self._unpriced_calls = 0
        # By model and rates: counts of calls whose amounts follow from them.
        self._tallies: dict[tuple[str, int], tuple[Rates, Tally]] = {}
        # By model: counts of calls whose amounts do not.
        self._counts: dict[str, dict[Unit, int]] = {}
        # By model: amounts of calls whose cost was given.
        self._given: dict[str, Decimal] = {}

    def renew_lock(self) -> None:
        """Make a new lock, as a forked child must: nobody is left to free the old."""
        # A signal's handler may look at figures in the middle of `add`.
        self._lock = RLock()

    @property
    def cost(self) -> Decimal:
        """USD of the priced and estimated calls, and of the known part of others.

        Calls priced in another currency are counted as unpriced.
        """
        return reduce(add, self.by_model.values(), ZERO)

    @property
    def calls(self) -> int:
        """Finished calls, failed and abandoned ones included."""
        self._settle()
        return self._calls

    @property
    def unpriced_calls(self) -> int:
        """Finished calls whose cost is not, or not wholly, in ``cost``."""
        self._settle()
        return self._unpriced_calls

    @property
    def usage(self) -> Usage:
        """Counts by unit of all finished calls."""
        self._settle()
        with self._lock:
            # Copies: a signal's handler may add to what is looked at here.
            tallies = [tally.read() for _, tally in list(self._tallies.values())]
            counts = [
                Usage.of(dict(each)) for each in (*tallies, *self._counts.values())
            ]
        return reduce(Usage.__add__, counts, Usage({}))

    @property
    def by_model(self) -> Mapping[str, Decimal]:
        """USD by base model id, or by the id as written where it is opaque."""
        self._settle()
        with self._lock:
            amounts = dict(self._given)
            for (model, _), (rates, tally) in list(self._tallies.items()):
                amount = Cost.at(rates, Usage.of(tally.read()), _USD).total
                amounts[model] = add(amounts.get(model, ZERO), amount)
        return amounts

    def __repr__(self) -> str:
        return f"Spend(cost={self.cost}, calls={self.calls})"

    def add(self, record: CallRecord) -> None:
        """Count one finished call. Called by the recorder."""
        cost, usage = record.cost, record.usage
        if (
            cost is None
            or usage is None
            or cost.usage is not usage
            or cost.currency != _USD
            or record.price_status in _NOT_WHOLLY_PRICED
        ):
            with self._lock:
                self._count(record)
            return
        # Nearly every call, in a third of the time.
        model = record.model
        key = (model.model_id or model.requested, cost.rates.key)
        with self._lock:
            self._calls += 1
            found = self._tallies.get(key)
            if found is None:
                found = self._tallies[key] = (cost.rates, Tally())
            found[1].add(usage)

    def add_alike(self, alike: Alike, counts: Counts) -> None:
        """Count finished calls that are alike, by what each has used."""
        cost = alike.cost
        if cost.currency != _USD:
            for each in counts:
                self.add(alike.record._replace(usage=Usage.of(each)))
            return
        model = alike.record.model
        with self._lock:
            self._calls += len(counts)
            self._tally(model.model_id or model.requested, cost.rates).extend(counts)

    def correct(self, before: CallRecord, after: CallRecord) -> None:
        """Count *after* instead of *before*. Called by the recorder."""
        change = _is_unpriced(after) - _is_unpriced(before)
        with self._lock:
            self._unpriced_calls += change
            if before.usage:
                self._take_back(before, before.usage)
            if after.usage:
                self._add_usage(after, after.usage)

    def weak(self) -> weakref.ref[Spend]:
        """What a scope holds of it."""
        return self._weak

    def settle_with(self, settle: Callable[[], None]) -> None:
        """Call *settle* before figures are read. Called by each recorder of a call."""
        if settle not in self._settlers:
            with self._lock:
                self._settlers = (*self._settlers, settle)

    def _settle(self) -> None:
        for settle in self._settlers:
            settle()

    def _count(self, record: CallRecord) -> None:
        self._calls += 1
        if _is_unpriced(record):
            self._unpriced_calls += 1
        if record.usage:
            self._add_usage(record, record.usage)

    def _add_usage(self, record: CallRecord, usage: Usage) -> None:
        """Count units by model and rates: amounts follow when somebody looks."""
        cost = record.cost if _is_in_usd(record) else None
        model = record.model.model_id or record.model.requested
        if cost is not None and cost.usage is usage:
            self._tally(model, cost.rates).add(usage)
            return
        counts = self._counts.setdefault(model, {})
        for unit, count in usage.items():
            counts[unit] = counts.get(unit, 0) + count
        if cost is not None:
            self._given[model] = add(self._given.get(model, ZERO), cost.total)

    def _tally(self, model: str, rates: Rates) -> Tally:
        """Where usages at *rates* are counted, which all state the same units."""
        key = (model, rates.key)
        found = self._tallies.get(key)
        if found is None:
            found = self._tallies[key] = (rates, Tally())
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
        for key in [key for key in self._tallies if key[0] == model]:
            if not any(self._tallies[key][1].read().values()):
                del self._tallies[key]


def _is_in_usd(record: CallRecord) -> bool:
    return record.cost is None or record.cost.currency == _USD


def _is_unpriced(record: CallRecord) -> bool:
    return record.price_status in _NOT_WHOLLY_PRICED or not _is_in_usd(record)


_USD = "USD"
_NOT_WHOLLY_PRICED = frozenset({PriceStatus.UNPRICED, PriceStatus.PARTIAL})

_EVERY: weakref.WeakSet[Spend] = weakref.WeakSet()


def _renew_locks() -> None:
    for spend in list(_EVERY):
        spend.renew_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
