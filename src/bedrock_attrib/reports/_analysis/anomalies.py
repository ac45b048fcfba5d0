"""Which spend was not to be expected, and what drove it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ..._model.cost import ZERO, add
from ..._model.usage import Unit
from ...errors import ConfigError
from ...ledger import Ledger, Reader
from .._calendar import Step, earliest, latest
from .._dimensions import dimension_named, dimensions_of
from .._selection import Selection
from .._tables.remarks import remarks_on
from .calls import QUOTIENT
from .outliers import HISTORY, Judge, Outlier
from .series import Keys, Series, read_series

_DRIVERS = 3
Amounts = dict[tuple[str, Unit | None], Decimal]
"""What was spent by model and unit."""


@dataclass(frozen=True, slots=True)
class Driver:
    """A part of an anomaly.

    Attributes:
        model: Model as it was called.
        unit: What was billed; None where amounts are not known by unit.
        amount: What it cost in the stretch.
        usual: What it cost on average in the stretches before.
    """

    model: str
    unit: Unit | None
    amount: Decimal
    usual: Decimal


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Spend beyond what was to be expected.

    Attributes:
        keys: Value of each dimension; None for calls that have none. Fewer values where
            something new, too young to be judged, made all that share them dearer.
        start: Begin of the stretch.
        end: The moment after it.
        actual: What was spent, exact.
        expected: What was to be expected.
        low: Lower end of the expected range.
        high: Upper end of it.
        is_high: Whether it was more than expected, rather than less.
        is_seasonal: Whether it was compared to the same place in the week.
        stretches: How many stretches it was compared to.
        drivers: What changed most, the largest change first.
    """

    keys: Keys
    start: datetime
    end: datetime
    actual: Decimal
    expected: float
    low: float
    high: float
    is_high: bool
    is_seasonal: bool
    stretches: int
    drivers: tuple[Driver, ...]


@dataclass(frozen=True, slots=True)
class AnomalyReport:
    """What was looked at, and what stood out.

    Attributes:
        by: Names of the dimensions.
        step: Length of the stretches.
        since: First moment that was judged; None where nothing was kept.
        until: The moment after the last; None where nothing was kept.
        currency: Currency of all amounts.
        judged: Series that were judged at least once.
        too_short: Series whose history is too short.
        irregular: Series whose spend comes now and then, so that none is expected.
        anomalies: Those that differ most first.
        remarks: What a reader of the figures must know, in sentences.
    """

    by: tuple[str, ...]
    step: Step
    since: datetime | None
    until: datetime | None
    currency: str
    judged: int
    too_short: int
    irregular: int
    anomalies: tuple[Anomaly, ...]
    remarks: tuple[str, ...] = ()


