"""Anomalies of spend and their drivers."""

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
from .outlier_detector import HISTORY, Outlier, OutlierDetector
from .single_calls import QUOTIENT
from .spend_series import Keys, Series, read_series

_DRIVERS = 3
Amounts = dict[tuple[str, Unit | None], Decimal]
"""Amounts by model and unit."""


@dataclass(frozen=True, slots=True)
class AnomalyDriver:
    """Model and unit that contribute to an anomaly.

    Attributes:
        model: Model as requested.
        unit: Billed unit; None if amounts are unknown by unit.
        amount: Its cost in the period.
        usual: Its average cost in the periods before.
    """

    model: str
    unit: Unit | None
    amount: Decimal
    usual: Decimal


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Spend outside the expected range.

    Attributes:
        keys: Value of each dimension; None for calls without one. Fewer values if
            a series too new for its own history raised the sum of all that share them.
        start: Start of the period.
        end: The moment after it.
        actual: Actual amount, exact.
        expected: Expected amount.
        low: Lower end of the expected range.
        high: Upper end of it.
        is_high: Whether it is above the range, rather than below.
        is_seasonal: Whether it was compared to the same day or hour of the week.
        stretches: Number of periods that it was compared to.
        drivers: The largest changes first.
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
    drivers: tuple[AnomalyDriver, ...]


@dataclass(frozen=True, slots=True)
class AnomalyReport:
    """Checked series and their anomalies.

    Attributes:
        by: Names of the dimensions.
        step: Length of the periods.
        since: First checked moment; None for an empty ledger.
        until: The moment after the last; None for an empty ledger.
        currency: Currency of all amounts.
        judged: Series that were checked at least once.
        too_short: Series whose history is too short.
        irregular: Series with sporadic spend, for which no amount is expected.
        anomalies: The largest difference first.
        remarks: Limits of the figures, in sentences.
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
    """Find spend that the history of its series does not explain.

    Every period is compared to those before it: to the same day or hour of the week
    if there are three or more, else to all. Medians and robust spreads keep earlier
    anomalies from hiding later ones. The threshold depends on
    the length of the history and the number of checked periods, as more periods have
    larger differences by chance. Series with sporadic spend are not checked. Those with
    less than 14 days (72 hours) of history are checked by what they add to others that
    share their first values.

    Args:
        ledger: The ledger to read.
        by: Tags and dimensions (`DIMENSION_NAMES`) that make a series.
        selection: Which calls, and which periods to check. Earlier ones are read as
            history: six weeks of days, four of hours. Nothing after the last call of
            the ledger is checked.
        step: ``day`` or ``hour``.
        threshold: Threshold in standard deviations; None for one that keeps false
            alarms rare.
        at_least: Least difference of an anomaly, which must also be half of the
            expected amount.

    Raises:
        ConfigError: If an argument is not as described, or amounts are in several
            currencies.
        LedgerError: If the ledger cannot be read.
    """
    if step not in HISTORY:
        raise ConfigError(f"the step is {step}; expected day or hour")
    is_far = threshold is None or 0 < threshold < math.inf
    if not is_far or not at_least.is_finite() or at_least < 0:
        raise ConfigError(
            f"the threshold is {threshold} and the least difference {at_least}; "
            f"expected a threshold above zero and a difference of zero or more"
        )
    dimensions = dimensions_of("anomalies", by, "Choose days or hours with the step")
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
        detector = OutlierDetector(series, since, threshold, float(at_least))
        found = sorted(detector.outliers(), key=_by_difference)
        remarks = remarks_on(reader, chosen, span, dimensions)
        anomalies_found = tuple(
            _anomaly(reader, by, chosen, series, each) for each in found
        )
    return AnomalyReport(
        tuple(by),
        step,
        since,
        until,
        series.currency,
        detector.judged,
        detector.too_short,
        detector.irregular,
        anomalies_found,
        (*remarks, *series.coverage.remarks()),
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


def _drivers(actual: Amounts, before: Amounts, stretches: int) -> list[AnomalyDriver]:
    """Return the largest changes, by model and unit."""
    drivers = [
        AnomalyDriver(
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
        is_wanted = selection.matches(part.tags, part.dimensions) and keys == tuple(
            read(part.tags, part.dimensions) for read in reads[: len(keys)]
        )
        if part.cost is None or not is_wanted:
            continue
        amounts: list[tuple[Unit | None, Decimal]] = [*part.by_unit.items()]
        for unit, amount in amounts or [(None, part.cost)]:
            place = (part.dimensions.model.requested, unit)
            found[place] = add(found.get(place, ZERO), amount)
    return found
