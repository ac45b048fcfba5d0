"""A ledger added up once, for all that the page shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal

from ..._model.cost import ZERO, add
from ...errors import ConfigError
from ...ledger import Ledger, Reader, Sum
from .._calendar import Step, edges
from .._dimensions import NAMES, PAGE_BY, Dimension, dimensions_of
from .._selection import Selection
from .._tables.price_coverage import NOT_WHOLLY_PRICED
from .._tables.remarks import remarks_on
from .._tables.spend import Spend
from ._figures import MAIN_CURRENCY, Charge, ChargeKey, Figures, Stretch

Progress = Callable[[int, int], None]
"""Told how many steps of how many are done."""

# A price has far fewer digits than this, so that it is found again exactly.
_PRICE = Context(prec=50, rounding=ROUND_HALF_EVEN)
# So that a chart has about sixty bars at most.
_STEPS = (
    (timedelta(days=3), Step.HOUR),
    (timedelta(days=63), Step.DAY),
    (timedelta(days=400), Step.WEEK),
)


def _dimensions(by: Sequence[str]) -> list[Dimension]:
    """The dimensions that *by* names.

    Raises:
        ConfigError: If there is none, one comes twice, or one is no property of calls.
    """
    if not by:
        raise ConfigError(
            "the page goes by nothing; expected one or more dimensions, such as team, "
            "app, model"
        )
    return dimensions_of("the page", by, "The page shows time and units anyway")


def collect(
    ledger: Ledger,
    selection: Selection,
    by: Sequence[str],
    progress: Progress | None = None,
) -> Figures:
    """Add up what the page shows, of one moment of the ledger.

    Raises:
        ConfigError: If *by* names nothing, a dimension twice, time or units.
        LedgerError: If the ledger cannot be read.
    """
    dimensions = _dimensions(by)
    figures = Figures(tuple(by), tuple(d.name for d in dimensions if _is_tag(d)))
    with ledger.reading() as reader:
        whole = reader.span()
        points = [] if whole is None else [*selection.span(whole)]
        # What most pages go by need not be there.
        asked = dimensions if tuple(by) != PAGE_BY else []
        figures.remarks = tuple(remarks_on(reader, selection, points, asked))
        if whole is None:
            figures.since, figures.until = selection.since, selection.until
            return figures
        figures.since, figures.until = _within(selection, whole)
        _add_all(figures, reader, selection, dimensions)
        _add_stretches(figures, reader, selection, dimensions, progress)
    return figures


def _is_tag(dimension: Dimension) -> bool:
    return dimension.name not in NAMES


def _within(
    selection: Selection, whole: tuple[datetime, datetime]
) -> tuple[datetime, datetime]:
    """The span that was asked for, as far as there is a ledger."""
    since, until = (each.astimezone(UTC) for each in selection.span(whole))
    start, end = max(since, whole[0]), min(until, whole[1])
    if start >= end:
        start, end = since, until
    return start.astimezone(selection.zone), end.astimezone(selection.zone)


def _add_all(
    figures: Figures,
    reader: Reader,
    selection: Selection,
    dimensions: Sequence[Dimension],
) -> None:
    if (
        figures.since is None or figures.until is None
    ):  # pragma: no cover -- see collect
        return
    figures.of = {dimension.name: {} for dimension in dimensions}
    for part in reader.sums(figures.since, figures.until):
        if not selection.lets_pass(part.tags, part.kind):
            continue
        keys = tuple(each.read(part.tags, part.kind) for each in dimensions)
        figures.total.add(part)
        figures.rows.setdefault(keys, Spend()).add(part)
        for dimension, key in zip(dimensions, keys, strict=True):
            figures.of[dimension.name].setdefault(key, Spend()).add(part)
        kind = part.kind
        how = (kind.outcome.value, kind.error)
        figures.outcomes.setdefault(how, Spend()).add(part)
        if kind.price_status in NOT_WHOLLY_PRICED:
            _add_lacking(figures, part)
        _charge(figures.charges, part)
    currencies = figures.total.cost
    if currencies and MAIN_CURRENCY not in currencies:
        figures.currency = min(currencies, key=lambda name: (-currencies[name], name))


def _model(part: Sum) -> str:
    return part.kind.model.model_id or part.kind.model.requested


def _add_lacking(figures: Figures, part: Sum) -> None:
    key = (_model(part), part.kind.price_status.value)
    figures.lacking.setdefault(key, Spend()).add(part)
    units = figures.lacking_units.setdefault(key, [])
    found = part.kind.unpriced_units or tuple(part.usage)
    units.extend(unit for unit in found if unit not in units)


def _charge(charges: dict[ChargeKey, Charge], part: Sum) -> None:
    currency = part.kind.currency
    if currency is None or not part.cost:
        return
    if not part.by_unit:
        key = ChargeKey(_model(part), None, None, currency)
        _add_charge(charges, key, part.calls, part.cost)
    for unit, amount in part.by_unit.items():
        count = part.usage.get(unit, 0)
        if amount and count:
            price = _PRICE.divide(amount, Decimal(count)).normalize(_PRICE)
            key = ChargeKey(_model(part), unit, price, currency)
            _add_charge(charges, key, count, amount)


def _add_charge(
    charges: dict[ChargeKey, Charge], key: ChargeKey, count: int, amount: Decimal
) -> None:
    charge = charges.setdefault(key, Charge())
    charge.count += count
    charge.amount = add(charge.amount, amount)


def step_for(since: datetime, until: datetime) -> Step:
    """The stretch by which a span is best shown."""
    length = until.astimezone(UTC) - since.astimezone(UTC)
    for longest, step in _STEPS:
        if length <= longest:
            return step
    return Step.MONTH


def _add_stretches(
    figures: Figures,
    reader: Reader,
    selection: Selection,
    dimensions: Sequence[Dimension],
    progress: Progress | None,
) -> None:
    if (
        figures.since is None or figures.until is None
    ):  # pragma: no cover -- see collect
        return
    figures.step = step_for(figures.since, figures.until)
    points = edges(figures.step, figures.since, figures.until)
    for done, (start, parts) in enumerate(reader.steps(points), start=1):
        stretch = Stretch(start, cost={dimension.name: {} for dimension in dimensions})
        for part in parts:
            if selection.lets_pass(part.tags, part.kind):
                _add_to_stretch(stretch, part, dimensions, figures.currency)
        figures.stretches.append(stretch)
        if progress is not None:
            progress(done, len(points) - 1)


def _add_to_stretch(
    stretch: Stretch, part: Sum, dimensions: Sequence[Dimension], currency: str
) -> None:
    stretch.spend.add(part)
    if part.cost is None or part.kind.currency != currency:
        return
    for dimension in dimensions:
        amounts = stretch.cost[dimension.name]
        key = dimension.read(part.tags, part.kind)
        amounts[key] = add(amounts.get(key, ZERO), part.cost)