def anomalies(
    ledger: Ledger,
    by: Sequence[str] = ("team", "model"),
    selection: Selection | None = None,
    *,
    step: Step = Step.DAY,
    threshold: float | None = None,
    at_least: Decimal = Decimal(1),
) -> AnomalyReport:
    """Find spend that the past of its series does not explain.

    Every stretch is compared to those before it: to the same place in the week where
    that has three or more, else to all. Medians and robust spreads are used, so that
    earlier anomalies do not hide later ones. How far from the usual is too far follows
    from how much is known of a series, and from how many stretches are looked at:
    among more, chance alone makes larger differences. Nothing is said of series whose
    spend comes now and then. Those with less than 14 days (72 hours) behind them are
    judged by what they add to others that share their first values.

    Args:
        ledger: What was kept.
        by: Tags and dimensions (`bedrock_attrib.reports.NAMES`) that make a series.
        selection: Which calls, and which stretches to judge. What lies before is read
            as history: six weeks of days, four of hours. Nothing after the last call
            of the ledger is judged.
        step: ``day`` or ``hour``.
        threshold: How far beyond the usual scatter, in standard deviations; None for
            as far as keeps false alarms rare.
        at_least: Differences below this amount are no anomaly, nor are those below
            half of what is expected.

    Raises:
        ConfigError: If a figure is not as described, or amounts are in several
            currencies.
        LedgerError: If the ledger cannot be read.
    """
    if step not in HISTORY:
        raise ConfigError(f"anomalies go by day or hour, not by {step}")
    is_far = threshold is None or 0 < threshold < math.inf
    if not is_far or not at_least.is_finite() or at_least < 0:
        raise ConfigError(
            f"the threshold is {threshold} and the least difference {at_least}; "
            f"expected one above zero, and one of zero or more"
        )
    dimensions = dimensions_of("anomalies", by, "Choose days or hours by the step")
    chosen = selection or Selection()
    with ledger.reading() as reader:
        whole = reader.span()
        if whole is None:
            empty = (chosen.since, chosen.until)
            remarks = remarks_on(reader, chosen, (), dimensions)
            return AnomalyReport(
                tuple(by), step, *empty, "USD", 0, 0, 0, (), tuple(remarks)
            )
        since, until = chosen.span(whole)
        start, end = (each.astimezone(chosen.zone) for each in whole)
        until = latest(since, earliest(until, end))
        begin = latest(start, since - HISTORY[step])
        span = (earliest(begin, since), until)
        series = read_series(reader, by, chosen, step, span)
        judge = Judge(series, since, threshold, float(at_least))
        found = sorted(judge.outliers(), key=_by_difference)
        remarks = remarks_on(reader, chosen, span, dimensions)
        told = tuple(_anomaly(reader, by, chosen, series, each) for each in found)
    return AnomalyReport(
        tuple(by),
        step,
        since,
        until,
        series.currency,
        judge.judged,
        judge.too_short,
        judge.irregular,
        told,
        (*remarks, *series.doubts.remarks()),
    )


def _by_difference(each: Outlier) -> tuple[float, int, tuple[str, ...]]:
    text = tuple(key or "" for key in each.keys)
    return -abs(float(each.actual) - each.expected), each.place, text


def _anomaly(
    reader: Reader,
    by: Sequence[str],
    selection: Selection,
    series: Series,
    found: Outlier,
) -> Anomaly:
    begin, start, end = (
        series.edges[place]
        for place in (found.place - found.stretches, found.place, found.place + 1)
    )
    actual = _by_unit(reader, by, selection, found.keys, (start, end))
    before = _by_unit(reader, by, selection, found.keys, (begin, start))
    return Anomaly(
        found.keys,
        start,
        end,
        found.actual,
        found.expected,
        found.low,
        found.high,
        float(found.actual) > found.expected,
        found.is_seasonal,
        found.stretches,
        tuple(_drivers(actual, before, found.stretches)),
    )


def _drivers(actual: Amounts, before: Amounts, stretches: int) -> list[Driver]:
    """What changed most, by model and unit."""
    drivers = [
        Driver(
            model,
            unit,
            actual.get((model, unit), ZERO),
            QUOTIENT.divide(before.get((model, unit), ZERO), Decimal(stretches)),
        )
        for model, unit in actual | before
    ]
    drivers.sort(key=lambda each: (-abs(each.amount - each.usual), each.model))
    return drivers[:_DRIVERS]


def _by_unit(
    reader: Reader,
    by: Sequence[str],
    selection: Selection,
    keys: Keys,
    span: tuple[datetime, datetime],
) -> Amounts:
    reads = [dimension_named(name).read for name in by]
    found: Amounts = {}
    for part in reader.sums(*span):
        is_wanted = selection.lets_pass(part.tags, part.kind) and keys == tuple(
            read(part.tags, part.kind) for read in reads[: len(keys)]
        )
        if part.cost is None or not is_wanted:
            continue
        amounts: list[tuple[Unit | None, Decimal]] = [*part.by_unit.items()]
        for unit, amount in amounts or [(None, part.cost)]:
            place = (part.kind.model.requested, unit)
            found[place] = add(found.get(place, ZERO), amount)
    return found
