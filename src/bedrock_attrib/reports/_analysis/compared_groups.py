"""The sides of a comparison: what is added up of each, and what is said of it."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from ..._model.cost import ZERO, add
from ..._model.record import CallRecord, Outcome
from ..._model.usage import PROMPT_UNITS, Unit
from ...ledger import Sum
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
from .._tables.price_coverage import NOT_WHOLLY_PRICED
from .calls import QUOTIENT

_ENOUGH_FOR_P99 = 100


class Verdict(StrEnum):
    """What the difference of two costs per call comes to."""

    CHEAPER = "cheaper"
    DEARER = "dearer"
    NOISE = "no more than noise"
    TOO_FEW = "too few calls to tell"
    BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Latency:
    """How long successful calls took, in seconds.

    Attributes:
        p50: Half of them took no longer.
        p90: Nine in ten took no longer.
        p95: 19 in 20 took no longer.
        p99: 99 in 100 took no longer; None with fewer than 100 calls.
        first_chunk_p50: Half of the streams began no later; None without streams.
    """

    p50: float
    p90: float
    p95: float
    p99: float | None
    first_chunk_p50: float | None


@dataclass(frozen=True, slots=True)
class Side:
    """One of the experiments or models that are compared.

    Attributes:
        value: Its value of the dimension.
        calls: Finished calls, failed and abandoned ones included.
        failed: Those that ended with an error.
        abandoned: Those that were given up.
        unpriced: Those without a whole price. They are in no figure of money below.
        usage: Counts by unit.
        cost: Exact amount of the priced calls; None when there are none.
        cost_per_call: Mean of the priced calls; None when there are none.
        interval: Where the true mean lies; None with fewer than 10 priced calls that
            are kept one by one.
        cost_per_success: Amount of all priced calls for each that succeeded: what an
            answer really costs. None when none did.
        wasted: Amount of failed and abandoned calls; None when no call has a price.
        cache_share: Share of the prompt's tokens read from the cache; None without any.
        single_calls: Calls that are still kept one by one. Intervals, differences and
            latency stand on these alone, every other figure on all calls.
        latency: How long successful calls took; None when none did.
        difference: From the baseline, per call; None where there is none to tell.
        p_value: That of the difference, corrected for the number of comparisons.
        verdict: What the difference comes to.
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
    verdict: Verdict


@dataclass(slots=True)
class Gathered:
    """What is noted of the calls of one side.

    Attributes:
        calls: How many there are, by the sums, which outlive single calls.
        failed: Those that ended with an error.
        abandoned: Those that were given up.
        succeeded: Those with a whole price that brought an answer.
        unpriced: Those without a whole price.
        usage: Counts by unit.
        cost: Amount of those with a whole price.
        wasted: The part of it that brought nothing.
        single_calls: Calls that are kept one by one.
        costs: What each of these cost, that has a whole price.
        durations: Seconds of each of these that brought an answer.
        first_chunks: Seconds to the first event, of streams among these.
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
        """Calls with a whole price, free ones included."""
        return self.calls - self.unpriced

    def add(self, part: Sum) -> None:
        """Add *part*: what is known of calls whether they are kept or not."""
        kind = part.kind
        is_ok = kind.outcome is Outcome.OK
        self.calls += part.calls
        self.failed += part.calls if kind.outcome is Outcome.ERROR else 0
        self.abandoned += part.calls if kind.outcome is Outcome.ABANDONED else 0
        for unit, count in part.usage.items():
            self.usage[unit] = self.usage.get(unit, 0) + count
        if kind.price_status in NOT_WHOLLY_PRICED:
            self.unpriced += part.calls
            return
        amount = ZERO if part.cost is None else part.cost
        self.succeeded += part.calls if is_ok else 0
        self.cost = add(self.cost, amount)
        self.wasted = self.wasted if is_ok else add(self.wasted, amount)

    def note(self, record: CallRecord) -> None:
        """Note what one call alone tells: its cost and how long it took."""
        self.single_calls += 1
        if record.outcome is Outcome.OK:
            if record.duration_s is not None:
                self.durations.append(record.duration_s)
            if record.time_to_first_chunk_s is not None:
                self.first_chunks.append(record.time_to_first_chunk_s)
        if record.price_status not in NOT_WHOLLY_PRICED:
            amount = ZERO if record.cost is None else record.cost.total
            self.costs.append(float(amount))


def sides_of(
    found: dict[str, Gathered], baseline: str, confidence: float
) -> tuple[Side, ...]:
    """Every side of a comparison, held against the baseline."""
    sampled = {
        value: resample(side.costs, seed=value)
        for value, side in found.items()
        if len(side.costs) >= FEWEST
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
    sides = []
    for value, side in found.items():
        p_value = corrected.get(value)
        told = differences.get(value)
        verdict = (
            Verdict.BASELINE
            if value == baseline
            else _verdict(told, p_value, 1 - confidence)
        )
        ends = _interval(sampled.get(value), confidence)
        sides.append(_side(value, side, ends, told, p_value, verdict))
    return tuple(sides)


def _interval(found: Resampled | None, confidence: float) -> Interval | None:
    if found is None:
        return None
    ends = interval(found, confidence)
    low = None if ends.low is None else max(0.0, ends.low)  # no call earns money
    return Interval(low, ends.high, confidence, ends.is_rough)


def _verdict(told: Difference | None, p_value: float | None, level: float) -> Verdict:
    if told is None or p_value is None:
        return Verdict.TOO_FEW
    if p_value >= level:
        return Verdict.NOISE
    return Verdict.CHEAPER if told.amount < 0 else Verdict.DEARER


def _side(
    value: str,
    found: Gathered,
    ends: Interval | None,
    told: Difference | None,
    p_value: float | None,
    verdict: Verdict,
) -> Side:
    priced = found.priced
    return Side(
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
        difference=told,
        p_value=p_value,
        verdict=verdict,
    )


def cache_share(usage: dict[Unit, int]) -> float | None:
    """Share of the prompts' tokens that were read from the cache; None without any."""
    from_cache = usage.get(Unit.CACHE_READ_TOKEN, 0)
    prompt = sum(count for unit, count in usage.items() if unit in PROMPT_UNITS)
    return from_cache / prompt if prompt else None


def _latency(found: Gathered) -> Latency | None:
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
