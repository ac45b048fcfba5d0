"""Compared groups: their totals, intervals, tests and verdicts."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from ..._model.cost import ZERO, add
from ..._model.record import CallRecord, Outcome
from ..._model.usage import PROMPT_UNITS, Unit
from ...ledger import Aggregate
from .._statistics.bootstrap import (
    FEWEST,
    Difference,
    Interval,
    Resampled,
    difference,
    holm,
    interval,
    resample,
)
from .._statistics.robust import nearest_rank
from .._tables.price_coverage import NOT_FULLY_PRICED
from .single_calls import QUOTIENT

_ENOUGH_FOR_P99 = 100


class ComparisonVerdict(StrEnum):
    """Result of the test of two costs per call."""

    CHEAPER = "cheaper"
    MORE_EXPENSIVE = "more expensive"
    NOT_SIGNIFICANT = "not significant"
    TOO_FEW_CALLS = "too few calls"
    BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Latency:
    """Latency of successful calls, in seconds.

    Attributes:
        p50: Median.
        p90: 90th percentile.
        p95: 95th percentile.
        p99: 99th percentile; None with fewer than 100 calls.
        first_chunk_p50: Median time to the first event; None without streams.
    """

    p50: float
    p90: float
    p95: float
    p99: float | None
    first_chunk_p50: float | None


@dataclass(frozen=True, slots=True)
class ComparedGroup:
    """One of the compared experiments or models.

    Attributes:
        value: Its value of the dimension.
        calls: Finished calls, failed and abandoned ones included.
        failed: Those that ended with an error.
        abandoned: Those that were abandoned.
        unpriced: Those that are not fully priced; excluded from all amounts below.
        usage: Counts by unit.
        cost: Exact amount of the priced calls; None without any.
        cost_per_call: Mean of the priced calls; None without any.
        interval: Interval of the true mean; None with fewer than 10 priced single
            calls.
        cost_per_success: Amount of all priced calls for each that succeeded; None
            if none did.
        wasted: Amount of failed and abandoned calls; None if no call is priced.
        cache_share: Part of the prompt tokens read from the cache; None without any.
        single_calls: Single calls that are left. Intervals, differences and latency are
            based on these, all other figures on all calls.
        latency: Latency of successful calls; None without any.
        difference: Difference from the baseline, per call; None if not tested.
        p_value: P-value of the difference, corrected for the number of comparisons.
        verdict: Result of the test.
    """

    value: str
    calls: int
    failed: int
    abandoned: int
    unpriced: int
    usage: dict[Unit, int]
    cost: Decimal | None
    cost_per_call: Decimal | None
    interval: Interval | None
    cost_per_success: Decimal | None
    wasted: Decimal | None
    cache_share: float | None
    single_calls: int
    latency: Latency | None
    difference: Difference | None
    p_value: float | None
    verdict: ComparisonVerdict


@dataclass(slots=True)
class GroupTotals:
    """Totals and samples of one group.

    Attributes:
        calls: How many there are, by the sums, which remain when single calls are
            deleted.
        failed: Those that ended with an error.
        abandoned: Those that were abandoned.
        succeeded: Successful calls that are fully priced.
        unpriced: Those that are not fully priced.
        usage: Counts by unit.
        cost: Amount of fully priced calls.
        wasted: The part of it for failed and abandoned calls.
        single_calls: Single calls that are left.
        costs: Cost of each single call that is fully priced.
        durations: Seconds of each successful single call.
        first_chunks: Seconds to the first event of each successful stream.
    """

    calls: int = 0
    failed: int = 0
    abandoned: int = 0
    succeeded: int = 0
    unpriced: int = 0
    usage: dict[Unit, int] = field(default_factory=dict)
    cost: Decimal = ZERO
    wasted: Decimal = ZERO
    single_calls: int = 0
    costs: array[float] = field(default_factory=lambda: array("d"))
    durations: array[float] = field(default_factory=lambda: array("d"))
    first_chunks: array[float] = field(default_factory=lambda: array("d"))

    @property
    def priced(self) -> int:
        """Return the number of fully priced calls, free ones included."""
        return self.calls - self.unpriced

    def add(self, part: Aggregate) -> None:
        """Add a sum of calls."""
        kind = part.dimensions
        is_ok = kind.outcome is Outcome.OK
        self.calls += part.calls
        self.failed += part.calls if kind.outcome is Outcome.ERROR else 0
        self.abandoned += part.calls if kind.outcome is Outcome.ABANDONED else 0
        for unit, count in part.usage.items():
            self.usage[unit] = self.usage.get(unit, 0) + count
        if kind.price_status in NOT_FULLY_PRICED:
            self.unpriced += part.calls
            return
        amount = ZERO if part.cost is None else part.cost
        self.succeeded += part.calls if is_ok else 0
        self.cost = add(self.cost, amount)
        self.wasted = self.wasted if is_ok else add(self.wasted, amount)

    def sample(self, record: CallRecord) -> None:
        """Add the cost and the latency of a single call to the samples."""
        self.single_calls += 1
        if record.outcome is Outcome.OK:
            if record.duration_s is not None:
                self.durations.append(record.duration_s)
            if record.time_to_first_chunk_s is not None:
                self.first_chunks.append(record.time_to_first_chunk_s)
        if record.price_status not in NOT_FULLY_PRICED:
            amount = ZERO if record.cost is None else record.cost.total
            self.costs.append(float(amount))


def compared_groups(
    found: dict[str, GroupTotals], baseline: str, confidence: float
) -> tuple[ComparedGroup, ...]:
    """Return every group of a comparison, tested against the baseline."""
    sampled = {
        value: resample(group.costs, seed=value)
        for value, group in found.items()
        if len(group.costs) >= FEWEST
    }
    differences = {
        value: difference(sampled[value], sampled[baseline], confidence)
        for value in sampled
        if value != baseline and baseline in sampled
    }
    corrected = dict(
        zip(
            differences,
            holm([each.p_value for each in differences.values()]),
            strict=True,
        )
    )
    groups = []
    for value, group in found.items():
        p_value = corrected.get(value)
        tested = differences.get(value)
        verdict = (
            ComparisonVerdict.BASELINE
            if value == baseline
            else _verdict(tested, p_value, 1 - confidence)
        )
        ends = _interval(sampled.get(value), confidence)
        groups.append(_compared_group(value, group, ends, tested, p_value, verdict))
    return tuple(groups)


def _interval(found: Resampled | None, confidence: float) -> Interval | None:
    if found is None:
        return None
    ends = interval(found, confidence)
    low = None if ends.low is None else max(0.0, ends.low)  # a cost is never negative
    return Interval(low, ends.high, confidence, ends.is_rough)


def _verdict(
    tested: Difference | None, p_value: float | None, level: float
) -> ComparisonVerdict:
    if tested is None or p_value is None:
        return ComparisonVerdict.TOO_FEW_CALLS
    if p_value >= level:
        return ComparisonVerdict.NOT_SIGNIFICANT
    return (
        ComparisonVerdict.CHEAPER
        if tested.amount < 0
        else ComparisonVerdict.MORE_EXPENSIVE
    )


def _compared_group(
    value: str,
    found: GroupTotals,
    ends: Interval | None,
    tested: Difference | None,
    p_value: float | None,
    verdict: ComparisonVerdict,
) -> ComparedGroup:
    priced = found.priced
    return ComparedGroup(
        value=value,
        calls=found.calls,
        failed=found.failed,
        abandoned=found.abandoned,
        unpriced=found.unpriced,
        usage=found.usage,
        cost=found.cost if priced else None,
        cost_per_call=QUOTIENT.divide(found.cost, Decimal(priced)) if priced else None,
        interval=ends,
        cost_per_success=(
            QUOTIENT.divide(found.cost, Decimal(found.succeeded))
            if found.succeeded
            else None
        ),
        wasted=found.wasted if priced else None,
        cache_share=cache_share(found.usage),
        single_calls=found.single_calls,
        latency=_latency(found),
        difference=tested,
        p_value=p_value,
        verdict=verdict,
    )


def cache_share(usage: dict[Unit, int]) -> float | None:
    """Return the part of prompt tokens read from the cache; None without any."""
    from_cache = usage.get(Unit.CACHE_READ_TOKEN, 0)
    prompt = sum(count for unit, count in usage.items() if unit in PROMPT_UNITS)
    return from_cache / prompt if prompt else None


def _latency(found: GroupTotals) -> Latency | None:
    if not found.durations:
        return None
    took = sorted(found.durations)
    began = sorted(found.first_chunks)
    return Latency(
        nearest_rank(took, 0.5),
        nearest_rank(took, 0.9),
        nearest_rank(took, 0.95),
        nearest_rank(took, 0.99) if len(took) >= _ENOUGH_FOR_P99 else None,
        nearest_rank(began, 0.5) if began else None,
    )
