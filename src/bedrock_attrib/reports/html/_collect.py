"""Collection of a page's totals, in one pass over the ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal

from ..._model.cost import ZERO, add
from ...errors import ConfigError
from ...ledger import Aggregate, Ledger, Reader
from .._calendar import Step, edges
from .._dimensions import DEFAULT_PAGE_BY, DIMENSION_NAMES, Dimension, dimensions_of
from .._selection import Selection
from .._tables.price_coverage import NOT_FULLY_PRICED
from .._tables.remarks import remarks_on
from .._tables.spend_totals import SpendTotals
from ._totals import MAIN_CURRENCY, ChartPeriod, PageTotals, PricedCount, PriceKey

Progress = Callable[[int, int], None]
"""Called with the number of steps done and of all steps."""

# A price has far fewer digits than this, so that it is found again exactly.
_PRICE = Context(prec=50, rounding=ROUND_HALF_EVEN)
# So that a chart has about sixty bars at most.
_STEPS = (
    (timedelta(days=3), Step.HOUR),
    (timedelta(days=63), Step.DAY),
    (timedelta(days=400), Step.WEEK),
)


def _dimensions(by: Sequence[str]) -> list[Dimension]:
    """Return the dimensions that *by* names.

    Raises:
        ConfigError: If there is none, one comes twice, or one is no property of calls.
    """
    if not by:
        raise ConfigError(
            "no dimension is named for the page; expected one or more, such as team, "
            "app, model"
        )
    return dimensions_of("the page", by, "The page shows time and units in any case")


def collect(
    ledger: Ledger,
    selection: Selection,
    by: Sequence[str],
    progress: Progress | None = None,
) -> PageTotals:
    """Add up what the page shows, from one snapshot of the ledger.

    Raises:
        ConfigError: If *by* names nothing, a dimension twice, time or units.
        LedgerError: If the ledger cannot be read.
    """
    dimensions = _dimensions(by)
    totals = PageTotals(tuple(by), tuple(d.name for d in dimensions if _is_tag(d)))
    with ledger.reading() as reader:
        whole = reader.span()
        points = [] if whole is None else [*selection.span(whole)]
        # The tags of most pages may be missing.
        asked = dimensions if tuple(by) != DEFAULT_PAGE_BY else []
        totals.remarks = tuple(remarks_on(reader, selection, points, asked))
        if whole is None:
            totals.since, totals.until = selection.since, selection.until
            return totals
        totals.since, totals.until = _within(selection, whole)
        _add_all(totals, reader, selection, dimensions)
        _add_periods(totals, reader, selection, dimensions, progress)
    return totals


def _is_tag(dimension: Dimension) -> bool:
    return dimension.name not in DIMENSION_NAMES


def _within(
    selection: Selection, whole: tuple[datetime, datetime]
) -> tuple[datetime, datetime]:
    """Return the part of the selected span that the ledger covers."""
    since, until = (each.astimezone(UTC) for each in selection.span(whole))
    start, end = max(since, whole[0]), min(until, whole[1])
    if start >= end:
        start, end = since, until
    return start.astimezone(selection.zone), end.astimezone(selection.zone)


def _add_all(
    totals: PageTotals,
    reader: Reader,
    selection: Selection,
    dimensions: Sequence[Dimension],
) -> None:
    if totals.since is None or totals.until is None:  # pragma: no cover -- see collect
        return
    totals.by_value = {dimension.name: {} for dimension in dimensions}
    for part in reader.sums(totals.since, totals.until):
        if not selection.matches(part.tags, part.dimensions):
            continue
        keys = tuple(each.read(part.tags, part.dimensions) for each in dimensions)
        totals.total.add(part)
        totals.rows.setdefault(keys, SpendTotals()).add(part)
        for dimension, key in zip(dimensions, keys, strict=True):
            totals.by_value[dimension.name].setdefault(key, SpendTotals()).add(part)
        kind = part.dimensions
        how = (kind.outcome.value, kind.error)
        totals.outcomes.setdefault(how, SpendTotals()).add(part)
        if kind.price_status in NOT_FULLY_PRICED:
            _add_unpriced(totals, part)
        _add_priced_counts(totals.priced_counts, part)
    currencies = totals.total.cost
    if currencies and MAIN_CURRENCY not in currencies:
        totals.currency = min(currencies, key=lambda name: (-currencies[name], name))


def _model(part: Aggregate) -> str:
    return part.dimensions.model.model_id or part.dimensions.model.requested


def _add_unpriced(totals: PageTotals, part: Aggregate) -> None:
    key = (_model(part), part.dimensions.price_status.value)
    totals.unpriced.setdefault(key, SpendTotals()).add(part)
    units = totals.unpriced_units.setdefault(key, [])
    found = part.dimensions.unpriced_units or tuple(part.usage)
    units.extend(unit for unit in found if unit not in units)


def _add_priced_counts(
    priced_counts: dict[PriceKey, PricedCount], part: Aggregate
) -> None:
    currency = part.dimensions.currency
    if currency is None or not part.cost:
        return
    if not part.by_unit:
        key = PriceKey(_model(part), None, None, currency)
        _add_priced_count(priced_counts, key, part.calls, part.cost)
    for unit, amount in part.by_unit.items():
        count = part.usage.get(unit, 0)
        if amount and count:
            price = _PRICE.divide(amount, Decimal(count)).normalize(_PRICE)
            key = PriceKey(_model(part), unit, price, currency)
            _add_priced_count(priced_counts, key, count, amount)


def _add_priced_count(
    priced_counts: dict[PriceKey, PricedCount],
    key: PriceKey,
    count: int,
    amount: Decimal,
) -> None:
    priced = priced_counts.setdefault(key, PricedCount())
    priced.count += count
    priced.amount = add(priced.amount, amount)


def step_for(since: datetime, until: datetime) -> Step:
    """Return the length of a period that suits a span."""
    length = until.astimezone(UTC) - since.astimezone(UTC)
    for longest, step in _STEPS:
        if length <= longest:
            return step
    return Step.MONTH


def _add_periods(
    totals: PageTotals,
    reader: Reader,
    selection: Selection,
    dimensions: Sequence[Dimension],
    progress: Progress | None,
) -> None:
    if totals.since is None or totals.until is None:  # pragma: no cover -- see collect
        return
    totals.step = step_for(totals.since, totals.until)
    points = edges(totals.step, totals.since, totals.until)
    for done, (start, parts) in enumerate(reader.steps(points), start=1):
        period = ChartPeriod(
            start, cost={dimension.name: {} for dimension in dimensions}
        )
        for part in parts:
            if selection.matches(part.tags, part.dimensions):
                _add_to_period(period, part, dimensions, totals.currency)
        totals.periods.append(period)
        if progress is not None:
            progress(done, len(points) - 1)


def _add_to_period(
    period: ChartPeriod, part: Aggregate, dimensions: Sequence[Dimension], currency: str
) -> None:
    period.spend.add(part)
    if part.cost is None or part.dimensions.currency != currency:
        return
    for dimension in dimensions:
        amounts = period.cost[dimension.name]
        key = dimension.read(part.tags, part.dimensions)
        amounts[key] = add(amounts.get(key, ZERO), part.cost)
