"""Forecast of a month's cost, with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import fmean

from ..._model.cost import ZERO
from ...errors import ConfigError
from ...ledger import Ledger, Reader
from .._calendar import Step, edges, midnight
from .._selection import Selection
from .._statistics.robust import quantile
from .._tables.price_coverage import add_known, known
from .._tables.remarks import remarks_on
from .single_calls import only_currency
from .spend_model import DAYS_FOR_WEEKDAYS, SpendModel
from .spend_series import read_series

_HISTORY = timedelta(weeks=8)
_FEWEST_DAYS = 7


@dataclass(frozen=True, slots=True)
class Forecast:
    """Forecast of a month.

    Attributes:
        month: Its start, in the zone of the report.
        as_of: The present of the forecast.
        end: The moment after the month.
        currency: Currency of all amounts.
        spent: Amount until then, exact; None if no call is priced.
        expected: Expected amount at the end; None without a complete day of history.
        low: Lower end of the interval; None with fewer than seven days of history.
        high: Upper end of it; None like ``low``.
        confidence: Confidence of the interval.
        days: Complete days of history.
        is_by_weekday: Whether weekdays are modelled, which takes three weeks.
        budget: Budget of the month; None without one.
        over_budget: Probability of exceeding it, from 0 to 1; None like ``low``, and
            without a budget.
        budget_day: Day on which the budget is expected to be spent, or the present day
            if it is; None if it will last.
        remarks: Limits of the figures, in sentences.
    """

    month: datetime
    as_of: datetime
    end: datetime
    currency: str
    spent: Decimal | None
    expected: float | None
    low: float | None
    high: float | None
    confidence: float
    days: int
    is_by_weekday: bool
    budget: Decimal | None
    over_budget: float | None
    budget_day: date | None
    remarks: tuple[str, ...] = ()


def forecast(
    ledger: Ledger,
    selection: Selection | None = None,
    *,
    budget: Decimal | None = None,
    confidence: float = 0.8,
    now: datetime | None = None,
) -> Forecast:
    """Forecast the cost of the present month.

    Args:
        ledger: The ledger to read.
        selection: Which calls. A past end is the present of the forecast; the start
            limits the history, which is eight weeks at most.
        budget: Budget of the month.
        confidence: Confidence of the interval, between 0.5 and 0.99.
        now: The present, aware; None for the clock's.

    Raises:
        ConfigError: If an argument is not as described, or amounts are in several
            currencies.
        LedgerError: If the ledger cannot be read.
    """
    if not 0.5 <= confidence <= 0.99:  # noqa: PLR2004 - as documented
        raise ConfigError(f"confidence is {confidence}; expected 0.5 to 0.99")
    if budget is not None and (not budget.is_finite() or budget <= 0):
        raise ConfigError(f"the budget is {budget}; expected an amount above zero")
    chosen = selection or Selection()
    present = datetime.now(UTC) if now is None else now
    if chosen.until is not None:
        present = min(present, chosen.until)
    # The end of a selection is the moment after its last.
    at = (present - timedelta(microseconds=1)).astimezone(chosen.zone)
    month = midnight(at.date().replace(day=1), chosen.zone)
    end = edges(Step.MONTH, month, month + timedelta(days=40))[1]
    as_of = present.astimezone(chosen.zone)
    with ledger.reading() as reader:
        known_spent, currency = _spent(reader, chosen, month, as_of)
        days, remarks = _days(reader, chosen, month, as_of)
    spent = float(known_spent or ZERO)
    model = SpendModel.of(days)
    ahead = _ahead(as_of, end)
    sums = None if model is None else model.draw(ahead)
    expected = None if model is None else spent + model.expected(ahead)
    ends = _ends(spent, sums, confidence, len(days))
    over = None
    if budget is not None and sums is not None and len(days) >= _FEWEST_DAYS:
        over = fmean(spent + each > float(budget) for each in sums)
    return Forecast(
        month,
        as_of,
        end,
        currency,
        known_spent,
        expected,
        *ends,
        confidence,
        len(days),
        len(days) >= DAYS_FOR_WEEKDAYS,
        budget,
        over,
        None
        if budget is None
        else _budget_day(at.date(), spent, model, ahead, float(budget)),
        tuple(remarks),
    )


def _spent(
    reader: Reader, selection: Selection, month: datetime, as_of: datetime
) -> tuple[Decimal | None, str]:
    total: Decimal | None = None
    has_calls = False
    currencies: set[str | None] = set()
    for part in reader.sums(month, as_of):
        if selection.matches(part.tags, part.dimensions):
            has_calls = True
            total = add_known(total, known(part.dimensions.price_status, part.cost))
            currencies.add(part.dimensions.currency)
    return total if has_calls else ZERO, only_currency(currencies)


def _days(
    reader: Reader, selection: Selection, month: datetime, as_of: datetime
) -> tuple[list[tuple[date, float]], list[str]]:
    """Return the cost of each complete day before *as_of*, from the first with spend.

    With remarks on these days and on the month.
    """
    whole = reader.span()
    if whole is None or whole[0] >= as_of:
        return [], remarks_on(reader, selection, (), ())
    begin = max(whole[0].astimezone(selection.zone), as_of - _HISTORY)
    if selection.since is not None:
        begin = max(begin, selection.since.astimezone(selection.zone))
    series = read_series(reader, (), selection, Step.DAY, (begin, as_of))
    amounts = series.amounts.get((), [])
    days = [
        (series.edges[index].date(), float(amount))
        for index, amount in enumerate(amounts)
        if series.is_whole(index)
    ]
    first = next((i for i, (_, amount) in enumerate(days) if amount > 0), len(days))
    coverage = series.coverage
    if begin > month:
        for part in reader.sums(month, begin):
            if selection.matches(part.tags, part.dimensions):
                coverage.note(part.dimensions.price_status, part.calls)
    points = (min(begin, month), as_of)
    remarks = [*remarks_on(reader, selection, points, ()), *coverage.remarks()]
    return days[first:], remarks


def _ahead(as_of: datetime, end: datetime) -> list[tuple[date, float]]:
    """Return the days that are left, with the part of each."""
    bounds = edges(Step.DAY, as_of, end)
    found = []
    for start, after in pairwise(bounds):
        full = midnight(start.date(), start.tzinfo or UTC)
        found.append((start.date(), _hours(start, after) / _hours(full, after)))
    return found


def _hours(start: datetime, end: datetime) -> float:
    # Aware times of one zone subtract as wall clocks, which jump twice a year.
    return (end.astimezone(UTC) - start.astimezone(UTC)) / timedelta(hours=1)


def _ends(
    spent: float, sums: Sequence[float] | None, confidence: float, days: int
) -> tuple[float | None, float | None]:
    if sums is None or days < _FEWEST_DAYS:
        return None, None
    tail = (1 - confidence) / 2
    return spent + quantile(sums, tail), spent + quantile(sums, 1 - tail)


def _budget_day(
    today: date,
    spent: float,
    model: SpendModel | None,
    ahead: Sequence[tuple[date, float]],
    budget: float,
) -> date | None:
    if spent > budget:
        return today
    if model is None:
        return None
    total = spent
    for each in ahead:
        total += model.expected([each])
        if total > budget:
            return each[0]
    return None
