"""What a month will have cost when it ends, and how sure that is."""

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
from .calls import only_currency
from .outlook import DAYS_FOR_WEEKDAYS, Outlook
from .series import read_series

_HISTORY = timedelta(weeks=8)
_FEWEST_DAYS = 7


@dataclass(frozen=True, slots=True)
class Forecast:
    """A month, as it will have been.

    Attributes:
        month: Its begin, in the zone of the report.
        as_of: The present of the forecast.
        end: The moment after the month.
        currency: Currency of all amounts.
        spent: What was spent until then, exact; None where no call has a price.
        expected: What will have been spent at the end; None without a whole day of
            history.
        low: Lower end of the interval; None with fewer than seven days of history.
        high: Upper end of it; None like ``low``.
        confidence: How often such intervals hold what comes.
        days: Whole days of history that it stands on.
        is_by_weekday: Whether weekdays are told apart, which takes three weeks.
        budget: What may be spent in the month; None where nothing was said.
        over_budget: How likely it is to be more, from 0 to 1; None like ``low``, and
            without a budget.
        budget_day: Day on which the budget will be spent, if all goes as expected, or
            the last that was looked at where it is; None if it will last.
        remarks: What a reader of the figures must know, in sentences.
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
    """Say what the present month will cost.

    Args:
        ledger: What was kept.
        selection: Which calls. Its end is the present of the forecast, where it has
            one that is past; its begin is that of the history, which is eight weeks at
            most.
        budget: What may be spent in the month.
        confidence: Of the interval, between 0.5 and 0.99.
        now: The present, aware; None for the clock's.

    Raises:
        ConfigError: If a figure is not as described, or amounts are in several
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
    outlook = Outlook.of(days)
    ahead = _ahead(as_of, end)
    sums = None if outlook is None else outlook.draw(ahead)
    expected = None if outlook is None else spent + outlook.expected(ahead)
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
        else _budget_day(at.date(), spent, outlook, ahead, float(budget)),
        tuple(remarks),
    )


def _spent(
    reader: Reader, selection: Selection, month: datetime, as_of: datetime
) -> tuple[Decimal | None, str]:
    total: Decimal | None = None
    has_calls = False
    currencies: set[str | None] = set()
    for part in reader.sums(month, as_of):
        if selection.lets_pass(part.tags, part.kind):
            has_calls = True
            total = add_known(total, known(part.kind.price_status, part.cost))
            currencies.add(part.kind.currency)
    return total if has_calls else ZERO, only_currency(currencies)


def _days(
    reader: Reader, selection: Selection, month: datetime, as_of: datetime
) -> tuple[list[tuple[date, float]], list[str]]:
    """What each whole day before *as_of* cost, from the first with a call.

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
    doubts = series.doubts
    if begin > month:
        for part in reader.sums(month, begin):
            if selection.lets_pass(part.tags, part.kind):
                doubts.note(part.kind.price_status, part.calls)
    points = (min(begin, month), as_of)
    remarks = [*remarks_on(reader, selection, points, ()), *doubts.remarks()]
    return days[first:], remarks


def _ahead(as_of: datetime, end: datetime) -> list[tuple[date, float]]:
    """The days that are left, and which part of each."""
    bounds = edges(Step.DAY, as_of, end)
    found = []
    for start, after in pairwise(bounds):
        full = midnight(start.date(), start.tzinfo or UTC)
        found.append((start.date(), _hours(start, after) / _hours(full, after)))
    return found


def _hours(start: datetime, end: datetime) -> float:
    # Aware times of one zone subtract as clocks on a wall, which jump twice a year.
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
    outlook: Outlook | None,
    ahead: Sequence[tuple[date, float]],
    budget: float,
) -> date | None:
    if spent > budget:
        return today
    if outlook is None:
        return None
    total = spent
    for each in ahead:
        total += outlook.expected([each])
        if total > budget:
            return each[0]
    return None
