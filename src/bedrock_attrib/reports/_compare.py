"""Which of several experiments or models is cheaper, and whether that is chance."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from .._errors import ConfigError
from .._money import ZERO, add
from .._record import CallRecord, Outcome, PriceStatus
from .._usage import PROMPT_UNITS, Unit
from ..ledger import Ledger
from ._bootstrap import (
    FEWEST,
    Difference,
    Interval,
    Resampled,
    difference,
    holm,
    interval,
    resample,
)
from ._calls import QUOTIENT, only_currency, selected_calls
from ._dimensions import dimension_named
from ._robust import nearest_rank
from ._selection import Selection

_MOST_SIDES = 50
_ENOUGH_FOR_P99 = 100
_UNKNOWN = frozenset({PriceStatus.UNPRICED, PriceStatus.PARTIAL})


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
        cost: Exact amount of the priced calls.
        cost_per_call: Mean of the priced calls; None when there are none.
        interval: Where the true mean lies; None with fewer than 10 priced calls.
        cost_per_success: Amount of all priced calls for each that succeeded: what an
            answer really costs. None when none did.
        wasted: Amount of failed and abandoned calls.
        cache_share: Share of the prompt's tokens read from the cache; None without any.
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
    cost: Decimal
    cost_per_call: Decimal | None
    interval: Interval | None
    cost_per_success: Decimal | None
    wasted: Decimal
    cache_share: float | None
    latency: Latency | None
    difference: Difference | None
    p_value: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Comparison:
    """Experiments or models side by side.

    Attributes:
        by: Name of the dimension.
        since: First moment; None where nothing was kept.
        until: The moment after the last; None where nothing was kept.
        currency: Currency of all amounts.
        baseline: The value that the others are compared to.
        confidence: Of every interval; what it lacks to one is the level of the tests.
        sides: As they were asked for, or those with most calls first.
    """

    by: str
    since: datetime | None
    until: datetime | None
    currency: str
    baseline: str
    confidence: float
    sides: tuple[Side, ...]


@dataclass(slots=True)
class _Gathered:
    """What is noted of the calls of one side while they pass."""

    calls: int = 0
    failed: int = 0
    abandoned: int = 0
    succeeded: int = 0  # of the priced ones
    unpriced: int = 0
    usage: dict[Unit, int] = field(default_factory=dict)
    cost: Decimal = ZERO
    wasted: Decimal = ZERO
    costs: array[float] = field(default_factory=lambda: array("d"))
    durations: array[float] = field(default_factory=lambda: array("d"))
    first_chunks: array[float] = field(default_factory=lambda: array("d"))

    def note(self, record: CallRecord) -> None:
        self.calls += 1
        self.failed += record.outcome is Outcome.ERROR
        self.abandoned += record.outcome is Outcome.ABANDONED
        for unit, count in (record.usage or {}).items():
            self.usage[unit] = self.usage.get(unit, 0) + count
        is_ok = record.outcome is Outcome.OK
        if is_ok:
            if record.duration_s is not None:
                self.durations.append(record.duration_s)
            if record.time_to_first_chunk_s is not None:
                self.first_chunks.append(record.time_to_first_chunk_s)
        if record.price_status in _UNKNOWN:
            self.unpriced += 1
            return
        amount = ZERO if record.cost is None else record.cost.total
        self.succeeded += is_ok
        self.cost = add(self.cost, amount)
        self.wasted = self.wasted if is_ok else add(self.wasted, amount)
        self.costs.append(float(amount))


def compare(
    ledger: Ledger,
    by: str,
    values: Sequence[str] = (),
    selection: Selection | None = None,
    *,
    baseline: str | None = None,
    confidence: float = 0.95,
) -> Comparison:
    """Compare experiments, models, or any other values of a dimension.

    The intervals and tests take each call as drawn by itself from all that could have
    been made. They are computed with fixed seeds, so that the same calls give the same
    figures.

    Args:
        ledger: What was kept, single calls included.
        by: A tag or dimension (`bedrock_attrib.reports.NAMES`).
        values: Which of its values; none for all that are there.
        selection: Which calls; None for all.
        baseline: What the others are compared to; None for the first.
        confidence: Of the intervals, between 0.5 and 0.999.

    Raises:
        ConfigError: If fewer than two values have calls or too many do, the baseline
            is not among them, or amounts are in several currencies.
        LedgerError: If the ledger cannot be read.
    """
    if not 0.5 <= confidence <= 0.999:  # noqa: PLR2004 - as documented
        raise ConfigError(f"confidence is {confidence}; expected 0.5 to 0.999")
    chosen = selection or Selection()
    found: dict[str, _Gathered] = {value: _Gathered() for value in values}
    since, until, currencies = _gather(ledger, by, chosen, found, is_open=not values)
    if not values:
        order = sorted(found, key=lambda value: (-found[value].calls, value))
        found = {value: found[value] for value in order}
    _check(by, found, baseline)
    base = next(iter(found)) if baseline is None else baseline
    return Comparison(
        by,
        since,
        until,
        only_currency(currencies),
        base,
        confidence,
        _sides(found, base, confidence),
    )


def _gather(
    ledger: Ledger,
    by: str,
    selection: Selection,
    found: dict[str, _Gathered],
    *,
    is_open: bool,
) -> tuple[datetime | None, datetime | None, set[str | None]]:
    read = dimension_named(by).read
    currencies: set[str | None] = set()
    with ledger.reading() as reader:
        whole = reader.span()
        if whole is None:
            return selection.since, selection.until, currencies
        since, until = selection.span(whole)
        for record, kind in selected_calls(reader, selection, since, until):
            value = read(record.tags, kind)
            if value is None:
                continue
            side = found.get(value)
            if side is None:
                if not is_open:
                    continue
                side = found[value] = _Gathered()
            side.note(record)
            currencies.add(kind.currency)
    return since, until, currencies


def _check(by: str, found: dict[str, _Gathered], baseline: str | None) -> None:
    empty = [value for value, side in found.items() if not side.calls]
    if empty:
        raise ConfigError(f"no call has {by}={' or '.join(empty)} in this span")
    if len(found) < 2:  # noqa: PLR2004 - that is what comparing takes
        only = f" ({next(iter(found))})" if found else ""
        raise ConfigError(
            f"{len(found)} value of {by} has calls in this span{only}; "
            f"two are needed to compare"
        )
    if len(found) > _MOST_SIDES:
        raise ConfigError(
            f"{by} has {len(found)} values; name those to compare, "
            f"{_MOST_SIDES} at most"
        )
    if baseline is not None and baseline not in found:
        raise ConfigError(
            f"the baseline {baseline!r} is none of those compared: {', '.join(found)}"
        )


def _sides(
    found: dict[str, _Gathered], baseline: str, confidence: float
) -> tuple[Side, ...]:
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
    found: _Gathered,
    ends: Interval | None,
    told: Difference | None,
    p_value: float | None,
    verdict: Verdict,
) -> Side:
    priced = len(found.costs)
    return Side(
        value=value,
        calls=found.calls,
        failed=found.failed,
        abandoned=found.abandoned,
        unpriced=found.unpriced,
        usage=found.usage,
        cost=found.cost,
        cost_per_call=QUOTIENT.divide(found.cost, Decimal(priced)) if priced else None,
        interval=ends,
        cost_per_success=(
            QUOTIENT.divide(found.cost, Decimal(found.succeeded))
            if found.succeeded
            else None
        ),
        wasted=found.wasted,
        cache_share=cache_share(found.usage),
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


def _latency(found: _Gathered) -> Latency | None:
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
